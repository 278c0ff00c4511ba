"""Health of the real service beside a real Asterisk, and what systemd hears of it."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.monitor import Monitor
from tests.e2e.office import SECOND_PRICED

MakeDesk = Callable[..., Desk]


def test_service_tells_monitors_and_systemd_how_it_is(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as found, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
        found.close()
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        monkeypatch.setenv("TOLLGATE_HEALTH_LISTEN", f"127.0.0.1:{port}")
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        heard: list[str] = []

        def hears(line: str) -> bool:
            with suppress(BlockingIOError):
                while True:
                    heard.extend(systemd.recv(4096).decode().splitlines())
            return line in heard

        desk, monitor = make_desk(), Monitor(port)
        wait_until(lambda: monitor.ready()[0] == 200, "the service is ready")
        assert all(monitor.ready()[1].values())
        wait_until(lambda: hears("READY=1"), "systemd is told")
        wait_until(lambda: hears("STATUS=ready; 0 calls"), "systemd is told how many calls there are")

        desk.carrier(sipp.answers(ring_ms=50))
        desk.phone(sipp.calls(SECOND_PRICED, 4_000))
        wait_until(lambda: "tollgate_calls_live 1.0" in monitor.ask("/metrics")[1], "the call is measured")
        admitted = 'tollgate_gate_verdicts_total{reason="",verdict="admitted"} 1.0'
        wait_until(lambda: admitted in monitor.ask("/metrics")[1], "its verdict is counted")
        desk.wait_cdrs(1)
        wait_until(lambda: 'disposition="ANSWERED"' in monitor.ask("/metrics")[1], "its record is counted")
        assert monitor.ask("/health/live")[0] == 200
        desk.stop_service()
        assert monitor.ask("/health/live")[0] == 0
        assert hears("STOPPING=1")


WATCHDOG_S = 1.5


@contextmanager
def listening_systemd(address: Path) -> Iterator[socket.socket]:
    """Be the systemd that a service tells how it is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        yield systemd


def hears_alive(systemd: socket.socket, limit_s: float) -> bool:
    """Wait for a sign of life, no longer than ``limit_s``."""
    deadline_s = time.monotonic() + limit_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        systemd.settimeout(left_s)
        with suppress(TimeoutError):
            if "WATCHDOG=1" in systemd.recv(4096).decode().splitlines():
                return True
    return False


def forget_what_was_said(systemd: socket.socket) -> None:
    """Take what waits to be read."""
    systemd.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            systemd.recv(4096)


def is_frozen(pid: int) -> bool:
    """Whether the kernel has stopped a process: it answers to a signal in its own time."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_service_that_is_frozen_gives_no_sign_of_life_until_it_goes_on(
    make_desk: MakeDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", str(round(WATCHDOG_S * 1_000_000)))
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    with listening_systemd(tmp_path / "notify") as systemd:
        desk = make_desk()
        assert desk.service is not None
        pid = desk.service.pid
        for _ in range(3):
            assert hears_alive(systemd, 30)
        desk.freeze_service()
        try:
            wait_until(lambda: is_frozen(pid), "the service is frozen")
            forget_what_was_said(systemd)
            assert not hears_alive(systemd, WATCHDOG_S), "systemd would not have noticed"
        finally:
            desk.thaw_service()
        for _ in range(3):
            assert hears_alive(systemd, 30)
