"""A node's time of day, which somebody sets: true time, and by how much it is off.

Service and Asterisk of a node go by the same clock, as on one machine. What happened is known in true time; the audit
asks here what the clock has shown of it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from tollgate.simulator.world import World

HOUR_S = 3600.0
SECONDS_OFF = (1.5, 30.0)
LEAST = timedelta(seconds=1.5)
"""What is below a second counts as a clock that is being slewed."""
BY_AN_HOUR = 0.5
SET_RIGHT_AFTER_S = (0.01, 120.0)
LEFT_WRONG = 0.4
"""How often nobody sets it right again."""


class WallClock:
    """One node's clock; ``on_set`` is told by how much it was put forward."""

    def __init__(self, world: World, node: str, on_set: Callable[[timedelta], None]) -> None:
        """Begin with a clock that is right."""
        self._world = world
        self._node = node
        self._on_set = on_set
        self.off = timedelta()
        """By how much it is ahead of true time."""
        self._is_off = False
        self._true_now = world.loop.now
        self._history: list[tuple[datetime, timedelta]] = []
        """When it was set, and by how much it has been off since then."""
        self._services_started: list[datetime] = []
        """When services began to look at it."""

    # --- what it shows ------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Return the time of day as a service reads it."""
        return self._true_now() + self.off if self._is_off else self._true_now()

    def stamp(self) -> datetime:
        """Return the time of day in whole milliseconds, as Asterisk tells it."""
        return self._world.now() + self.off if self._is_off else self._world.now()

    # --- who sets it --------------------------------------------------------------------------------------

    def is_set_wrong(self) -> None:
        """Have somebody set it by an hour or by seconds; perhaps it is set right again after a while."""
        dice = self._world.dice
        by_s = HOUR_S if dice.random() < BY_AN_HOUR else round(self._world.between(*SECONDS_OFF), 3)
        self._set(timedelta(seconds=dice.choice((by_s, -by_s))))
        if dice.random() >= LEFT_WRONG:
            self._world.later(self._world.between(*SET_RIGHT_AFTER_S), self._set, timedelta())

    def _set(self, off: timedelta) -> None:
        # Nor may several settings come to less together: over a restart they would pass for slewing, too.
        known = [timedelta(), *(before for _, before in self._history)]
        off = next((before for before in known if abs(off - before) < LEAST), off)
        by = off - self.off
        if abs(by) < LEAST:
            return
        self._world.trace.note("clock set", "", f"{self._node} by {by.total_seconds():+.3f} s")
        self.off, self._is_off = off, bool(off)
        self._history.append((self._world.now(), off))
        self._on_set(by)

    # --- what was -----------------------------------------------------------------------------------------

    @property
    def was_ever_set(self) -> bool:
        """Whether it has not been right all the time."""
        return bool(self._history)

    def service_starts(self) -> None:
        """Take note of a service that begins to look at it: how it was set before, nobody tells it."""
        self._services_started.append(self._world.now())

    def shown(self, at: datetime) -> datetime:
        """Return what it showed at a true moment."""
        return at + self.off_at(at)

    def off_at(self, at: datetime) -> timedelta:
        """Return by how much it was off at a true moment."""
        for since, off in reversed(self._history):
            if since <= at:
                return off
        return timedelta()

    def offs(self, since: datetime, until: datetime) -> set[timedelta]:
        """Return by how much it has been off between two true moments."""
        if not self._history:
            return {timedelta()}
        return {self.off_at(since), *(off for at, off in self._history if since <= at <= until)}

    def most_mistaken(self, since: datetime, until: datetime) -> timedelta:
        """Return how far off a stamp from between these true moments can be taken: by as much as was set unseen."""
        if not self._history or self._was_seen(since, until):
            return timedelta()
        offs = self.offs(since, until)
        return max(offs) - min(offs)

    def _was_seen(self, since: datetime, until: datetime) -> bool:
        """Whether no service was started between two true moments after it was set between them."""
        set_at = next((at for at, _ in self._history if since <= at <= until), None)
        return set_at is None or not any(set_at <= started_at <= until for started_at in self._services_started)
