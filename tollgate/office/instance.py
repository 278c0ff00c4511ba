"""One running Asterisk of our own: its folders, its start, its command line, its end.

The core is synchronous: a fixture, a supervisor and a script can all use it. The `*_async` methods do the
same without blocking an event loop.

Asterisk runs as a foreground child in its own process group, so that Ctrl-C on a terminal reaches only the
supervisor, which ends things in order. The kernel kills it when the thread that launched it ends
(PR_SET_PDEATHSIG), so that nothing keeps running when the supervisor dies: launch from a thread that lives as
long as Asterisk shall, usually the main one.
"""

import asyncio
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tollgate.office.base_config import asterisk_conf, base_files
from tollgate.office.binary import AsteriskBinary
from tollgate.office.children import dying_with_parent
from tollgate.office.errors import OfficeError

_LONGEST_SOCKET_PATH = 107
"""Bytes in sockaddr_un.sun_path (unix(7)), without the closing NUL."""

_CONTROL_SOCKET = "asterisk.ctl"
_POLL_S = 0.02
_TAIL_LINES = 15
_FOLDERS = ("etc", "run", "log/cdr-custom", "spool", "db", "agi", "cache")


class AsteriskError(OfficeError):
    """An instance did not start, has ended, or refused a command."""


class AsteriskInstance:
    """An Asterisk with its own configuration and folders; also a context manager that starts and stops it."""

    def __init__(
        self,
        binary: AsteriskBinary,
        folder: Path,
        files: Mapping[str, str],
        *,
        name: str = "asterisk",
        boot_timeout_s: float = 20.0,
    ) -> None:
        """Describe an instance; nothing is written or started yet.

        Args:
            binary: the program.
            folder: everything the instance writes is below it; created when it starts, kept when it stops.
            files: configuration by file name (`pjsip.conf`); they win over the base files, `asterisk.conf` is
                ours. name: how messages call it. boot_timeout_s: how long it may take until it is fully
                booted.

        Raises:
            OfficeError: the Asterisk lacks a needed module.
            ValueError: a file name is not a plain name, or is `asterisk.conf`.
        """
        for file_name in files:
            if not file_name or Path(file_name).name != file_name or file_name == "asterisk.conf":
                raise ValueError(f"not a configuration file of an instance: {file_name!r}")
        self.binary = binary
        self.folder = folder.resolve()
        self.name = name
        self.boot_timeout_s = boot_timeout_s
        self._files = {**base_files(binary), **files}
        self._run_dir = self.folder / "run"
        self._child: subprocess.Popen[bytes] | None = None
        self._claim: IO[str] | None = None

    @property
    def etc_dir(self) -> Path:
        """The folder of its configuration."""
        return self.folder / "etc"

    @property
    def log_dir(self) -> Path:
        """The folder of its logs: messages.log, console.log, cdr-custom/."""
        return self.folder / "log"

    @property
    def control_socket(self) -> Path:
        """Its control socket, there while it runs."""
        return self._run_dir / _CONTROL_SOCKET

    @property
    def pid(self) -> int | None:
        """Its process id, or None while it does not run."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def is_running(self) -> bool:
        """Whether its process is alive."""
        return self.pid is not None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it is fully booted.

        Raises:
            AsteriskError: it is running already, ended while it started, or took too long; with its last log
                lines.
        """
        self.launch()
        self.wait_until_booted()

    async def start_async(self) -> None:
        """Do what `start` does; the child belongs to the thread of the event loop."""
        self.launch()
        await asyncio.to_thread(self.wait_until_booted)

    def launch(self) -> None:
        """Write the configuration and start the process, without waiting for it.

        Raises:
            AsteriskError: it or another one is running in its folder, or it cannot be started.
        """
        if self.is_running:
            raise AsteriskError(f"{self.name} is running already (process {self.pid})")
        argv = (*dying_with_parent(), *self._argv, "-f")
        self._forget_child()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._claim = _claim(self.folder)
        self._make_folders()
        self.write_files(self._files)
        with (self.log_dir / "console.log").open("wb") as console:
            try:
                self._child = subprocess.Popen(
                    argv,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=console,
                    stderr=console,
                    process_group=0,
                )
            except OSError as error:
                self._forget_child()
                raise AsteriskError(f"cannot start {self.name}: {error}") from error

    def wait_until_booted(self) -> None:
        """Wait until it takes calls; when it does not get there, end it.

        Raises:
            AsteriskError: it ended, or took longer than `boot_timeout_s`; with its last log lines.
        """
        deadline = time.monotonic() + self.boot_timeout_s
        while not self._is_booted(deadline):
            if not self.is_running:
                self._forget_child()
                raise AsteriskError(f"{self.name} ended while it started:\n{self.log_tail()}")
            if time.monotonic() >= deadline:
                self.kill()
                raise AsteriskError(f"{self.name} did not start within {self.boot_timeout_s:g} s:\n{self.log_tail()}")
            time.sleep(_POLL_S)

    def cli(self, command: str, *, timeout_s: float = 10.0) -> str:
        """Run a command of Asterisk's own command line and return what it prints.

        Raises:
            AsteriskError: it does not run or does not answer in time. Commands do not report failure
                otherwise: read the text.
        """
        try:
            done = subprocess.run(
                [*self._argv, "-rx", command],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise AsteriskError(f"{self.name} did not answer {command!r} within {timeout_s:g} s") from error
        if done.returncode != 0:
            raise AsteriskError(f"{self.name} took no command ({(done.stdout + done.stderr).strip()})")
        return done.stdout

    async def cli_async(self, command: str, *, timeout_s: float = 10.0) -> str:
        """Do what `cli` does."""
        return await asyncio.to_thread(self.cli, command, timeout_s=timeout_s)

    def stop(self, *, grace_s: float = 5.0) -> None:
        """End it as Asterisk ends itself, hang-up handlers included; past the grace it is killed."""
        if self._child is not None and self.is_running:
            self._child.terminate()
            try:
                self._child.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.kill()
        self._forget_child()

    async def stop_async(self, *, grace_s: float = 5.0) -> None:
        """Do what `stop` does."""
        await asyncio.to_thread(self.stop, grace_s=grace_s)

    def kill(self) -> None:
        """End it at once, as a crash would: no handler runs, nothing is written."""
        if self._child is not None and self.is_running:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
        self._forget_child()

    def write_files(self, files: Mapping[str, str]) -> None:
        """Write configuration files, readable by this user alone; `core reload` makes them count."""
        for file_name, text in files.items():
            path = self.etc_dir / file_name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")

    def log_tail(self, lines: int = _TAIL_LINES) -> str:
        """Return the last lines it wrote, to its console and to its log."""
        found = [*_lines_of(self.log_dir / "console.log"), *_lines_of(self.log_dir / "messages.log")]
        return "\n".join(found[-lines:])

    def log_errors(self) -> list[str]:
        """Return the errors it has logged since it was started; a healthy start has none."""
        return [line for line in _lines_of(self.log_dir / "messages.log") if "] ERROR[" in line]

    @property
    def _argv(self) -> tuple[str, ...]:
        return (*self.binary.argv_prefix, "-C", str(self.etc_dir / "asterisk.conf"))

    def _make_folders(self) -> None:
        for name in _FOLDERS:
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run_dir = self._make_run_dir()
        for log in ("console.log", "messages.log"):
            (self.log_dir / log).unlink(missing_ok=True)
        directories = {
            "astetcdir": self.etc_dir,
            "astrundir": self._run_dir,
            "astlogdir": self.log_dir,
            "astspooldir": self.folder / "spool",
            "astdbdir": self.folder / "db",
            "astkeydir": self.folder / "keys",
            "astagidir": self.folder / "agi",
            "astcachedir": self.folder / "cache",
        }
        self.write_files({"asterisk.conf": asterisk_conf(self.binary, directories)})

    def _make_run_dir(self) -> Path:
        """Choose a run folder whose control socket has a path that fits into a socket address."""
        own = self.folder / "run"
        if len(os.fsencode(own / _CONTROL_SOCKET)) <= _LONGEST_SOCKET_PATH:
            return own
        return Path(tempfile.mkdtemp(prefix="tollgate-"))

    def _is_booted(self, deadline: float) -> bool:
        if not self.control_socket.exists():
            return False
        try:
            answer = self.cli("core waitfullybooted", timeout_s=max(deadline - time.monotonic(), _POLL_S))
        except AsteriskError:
            return False
        return "fully booted" in answer

    def _forget_child(self) -> None:
        self._child = None
        if self._claim is not None:
            self._claim.close()
            self._claim = None
        if self._run_dir.parent != self.folder:
            shutil.rmtree(self._run_dir, ignore_errors=True)


def _claim(folder: Path) -> IO[str]:
    """Lock an instance's folder for as long as the file returned is open, in whatever process."""
    claim = (folder / ".claim").open("w")
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        claim.close()
        raise AsteriskError(f"another Asterisk runs in {folder}: stop it first") from None
    return claim


def _lines_of(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
