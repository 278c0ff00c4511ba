"""No storm of log lines: of one event only so many a second are written, and the next one tells how many were not.

An outage has every call say the same each second. What an alert tells is written in any case, and so is what is logged
to look for a fault (``debug``).
"""

from collections.abc import Callable
from time import monotonic

from structlog import DropEvent
from structlog.typing import EventDict, WrappedLogger

MOST_A_SECOND = 20
"""Lines of one event."""
_NEVER_LIMITED = frozenset({"alert"})
_MOST_EVENTS = 1000
"""Events that are counted; their names are ours, and far fewer."""


class _Count:
    __slots__ = ("since_s", "unlogged", "written")

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        self.written = 0
        self.unlogged = 0


class LogLimit:
    """A processor of structlog's that drops what is too much."""

    def __init__(self, steady_s: Callable[[], float] = monotonic) -> None:
        """Begin with nothing counted."""
        self._steady_s = steady_s
        self._counts: dict[str, _Count] = {}

    def __call__(self, _logger: WrappedLogger, method: str, line: EventDict) -> EventDict:
        """Return the line, or drop it.

        Raises:
            DropEvent: too many of the event were written this second.
        """
        event = str(line.get("event"))
        if method == "debug" or event in _NEVER_LIMITED:
            return line
        count, now_s = self._counts.get(event), self._steady_s()
        if count is None:
            if len(self._counts) >= _MOST_EVENTS:
                self._counts.clear()
            count = self._counts[event] = _Count(now_s)
        if now_s - count.since_s >= 1.0:
            count.since_s, count.written = now_s, 0
        if count.written >= MOST_A_SECOND:
            count.unlogged += 1
            raise DropEvent
        count.written += 1
        if count.unlogged:
            line["unlogged"], count.unlogged = count.unlogged, 0
        return line
