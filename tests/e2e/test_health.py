"""Health of the real service beside a real Asterisk, and what systemd hears of it."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.office import SECOND_PRICED

MakeDesk = Callable[..., Desk]


class Monitor:
    """Asks the service how it is."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def ask(self, path: str) -> tuple[int, str]:
        """Return status and text; 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"{self._url}{path}", timeout=30) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> tuple[int, Any]:
        """Return the status and the parts."""
        status, text = self.ask("/health/ready")
        return status, json.loads(text) if text else None


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
