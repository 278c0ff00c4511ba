"""Counts every message that is of no use, and logs the first of a kind and then one of many: no flood fills the log."""

from collections.abc import Callable
from typing import Final

import structlog
from prometheus_client import Counter

from ari_app.clock import steady_s

log = structlog.get_logger(__name__)

LOG_EVERY_S: Final = 10.0
"""The same complaint is logged no more often than this."""
LONGEST_QUOTE: Final = 200


class Complaints:
    """What a neighbour is complained of, by outcome: one of the few values of a counter's label ``outcome``."""

    def __init__(self, counter: Counter, steady: Callable[[], float] = steady_s) -> None:
        """Count with ``counter``, which has the one label ``outcome``."""
        self._counter = counter
        self._steady = steady
        self._logged_s: dict[str, float] = {}
        self._unlogged: dict[str, int] = {}

    def note(self, outcome: str, event: str, *, error: BaseException | None = None, **detail: object) -> None:
        """Count a message, and log it as ``event`` unless another of the same outcome was logged lately.

        Args:
            error: What went wrong in us, to be logged with its traceback.
            detail: What is told of it; texts are cut, as their length is the neighbour's choice.
        """
        self._counter.labels(outcome).inc()
        now_s = self._steady()
        last_s = self._logged_s.get(outcome)
        if last_s is not None and 0 <= now_s - last_s < LOG_EVERY_S:
            self._unlogged[outcome] = self._unlogged.get(outcome, 0) + 1
            return
        self._logged_s[outcome] = now_s
        told = {name: quoted(value) for name, value in detail.items()}
        log.warning(event, **told, unlogged=self._unlogged.pop(outcome, 0), exc_info=error)


def quoted(value: object) -> object:
    """Return a value as it may be logged: a text cut, and without what no terminal or log file can take."""
    if not isinstance(value, str):
        return value
    shown = value if len(value) <= LONGEST_QUOTE else f"{value[:LONGEST_QUOTE]}…"
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in shown)
