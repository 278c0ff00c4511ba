"""Times at the edge, and when funds lapse."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from charging.expiry import default_expiry
from rating.calendar import add_months, local_midnight
from rating.written_time import from_ms, iso, iso_ms_or_none, local_day
from tollgate.cli.errors import BadInputError
from tollgate.cli.times import parse_instant, zone

PARIS = ZoneInfo("Europe/Paris")
HAVANA = ZoneInfo("America/Havana")
BEIRUT = ZoneInfo("Asia/Beirut")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-21", "2026-11-20T23:00:00+00:00"),
        ("2026-07-01", "2026-06-30T22:00:00+00:00"),
        ("2026-11-21T14:30", "2026-11-21T13:30:00+00:00"),
        ("2026-11-21 14:30:15", "2026-11-21T13:30:15+00:00"),
        ("2026-11-21T14:30:00Z", "2026-11-21T14:30:00+00:00"),
        ("2026-11-21T14:30:00-06:00", "2026-11-21T20:30:00+00:00"),
        # Twice that night: the first. Skipped that night: as far past the change.
        ("2026-10-25T02:30", "2026-10-25T00:30:00+00:00"),
        ("2026-03-29T02:30", "2026-03-29T01:30:00+00:00"),
    ],
)
def test_parse_instant_reads_local_times_and_offsets(text: str, utc: str) -> None:
    assert parse_instant(text, PARIS).isoformat() == utc


@pytest.mark.parametrize(
    "text",
    ["", "now", "21.11.2026", "2026-13-01", "2026-11-21T25:00", "0001-01-01", "9999-12-31T23:59:59-23:00", "²026"],
)
def test_parse_instant_of_no_time_is_bad_input(text: str) -> None:
    with pytest.raises(BadInputError):
        parse_instant(text, PARIS)


def test_iso_writes_the_account_s_offset() -> None:
    assert iso(datetime(2026, 7, 1, tzinfo=UTC), PARIS) == "2026-07-01T02:00:00.000+02:00"
    assert from_ms(-1).isoformat() == "1969-12-31T23:59:59.999000+00:00"
    assert iso_ms_or_none(None, PARIS) is None
    assert local_day(None, PARIS) == "never"


@pytest.mark.parametrize("name", ["", "Paris", "/etc/passwd", "../UTC", "Europe/\0"])
def test_zone_of_no_name_is_bad_input(name: str) -> None:
    with pytest.raises(BadInputError):
        zone(name)


@pytest.mark.parametrize(
    ("purchased", "account_zone", "expires"),
    [
        ("2026-11-21T10:00:00+00:00", PARIS, "2027-11-21T00:00:00+01:00"),
        # Already the 22nd in Paris.
        ("2026-11-21T23:30:00+00:00", PARIS, "2027-11-22T00:00:00+01:00"),
        ("2028-02-29T10:00:00+00:00", PARIS, "2029-02-28T00:00:00+01:00"),
        ("2027-02-28T10:00:00+00:00", PARIS, "2028-02-28T00:00:00+01:00"),
        ("2025-07-01T00:00:00+00:00", PARIS, "2026-07-01T00:00:00+02:00"),
        # Midnight is skipped there: the first instant after it.
        ("2026-03-29T12:00:00+00:00", BEIRUT, "2027-03-29T00:00:00+03:00"),
    ],
)
def test_funds_lapse_at_the_local_midnight_twelve_months_later(
    purchased: str, account_zone: ZoneInfo, expires: str
) -> None:
    found = default_expiry(datetime.fromisoformat(purchased), account_zone)
    assert found == datetime.fromisoformat(expires)


def test_local_midnight_that_is_skipped_is_the_first_instant_after() -> None:
    # Cuba put its clocks forward at midnight of 8 March 2026: 00:00 did not exist.
    skipped = local_midnight(date(2026, 3, 8), HAVANA)
    assert skipped.astimezone(HAVANA).isoformat() == "2026-03-08T01:00:00-04:00"


def test_local_midnight_that_comes_twice_is_the_first() -> None:
    # and back at one o'clock of 1 November 2026: 00:00 came twice.
    twice = local_midnight(date(2026, 11, 1), HAVANA)
    assert twice.isoformat() == "2026-11-01T04:00:00+00:00"


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 12, 1), 12, date(2027, 12, 1)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 5, 31), 0, date(2026, 5, 31)),
    ],
)
def test_months_are_calendar_months(day: date, months: int, later: date) -> None:
    assert add_months(day, months) == later
