"""PostgreSQL's own programs, from which tests and benchmarks start a server of their own.

Debian keeps ``initdb`` and ``postgres`` off the PATH, in a folder for each major version.
"""

import shutil
from pathlib import Path

from tollgate.office.commands import apt_install
from tollgate.office.progress import Progress, silent

_DEBIAN_FOLDERS = Path("/usr/lib/postgresql")
_NEEDED = ("initdb", "postgres", "psql")


def find_postgresql() -> Path | None:
    """Find the folder of PostgreSQL's programs: Debian's newest, or the one on the PATH."""
    folders = sorted(_DEBIAN_FOLDERS.glob("*/bin"), key=_major, reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        folders.append(Path(on_path).resolve().parent)
    return next((folder for folder in folders if all((folder / name).is_file() for name in _NEEDED)), None)


def prepare_postgresql(progress: Progress = silent) -> Path:
    """Return the folder of PostgreSQL's programs, from the distribution's package where they are missing.

    Raises:
        OfficeError: they are missing and cannot be installed; the message says who can, and how.
    """
    found = find_postgresql()
    if found is not None:
        return found
    apt_install(("postgresql",), progress, purpose="for the store's tests")
    installed = find_postgresql()
    assert installed is not None, "postgresql installs its programs below /usr/lib/postgresql"
    return installed


def _major(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0
