"""Prices that change while a call lasts, by hand: each increment costs what it costs at its start."""

import sys
from collections import Counter
from datetime import UTC, datetime
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rating.deck import PricedHours, Rate
from rating.hours import parse_hours
from rating.price import LONGEST_PAID_S, affordable_s, charge_micros, dearest

PARIS = ZoneInfo("Europe/Paris")
NIGHT = PricedHours("night", parse_hours("mon-sun 22:00-06:00"), 30_000)
PEAK = PricedHours("peak", parse_hours("mon-fri 08:00-20:00"), 600_000)


def rate(increments: str, *periods: PricedHours, connect_fee_micros: int = 0, minimum_charge_micros: int = 0) -> Rate:
    initial_increment_s, increment_s = map(int, increments.split("/"))
    return Rate(
        prefix="44",
        destination="Test",
        per_minute_micros=60_000,
        connect_fee_micros=connect_fee_micros,
        initial_increment_s=initial_increment_s,
        increment_s=increment_s,
        minimum_charge_micros=minimum_charge_micros,
        periods=periods,
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(PARIS)


@pytest.mark.parametrize(
    ("increments", "starts_at", "seconds", "charge"),
    [
        # Wholly before, wholly within, wholly after the peak: 1 000 a second, 10 000 in the peak.
        ("1/1", "2026-11-02T07:58:00+01:00", 60, 60_000),
        ("1/1", "2026-11-02T08:00:00+01:00", 60, 600_000),
        ("1/1", "2026-11-02T20:00:00+01:00", 60, 60_000),
        # Into the peak after 20 s, out of it after 10 s.
        ("1/1", "2026-11-02T07:59:40+01:00", 60, 20_000 + 400_000),
        ("1/1", "2026-11-02T19:59:50+01:00", 60, 100_000 + 50_000),
        # A second that begins 0.4 s before the peak is cheap to its end.
        ("1/1", "2026-11-02T07:59:58.6+01:00", 3, 2_000 + 10_000),
        ("1/1", "2026-11-02T07:59:58.000001+01:00", 3, 2_000 + 10_000),
        ("1/1", "2026-11-02T07:59:58+01:00", 3, 2_000 + 10_000),
        # The increment that runs as the peak begins keeps its price: 30 + 6 s cheap, then the peak.
        ("30/6", "2026-11-02T07:59:25+01:00", 42, 36_000 + 60_000),
        ("30/6", "2026-11-02T07:59:24+01:00", 42, 36_000 + 60_000),
        ("30/6", "2026-11-02T07:59:23+01:00", 42, 42_000),
        ("60/60", "2026-11-02T07:59:59+01:00", 60, 60_000),
        ("60/60", "2026-11-02T07:59:59+01:00", 120, 660_000),
        # Seconds in the middle of an increment: its begun part at its own price.
        ("60/60", "2026-11-02T07:59:59+01:00", 61, 70_000),
        # The whole peak of twelve hours between cheap ones.
        ("1/1", "2026-11-02T07:00:00+01:00", 14 * 3600, 2 * 3_600_000 + 12 * 36_000_000),
        # An increment of a day passes over two changes at once.
        ("86400/86400", "2026-11-02T07:00:00+01:00", 86_400, 86_400_000),
    ],
)
def test_charge_by_the_price_at_each_increment_s_start(
    increments: str, starts_at: str, seconds: int, charge: int
) -> None:
    assert charge_micros(rate(increments, PEAK), seconds, at(starts_at)) == charge


@pytest.mark.parametrize(
    ("starts_at", "charge"),
    [
        # 22:00 to 06:00 is nine hours long when the clock is put back, seven when it is put forward.
        ("2026-10-24T21:59:00+02:00", 60_000 + 9 * 60 * 30_000 + 60_000),
        ("2026-03-28T21:59:00+01:00", 60_000 + 7 * 60 * 30_000 + 3 * 3_600_000 - 60_000),
        ("2026-11-02T21:59:00+01:00", 60_000 + 8 * 60 * 30_000 + 60_000 + 3_600_000),
    ],
)
def test_charge_over_a_night_in_real_hours(starts_at: str, charge: int) -> None:
    hours_s = {"2026-10-24": 9 * 3600 + 120, "2026-03-28": 10 * 3600, "2026-11-02": 9 * 3600 + 120}[starts_at[:10]]
    assert charge_micros(rate("1/1", NIGHT), hours_s, at(starts_at)) == charge


def test_charge_of_two_periods_at_once_is_the_first_s() -> None:
    whole_week = PricedHours("any", parse_hours("always"), 120_000)
    monday_noon = at("2026-11-02T12:00:00+01:00")
    assert charge_micros(rate("1/1", PEAK, whole_week), 60, monday_noon) == 600_000
    assert charge_micros(rate("1/1", whole_week, PEAK), 60, monday_noon) == 120_000


def test_charge_is_rounded_up_once_over_both_prices() -> None:
    tenth = PricedHours("odd", parse_hours("mon 08:00-20:00"), 61)
    odd = Rate(prefix="44", destination="", per_minute_micros=1, initial_increment_s=1, increment_s=1, periods=(tenth,))
    # 10 s at 1 and 10 s at 61 a minute: 620 / 60 = 10.33.
    assert charge_micros(odd, 20, at("2026-11-02T07:59:50+01:00")) == 11


def test_charge_fee_and_minimum_count_once() -> None:
    fees = rate("1/1", PEAK, connect_fee_micros=5, minimum_charge_micros=60_000)
    assert charge_micros(fees, 60, at("2026-11-02T07:59:40+01:00")) == 420_005
    assert charge_micros(fees, 10, at("2026-11-02T07:00:00+01:00")) == 60_000
    assert charge_micros(fees, 0, at("2026-11-02T07:00:00+01:00")) == 0


def test_without_a_moment_the_dearest_price_counts() -> None:
    assert charge_micros(rate("1/1", NIGHT), 60) == 60_000
    assert charge_micros(rate("1/1", NIGHT, PEAK), 60) == 600_000
    assert affordable_s(rate("1/1", NIGHT, PEAK), 600_000) == 60


@pytest.mark.parametrize(
    ("increments", "starts_at", "funds_micros", "seconds"),
    [
        ("1/1", "2026-11-02T07:59:40+01:00", 20_000, 20),
        ("1/1", "2026-11-02T07:59:40+01:00", 29_999, 20),
        ("1/1", "2026-11-02T07:59:40+01:00", 30_000, 21),
        ("1/1", "2026-11-02T19:59:50+01:00", 100_000, 10),
        ("1/1", "2026-11-02T19:59:50+01:00", 101_000, 11),
        ("30/6", "2026-11-02T07:59:25+01:00", 95_999, 36),
        ("30/6", "2026-11-02T07:59:25+01:00", 96_000, 42),
        ("60/60", "2026-11-02T07:59:59+01:00", 659_999, 60),
        ("60/60", "2026-11-02T07:59:59+01:00", 59_999, 0),
        ("1/1", "2026-11-02T07:00:00+01:00", 10**12, LONGEST_PAID_S),
        ("7/7", "2026-11-02T07:00:00+01:00", 10**12, 86_394),
    ],
)
def test_affordable_s_over_a_change(increments: str, starts_at: str, funds_micros: int, seconds: int) -> None:
    assert affordable_s(rate(increments, PEAK), funds_micros, at(starts_at)) == seconds


def test_affordable_s_free_hours_cost_nothing_until_they_end() -> None:
    free_night = PricedHours("night", parse_hours("mon-sun 22:00-06:00"), 0)
    starts_at = at("2026-11-02T22:00:00+01:00")
    assert affordable_s(rate("1/1", free_night), 0, starts_at) == 8 * 3600
    assert affordable_s(rate("1/1", free_night), 1_000, starts_at) == 8 * 3600 + 1


@pytest.mark.parametrize(
    ("from_at", "until_at", "per_minute_micros"),
    [
        ("2026-11-02T07:00:00+01:00", "2026-11-02T08:00:00+01:00", 60_000),
        ("2026-11-02T07:00:00+01:00", "2026-11-02T08:00:00.001+01:00", 600_000),
        ("2026-11-02T19:59:59+01:00", "2026-11-02T23:00:00+01:00", 600_000),
        ("2026-11-02T20:00:00+01:00", "2026-11-02T22:00:00+01:00", 60_000),
        ("2026-11-02T21:59:59+01:00", "2026-11-02T23:00:00+01:00", 60_000),
        ("2026-11-02T22:00:00+01:00", "2026-11-02T23:00:00+01:00", 30_000),
        ("2026-11-02T12:00:00+01:00", "2026-11-02T12:00:00+01:00", 600_000),
    ],
)
def test_dearest_price_between_two_moments(from_at: str, until_at: str, per_minute_micros: int) -> None:
    flat = dearest(rate("30/6", PEAK, NIGHT, connect_fee_micros=5), at(from_at), at(until_at))
    assert flat == Rate(
        prefix="44",
        destination="Test",
        per_minute_micros=per_minute_micros,
        connect_fee_micros=5,
        initial_increment_s=30,
        increment_s=6,
    )


def test_dearest_of_one_price_is_the_rate_itself() -> None:
    flat = rate("1/1")
    assert dearest(flat, datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)) is flat


def test_hours_that_always_hold_have_no_change_to_look_for() -> None:
    always = PricedHours("any", parse_hours("always"), 5)
    assert charge_micros(rate("1/1", always), 3600, at("2026-11-02T00:00:00+01:00")) == 300
    assert dearest(rate("1/1", always), at("2026-11-02T00:00:00+01:00"), at("2027-11-02T00:00:00+01:00")) == (
        Rate(prefix="44", destination="Test", per_minute_micros=5, initial_increment_s=1, increment_s=1)
    )


def test_a_day_by_the_second_is_summed_up_and_not_walked_through() -> None:
    steps = Counter[str]()

    def count(_frame: FrameType, event: str, _arg: Any) -> Any:
        steps[event] += 1
        return count

    traced_before = sys.gettrace()
    sys.settrace(count)
    try:
        charge_micros(rate("1/1", PEAK, NIGHT), LONGEST_PAID_S, at("2026-10-24T12:00:00+02:00"))
    finally:
        sys.settrace(traced_before)
    assert 0 < steps["line"] < LONGEST_PAID_S / 10, "as many steps as seconds"
