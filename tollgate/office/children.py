"""Child processes that end with us."""

import shutil

from tollgate.office.errors import OfficeError


def dying_with_parent() -> tuple[str, ...]:
    """Return the command that asks the kernel to kill what it runs when the launching thread ends.

    SIGKILL because nobody would be left to see a slow end through. A program of its own rather than
    `preexec_fn`, which may dead-lock in a process with threads.

    Raises:
        OfficeError: util-linux is missing.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise OfficeError("setpriv is missing: install util-linux")
    return (setpriv, "--pdeathsig", "KILL", "--")
