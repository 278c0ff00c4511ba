"""Running the system's package tools: their output becomes progress and, when they fail, the reason."""

import os
import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence

from tollgate.office.errors import OfficeError
from tollgate.office.progress import Progress, silent

_KEPT_LINES = 12


def run_reported(argv: Sequence[str], *, on_line: Callable[[str], None], timeout_s: float) -> None:
    """Run a command to its end and hand over each line it prints.

    Raises:
        OfficeError: it cannot be started, failed, or took longer; with its last lines.
    """
    last_lines: deque[str] = deque(maxlen=_KEPT_LINES)
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", process_group=0,
        )  # fmt: skip
    except OSError as error:
        raise OfficeError(f"cannot run {argv[0]}: {error}") from error
    assert child.stdout is not None
    timer = threading.Timer(timeout_s, os.killpg, (child.pid, signal.SIGKILL))
    timer.start()
    try:
        for line in child.stdout:
            last_lines.append(line.rstrip())
            on_line(line.rstrip())
        status = child.wait()
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    finally:
        timer.cancel()
        child.stdout.close()
    if status != 0:
        raise OfficeError(f"{argv[0]} failed ({_describe(status, timeout_s)}):\n" + "\n".join(last_lines))


def _describe(status: int, timeout_s: float) -> str:
    return f"stopped after {timeout_s:g} s" if status == -signal.SIGKILL else f"exit status {status}"


def apt_install(packages: Sequence[str], progress: Progress, *, purpose: str) -> None:
    """Install Debian packages, as root; refresh the package lists first, since a fresh machine has none.

    Raises:
        OfficeError: not root, no apt-get, or the installation failed; the message is the command to run by
            hand.
    """
    missing = f"{' and '.join(packages)} missing ({purpose})"
    by_hand = f"apt-get update && apt-get install --no-install-recommends {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise OfficeError(f"{missing}, and this system has no apt-get: install it by hand")
    if os.geteuid() != 0:
        raise OfficeError(f"{missing}. Ask an administrator to run: {by_hand}")
    progress(f"installing {', '.join(packages)} ({purpose})")
    environment = ("env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
    run_reported((*environment, "apt-get", "-q", "update"), on_line=silent, timeout_s=600)
    run_reported(
        (*environment, "apt-get", "-q", "-y", "install", "--no-install-recommends", *packages),
        on_line=silent,
        timeout_s=1200,
    )
