"""A call told as a story: events go in one after the other, and what came out is kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from charging import commands as cmd
from charging import events as ev
from charging.call import Call
from charging.cdr import Cdr
from charging.policy import MeteringPolicy
from charging.session import Phase, Session, begin, next_wake_at, step
from rating.deck import Rate
from rating.destination import DestinationClass

Wanted = TypeVar("Wanted", bound=cmd.Command)

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)
POLICY = MeteringPolicy()

# 0.60 a minute by the second: 10 000 micro-units a second. The first hold is 10 s, cut at 9.7 s, renewed at 5 s.
PER_SECOND = Rate(
    prefix="447797", destination="Jersey mobile", per_minute_micros=600_000, initial_increment_s=1, increment_s=1
)
PER_MINUTE = Rate(
    prefix="1876",
    destination="Jamaica",
    per_minute_micros=1_000_000,
    connect_fee_micros=50_000,
    initial_increment_s=60,
    increment_s=60,
)

CALLER = "1793610000.7"
LEG, SECOND_LEG = "1793610000.8", "1793610000.9"
TRUNK, SECOND_TRUNK = "carrier1", "carrier2"
BUSY, NORMAL, NO_ANSWER, CONGESTION, UNALLOCATED, CANCELLED = 17, 16, 19, 34, 1, 127


def at(seconds: float) -> datetime:
    """Return the moment so long after the caller entered."""
    return T0 + timedelta(seconds=seconds)


def paid_call(rate: Rate | None = PER_SECOND, **changes: Any) -> Call:
    """Return a call from extension 101 to Jersey."""
    call = Call(
        call_id=f"{CALLER}-1",
        node="pbx1",
        account_id=1,
        extension="101",
        endpoint="PJSIP/101",
        caller_channel=CALLER,
        dialled="00447797123456",
        number="+447797123456",
        e164="+447797123456",
        destination_class=DestinationClass.INTERNATIONAL,
        deck="example",
        rate=rate,
        funded_by=("account",),
        started_at=T0,
    )
    return replace(call, **changes)


def free_call(**changes: Any) -> Call:
    """Return a call that the plan includes."""
    included: dict[str, Any] = {
        "dialled": "0145678901",
        "number": "+33145678901",
        "e164": "+33145678901",
        "destination_class": DestinationClass.INCLUDED,
        "deck": None,
        "funded_by": ("plan",),
    }
    return paid_call(None, **{**included, **changes})


def emergency_call(**changes: Any) -> Call:
    """Return a call to 112, from an endpoint that need not be an extension."""
    emergency: dict[str, Any] = {
        "dialled": "112",
        "number": "112",
        "e164": None,
        "destination_class": DestinationClass.EMERGENCY,
        "funded_by": (),
    }
    return free_call(**{**emergency, **changes})


class Story:
    """One call: its session, and every command so far."""

    def __init__(self, call: Call, policy: MeteringPolicy = POLICY) -> None:
        """Begin the call."""
        self.policy = policy
        self.session, self.commands = begin(call, policy)

    @classmethod
    def of(cls, session: Session, policy: MeteringPolicy = POLICY) -> "Story":
        """Go on with a session from elsewhere."""
        story = cls(session.call, policy)
        story.session, story.commands = session, ()
        return story

    @classmethod
    def dialling(cls, call: Call, policy: MeteringPolicy = POLICY) -> "Story":
        """Return a call that the dialplan dials since 0.1 s."""
        story = cls(call, policy)
        story.after(ev.SessionOpened(at(0.05)), ev.CallerAdmitted(at(0.1)))
        return story

    @classmethod
    def talking(cls, call: Call, answered_s: float = 2.0, policy: MeteringPolicy = POLICY) -> "Story":
        """Return a call whose first leg was answered, its deadline verified half a second later."""
        story = cls.dialling(call, policy)
        story.after(ev.LegSeen(at(1), LEG, TRUNK), ev.LegAnswered(at(answered_s), LEG, TRUNK))
        if story.wake_s is not None:
            story.wake()
            for check in story.of_kind(cmd.CheckDeadline):
                story.after(ev.DeadlineArmed(at(answered_s + 0.51), LEG, check.cut_at))
        return story

    def after(self, *events: ev.Event) -> tuple[cmd.Command, ...]:
        """Play events and return what they made the call want."""
        wanted: list[cmd.Command] = []
        for event in events:
            self.session, commands = step(self.session, event, self.policy)
            wanted.extend(commands)
        self.commands = (*self.commands, *wanted)
        return tuple(wanted)

    @property
    def wake_s(self) -> float | None:
        """When the call wants to be woken, in seconds."""
        wake_at = next_wake_at(self.session, self.policy)
        return None if wake_at is None else (wake_at - T0).total_seconds()

    def wake(self, not_before_s: float = 0.0) -> tuple[cmd.Command, ...]:
        """Wake the call when it wants to be, or at ``not_before_s`` where that has gone by."""
        assert self.wake_s is not None, "the call wants no waking"
        return self.after(ev.Woke(at(max(self.wake_s, not_before_s))))

    def sleep_until(self, seconds: float) -> tuple[cmd.Command, ...]:
        """Wake the call whenever it wants to be until then, and return what it wanted."""
        wanted: list[cmd.Command] = []
        now_s = 0.0
        while self.wake_s is not None and self.wake_s <= seconds:
            before = self.session
            now_s = max(now_s, self.wake_s)
            wanted.extend(self.wake(now_s))
            assert self.session != before, f"woken at {now_s} s for nothing: it would be woken for ever"
        return tuple(wanted)

    def of_kind(self, kind: type[Wanted]) -> list[Wanted]:
        """Return the commands of one kind so far."""
        return [command for command in self.commands if isinstance(command, kind)]

    @property
    def cdr(self) -> Cdr:
        """The record that closed the call."""
        closing = [settle.cdr for settle in self.of_kind(cmd.Settle) if settle.close]
        assert len(closing) == 1, f"{len(closing)} closing records"
        return closing[0]

    @property
    def is_open(self) -> bool:
        """Whether no closing record has been written."""
        return self.session.phase not in {Phase.CLOSING, Phase.CLOSED}

    @property
    def is_closed(self) -> bool:
        """Whether the closing record is known to be in the store."""
        return self.session.phase is Phase.CLOSED
