"""libfaketime, under which the chaos tests run an Asterisk whose clock is set while calls talk."""

from pathlib import Path

from tollgate.office.commands import apt_install
from tollgate.office.progress import Progress, silent

_LIBRARY = "faketime/libfaketimeMT.so.1"
"""The one for programs with threads."""
_LIBRARY_FOLDERS = Path("/usr/lib")


def find_faketime() -> Path | None:
    """Find libfaketime where Debian's package puts it."""
    return next(_LIBRARY_FOLDERS.glob(f"*/{_LIBRARY}"), None)


def prepare_faketime(progress: Progress = silent) -> Path:
    """Return libfaketime, installed from the distribution's package where it is missing.

    Raises:
        OfficeError: it is missing and cannot be installed; the message says who can, and how.
    """
    found = find_faketime()
    if found is not None:
        return found
    apt_install(("libfaketime",), progress, purpose="for the chaos tests")
    installed = find_faketime()
    assert installed is not None, "libfaketime installs its libraries below /usr/lib"
    return installed
