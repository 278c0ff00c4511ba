"""Which Asterisk to use: the one on the PATH if it is recent enough, else the private one."""

import os
import shutil
from pathlib import Path

from tollgate.office.binary import AsteriskBinary, ask_version, installed_binary
from tollgate.office.errors import OfficeError
from tollgate.office.private_root import find_private_root, prepare_private_root
from tollgate.office.progress import Progress, silent
from tollgate.office.version import REQUIREMENT

_SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin")
"""Where Asterisk is installed; an ordinary user's PATH often lacks them."""


def find_asterisk(progress: Progress = silent) -> AsteriskBinary | None:
    """Find a suitable Asterisk without installing anything.

    Args:
        progress: is told why an Asterisk that is installed cannot be used.

    Returns:
        The installed one, else the private one prepared earlier, else None: `prepare_asterisk` is the way on.
    """
    return _find_installed(progress) or find_private_root()


def prepare_asterisk(progress: Progress = silent) -> AsteriskBinary:
    """Return a suitable Asterisk, preparing a private one where there is none.

    Raises:
        OfficeError: it cannot be prepared; the message says what to install or do.
    """
    return find_asterisk(progress) or prepare_private_root(progress)


def _find_installed(progress: Progress) -> AsteriskBinary | None:
    search_path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS))
    program = shutil.which("asterisk", path=search_path)
    if program is None:
        return None
    version = ask_version((program,))
    if version is None or not version.is_supported:
        progress(f"{program} is {version or 'of an unknown version'} and cannot be used: needed is {REQUIREMENT}")
        return None
    try:
        return installed_binary(Path(program), version)
    except OfficeError as error:
        progress(f"{program} cannot be used: {error}")
        return None
