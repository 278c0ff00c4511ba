"""Prices of seconds, by hand."""

import pytest

from rating.deck import Rate
from rating.price import affordable_s, billable_s, charge_micros, first_hold_s, grow_s


def rate(
    per_minute_micros: int, increments: str = "1/1", connect_fee_micros: int = 0, minimum_charge_micros: int = 0
) -> Rate:
    initial_increment_s, increment_s = map(int, increments.split("/"))
    return Rate(
        prefix="44",
        destination="Test",
        per_minute_micros=per_minute_micros,
        connect_fee_micros=connect_fee_micros,
        initial_increment_s=initial_increment_s,
        increment_s=increment_s,
        minimum_charge_micros=minimum_charge_micros,
    )


@pytest.mark.parametrize(
    ("increments", "duration_ms", "seconds"),
    [
        ("1/1", -250, 1),
        ("1/1", 0, 1),
        ("1/1", 1, 1),
        ("1/1", 1000, 1),
        ("1/1", 1001, 2),
        ("60/60", 0, 60),
        ("60/60", 60_000, 60),
        ("60/60", 60_001, 120),
        ("30/6", 12_000, 30),
        ("30/6", 30_001, 36),
        ("30/6", 36_000, 36),
        ("30/6", 36_001, 42),
        ("60/1", 61_500, 62),
    ],
)
def test_billable_s_begun_increments_count_whole(increments: str, duration_ms: int, seconds: int) -> None:
    assert billable_s(rate(1, increments), duration_ms) == seconds


@pytest.mark.parametrize(
    ("priced", "seconds", "charge"),
    [
        (rate(190_000), 60, 190_000),
        (rate(190_000), 1, 3_167),
        (rate(190_000), 10, 31_667),
        (rate(1_000_000, "60/60"), 60, 1_000_000),
        (rate(0), 3_600, 0),
        (rate(600_000, connect_fee_micros=100_000), 10, 200_000),
        (rate(600_000, connect_fee_micros=100_000), 0, 0),
        (rate(600_000, minimum_charge_micros=500_000), 10, 500_000),
        (rate(600_000, minimum_charge_micros=500_000), 51, 510_000),
    ],
)
def test_charge_micros_rounded_up_once(priced: Rate, seconds: int, charge: int) -> None:
    assert charge_micros(priced, seconds) == charge


@pytest.mark.parametrize(
    ("priced", "funds_micros", "seconds"),
    [
        (rate(190_000), 10_000_000, 3_157),
        (rate(190_000), 0, 0),
        (rate(190_000), 3_166, 0),
        (rate(190_000), 3_167, 1),
        (rate(1_000_000, "60/60"), 999_999, 0),
        (rate(1_000_000, "60/60"), 1_000_000, 60),
        (rate(1_000_000, "60/60"), 1_999_999, 60),
        (rate(600_000, "30/6"), 370_000, 36),
        (rate(600_000, connect_fee_micros=100_000), 100_000, 0),
        (rate(600_000, connect_fee_micros=100_000), 200_000, 10),
        (rate(600_000, minimum_charge_micros=500_000), 499_999, 0),
        (rate(600_000, minimum_charge_micros=500_000), 500_000, 50),
        (rate(0), 0, 86_400),
        (rate(0, connect_fee_micros=1), 0, 0),
        (rate(1), 10**15, 86_400),
        (rate(1, "7/7"), 10**15, 86_394),
    ],
)
def test_affordable_s_most_whole_increments(priced: Rate, funds_micros: int, seconds: int) -> None:
    assert affordable_s(priced, funds_micros) == seconds


@pytest.mark.parametrize(
    ("increments", "seconds"), [("1/1", 10), ("6/6", 12), ("30/6", 30), ("60/60", 60), ("1/60", 61)]
)
def test_first_hold_s_at_least_ten_seconds_aligned(increments: str, seconds: int) -> None:
    assert first_hold_s(rate(1, increments)) == seconds


def test_first_hold_s_other_least_is_taken() -> None:
    assert first_hold_s(rate(1), least_s=25) == 25


@pytest.mark.parametrize(
    ("increments", "paid_s", "want_s", "seconds"),
    [("1/1", 10, 60, 70), ("60/60", 60, 60, 120), ("60/60", 60, 1, 120), ("30/6", 30, 7, 42), ("60/60", 0, 1, 60)],
)
def test_grow_s_aligned_total(increments: str, paid_s: int, want_s: int, seconds: int) -> None:
    assert grow_s(rate(1, increments), paid_s, want_s) == seconds
