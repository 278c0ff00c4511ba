"""SIPp, which plays phones and trunk in the end-to-end tests and the benchmark."""

import shutil
from pathlib import Path

from tollgate.office.commands import apt_install
from tollgate.office.progress import Progress, silent


def find_sipp() -> Path | None:
    """Find SIPp on the PATH."""
    found = shutil.which("sipp")
    return Path(found) if found else None


def prepare_sipp(progress: Progress = silent) -> Path:
    """Return SIPp, installed from the distribution's `sip-tester` package where it is missing.

    Raises:
        OfficeError: it is missing and cannot be installed; the message says who can, and how.
    """
    found = find_sipp()
    if found is not None:
        return found
    apt_install(("sip-tester",), progress, purpose="for end-to-end tests")
    installed = find_sipp()
    assert installed is not None, "sip-tester installs /usr/bin/sipp"
    return installed
