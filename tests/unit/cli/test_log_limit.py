"""The limit of log lines: a storm of one event is cut short and told, everything else is written."""

import pytest
from structlog import DropEvent

from tollgate.log_limit import MOST_A_SECOND, LogLimit


class Log:
    """A log behind the limit, whose clock the test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.lines: list[dict[str, object]] = []
        self._limit = LogLimit(lambda: self.now_s)

    def write(self, event: str, method: str = "warning") -> None:
        """Log a line, where the limit lets it pass."""
        try:
            self.lines.append(dict(self._limit(None, method, {"event": event})))
        except DropEvent:
            return


def test_storm_of_one_event_is_cut_and_the_next_line_tells_how_many_were_not_written() -> None:
    log = Log()
    for _ in range(500):
        log.write("not_settled_yet")
    log.write("ari_lost")
    assert len(log.lines) == MOST_A_SECOND + 1
    log.now_s = 1.0
    log.write("not_settled_yet")
    log.write("not_settled_yet")
    assert log.lines[-2:] == [
        {"event": "not_settled_yet", "unlogged": 500 - MOST_A_SECOND},
        {"event": "not_settled_yet"},
    ]


@pytest.mark.parametrize(("event", "method"), [("alert", "error"), ("call_event", "debug")])
def test_alerts_and_what_is_logged_to_find_a_fault_are_all_written(event: str, method: str) -> None:
    log = Log()
    for _ in range(500):
        log.write(event, method)
    assert len(log.lines) == 500
