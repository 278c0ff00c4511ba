"""Overload: what begins is refused before what talks has to wait, and nothing that happened is lost."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from ari_app import execute
from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient, AriReply
from ari_app.clock import Clock, epoch_ms, utc_now
from ari_app.execute import CommandExecutor
from ari_app.metrics import Metrics
from ari_app.overload import MOST_CALLS, MOST_LAG_S, MOST_RECORDED, LoopLag, Overload
from ari_app.store_watch import StoreWatch
from ari_app.switchboard import Switchboard
from charging import events as ev
from charging.cdr import Cdr, Disposition
from charging.policy import MeteringPolicy
from charging.session import Phase
from dialplan.trunks import Trunk
from rating.decision import DenyReason
from store.caps import NO_SPEND_LIMITS
from store.catalog import create_account
from store.funds import add_funds
from store.location import MemoryLocation
from store.memory import memory_engine, new_database
from store.sqlite_operations import OperationRunner
from store.store import Store
from store.writer import LONGEST_QUEUE, LONGEST_QUEUE_FOR_NEW, QueuedWriter, Request
from tests.unit.ari_app.office import (
    JERSEY,
    NODE,
    PARIS,
    SETTINGS,
    T0,
    SomeAmi,
    caller,
    catalog,
    desk,
    entered,
)

BATCH = 64
TALKED = timedelta(seconds=8)
"""When the first slice, of ten seconds, is renewed."""
POLICY = MeteringPolicy()


class SlowWriter(QueuedWriter):
    """A writer that does a batch when the test says so, and nothing in between."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(LONGEST_QUEUE, BATCH)
        self._connection = connection
        self._operations = OperationRunner()

    def _submit(self, request: Request) -> None:
        self._put(request)

    def serve(self) -> None:
        """Do a batch."""
        batch = self._take()
        for request in batch:
            try:
                request.result = self._operations.run(self._connection, request.operation)
            except Exception as error:  # noqa: BLE001  # it is the asker's
                request.error = error
        self._count(batch, None)
        for request in batch:
            request.answer()

    async def close(self) -> None:
        """Let the database go."""
        self._connection.close()


@dataclass
class BusyAri:
    """Asterisk over ARI: does everything, and notes verdicts and refusals."""

    admitted: list[str] = field(default_factory=list)
    refused: list[tuple[str, int]] = field(default_factory=list)

    async def set_channel_vars(self, _channel_id: str, _variables: dict[str, str]) -> AriReply:
        """Take a verdict."""
        return AriReply(204)

    async def continue_in_dialplan(self, channel_id: str, _place: object = None) -> AriReply:
        """Let a caller go on."""
        self.admitted.append(channel_id)
        return AriReply(204)

    async def hangup(self, channel_id: str, cause: int = 16) -> AriReply:
        """End a channel."""
        self.refused.append((channel_id, cause))
        return AriReply(204)

    async def subscribe(self, _event_source: str) -> AriReply:
        """Watch a channel."""
        return AriReply(200)

    async def get(self, _channel_id: str) -> AriReply:
        """Know no channel."""
        return AriReply(404)


@dataclass
class BusyAmi:
    """Deadlines, all of them set."""

    connected: bool = True
    left_s: dict[str, float] = field(default_factory=dict)

    async def set_deadline(self, channel_id: str, seconds: float) -> None:
        """Set one."""
        self.left_s[channel_id] = seconds

    async def read_deadline(self, channel_id: str) -> float | None:
        """Return it: the clock stands still here."""
        return self.left_s.get(channel_id)


class Rush:
    """A service in front of a store that is slow."""

    def __init__(self, store: Store, writer: SlowWriter) -> None:
        self.store, self.writer = store, writer
        self.some_ari, self.some_ami = BusyAri(), BusyAmi()
        metrics = Metrics()
        alerts = Alerts(store, NODE, metrics, utc_now)
        watch = StoreWatch(store, alerts, metrics, NODE, utc_now)
        trunks = tuple(Trunk(endpoint=name) for name in SETTINGS.trunk_endpoints)
        self.executor = CommandExecutor(
            watch, self, alerts, POLICY, trunks, "FR", lambda _call: NO_SPEND_LIMITS, lambda _call: "main", metrics
        )
        self.board = Switchboard(SETTINGS, POLICY, self.executor, self, catalog(), Clock(lambda: T0, lambda: 0.0))
        self.board.overload = Overload(
            calls=self.board.calls, ami=lambda: self.ami, store_is_busy=lambda: store.is_busy, lag=LoopLag()
        )

    @property
    def ari(self) -> AriClient:
        """The ARI connection."""
        return cast("AriClient", self.some_ari)

    @property
    def ami(self) -> AmiAdapter:
        """The AMI adapter."""
        return cast("AmiAdapter", self.some_ami)

    async def turn(self, times: int = 20) -> None:
        """Let everything go on that does not wait for the store."""
        for _ in range(times):
            await asyncio.sleep(0)

    async def settle_down(self) -> None:
        """Serve until nothing waits."""
        await self.turn()
        while self.writer.stats().waiting:
            self.writer.serve()
            await self.turn()

    def dial(self, first: int, count: int, dialled: str = JERSEY) -> list[str]:
        """Have so many callers enter, and return their calls' ids."""
        ids = []
        for number in range(first, first + count):
            channel_id = f"1793610000.{number}"
            ids.append(f"{channel_id}-1")
            by = caller(channel_id, f"PJSIP/101-{number:08x}")
            self.board.caller_entered(entered(ids[-1], dialled, "", "", "", by=by, when=T0))
        return ids

    def post(self, ids: list[str], make: Any) -> None:
        """Post an event to each of these calls."""
        for call_id in ids:
            live = self.board.calls[call_id]
            live.post(make(live.now(), f"leg-{call_id}"))

    async def records(self) -> list[Cdr]:
        """Return all records."""
        return [cdr async for cdr in self.store.cdrs()]


@pytest.fixture
async def rush(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rush]:
    """A service whose account has enough for everybody; no wait of it ends by the clock."""
    monkeypatch.setattr(execute, "STORE_LIMIT_S", 600.0)
    monkeypatch.setattr(execute, "SETTLE_RETRY_S", (0.1,))
    connection = new_database()
    writer = SlowWriter(connection)
    async with Store(MemoryLocation(connection), writer, memory_engine(connection)) as store:
        at_ms = epoch_ms(T0)
        making = [
            store.apply(create_account(name="main", currency="EUR", timezone="Europe/Paris", at_ms=at_ms)),
            store.apply(add_funds(account_id=1, amount_micros=10**12, reference="r", at_ms=at_ms, expires_at_ms=None)),
        ]
        waiting = asyncio.gather(*making)
        service = Rush(store, writer)
        await service.settle_down()
        await waiting
        yield service


async def test_flood_of_callers_at_a_slow_store_keeps_no_talking_call_waiting(rush: Rush) -> None:
    talking = rush.dial(0, 50)
    await rush.settle_down()
    rush.post(talking, lambda at, leg: ev.LegAnswered(at, leg, "carrier1"))
    await rush.settle_down()
    assert {rush.board.calls[call_id].session.phase for call_id in talking} == {Phase.TALKING}
    paid_s = rush.board.calls[talking[0]].session.paid_s

    flood = rush.dial(1000, 400)
    await rush.turn()
    assert rush.writer.stats().waiting == LONGEST_QUEUE_FOR_NEW
    later = rush.dial(3000, 100)
    free = rush.dial(4000, 5, PARIS) + rush.dial(4100, 1, "112")
    await rush.turn()
    assert rush.writer.stats().waiting == LONGEST_QUEUE_FOR_NEW
    assert [cause for _, cause in rush.some_ari.refused] == [34] * (500 - LONGEST_QUEUE_FOR_NEW)
    assert {f"{channel}-1" for channel in rush.some_ari.admitted} == {*talking, *free}

    renewed, ended = talking[:40], talking[40:]
    rush.post(renewed, lambda at, _leg: ev.Woke(at + TALKED))
    rush.post(ended, lambda at, leg: ev.LegEnded(at + TALKED, leg, "carrier1", 16))
    await rush.turn()
    assert rush.writer.stats().waiting == LONGEST_QUEUE_FOR_NEW + len(talking)
    for _ in range(-(-(LONGEST_QUEUE_FOR_NEW + len(talking)) // BATCH)):
        rush.writer.serve()
        await rush.turn()
    assert all(rush.board.calls[call_id].session.paid_s > paid_s for call_id in renewed)
    assert not any(call_id in rush.board.calls for call_id in ended)

    admitted = [call_id for call_id in (*flood, *later) if f"{call_id.removesuffix('-1')}" in rush.some_ari.admitted]
    assert len(admitted) == LONGEST_QUEUE_FOR_NEW
    rush.post(renewed, lambda at, leg: ev.LegEnded(at + 2 * TALKED, leg, "carrier1", 16))
    rush.post([*admitted, *free], lambda at, _leg: ev.CallerGone(at))
    for call_id in (*admitted, *free):
        live = rush.board.calls[call_id]
        live.post(ev.Woke(live.now() + timedelta(hours=1)))
    while rush.board.calls:
        await rush.settle_down()
        await asyncio.sleep(0.01)
    records = await rush.records()
    assert {cdr.call_id for cdr in records} == {*talking, *flood, *later, *free}
    refused = [cdr for cdr in records if cdr.disposition is Disposition.REFUSED]
    assert {cdr.deny_reason for cdr in refused} == {DenyReason.OVERLOAD}
    assert len(refused) == 500 - LONGEST_QUEUE_FOR_NEW
    assert await rush.store.verify() == []


# --- each reason ---------------------------------------------------------------------------------------------


@dataclass
class Lag(LoopLag):
    """A loop that is as late as it is told."""

    newest_s: float = 0.0

    @property
    def lasting_s(self) -> float:
        """How late."""
        return self.newest_s


@dataclass
class State:
    """What there is to ask."""

    calls: range = range(3)
    ami: SomeAmi = field(default_factory=SomeAmi)
    is_busy: bool = False
    lag: Lag = field(default_factory=Lag)

    def overload(self) -> Overload:
        """Return who asks it."""
        ami = cast("AmiAdapter", self.ami)
        return Overload(calls=self.calls, ami=lambda: ami, store_is_busy=lambda: self.is_busy, lag=self.lag)


def test_paid_calls_are_taken_while_nothing_is_the_matter() -> None:
    assert State(calls=range(MOST_CALLS - 1), lag=Lag(MOST_LAG_S)).overload().fault() is None


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (State(calls=range(MOST_CALLS)), "5000 calls are under way already"),
        (State(ami=SomeAmi(connected=False)), "AMI is not connected"),
        (State(is_busy=True), "the store has as much to do"),
        (State(lag=Lag(2.34)), "the service is 2.3 s late"),
    ],
)
def test_paid_calls_are_refused_and_the_reason_is_told(state: State, said: str) -> None:
    assert said in (state.overload().fault() or "")


def test_paid_calls_are_refused_while_the_service_is_being_stopped() -> None:
    busy = State().overload()
    busy.is_stopping = True
    assert "stopped" in (busy.fault() or "")


async def test_loop_that_was_held_up_once_is_not_late_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    lag, now_s, late_s = LoopLag(), [0.0], [0.0, 3.0, 0.0, 3.0, 3.0]

    async def sleep(seconds: float) -> None:
        now_s[0] += seconds + late_s.pop(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s[0])
    seen = []
    while late_s:
        await lag.pause(0.25)
        seen.append((round(lag.newest_s), round(lag.lasting_s)))
    monkeypatch.undo()
    assert seen == [(0, 0), (3, 0), (0, 0), (3, 0), (3, 3)]


async def test_loop_that_stood_still_is_known_as_soon_as_it_goes_on_and_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lag, now_s = LoopLag(), [100.0]
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now_s[0])
    looking = asyncio.create_task(lag.pause(0.25))
    await asyncio.sleep(0)
    told = [lag.stood_still_s()]
    now_s[0] += 400.25
    told.append(lag.stood_still_s())
    await looking
    for later_s in (0, 59, 2):
        now_s[0] += later_s
        looking = asyncio.create_task(lag.pause(0))
        await looking
        told.append(lag.stood_still_s())
    monkeypatch.undo()

    assert told == [0, 400, 400, 400, 0]


async def test_callers_beyond_all_that_can_be_written_down_are_turned_away_but_not_emergencies() -> None:
    office = desk()
    office.board.caller_entered(entered("1793610000.7-1", JERSEY, "", "", ""))
    live = office.board.calls["1793610000.7-1"]
    office.board.calls.update({f"filler-{index}": live for index in range(MOST_RECORDED)})

    office.board.caller_entered(entered("1793610000.9-1", PARIS, "", "", "", by=caller("1793610000.9")))
    office.board.caller_entered(entered("1793610000.11-1", "112", "", "", "", by=caller("1793610000.11")))

    assert office.notes.refused == ["1793610000.9"]
    assert not office.board.knows("1793610000.9-1")
    assert office.board.knows("1793610000.11-1")
