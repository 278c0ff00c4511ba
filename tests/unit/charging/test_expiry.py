"""When funds expire and when that is told: the account's own days."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from charging.expiry import NEVER_MONTHS, default_expiry, warning_due

PARIS = ZoneInfo("Europe/Paris")
BOUGHT = datetime(2026, 1, 15, 12, tzinfo=UTC)
EXPIRES = datetime(2027, 1, 14, 23, tzinfo=UTC)
"""Midnight of 15 January in Paris."""


@pytest.mark.parametrize(
    ("bought", "months", "expires"),
    [
        ("2028-02-29T12:00", 12, "2029-02-28T00:00+01:00"),
        ("2028-02-29T12:00", 48, "2032-02-29T00:00+01:00"),
        ("2027-02-28T12:00", 12, "2028-02-28T00:00+01:00"),
        ("2026-08-31T12:00", 1, "2026-09-30T00:00+02:00"),
        ("2026-10-31T12:00", 12, "2027-10-31T00:00+02:00"),
    ],
)
def test_funds_expire_as_the_day_of_their_purchase_begins_or_the_last_of_a_shorter_month(
    bought: str, months: int, expires: str
) -> None:
    bought_at = datetime.fromisoformat(bought).replace(tzinfo=PARIS)

    assert default_expiry(bought_at, PARIS, months) == datetime.fromisoformat(expires)


def test_funds_bought_at_one_instant_expire_at_the_midnights_of_their_accounts() -> None:
    at = datetime(2026, 11, 22, 5, tzinfo=UTC)  # 19:00 of the 22nd on Kiritimati, 21:00 of the 21st in Los Angeles

    assert default_expiry(at, ZoneInfo("Pacific/Kiritimati")) == datetime(2027, 11, 21, 10, tzinfo=UTC)
    assert default_expiry(at, ZoneInfo("America/Los_Angeles")) == datetime(2027, 11, 21, 8, tzinfo=UTC)


def test_no_months_is_never() -> None:
    assert default_expiry(BOUGHT, PARIS, NEVER_MONTHS) is None


def due(at: datetime, *, bought: datetime = BOUGHT, expires: datetime = EXPIRES) -> int | None:
    return warning_due(purchased_at=bought, expires_at=expires, at=at, account_zone=PARIS, days_before=(30, 7))


@pytest.mark.parametrize(
    ("before", "warning"),
    [
        (timedelta(days=30, milliseconds=1), None),
        (timedelta(days=30), 30),
        (timedelta(days=7, milliseconds=1), 30),
        (timedelta(days=7), 7),
        (timedelta(milliseconds=1), 7),
        (timedelta(0), None),
        (timedelta(days=-1), None),
    ],
)
def test_warning_is_the_nearest_whose_moment_has_come(before: timedelta, warning: int | None) -> None:
    assert due(EXPIRES - before) == warning


@pytest.mark.parametrize(("bought_days_before", "warning"), [(31, 7), (30, 7), (20, 7), (7, None), (3, None)])
def test_warning_whose_moment_came_before_the_purchase_is_left_out(
    bought_days_before: int, warning: int | None
) -> None:
    bought = EXPIRES - timedelta(days=bought_days_before)

    assert due(EXPIRES - timedelta(days=1), bought=bought) == warning
    assert due(bought, bought=bought) is None


def test_warning_comes_at_the_same_time_of_day_across_a_clock_change() -> None:
    expires = datetime(2027, 3, 31, 22, tzinfo=UTC)  # midnight of 1 April in Paris; the clocks changed on 28 March
    week_before = datetime(2027, 3, 24, 23, tzinfo=UTC)  # midnight of 25 March

    assert due(week_before, expires=expires) == 7
    assert due(week_before - timedelta(milliseconds=1), expires=expires) == 30


def test_no_warnings_are_wanted() -> None:
    assert warning_due(purchased_at=BOUGHT, expires_at=EXPIRES, at=EXPIRES, account_zone=PARIS, days_before=()) is None
