"""What a call costs on each local day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rating.calendar import local_midnight
from rating.daily import charges_by_day
from rating.deck import Rate
from rating.price import aligned_s, charge_micros

PARIS = ZoneInfo("Europe/Paris")
PER_SECOND = Rate(prefix="44", destination="", per_minute_micros=600_000, initial_increment_s=1, increment_s=1)
PER_MINUTE = Rate(
    prefix="44",
    destination="",
    per_minute_micros=1_000_000,
    connect_fee_micros=50_000,
    minimum_charge_micros=3_000_000,
    initial_increment_s=60,
    increment_s=60,
)
D1, D2 = date(2026, 11, 2), date(2026, 11, 3)


def before_midnight(seconds: float) -> datetime:
    return datetime(2026, 11, 3, tzinfo=PARIS) - timedelta(seconds=seconds)


def test_call_within_a_day_costs_on_that_day() -> None:
    assert charges_by_day(PER_SECOND, 60, before_midnight(60)) == {D1: 600_000}
    assert charges_by_day(PER_SECOND, 60, before_midnight(0)) == {D2: 600_000}


def test_second_that_begins_before_midnight_is_the_days() -> None:
    assert charges_by_day(PER_SECOND, 60, before_midnight(20)) == {D1: 200_000, D2: 400_000}
    assert charges_by_day(PER_SECOND, 60, before_midnight(20.5)) == {D1: 210_000, D2: 390_000}


def test_increment_that_begins_before_midnight_is_the_days_whole() -> None:
    # 61 s are left: two minutes begin. Fee and minimum are the first day's, the fourth minute is the first beyond it.
    assert charges_by_day(PER_MINUTE, 240, before_midnight(61)) == {D1: 3_000_000, D2: 1_050_000}


def test_nothing_is_counted_on_a_day_that_costs_nothing() -> None:
    assert charges_by_day(PER_MINUTE, 120, before_midnight(10)) == {D1: 3_000_000}
    assert charges_by_day(PER_SECOND, 0, before_midnight(10)) == {}


def test_long_increment_spans_a_whole_day() -> None:
    daily = Rate(prefix="44", destination="", per_minute_micros=60_000, initial_increment_s=86_400, increment_s=86_400)
    assert charges_by_day(daily, 172_800, before_midnight(10)) == {D1: 86_400_000, D2: 86_400_000}


@given(
    begin_s=st.integers(0, 400 * 86_400),
    seconds=st.integers(1, 200_000),
    zone=st.sampled_from(["Europe/Paris", "Asia/Beirut", "America/Havana", "Pacific/Apia", "Africa/Cairo", "UTC"]),
    rate=st.sampled_from([PER_SECOND, PER_MINUTE]),
)
def test_days_sum_up_and_each_is_what_begins_in_it(begin_s: int, seconds: int, zone: str, rate: Rate) -> None:
    starts_at = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=begin_s)).astimezone(ZoneInfo(zone))
    billed_s = aligned_s(rate, seconds)

    by_day = charges_by_day(rate, billed_s, starts_at)

    assert sum(by_day.values()) == charge_micros(rate, billed_s)
    assert list(by_day) == sorted(by_day)
    ends_at = starts_at.astimezone(UTC) + timedelta(seconds=billed_s)
    for day in by_day:
        assert local_midnight(day, ZoneInfo(zone)) < ends_at
        assert local_midnight(day + timedelta(days=1), ZoneInfo(zone)) > starts_at
