"""Monthly periods: month ends, leap days, clock changes; never a gap, never an overlap."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rating.calendar import LAST_MONTH_DAY, Period, add_months, day_at, period_at

PARIS = ZoneInfo("Europe/Paris")
HAVANA = ZoneInfo("America/Havana")  # changes its clocks at midnight: 8 March 2026 has none, 1 November has two
ZONES = st.sampled_from(
    ["UTC", "Europe/Paris", "America/Havana", "America/Mexico_City", "Australia/Lord_Howe", "Pacific/Apia"]
).map(ZoneInfo)


@pytest.mark.parametrize(
    ("local", "month_day", "first_day", "next_first_day"),
    [
        ((2026, 11, 22, 12), 1, date(2026, 11, 1), date(2026, 12, 1)),
        ((2026, 11, 1, 0), 1, date(2026, 11, 1), date(2026, 12, 1)),
        ((2026, 12, 31, 23), 1, date(2026, 12, 1), date(2027, 1, 1)),
        ((2026, 1, 14, 23), 15, date(2025, 12, 15), date(2026, 1, 15)),
        ((2026, 1, 15, 0), 15, date(2026, 1, 15), date(2026, 2, 15)),
        # The 31st is the last day of every month.
        ((2026, 2, 27, 23), 31, date(2026, 1, 31), date(2026, 2, 28)),
        ((2026, 2, 28, 0), 31, date(2026, 2, 28), date(2026, 3, 31)),
        ((2026, 4, 30, 0), 31, date(2026, 4, 30), date(2026, 5, 31)),
        # A leap year has a 29th.
        ((2028, 2, 28, 23), 29, date(2028, 1, 29), date(2028, 2, 29)),
        ((2028, 2, 29, 0), 29, date(2028, 2, 29), date(2028, 3, 29)),
        ((2027, 2, 28, 0), 29, date(2027, 2, 28), date(2027, 3, 29)),
    ],
)
def test_period_begins_on_its_day_of_the_month(
    local: tuple[int, int, int, int], month_day: int, first_day: date, next_first_day: date
) -> None:
    period = period_at(datetime(*local, tzinfo=PARIS), PARIS, month_day)
    assert period.first_day == first_day
    assert period.starts_at.astimezone(PARIS).date() == first_day
    assert period.ends_at.astimezone(PARIS).date() == next_first_day


def test_period_is_the_accounts_own_not_that_of_utc() -> None:
    at = datetime(2026, 10, 31, 23, 30, tzinfo=UTC)  # half past midnight in Paris
    assert period_at(at, PARIS).first_day == date(2026, 11, 1)
    assert period_at(at, ZoneInfo("America/Mexico_City")).first_day == date(2026, 10, 1)


def test_months_with_a_clock_change_are_an_hour_shorter_or_longer() -> None:
    def hours(month: int) -> float:
        period = period_at(datetime(2026, month, 10, tzinfo=PARIS), PARIS)
        return (period.ends_at - period.starts_at) / timedelta(hours=1)

    assert (hours(3), hours(10), hours(11)) == (31 * 24 - 1, 31 * 24 + 1, 30 * 24)


def test_midnight_that_is_skipped_or_comes_twice() -> None:
    skipped = period_at(datetime(2026, 3, 10, tzinfo=HAVANA), HAVANA, 8)
    assert skipped.starts_at == datetime(2026, 3, 8, 5, tzinfo=UTC)
    twice = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # 00:30 the second time
    assert period_at(twice, HAVANA).first_day == date(2026, 11, 1)
    assert period_at(twice, HAVANA).starts_at == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_months_later_is_the_same_day_or_the_last() -> None:
    assert add_months(date(2028, 2, 29), 12) == date(2029, 2, 28)
    assert add_months(date(2026, 12, 15), 1) == date(2027, 1, 15)


def test_begun_second_before_the_end_counts() -> None:
    period = period_at(datetime(2026, 11, 22, tzinfo=UTC), UTC)
    assert period.seconds_left(period.ends_at - timedelta(milliseconds=1)) == 1
    assert period.seconds_left(period.ends_at - timedelta(seconds=1)) == 1
    assert period.seconds_left(period.ends_at - timedelta(milliseconds=1001)) == 2
    assert period.seconds_left(period.ends_at) == 0


@given(
    at=st.integers(630_000_000, 2_500_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    zone=ZONES,
    month_day=st.integers(1, LAST_MONTH_DAY),
)
@example(at=datetime(2026, 11, 1, 4, tzinfo=UTC), zone=HAVANA, month_day=1)
@example(at=datetime(2011, 12, 30, 10, tzinfo=UTC), zone=ZoneInfo("Pacific/Apia"), month_day=30)  # a day left out
def test_periods_follow_each_other_without_gap(at: datetime, zone: ZoneInfo, month_day: int) -> None:
    period = period_at(at, zone, month_day)
    assert period.starts_at <= at < period.ends_at
    assert period_at(period.starts_at, zone, month_day) == period
    following = period_at(period.ends_at, zone, month_day)
    assert following.starts_at == period.ends_at
    assert following.first_day > period.first_day


@pytest.mark.parametrize(
    ("at", "hours"),
    [
        (datetime(2026, 11, 2, 12, tzinfo=UTC), 24),
        (datetime(2026, 10, 25, 12, tzinfo=UTC), 25),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
    ],
)
def test_day_is_as_long_as_the_clock_makes_it(at: datetime, hours: int) -> None:
    day = day_at(at, PARIS)
    assert day == Period(at.astimezone(PARIS).date(), day.starts_at, day.starts_at + timedelta(hours=hours))
    assert day.starts_at <= at < day.ends_at
    assert day_at(day.ends_at, PARIS).starts_at == day.ends_at
