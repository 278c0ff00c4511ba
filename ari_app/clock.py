"""The one place that reads the clocks.

A machine's clock may be set while calls talk: by hand, or by NTP after a cold start. Who counts a call's seconds by it
would charge an hour too many, or cut every call at once. So :class:`Clock` watches the machine's time of day against
its steady clock, and a call is counted in the time of day as it was when the call began (:class:`CallClock`): its
events come with Asterisk's timestamps, which jump as the machine does. New calls are dated by the clock as it is now.

The steady clock is Linux's CLOCK_BOOTTIME, which goes on while the machine is suspended, as the carriers' do. Where the
two drift apart by less than ``STEP`` between two looks, the clock is being slewed, which is how NTP corrects it as a
rule, and the time of day is right.

What Asterisk left word of, and what is read later, may be stamped before the clock was set or after. So the clock keeps
in mind when it was set (:class:`Era`): a stamp means the moment at which the clock showed it. Where it was set back it
showed some of them twice; then the later one is meant, or the earlier one where it is the answer of a leg that talks.

A call outlives its service. What is saved of it says what both clocks showed (:class:`~charging.state.ClockReading`),
so that a successor on the same machine goes on in the call's own time, whatever was done to the clock in between.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ari_app.moments import EARLIEST, LATEST
from charging.state import ClockReading

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STEP_S = 1.0
STEP = timedelta(seconds=STEP_S)
"""A difference between two looks that no slewing clock makes."""
JUST_BEEN = timedelta(seconds=2)
"""How old is what an event tells, as a rule."""
SAME_LOOK = timedelta(milliseconds=10)
"""Two clocks are not read at once: a moment that lies outside of an era by no more than this lies in it."""
ERAS_REMEMBERED = 32
"""What was stamped before so many settings of the clock is not read any more."""


def _machine_now() -> datetime:
    return datetime.now(UTC)


def _machine_steady_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


_NOW: ContextVar[Callable[[], datetime]] = ContextVar("now", default=_machine_now)
_STEADY_S: ContextVar[Callable[[], float]] = ContextVar("steady_s", default=_machine_steady_s)


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return _NOW.get()()


def steady_s() -> float:
    """Return seconds of a clock that nobody sets; only differences mean anything."""
    return _STEADY_S.get()()


@contextmanager
def clock_of(now: Callable[[], datetime], steady: Callable[[], float] | None = None) -> Iterator[None]:
    """Have ``now`` tell the time to all that begins inside of the block: simulations run in a time of their own.

    Args:
        steady: The steady clock of that time; without it, time never jumps.
    """
    tokens = _NOW.set(now), _STEADY_S.set(steady or (lambda: now().timestamp()))
    try:
        yield
    finally:
        _STEADY_S.reset(tokens[1])
        _NOW.reset(tokens[0])


def epoch_ms(at: datetime) -> int:
    """Return a moment as UTC epoch milliseconds, as the store keeps it."""
    return int(at.timestamp() * 1000)


@cache
def boot_id() -> str:
    """Return which start of the machine the steady clock counts from; '' where that is not known."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Era(NamedTuple):
    """A time in which the clock was not set; both ends are told in the time of day as it was at first."""

    jumped: timedelta
    """By how much the clock had been put forward by then."""
    begins: datetime
    """The last look before the clock was set: it did not begin before."""
    ends: datetime
    """The look that found the clock set again."""


class Clock:
    """Tells the time of day, and by how much it has been set since this clock was made."""

    def __init__(self, wall: Callable[[], datetime] = utc_now, steady: Callable[[], float] = steady_s) -> None:
        """Begin at no jump; both clocks are replaced in tests only."""
        self._wall = wall
        self._steady = steady
        self._seen_at, self._seen_s = wall(), steady()
        self._jumped = timedelta()
        self.eras = [Era(self._jumped, EARLIEST, LATEST)]
        """What is remembered of how the clock was set: the newest last, one where it never was."""
        self.began_at, self.began_s = self._seen_at, self._seen_s

    @property
    def jumped(self) -> timedelta:
        """The sum of all jumps so far; positive where the clock was put forward."""
        self.now()
        return self._jumped

    @property
    def noted(self) -> timedelta:
        """The sum of the jumps up to the last look at the time."""
        return self._jumped

    def now(self) -> datetime:
        """Return the time of day, and take note of a jump since the last look."""
        now, steady = self._wall(), self._steady()
        # In seconds: this is asked for several times with each event, and to make a span of time costs most of it.
        drift_s = (now - self._seen_at).total_seconds() - (steady - self._seen_s)
        if abs(drift_s) >= STEP_S:
            self._note(timedelta(seconds=drift_s), now)
        self._seen_at, self._seen_s = now, steady
        return now

    def _note(self, jump: timedelta, now: datetime) -> None:
        """Take note of a jump between the last look and this one."""
        begins = self._seen_at - self._jumped
        self._jumped += jump
        self.eras[-1] = self.eras[-1]._replace(ends=now - self._jumped)
        self.eras = [*self.eras[-ERAS_REMEMBERED + 1 :], Era(self._jumped, begins, LATEST)]

    def era_of(self, stamp: datetime, before_us: Sequence[Era] = ()) -> Era:
        """Return the era in which the clock showed this: the one that it lies in, or nearest to; of two the later one.

        Args:
            before_us: What is known of the time before this clock was made.
        """
        now = self.now() - self._jumped
        newest = self.eras[-1]
        if max(newest.begins, self.began_at) <= stamp - newest.jumped <= now + SAME_LOOK:  # as a rule
            return newest
        return min((*before_us, *self.eras), key=lambda era: _distance(era, stamp - era.jumped, now))

    def eras_of(self, *stamps: datetime) -> list[Era]:
        """Return the eras in each of which the clock showed all of these, the newest first."""
        now = self.now() - self._jumped + SAME_LOOK
        return [
            era
            for era in reversed(self.eras)
            if all(at <= now and _is_in(era, at) for at in (stamp - era.jumped for stamp in stamps))
        ]

    def present(self, stamp: datetime) -> datetime:
        """Return a moment that the clock showed in the time of day as it is now."""
        self.now()
        return stamp if len(self.eras) == 1 else stamp - self.era_of(stamp).jumped + self._jumped

    def reading(self, at: datetime) -> ClockReading:
        """Return what the steady clock shows at ``at``, which is now in somebody's own time of day."""
        return ClockReading(at, self._steady(), boot_id())

    def set_since(self, reading: ClockReading | None) -> timedelta:
        """Return by how much the clock has been put forward since a reading, of this start of the machine or unknown.

        What is less than ``STEP`` is a clock that was slewed meanwhile, or two clocks that were not read at once.
        """
        if reading is None or not reading.boot or reading.boot != boot_id():
            return timedelta()
        try:
            drift = self.now() - reading.at - timedelta(seconds=self._steady() - reading.steady_s)
        except OverflowError:  # no clock ever showed this
            return timedelta()
        return drift if abs(drift) >= STEP else timedelta()


class CallClock:
    """The time of day as it was when a call began, whatever is done to the machine's clock meanwhile."""

    def __init__(self, clock: Clock, saved_by: ClockReading | None = None, began_at: datetime | None = None) -> None:
        """Begin with the time of day as it is, or as it would be had it not been set since the call was saved.

        Args:
            began_at: When the call began, in its own time; None where that is not known.
        """
        self._clock = clock
        self._before = clock.jumped - clock.set_since(saved_by)
        is_known = saved_by is not None and saved_by.boot == boot_id()
        is_of_before = saved_by is not None and not is_known  # of a machine since started anew, with whatever time
        self._began_at = EARLIEST if began_at is None or is_of_before else began_at
        is_of_another = saved_by is not None and saved_by.steady_s < clock.began_s
        is_unseen = is_known and is_of_another and self._before
        self._before_us = [Era(self._before, EARLIEST, clock.began_at)] if is_unseen else []
        """The era in which the call began, where the clock was set before this service could see it: nobody knows when.
        """
        self._saved_at = EARLIEST if saved_by is None or is_of_before else saved_by.at

    def reading(self) -> ClockReading:
        """Return what a successor needs to go on in the call's own time."""
        return self._clock.reading(self.now())

    def now(self) -> datetime:
        """Return the present moment in the call's own time."""
        now = self._clock.now()
        return now - (self._clock.noted - self._before)

    def moment(self, at: datetime) -> datetime:
        """Return a moment of which an event of Asterisk's tells, in the call's own time; of two the later one."""
        lately = self._since_we_began(at)
        return self._earliest(at) if lately is None else lately

    def answered_at(self, at: datetime) -> datetime:
        """Return a leg's answer, which Asterisk keeps, in the call's own time; of two the earlier one.

        Unless it has just been: its event is on its way. A leg is cut too early rather than late.
        """
        lately = self._since_we_began(at)
        return lately if lately is not None and self.now() - lately <= JUST_BEEN else self._earliest(at)

    def _since_we_began(self, at: datetime) -> datetime | None:
        """Return a moment where it has been since this service began; None where it has not."""
        lately = self._in_own_time(at, self._clock.era_of(at))
        has_been = self._clock.began_at + self._before - SAME_LOOK <= lately <= self.now() + STEP
        return lately if has_been else None

    def _earliest(self, at: datetime) -> datetime:
        """Return the earliest moment that can be meant and came after the call was saved, or else after it began.

        It was stamped before the clock was set, or after that. Where none can be meant the clock was set more than
        once, and nobody saw when: it is taken to have come right after the call was saved.
        """
        before_us = [era for era in self._before_us if _is_in(era, at - era.jumped)]
        told = [self._in_own_time(at, era) for era in (*before_us, *self._clock.eras_of(at))]
        is_saved = self._saved_at > EARLIEST
        for earliest in (self._saved_at, self._began_at):
            possible = [moment for moment in told if earliest - SAME_LOOK <= moment]
            if possible and (is_saved or earliest > EARLIEST):
                return min(possible)
        return self._saved_at if is_saved else self.past(at)[0]

    def talk(
        self, answered_at: datetime, ended_at: datetime, lived_at: datetime | None = None
    ) -> tuple[datetime, datetime]:
        """Return the beginning and the end of a talk that Asterisk left word of, in the call's own time.

        The clock was not set meanwhile where that is possible: it is seldom set. Else it was set back, and showed the
        answer's stamp before the end and perhaps again after it, or it was set and nobody saw that. Then the end is
        what is known of it. No talk begins before its call.

        Args:
            lived_at: When its leg is known to have lived, in the call's own time; None where it was never heard of.
        """
        earliest_end = EARLIEST if lived_at is None else lived_at - SAME_LOOK
        for era in () if self._before_us else self._clock.eras_of(answered_at, ended_at):
            answered, ended = self._in_own_time(answered_at, era), self._in_own_time(ended_at, era)
            if self._began_at - SAME_LOOK <= answered <= ended and earliest_end <= ended:
                return answered, ended
        answered, ended = self.past(answered_at, ended_at)
        if answered > ended:
            (ended,) = self.past(ended_at)
            shown = [era for era in (*self._before_us, *self._clock.eras) if _is_in(era, answered_at - era.jumped)]
            before = [moment for era in shown if (moment := self._in_own_time(answered_at, era)) <= ended]
            answered = max(before, default=ended)
        return max(answered, self._began_at), ended

    def past(self, *stamps: datetime) -> tuple[datetime, ...]:
        """Return moments of Asterisk's in the call's own time, none ahead of now.

        What lies ahead was stamped by a clock of which nobody knows that it was set; then all are taken back alike.
        """
        now, clock = self.now(), self._clock
        moments = stamps
        if len(clock.eras) > 1 or self._before_us:
            moments = tuple(self._in_own_time(at, clock.era_of(at, self._before_us)) for at in stamps)
        latest = max(moments)
        return tuple(at - (latest - now) for at in moments) if latest > now + STEP else moments

    def _in_own_time(self, stamp: datetime, era: Era) -> datetime:
        return stamp - era.jumped + self._before


def _is_in(era: Era, at: datetime) -> bool:
    return era.begins - SAME_LOOK <= at <= era.ends + SAME_LOOK


def _distance(era: Era, at: datetime, now: datetime) -> tuple[timedelta, timedelta, timedelta]:
    """Return how far a moment lies outside of an era, how far ahead of now, and how far from it."""
    outside = max(era.begins - at, at - era.ends, at - now - STEP, SAME_LOOK)
    return outside, max(at - now, SAME_LOOK), abs(now - at)
