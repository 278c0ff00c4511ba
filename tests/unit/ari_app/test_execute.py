"""Carrying commands out when Asterisk does not answer, or when the call has moved on meanwhile."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from ari_app.ami import AmiAdapter
from ari_app.client import AriClient, AriReply
from ari_app.clock import utc_now
from ari_app.errors import AriUnavailableError
from ari_app.execute import CommandExecutor
from ari_app.live import LiveCall
from charging import commands as cmd
from charging import events as ev
from charging.call import Call
from charging.session import Phase, Session, begin, step
from dialplan.trunks import Trunk
from rating.destination import DestinationClass
from store.caps import NO_SPEND_LIMITS, SpendLimits
from store.store import Store
from tests.unit.charging.story import LEG, POLICY, TRUNK, paid_call


@dataclass
class SomeAri:
    """Asterisk over ARI: in which context a channel is, and whether an answer comes."""

    context: str = "tg-metered"
    lost: bool = False
    sent: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)

    async def set_channel_vars(self, _channel_id: str, variables: dict[str, str]) -> AriReply:
        """Take the verdict."""
        self.variables = variables
        return AriReply(204)

    async def continue_in_dialplan(self, channel_id: str) -> AriReply:
        """Let the caller go on; the answer may get lost."""
        self.sent.append(channel_id)
        if self.lost:
            raise AriUnavailableError("the connection to ARI was closed")
        return AriReply(204)

    async def get(self, channel_id: str) -> AriReply:
        """Return a channel."""
        document = {"id": channel_id, "name": f"PJSIP/{TRUNK}-01", "state": "Up", "dialplan": {"context": self.context}}
        return AriReply(200, document)


@dataclass
class SomeAmi:
    """Deadlines; ``meanwhile`` happens while one is read."""

    armed: list[float] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    async def read_deadline(self, _channel_id: str) -> float | None:
        """Return the last one that was armed."""
        self.meanwhile()
        return self.armed[-1] if self.armed else None

    async def set_deadline(self, _channel_id: str, seconds: float) -> None:
        """Arm one."""
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


def _no_limits(_call: Call) -> SpendLimits:
    return NO_SPEND_LIMITS


def call_after(lines: Lines, *events: ev.Event) -> tuple[LiveCall, CommandExecutor]:
    """Return a paid call after these events, without an alarm, and what carries its commands out."""
    session: Session = begin(paid_call(started_at=ago(2)), POLICY)[0]
    for event in events:
        session, _ = step(session, event, POLICY)
    executor = CommandExecutor(cast("Store", SomeStore()), lines, POLICY, (Trunk(endpoint=TRUNK),), "FR", _no_limits)
    return LiveCall(session, POLICY, executor, utc_now, lambda _live: None), executor


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def answered() -> tuple[ev.Event, ...]:
    return ev.SessionOpened(ago(1.9)), ev.CallerAdmitted(ago(1.8)), ev.LegAnswered(ago(1), LEG, TRUNK)


async def test_verdict_whose_answer_got_lost_keeps_the_hold() -> None:
    lines = Lines(SomeAri(lost=True))
    live, executor = call_after(lines, ev.SessionOpened(ago(1.9)))
    executor.execute(live, cmd.AdmitCaller(9_700))
    await executor.drain(1)

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
    await executor.drain(1)

    assert lines.some_ari.variables["TG_PRES"] == presentation


async def test_missing_deadline_of_a_leg_that_calls_an_emergency_is_not_armed() -> None:
    lines = Lines(SomeAri(context="tg-emergency"))
    live, executor = call_after(lines, *answered())
    executor.execute(live, cmd.CheckDeadline(LEG, utc_now() + timedelta(seconds=8)))
    await executor.drain(1)

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
    await executor.drain(1)

    assert lines.some_ami.armed == []


async def test_renewal_of_a_call_that_has_just_ended_asks_for_nothing() -> None:
    live, executor = call_after(Lines(), *answered())
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context))
    renew = executor._renew(live, cmd.RenewSlice(2, 60))
    live.session = step(live.session, ev.LegEnded(utc_now(), LEG, TRUNK, 16), POLICY)[0]

    await renew


async def test_drain_waits_for_what_follows_from_what_is_under_way() -> None:
    _live, executor = call_after(Lines())
    done: list[str] = []

    async def second() -> None:
        await asyncio.sleep(0.01)
        done.append("second")

    async def first() -> None:
        executor._spawn(second())

    executor._spawn(first())
    await executor.drain(1)

    assert done == ["second"]
