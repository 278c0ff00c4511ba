"""Carrying commands out when Asterisk does not answer, or when the call has moved on meanwhile."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import structlog

from ari_app import execute
from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient, AriReply
from ari_app.clock import Clock, utc_now
from ari_app.errors import AmiChannelGoneError, AmiRefusedError, AmiUnavailableError, AriUnavailableError
from ari_app.execute import CommandExecutor
from ari_app.leg_records import ReadLegRecords, no_leg_records
from ari_app.live import LiveCall
from ari_app.metrics import Metrics
from ari_app.store_watch import StoreWatch
from charging import commands as cmd
from charging import events as ev
from charging.call import Call
from charging.cdr import EndSource
from charging.saved import load_session
from charging.session import Phase, Session, begin, step
from dialplan.trunks import Trunk
from rating.decision import DenyReason
from rating.destination import DestinationClass
from store.alerts import AlertKind
from store.caps import NO_SPEND_LIMITS, SpendLimits
from store.errors import KeyConflictError
from tests.unit.charging.story import LEG, POLICY, SECOND_LEG, TRUNK, paid_call


@dataclass
class SomeAri:
    """Asterisk over ARI: in which context a channel is, and whether an answer comes."""

    context: str = "tg-metered"
    lost: bool = False
    sent: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    hang_ups: list[int] = field(default_factory=list)
    started_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    async def status(self) -> AriReply:
        """Return when Asterisk was started."""
        return AriReply(200, {"status": {"startup_time": self.started_at.isoformat()}})

    async def set_channel_vars(self, _channel_id: str, variables: dict[str, str]) -> AriReply:
        """Take the verdict."""
        self.variables = variables
        return AriReply(204)

    async def continue_in_dialplan(self, channel_id: str, _place: object = None) -> AriReply:
        """Let the caller go on; the answer may get lost."""
        self.sent.append(channel_id)
        if self.lost:
            raise AriUnavailableError("the connection to ARI was closed")
        return AriReply(204)

    async def hangup(self, _channel_id: str, _cause: int = 16) -> AriReply:
        """Answer that it failed, until it no longer does."""
        return AriReply(self.hang_ups.pop(0)) if self.hang_ups else AriReply(204)

    async def get(self, channel_id: str) -> AriReply:
        """Return a channel."""
        document = {"id": channel_id, "name": f"PJSIP/{TRUNK}-01", "state": "Up", "dialplan": {"context": self.context}}
        return AriReply(200, document)


@dataclass
class SomeAmi:
    """Deadlines; ``meanwhile`` happens while one is read."""

    armed: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    refusal: Exception | None = None
    is_deaf: bool = False
    """It answers Success and does nothing."""
    slow_s: float = 0.0
    """How long a deadline is on its way."""

    async def read_deadline(self, _channel_id: str) -> float | None:
        """Return the last one that was armed."""
        self.meanwhile()
        return self.armed[-1] if self.armed else None

    async def set_deadline(self, _channel_id: str, seconds: float) -> None:
        """Arm one."""
        await asyncio.sleep(self.slow_s)
        if self.refusal is not None:
            raise self.refusal
        if self.is_deaf:
            return
        self.armed.append(seconds)

    async def clear_deadline(self, _channel_id: str) -> None:
        """Take it away."""
        self.armed.clear()


@dataclass
class Lines:
    """The connections."""

    some_ari: SomeAri = field(default_factory=SomeAri)
    some_ami: SomeAmi = field(default_factory=SomeAmi)

    @property
    def ari(self) -> AriClient:
        """The ARI connection."""
        return cast("AriClient", self.some_ari)

    @property
    def ami(self) -> AmiAdapter:
        """The AMI adapter."""
        return cast("AmiAdapter", self.some_ami)


class SomeStore:
    """A store that is never asked."""

    async def apply(self, operation: Any) -> Any:
        """Fail where something is asked of it."""
        raise AssertionError(f"asked for {operation}")


def _main(_call: Call) -> str:
    return "main"


def _no_limits(_call: Call) -> SpendLimits:
    return NO_SPEND_LIMITS


@dataclass
class SomeAlerts:
    """What was raised."""

    raised: list[tuple[AlertKind, str]] = field(default_factory=list)

    def raise_alert(self, kind: AlertKind, key: str, **_detail: object) -> None:
        """Note it."""
        self.raised.append((kind, key))


def call_after(
    lines: Lines,
    *events: ev.Event,
    alerts: SomeAlerts | None = None,
    read_cdrs: ReadLegRecords = no_leg_records,
    store: SomeStore | None = None,
    clock: Clock | None = None,
) -> tuple[LiveCall, CommandExecutor]:
    """Return a paid call after these events, without an alarm, and what carries its commands out."""
    session: Session = begin(paid_call(started_at=ago(2)), POLICY)[0]
    for event in events:
        session, _ = step(session, event, POLICY)
    executor = CommandExecutor(
        cast("StoreWatch", store or SomeStore()),
        lines,
        cast("Alerts", alerts or SomeAlerts()),
        POLICY,
        (Trunk(endpoint=TRUNK),),
        "FR",
        _no_limits,
        _main,
        Metrics(),
        read_cdrs,
    )
    return LiveCall(session, POLICY, executor, clock or Clock(), lambda _live: None), executor


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def answered() -> tuple[ev.Event, ...]:
    return ev.SessionOpened(ago(1.9)), ev.CallerAdmitted(ago(1.8)), ev.LegAnswered(ago(1), LEG, TRUNK)


async def test_verdict_whose_answer_got_lost_keeps_the_hold() -> None:
    lines = Lines(SomeAri(lost=True))
    live, executor = call_after(lines, ev.SessionOpened(ago(1.9)))
    executor.execute(live, cmd.AdmitCaller(9_700))
    await executor.drain(60)

    assert lines.some_ari.sent == [live.session.call.caller_channel], "it may have arrived: the caller may dial"
    assert live.session.phase is Phase.ADMITTING


@pytest.mark.parametrize(
    ("withhold_caller_id", "destination_class", "presentation"),
    [
        (None, DestinationClass.INTERNATIONAL, ""),
        (True, DestinationClass.INTERNATIONAL, "prohib_not_screened"),
        (False, DestinationClass.INTERNATIONAL, "allowed_not_screened"),
        (True, DestinationClass.EMERGENCY, ""),
    ],
)
async def test_verdict_says_how_the_caller_s_number_is_shown_and_says_so_each_time(
    withhold_caller_id: bool | None, destination_class: DestinationClass, presentation: str
) -> None:
    lines = Lines()
    live, executor = call_after(lines, ev.SessionOpened(ago(1.9)))
    call = replace(live.session.call, withhold_caller_id=withhold_caller_id, destination_class=destination_class)
    live.session = replace(live.session, call=call)
    executor.execute(live, cmd.AdmitCaller(9_700))
    await executor.drain(60)

    assert lines.some_ari.variables["TG_PRES"] == presentation


@pytest.mark.parametrize(
    ("is_in_store", "mark"),
    [(True, ""), (False, "away|1793610000.7-1|PJSIP/101-|00447797123456")],
)
async def test_verdict_of_a_call_unknown_to_the_store_has_its_leg_tell_of_it(is_in_store: bool, mark: str) -> None:
    lines = Lines()
    live, executor = call_after(lines)
    executor.execute(live, cmd.AdmitCaller(slice_ms=None, is_in_store=is_in_store))
    await executor.drain(60)

    assert lines.some_ari.variables["TG_LEG_MARK"] == mark


async def test_missing_deadline_of_a_leg_that_calls_an_emergency_is_not_armed() -> None:
    lines = Lines(SomeAri(context="tg-emergency"))
    live, executor = call_after(lines, *answered())
    executor.execute(live, cmd.CheckDeadline(LEG, utc_now() + timedelta(seconds=8)))
    await executor.drain(60)

    assert lines.some_ami.armed == []
    leg = live.session.leg(LEG)
    assert leg is not None
    assert leg.exempt


async def test_leg_exempted_while_its_deadline_is_looked_at_is_not_armed() -> None:
    lines = Lines()
    live, executor = call_after(lines, *answered())
    exempt = ev.LegExempted(utc_now(), LEG)
    lines.some_ami.meanwhile = lambda: setattr(live, "session", step(live.session, exempt, POLICY)[0])
    executor.execute(live, cmd.CheckDeadline(LEG, utc_now() + timedelta(seconds=8)))
    await executor.drain(60)

    assert lines.some_ami.armed == []


async def test_renewal_of_a_call_that_has_just_ended_asks_for_nothing() -> None:
    live, executor = call_after(Lines(), *answered())
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    renew = executor._renew(live, cmd.RenewSlice(2, 60))
    live.session = step(live.session, ev.LegEnded(utc_now(), LEG, TRUNK, 16), POLICY)[0]

    await renew


async def test_end_that_another_service_has_settled_otherwise_is_told_of_and_stands() -> None:
    class SettledBefore(SomeStore):
        async def apply(self, operation: Any, _what: str = "") -> Any:
            operation.close()
            raise KeyConflictError("settled: 7407 micro-units, not 6173")

    live, executor = call_after(Lines(), *answered(), store=SettledBefore())
    live.follow()
    with structlog.testing.capture_logs() as logged:
        live.post(ev.LegEnded(ago(0.1), LEG, TRUNK, None))
        live.post(ev.CallerGone(ago(0.1)))
        await executor.drain(60)

    assert live.session.phase is Phase.CLOSED, "what was settled first stands"
    assert [line["log_level"] for line in logged if line["event"] == "settled_otherwise_before"] == ["warning"]


async def test_leg_of_a_call_that_goes_on_is_settled_with_the_state_that_knows_of_its_end() -> None:
    states: list[str | None] = []

    class Settling(SomeStore):
        async def apply(self, operation: Any, what: str = "") -> Any:
            if what == "settlement":
                states.append(operation.gi_frame.f_locals["state"])
            operation.close()

    live, executor = call_after(Lines(), *answered(), store=Settling())
    live.post(ev.LegAnswered(ago(0.5), SECOND_LEG, TRUNK))
    live.post(ev.LegEnded(ago(0.4), SECOND_LEG, TRUNK, 16))
    await executor.drain(60)

    [state] = states
    assert state is not None
    assert load_session(state).ended_legs == (SECOND_LEG,), "a successor writes it down no more"


async def test_drain_waits_for_what_follows_from_what_is_under_way() -> None:
    _live, executor = call_after(Lines())
    done: list[str] = []

    async def second() -> None:
        await asyncio.sleep(0.01)
        done.append("second")

    async def first() -> None:
        executor.spawn(second())

    executor.spawn(first())
    await executor.drain(60)

    assert done == ["second"]


async def test_leg_that_does_not_end_is_tried_again_and_told_of_once() -> None:
    alerts, lines = SomeAlerts(), Lines(SomeAri(hang_ups=[500] * 6))
    live, executor = call_after(lines, *answered(), alerts=alerts)
    for _ in range(6):
        executor.execute(live, cmd.HangUpLeg(LEG))
        await executor.drain(60)

    assert set(alerts.raised) == {(AlertKind.HANGUP_FAILS, f"hangup:pbx1/{LEG}")}
    assert len(alerts.raised) == 4, "from the third on; the same alert is written once"
    assert live.session.leg(LEG) is not None


async def test_leg_that_ends_at_the_second_attempt_is_nothing_to_tell_of() -> None:
    alerts, lines = SomeAlerts(), Lines(SomeAri(hang_ups=[500, 500]))
    live, executor = call_after(lines, *answered(), alerts=alerts)
    for _ in range(4):
        executor.execute(live, cmd.HangUpLeg(LEG))
        await executor.drain(60)

    assert alerts.raised == []


@pytest.mark.parametrize(
    ("ami", "is_told"),
    [
        (SomeAmi(refusal=AmiRefusedError("Setvar: Permission denied")), True),
        (SomeAmi(is_deaf=True), True),
        (SomeAmi(refusal=AmiChannelGoneError("Setvar: No such channel")), False),
        (SomeAmi(refusal=AmiUnavailableError("AMI is not connected")), False),
    ],
)
async def test_deadline_that_asterisk_refuses_is_told_of(ami: SomeAmi, *, is_told: bool) -> None:
    alerts = SomeAlerts()
    live, executor = call_after(Lines(some_ami=ami), *answered(), alerts=alerts)
    executor.execute(live, cmd.ArmDeadline(LEG, utc_now() + timedelta(seconds=8)))
    await executor.drain(60)

    expected = [(AlertKind.DEADLINE_REFUSED, f"deadline:pbx1/{LEG}")] if is_told else []
    assert alerts.raised == expected
    leg = live.session.leg(LEG)
    assert leg is not None
    assert leg.armed_cut_at is None


async def test_deadline_that_has_ended_its_leg_before_it_was_read_back_is_not_told_of() -> None:
    alerts = SomeAlerts()
    live, executor = call_after(Lines(some_ami=SomeAmi(is_deaf=True)), *answered(), alerts=alerts)
    executor.execute(live, cmd.ArmDeadline(LEG, utc_now() - timedelta(milliseconds=1)))
    await executor.drain(60)

    assert alerts.raised == []


async def test_deadline_whose_answer_comes_late_is_the_one_that_was_set() -> None:
    ami = SomeAmi(armed=[8.0], meanwhile=lambda: time.sleep(0.2))  # the machine stands still, the deadline does not
    live, executor = call_after(Lines(some_ami=ami), *answered())
    cut_at = live.now() + timedelta(seconds=8)
    executor.execute(live, cmd.CheckDeadline(LEG, cut_at))
    await executor.drain(60)

    assert ami.armed == [8.0], "nothing had to be armed"
    leg = live.session.leg(LEG)
    assert leg is not None
    assert leg.armed_cut_at == cut_at


async def test_deadline_that_was_long_on_its_way_once_is_armed_at_once() -> None:
    class SlowOnce(SomeAmi):
        async def set_deadline(self, channel_id: str, seconds: float) -> None:
            await super().set_deadline(channel_id, seconds)
            self.slow_s = 0.0

    ami = SlowOnce(slow_s=0.2)
    live, executor = call_after(Lines(some_ami=ami), *answered())
    cut_at = utc_now() + timedelta(seconds=8)
    executor.execute(live, cmd.ArmDeadline(LEG, cut_at))
    await executor.drain(60)

    assert len(ami.armed) == 2
    leg = live.session.leg(LEG)
    assert leg is not None
    assert leg.armed_cut_at == cut_at


async def test_deadline_that_was_long_on_its_way_is_armed_again_and_nobody_alerted() -> None:
    alerts = SomeAlerts()
    live, executor = call_after(Lines(some_ami=SomeAmi(slow_s=0.2)), *answered(), alerts=alerts)
    executor.execute(live, cmd.ArmDeadline(LEG, utc_now() + timedelta(seconds=8)))
    await executor.drain(60)

    assert alerts.raised == []
    leg = live.session.leg(LEG)
    assert leg is not None
    assert (leg.armed_cut_at, leg.arming) == (None, False)
    assert leg.arm_retry_at is not None


# --- settlements ---------------------------------------------------------------------------------------------


class Ledger(SomeStore):
    """A store that notes in which order legs are settled, and which settlement closes the call."""

    def __init__(self) -> None:
        self.settled: list[tuple[int, bool]] = []

    async def apply(self, operation: Any, _what: str = "") -> None:
        """Note it, a moment later."""
        await asyncio.sleep(0.001)
        self.settled.append(operation)

    async def begin(self, operation: Any, what: str) -> None:
        """Note that of a refused caller."""
        await self.apply(operation, what)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(execute, "settle_leg", lambda *, cdr, close, **_more: (cdr.leg, close))
    return Ledger()


async def test_record_that_closes_a_call_is_written_after_that_of_a_leg_whose_end_comes_with_it(ledger: Ledger) -> None:
    live, executor = call_after(Lines(), *answered(), ev.LegSeen(ago(0.9), SECOND_LEG, TRUNK), store=ledger)
    live.follow()
    live.post(ev.LegEnded(ago(0), LEG, TRUNK, 16))
    await asyncio.sleep(0.05)
    assert ledger.settled == [], "the other leg may have been answered unheard"

    live.post(ev.LegEnded(ago(0), SECOND_LEG, TRUNK, 16, EndSource.HANDLER, ago(0.5)))
    await executor.drain(60)
    assert ledger.settled == [(2, False), (1, True)]


async def test_record_that_closes_a_call_is_written_after_that_of_a_leg_that_came_and_went_unseen(
    ledger: Ledger,
) -> None:
    live, executor = call_after(Lines(), *answered(), store=ledger)
    live.lose_sight()
    live.post(ev.LegEnded(ago(0), LEG, TRUNK, 16))
    await asyncio.sleep(0.05)
    assert ledger.settled == [], "a comparison is still to tell"

    live.post(ev.LegEnded(ago(0), SECOND_LEG, TRUNK, 16, EndSource.HANDLER, ago(0.5)))
    live.follow()
    await executor.drain(60)
    assert ledger.settled == [(2, False), (1, True)]


async def test_record_that_closes_a_call_does_not_wait_for_ever_for_a_comparison(
    monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    monkeypatch.setattr(execute, "UNSEEN_LIMIT_S", 0.05)
    live, executor = call_after(Lines(), *answered(), store=ledger)
    live.lose_sight()
    live.post(ev.LegEnded(ago(0), LEG, TRUNK, 16))
    await executor.drain(60)
    assert ledger.settled == [(1, True)]


async def test_refused_caller_s_record_waits_for_no_comparison(ledger: Ledger) -> None:
    live, executor = call_after(Lines(), store=ledger)
    live.lose_sight()
    live.post(ev.SessionDenied(ago(0), DenyReason.NO_FUNDS, "nothing is left"))
    await executor.drain(60)
    assert ledger.settled == [(0, True)]


async def test_record_that_closes_a_call_does_not_wait_for_a_leg_that_goes_on(
    monkeypatch: pytest.MonkeyPatch, ledger: Ledger
) -> None:
    monkeypatch.setattr(execute, "LAST_LEGS_LIMIT_S", 0.05)
    live, executor = call_after(Lines(), *answered(), ev.LegSeen(ago(0.9), SECOND_LEG, TRUNK), store=ledger)
    live.follow()
    live.post(ev.LegEnded(ago(0), LEG, TRUNK, 16))
    await executor.drain(60)
    assert ledger.settled == [(1, True)]
