"""Rates as JSON in call records: nothing that a rate has not, and old records are read."""

import json
from dataclasses import replace

import pytest

from rating.deck import PricedHours, Rate
from rating.hours import parse_hours
from store.rate_rows import rate_from_json, rate_json

RATE = Rate(prefix="44", destination="UK", per_minute_micros=190_000, initial_increment_s=30, increment_s=6)
PEAK = PricedHours("peak", parse_hours("mon-fri 08:00-20:00"), 250_000)
FULL = replace(RATE, effective_from_ms=0, effective_until_ms=1_793_610_000_000, periods=(PEAK,))


def test_rate_json_of_a_plain_rate_has_no_word_of_validity_or_periods() -> None:
    assert json.loads(rate_json(RATE)) == {
        "prefix": "44",
        "destination": "UK",
        "per_minute_micros": 190_000,
        "connect_fee_micros": 0,
        "initial_increment_s": 30,
        "increment_s": 6,
        "minimum_charge_micros": 0,
        "barred": False,
    }


def test_rate_json_says_validity_and_periods_in_words() -> None:
    document = json.loads(rate_json(FULL))
    assert (document["effective_from_ms"], document["effective_until_ms"]) == (0, 1_793_610_000_000)
    assert document["periods"] == [{"name": "peak", "hours": "mon-fri 08:00-20:00", "per_minute_micros": 250_000}]


@pytest.mark.parametrize("rate", [RATE, FULL, replace(RATE, effective_from_ms=5), replace(RATE, periods=(PEAK, PEAK))])
def test_rate_json_read_back_is_the_same(rate: Rate) -> None:
    assert rate_from_json(rate_json(rate)) == rate
