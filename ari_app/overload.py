"""Whether the service can take on another paid call, and how late its event loop is.

A paid call is refused before it would harm those that talk: when there are too many, when the store has so much to do
that a renewal would wait, when the event loop is late, when AMI could not keep the call's deadline. Emergency calls are
never asked about, included ones neither.
"""

import asyncio
from collections.abc import Callable, Sized
from typing import NamedTuple

from ari_app.ami import AmiAdapter

MOST_CALLS = 5000
"""Beyond this many calls at once a further paid call is refused; emergencies are not."""
MOST_RECORDED = 2 * MOST_CALLS
"""Calls that are refused are live until their record is written. Beyond so many callers are turned away without one,
but for emergencies."""
MOST_LAG_S = 1.0
"""Callers wait three seconds for a verdict at most; a slice is asked for half a second before it ends, at least."""

STALL_S = 1.0
CATCHES_UP_WITHIN_S = 60.0
"""A loop that stood still has heard by then what waited for it."""


class Stall(NamedTuple):
    """A time in which the event loop stood still."""

    lasted_s: float
    over_at_s: float
    """By the loop's clock."""


class LoopLag:
    """How late the event loop runs what is due, by a look every so often.

    A loop that was held up once, or a machine that stood still, has caught up by the time that it is noticed: what
    counts is the lesser of the last two looks. But what it hears next has waited all that while.
    """

    def __init__(self) -> None:
        """Begin with a loop that is in time."""
        self.newest_s = 0.0
        """By the newest look."""
        self._before_s = 0.0
        self._due_at_s: float | None = None
        self._stall = Stall(0.0, 0.0)

    def stood_still_s(self) -> float:
        """Return for how long the loop stood still until now, or of late."""
        now_s = asyncio.get_running_loop().time()
        standing_s = 0.0 if self._due_at_s is None else now_s - self._due_at_s
        is_of_late = now_s - self._stall.over_at_s < CATCHES_UP_WITHIN_S
        return max(standing_s, self._stall.lasted_s if is_of_late else 0.0, 0.0)

    @property
    def lasting_s(self) -> float:
        """How late the loop has been for a while."""
        return min(self.newest_s, self._before_s)

    async def pause(self, seconds: float) -> None:
        """Sleep, and note how much longer that took."""
        loop = asyncio.get_running_loop()
        self._due_at_s = due_at_s = loop.time() + seconds
        await asyncio.sleep(seconds)
        now_s = loop.time()
        self._before_s, self.newest_s = self.newest_s, max(0.0, now_s - due_at_s)
        if self.newest_s >= STALL_S:
            self._stall = Stall(self.newest_s, now_s)


class Overload:
    """Says why no paid call can be taken on."""

    def __init__(
        self, *, calls: Sized, ami: Callable[[], AmiAdapter], store_is_busy: Callable[[], bool], lag: LoopLag
    ) -> None:
        """Take what there is to ask."""
        self._calls = calls
        self._ami = ami
        self._store_is_busy = store_is_busy
        self._lag = lag
        self.is_stopping = False
        """Whether the service is about to go: its successor takes the next call, or the dialplan refuses it."""

    def fault(self) -> str | None:
        """Return why, or None where one can be taken on."""
        if len(self._calls) >= MOST_CALLS:
            return f"{len(self._calls)} calls are under way already"
        if not self._ami().connected:
            return "AMI is not connected, so a paid call's deadline could not be kept"
        if self._store_is_busy():
            return "the store has as much to do as it can for the calls that talk"
        if self._lag.lasting_s > MOST_LAG_S:
            return f"the service is {self._lag.lasting_s:.1f} s late"
        if self.is_stopping:
            return "the service is being stopped"
        return None
