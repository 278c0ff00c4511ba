"""A private Asterisk for machines that have none: 270 MB in the user's cache folder, in about half a minute.

How such a root is made, and why nothing of the system is touched, is said at :mod:`tollgate.office.debian_root`.
"""

from pathlib import Path
from typing import Final

from tollgate.office.binary import AsteriskBinary, private_binary
from tollgate.office.debian_root import Recipe, find_root, prepare_root
from tollgate.office.errors import OfficeError
from tollgate.office.progress import Progress, silent
from tollgate.office.version import REQUIREMENT


def _supported(root: Path) -> AsteriskBinary:
    binary = private_binary(root)
    if not binary.version.is_supported:
        raise OfficeError(f"the Debian mirror offers Asterisk {binary.version}; needed is {REQUIREMENT}")
    return binary


ASTERISK: Final = Recipe(
    key="asterisk",
    name="Asterisk",
    packages=("asterisk",),
    layout=1,
    needed_bytes=700_000_000,
    cost="about a minute, 80 MB to fetch, 270 MB on disk",
    otherwise=f"install Asterisk itself: {REQUIREMENT}",
    describe=_supported,
    version_of=lambda binary: str(binary.version),
)


def find_private_root() -> AsteriskBinary | None:
    """Return the prepared Asterisk, or None where it is missing, incomplete, outdated or does not run."""
    return find_root(ASTERISK)


def prepare_private_root(progress: Progress = silent) -> AsteriskBinary:
    """Return the private Asterisk, built first where there is none.

    Raises:
        OfficeError: as :func:`tollgate.office.debian_root.prepare_root`.
    """
    return prepare_root(ASTERISK, progress)
