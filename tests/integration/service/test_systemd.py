"""Telling systemd: over a real socket, from a loop that turns, and not from one that stands still."""

import asyncio
import configparser
import os
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import cast

import pytest

from ari_app.readiness import Readiness
from ari_app.run import DRAIN_S, GATE_EMPTY_S, Service
from store.writer import WriterStats
from tollgate import supervision
from tollgate.supervision import READY_LIMIT_S, WRITER_LIMIT_S, WriterPulse, keep_informed
from tollgate.systemd import Systemd

READY = Readiness(ari=True, ami=True, store=True, catalog=True, compared=True)
NO_AMI = Readiness(ari=True, ami=False, store=True, catalog=True, compared=False)


@dataclass
class Manager:
    """The socket on which systemd would listen."""

    socket: socket.socket

    def told(self) -> list[str]:
        """Return the lines that have come."""
        lines = []
        with suppress(BlockingIOError):
            while True:
                lines += self.socket.recv(4096).decode().splitlines()
        return lines


@pytest.fixture
def manager() -> Iterator[Manager]:
    """A systemd that listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.setblocking(False)
        yield Manager(listening)


@dataclass
class Board:
    """How many calls there are."""

    calls: int = 0

    def count(self) -> int:
        """Return it."""
        return self.calls


@dataclass
class SomeService:
    """How a service is."""

    parts: Readiness = READY
    switchboard: Board = field(default_factory=Board)

    def readiness(self) -> Readiness:
        """Return it."""
        return self.parts


def informing(systemd: Systemd, service: SomeService, stats: WriterStats | None = None) -> "asyncio.Task[None]":
    """Keep systemd informed in a task."""
    answer = stats or WriterStats(commits=0, requests=0, waiting=0)
    return asyncio.create_task(keep_informed(systemd, cast("Service", service), lambda: answer))


@pytest.mark.parametrize("is_abstract", [False, True])
def test_service_tells_what_it_does_on_the_socket_that_is_named(
    tmp_path: Path, manager: Manager, *, is_abstract: bool
) -> None:
    name = f"@tollgate-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    manager.socket.bind(f"\0{name[1:]}" if is_abstract else name)
    systemd = Systemd.of_environment({"NOTIFY_SOCKET": name})
    systemd.ready("ready; 0 calls")
    systemd.alive()
    systemd.stopping()
    assert manager.told() == [
        *("READY=1", "STATUS=ready; 0 calls"),
        "WATCHDOG=1",
        *("STOPPING=1", "STATUS=stopping; calls that talk go on"),
    ]


def test_service_that_nobody_listens_to_goes_on(tmp_path: Path) -> None:
    Systemd.of_environment({}).alive()
    Systemd.of_environment({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).alive()


def test_service_does_not_wait_for_a_systemd_that_reads_nothing(tmp_path: Path, manager: Manager) -> None:
    manager.socket.bind(str(tmp_path / "notify"))
    systemd = Systemd.of_environment({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    for _ in range(10_000):
        systemd.alive()


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_is_whom_it_is_meant_for(environment: dict[str, str], watchdog_s: float | None) -> None:
    assert Systemd.of_environment(environment).watchdog_s == watchdog_s


@pytest.fixture
def systemd(tmp_path: Path, manager: Manager) -> Systemd:
    """A systemd that watches, and is told something every 20 ms."""
    manager.socket.bind(str(tmp_path / "notify"))
    return Systemd(str(tmp_path / "notify"), watchdog_s=0.06)


async def test_start_is_over_when_every_part_is_there_and_the_status_follows(
    systemd: Systemd, manager: Manager
) -> None:
    service = SomeService(NO_AMI)
    task = informing(systemd, service)
    told = await heard(manager, "STATUS=waiting for ami, compared; 0 calls")
    assert "READY=1" not in told
    service.parts = READY
    await heard(manager, "READY=1", "STATUS=ready; 0 calls")
    service.switchboard.calls = 1
    assert "READY=1" not in await heard(manager, "STATUS=ready; 1 call", "WATCHDOG=1")
    task.cancel()


async def test_start_is_over_after_a_while_though_asterisk_is_away(
    systemd: Systemd, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "READY_LIMIT_S", 0.05)
    task = informing(systemd, SomeService(NO_AMI))
    await heard(manager, "READY=1")
    task.cancel()


async def test_loop_that_stands_still_gives_no_sign_of_life(systemd: Systemd, manager: Manager) -> None:
    task = informing(systemd, SomeService())
    await heard(manager, "WATCHDOG=1")
    manager.told()
    time.sleep(0.3)  # noqa: ASYNC251  # the stall that is meant
    assert manager.told() == []
    await heard(manager, "WATCHDOG=1")
    task.cancel()


async def test_writer_that_answers_nothing_ends_the_signs_of_life(
    systemd: Systemd, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "WRITER_LIMIT_S", 0.0)
    task = informing(systemd, SomeService(), WriterStats(commits=1, requests=1, waiting=1))
    await heard(manager, "READY=1")
    await asyncio.sleep(0.1)
    assert "WATCHDOG=1" not in manager.told()
    task.cancel()


def test_writer_with_nothing_to_do_or_that_goes_on_is_alive() -> None:
    stats = [WriterStats(0, 0, 0)]
    pulse = WriterPulse(lambda: stats[0])
    assert pulse.beats(0.0)
    assert pulse.beats(1000.0)
    stats[0] = WriterStats(0, 5, 9)
    assert pulse.beats(2000.0)
    assert pulse.beats(2000.0 + WRITER_LIMIT_S - 1)
    assert not pulse.beats(2000.0 + WRITER_LIMIT_S)
    stats[0] = WriterStats(0, 6, 9)
    assert pulse.beats(2000.0 + WRITER_LIMIT_S + 1)


async def heard(manager: Manager, *lines: str) -> list[str]:
    """Wait until these lines have come, and return all that came."""
    told: list[str] = []
    async with asyncio.timeout(60):
        while not set(lines) <= set(told):
            await asyncio.sleep(0.005)
            told += manager.told()
    return told


def test_unit_that_ships_gives_the_service_the_time_it_takes() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment]  # as configparser's manual has it
    unit.read_string(resources.files("tollgate").joinpath("data", "tollgate.service").read_text(encoding="utf-8"))
    service = unit["Service"]
    assert (service["Type"], service["Restart"], service["KillMode"]) == ("notify", "always", "mixed")
    assert int(service["TimeoutStartSec"]) / 2 > READY_LIMIT_S
    assert int(service["TimeoutStopSec"]) / 2 > 2 * GATE_EMPTY_S + 2 * DRAIN_S
    assert int(service["WatchdogSec"]) > WRITER_LIMIT_S
    assert service["ExecStart"].endswith("serve")
