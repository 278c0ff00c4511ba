"""The one place that reads the clocks.

A machine's clock may be set while calls talk: by hand, or by NTP after a cold start. Who counts a call's seconds by it
would charge an hour too many, or cut every call at once. So :class:`Clock` watches the machine's time of day against
its steady clock, and a call is counted in the time of day as it was when the call began (:class:`CallClock`): its
events come with Asterisk's timestamps, which jump as the machine does. New calls are dated by the clock as it is now.

The steady clock is Linux's CLOCK_BOOTTIME, which goes on while the machine is suspended, as the carriers' do. Where the
two drift apart by less than ``STEP`` between two looks, the clock is being slewed, which is how NTP corrects it as a
rule, and the time of day is right.

A call outlives its service. What is saved of it says what both clocks showed (:class:`~charging.state.ClockReading`),
so that a successor on the same machine goes on in the call's own time, whatever was done to the clock in between.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from charging.state import ClockReading

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STEP = timedelta(seconds=1)
"""A difference between two looks that no slewing clock makes."""


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


class Clock:
    """Tells the time of day, and by how much it has been set since this clock was made."""

    def __init__(self, wall: Callable[[], datetime] = utc_now, steady: Callable[[], float] = steady_s) -> None:
        """Begin at no jump; both clocks are replaced in tests only."""
        self._wall = wall
        self._steady = steady
        self._seen_at, self._seen_s = wall(), steady()
        self._jumped = timedelta()

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
        drift = now - self._seen_at - timedelta(seconds=steady - self._seen_s)
        if abs(drift) >= STEP:
            self._jumped += drift
        self._seen_at, self._seen_s = now, steady
        return now

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

    def __init__(self, clock: Clock, saved_by: ClockReading | None = None) -> None:
        """Begin with the time of day as it is, or as it would be had it not been set since the call was saved."""
        self._clock = clock
        self._before = clock.jumped - clock.set_since(saved_by)

    def reading(self) -> ClockReading:
        """Return what a successor needs to go on in the call's own time."""
        return self._clock.reading(self.now())

    def now(self) -> datetime:
        """Return the present moment in the call's own time."""
        now = self._clock.now()
        return now - (self._clock.noted - self._before)

    def moment(self, at: datetime) -> datetime:
        """Return a moment of Asterisk's in the call's own time.

        Asterisk stamped it before its clock was set, or after that: what lies nearer to the present, and not after it,
        is meant.
        """
        shift = self._shift()
        if not shift:
            return at
        now = self.now()
        return min((at, at - shift), key=lambda meant: (meant > now + STEP, abs(meant - now)))

    def _shift(self) -> timedelta:
        return self._clock.jumped - self._before
