"""The real ``tollgate`` in processes of its own, forked from one that has loaded its modules already.

Loading them takes about a second of computing, more than what most tests have the service do, and a run starts it
hundreds of times. What runs is the same command line with the same arguments; ``python -m tollgate`` itself is started
by the tests of the office and of the command line.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

FORKS = multiprocessing.get_context("forkserver")
"""Forks processes that find Tollgate's modules loaded."""
FORKS.set_forkserver_preload(["tollgate.serve", "tollgate.cli.service", "tests.processes"])


class Running(Protocol):
    """A process that a test has started."""

    @property
    def pid(self) -> int:
        """Its number."""

    def poll(self) -> int | None:
        """Return its exit status once it has ended; negative: the signal that ended it."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal, where it still runs."""


class Forked:
    """``tollgate`` with these arguments, forked."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path) -> None:
        """Start it; what it writes is appended to the files."""
        self._process = FORKS.Process(
            target=_tollgate, args=(list(arguments), dict(environment), Path.cwd(), out, err), daemon=True
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return its exit status once it has ended; negative: the signal that ended it."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("tollgate", timeout or 0)
        return self._process.exitcode

    def send_signal(self, sig: int) -> None:
        """Send it a signal, where it still runs."""
        if self.poll() is None:
            os.kill(self.pid, sig)


def start(
    arguments: Sequence[str], log: Path, *, environment: Mapping[str, str], program: Sequence[str] = ()
) -> Running:
    """Start ``tollgate`` with these arguments, by a program of its own or forked; append what it writes to the log."""
    log.touch()
    if not program:
        return Forked(arguments, environment, log, log)
    with log.open("ab") as out:
        return subprocess.Popen(
            [*program, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment
        )


def run(arguments: Sequence[str], limit_s: float = 180) -> subprocess.CompletedProcess[str]:
    """Run ``tollgate`` to its end, and return what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = Forked(arguments, os.environ, out, err)
        try:
            status = process.wait(limit_s)
        finally:
            process.send_signal(signal.SIGKILL)
        return subprocess.CompletedProcess(arguments, status, out.read_text(), err.read_text())


def _tollgate(arguments: list[str], environment: dict[str, str], folder: Path, out: Path, err: Path) -> None:
    """Be ``tollgate``: in the forked process."""
    for number, path in ((1, out), (2, err)):
        with path.open("ab") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["tollgate", *arguments]
    from tollgate.cli.app import run as run_command_line

    sys.exit(run_command_line(arguments))
