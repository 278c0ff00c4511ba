"""One live call: feeds its session events in order, hands out the commands, keeps its alarm.

Events are stepped through at once, in the order in which they come, so a call needs no queue and no task of its
own; what a command has to wait for happens in a task that posts its outcome back as an event. A session never
has more than one command of a kind under way, which bounds the tasks.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ari_app.clock import CallClock, Clock
from charging.commands import Command
from charging.events import Event, Woke
from charging.policy import MeteringPolicy
from charging.session import Phase, Session, Transition, next_wake_at, step
from charging.values import replace

log = structlog.get_logger(__name__)

LATE = timedelta(seconds=1)
"""An alarm that rings so late rings after the service stood still: what Asterisk told meanwhile is not read yet …"""
READS_UP_S = 1.0
"""… but within this time."""


class Executor(Protocol):
    """Carries out a call's commands."""

    def execute(self, live: "LiveCall", command: Command) -> None:
        """Start carrying out ``command``; its outcome comes back through :meth:`LiveCall.post`."""


class LiveCall:
    """A charging session while its call lives."""

    def __init__(
        self,
        session: Session,
        policy: MeteringPolicy,
        executor: Executor,
        clock: Clock,
        on_closed: Callable[["LiveCall"], None],
    ) -> None:
        """Take over a session; nothing happens until :meth:`start` or :meth:`post`, no alarm until followed."""
        self.session = session
        self.call_id = session.call.call_id
        self._policy = policy
        self._executor = executor
        self._clock = CallClock(clock, session.saved_by, session.call.entered_at)
        self._on_closed = on_closed
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: datetime | None = None
        self._is_put_off = False
        self._followed = False
        self._in_sight = True
        self.is_seen_whole = False
        """Whether all that went by unseen has been posted, and what ended legs left has been read."""
        self._changed = asyncio.Event()
        self._log = log.bind(call_id=self.call_id)
        self.failed_hang_ups: Counter[str] = Counter()
        """How often Asterisk did not take a hang-up, by channel."""
        self.caller_given_up_at: datetime | None = None
        """When Asterisk's driver gave the caller up: it had fallen silent, or had transferred its far end away."""

    def now(self) -> datetime:
        """Return the present moment in the call's own time, which no setting of the machine's clock changes."""
        return self._clock.now()

    def moment(self, at: datetime) -> datetime:
        """Return a moment of which an event of Asterisk's tells, in the call's own time."""
        return self._clock.moment(at)

    def answered_at(self, at: datetime) -> datetime:
        """Return a leg's answer, which Asterisk keeps, in the call's own time."""
        return self._clock.answered_at(at)

    def talk(self, channel_id: str, answered_at: datetime, ended_at: datetime) -> tuple[datetime, datetime]:
        """Return the beginning and the end of a leg's talk that Asterisk left word of, in the call's own time."""
        leg = self.session.leg(channel_id)
        return self._clock.talk(answered_at, ended_at, None if leg is None else leg.answered_at)

    def past(self, *stamps: datetime) -> tuple[datetime, ...]:
        """Return moments that Asterisk left word of in the call's own time, none later than now."""
        return self._clock.past(*stamps)

    def to_save(self) -> Session:
        """Return the session as the store is to have it, for a successor to go on in the call's own time."""
        return replace(self.session, saved_by=self._clock.reading())

    def start(self, transition: Transition) -> None:
        """Begin with a session just made and its first commands."""
        self._followed = self.is_seen_whole = True
        self._apply(transition)

    def follow(self, *, is_whole: bool = True) -> None:
        """Keep the alarm from now on: what went by unseen has been posted, so that what is due is truly due.

        Args:
            is_whole: Whether that was all of it: what ended legs left has been read, too.
        """
        self._followed = self._in_sight = True
        self.is_seen_whole |= is_whole
        self._changed.set()
        self._set_alarm()

    def lose_sight(self) -> None:
        """Take in that events may go by unseen: that no leg lives is not believed until :meth:`follow`."""
        self._in_sight = self.is_seen_whole = False
        self._set_alarm()

    def post(self, event: Event) -> None:
        """Step the session through an event and carry out what follows."""
        self._log.debug("call_event", event_type=type(event).__name__, phase=self.session.phase)
        self._apply(step(self.session, event, self._policy))

    async def until(self, holds: Callable[["LiveCall"], bool]) -> None:
        """Wait until something holds of this call, which is asked again whenever the call has changed."""
        while not holds(self):
            self._changed.clear()
            await self._changed.wait()

    def stop(self) -> None:
        """Stop the alarm: the service is going down, a successor adopts the call."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _apply(self, transition: Transition) -> None:
        before = self.session
        self.session, commands = transition
        self._changed.set()
        for command in commands:
            self._executor.execute(self, command)
        if self._alarm is None or self.session is not before:
            self._set_alarm()
        if self.session.phase is Phase.CLOSED:
            self._on_closed(self)

    def _set_alarm(self) -> None:
        """Set the alarm for the session as it is; most events leave its moment alone, and then it stays."""
        is_doubtful = not self._in_sight and self._seems_over
        is_kept = self._followed and not is_doubtful
        wake_at = next_wake_at(self.session, self._policy) if is_kept else None
        if self._alarm is not None and wake_at == self._alarm_at:
            return
        self.stop()
        self._alarm_at = wake_at
        if wake_at is not None:
            delay_s = max(0.0, (wake_at - self.now()).total_seconds())
            self._alarm = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        wake_at = self._alarm_at
        now = self.now()
        if wake_at is not None and now < wake_at:  # timers are coarser than the clock
            self._set_alarm()
        elif wake_at is not None and now - wake_at > LATE and self._seems_over and not self._is_put_off:
            self._is_put_off = True
            self._alarm = asyncio.get_running_loop().call_later(READS_UP_S, self._ring)
        else:
            self._is_put_off = False
            self.post(Woke(now))

    @property
    def _seems_over(self) -> bool:
        """Whether no leg is known that an answer could be heard of."""
        return self.session.phase is Phase.DIALLING and not self.session.legs
