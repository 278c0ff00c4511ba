"""The numbers that govern metering, and when funds lapse."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from charging.expiry import default_expiry
from charging.policy import MeteringPolicy
from rating.calendar import add_months


@pytest.mark.parametrize(("slice_s", "lead_s"), [(60, 15), (30, 15), (20, 10), (10, 5), (4, 2)])
def test_renewal_comes_before_the_end_and_half_way_through_short_slices(slice_s: int, lead_s: float) -> None:
    assert MeteringPolicy().renew_lead(slice_s) == timedelta(seconds=lead_s)


@pytest.mark.parametrize("margin_ms", [300, 2000])
def test_renewal_of_a_one_second_slice_still_comes_before_the_cut(margin_ms: int) -> None:
    policy = MeteringPolicy(cutoff_margin_ms=margin_ms)

    assert policy.renew_lead(1) > policy.margin


@pytest.mark.parametrize(
    ("day", "months", "later"), [((2026, 1, 31), 1, (2026, 2, 28)), ((2024, 2, 29), 12, (2025, 2, 28))]
)
def test_add_months_stays_inside_the_month(day: tuple[int, int, int], months: int, later: tuple[int, int, int]) -> None:
    assert add_months(datetime(*day, tzinfo=UTC).date(), months) == datetime(*later, tzinfo=UTC).date()


def test_funds_lapse_at_local_midnight_a_year_later() -> None:
    bought_at = datetime(2026, 7, 14, 22, 30, tzinfo=UTC)  # 00:30 on the 15th in Paris

    assert default_expiry(bought_at, ZoneInfo("Europe/Paris")) == datetime(2027, 7, 14, 22, tzinfo=UTC)


def test_funds_lapse_at_the_first_instant_where_the_clock_skips_midnight() -> None:
    bought_at = datetime(2025, 3, 30, 12, tzinfo=UTC)  # Beirut: 2026-03-29 begins at 01:00

    assert default_expiry(bought_at - timedelta(days=1), ZoneInfo("Asia/Beirut")) == datetime(
        2026, 3, 28, 22, tzinfo=UTC
    )
