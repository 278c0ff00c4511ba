"""What is of no use is counted each time, and logged now and then."""

import pytest
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from ari_app.complaints import LOG_EVERY_S, Complaints, quoted
from ari_app.moments import read_moment


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_flood_is_counted_each_time_and_logged_now_and_then(registry: CollectorRegistry) -> None:
    now_s = [0.0]
    complaints = Complaints(Counter("said", "What was said", ["outcome"], registry=registry), lambda: now_s[0])

    with capture_logs() as logs:
        for _ in range(1000):
            complaints.note("bad", "message_bad", length=5)
        complaints.note("worse", "message_worse")
        now_s[0] = LOG_EVERY_S
        complaints.note("bad", "message_bad", length=6)

    assert registry.get_sample_value("said_total", {"outcome": "bad"}) == 1001
    assert [(line["event"], line["unlogged"]) for line in logs] == [
        ("message_bad", 0),
        ("message_worse", 0),
        ("message_bad", 999),
    ]


def test_what_is_quoted_is_short_and_of_one_line() -> None:
    assert quoted("a" * 10_000) == "a" * 200 + "…"
    assert quoted("a\r\nb\x1b[31m\ud800") == "a\\r\\nb\\x1b[31m\\ud800"
    assert quoted(5) == 5


@pytest.mark.parametrize("text", ["", "soon", "nan", "inf", "1e300", "-1", "9999999999", "0x5"])
def test_moment_that_no_asterisk_has_seen_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no moment"):
        read_moment(text)
