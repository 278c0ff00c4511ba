"""What a rate may be: its validity and its periods."""

from dataclasses import replace
from typing import Any

import pytest

from rating.deck import MOST_PERIODS, PricedHours, Rate, RateError
from rating.hours import parse_hours
from rating.rate import HIGHEST_PRICE_MICROS

PEAK = PricedHours("peak", parse_hours("mon-fri 08:00-20:00"), 200_000)


def rate(**terms: Any) -> Rate:
    values = {"prefix": "44", "destination": "UK", "per_minute_micros": 1, "initial_increment_s": 1, "increment_s": 1}
    return Rate(**{**values, **terms})


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"effective_from_ms": -1}, "before 1970"),
        ({"effective_from_ms": 5, "effective_until_ms": 5}, "ends before it begins"),
        ({"effective_until_ms": 0}, "ends before it begins"),
        ({"periods": (PEAK,) * (MOST_PERIODS + 1)}, "more than 24 periods"),
        ({"per_minute_micros": HIGHEST_PRICE_MICROS + 1}, "at most"),
        ({"connect_fee_micros": HIGHEST_PRICE_MICROS + 1}, "at most"),
        ({"minimum_charge_micros": HIGHEST_PRICE_MICROS + 1}, "at most"),
    ],
)
def test_rate_that_cannot_be_refused(terms: dict[str, Any], reason: str) -> None:
    with pytest.raises(RateError, match=reason):
        rate(**terms)


def test_rate_at_its_bounds_is_one() -> None:
    terms = {"effective_from_ms": 0, "effective_until_ms": 1, "periods": (PEAK,) * MOST_PERIODS}
    assert rate(per_minute_micros=HIGHEST_PRICE_MICROS, **terms).effective_from_ms == 0


@pytest.mark.parametrize(
    ("name", "per_minute_micros", "reason"),
    [("", 1, "needs a name"), (" ", 1, "needs a name"), ("peak", -1, "never negative"), ("peak", 10**19, "at most")],
)
def test_period_that_cannot_be_refused(name: str, per_minute_micros: int, reason: str) -> None:
    with pytest.raises(RateError, match=reason):
        PricedHours(name, parse_hours("always"), per_minute_micros)


@pytest.mark.parametrize(
    ("validity", "moments_ms"),
    [
        ({}, {0, 4, 5, 8, 9}),
        ({"effective_from_ms": 5}, {5, 8, 9}),
        ({"effective_until_ms": 9}, {0, 4, 5, 8}),
        ({"effective_from_ms": 5, "effective_until_ms": 9}, {5, 8}),
    ],
)
def test_rate_in_force_from_its_begin_to_before_its_end(validity: dict[str, Any], moments_ms: set[int]) -> None:
    assert {at_ms for at_ms in (0, 4, 5, 8, 9) if rate(**validity).in_force(at_ms)} == moments_ms


def test_priced_as_another_destination_keeps_all_but_its_name() -> None:
    every_term = rate(
        per_minute_micros=1,
        connect_fee_micros=2,
        initial_increment_s=3,
        increment_s=4,
        minimum_charge_micros=5,
        barred=True,
        effective_from_ms=6,
        effective_until_ms=7,
        periods=(PEAK,),
    )
    assert every_term.priced_as("FR:3", "Short") == replace(every_term, prefix="FR:3", destination="Short")
    with pytest.raises(RateError, match="is no prefix"):
        every_term.priced_as("+33", "France")
