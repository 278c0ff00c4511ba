"""A rate as the commands show it: validity and periods where there are any."""

from dataclasses import replace
from zoneinfo import ZoneInfo

from rating.deck import PricedHours, Rate
from rating.hours import parse_hours
from tollgate.cli.rate_document import rate_document

RATE = Rate(prefix="44", destination="UK", per_minute_micros=190_000, initial_increment_s=30, increment_s=6)
PLAIN = {
    "prefix": "44",
    "destination": "UK",
    "per_minute": "0.19",
    "connect_fee": "0.00",
    "initial_increment_s": 30,
    "increment_s": 6,
    "minimum_charge": "0.00",
    "barred": False,
}


def test_rate_document_of_a_plain_rate_is_plain() -> None:
    assert rate_document(RATE) == PLAIN


def test_rate_document_with_validity_and_periods_says_them_in_local_time() -> None:
    peak = PricedHours("peak", parse_hours("mon-fri 08:00-20:00"), 250_000)
    rate = replace(RATE, effective_from_ms=1_793_610_000_000, effective_until_ms=1_793_696_400_000, periods=(peak,))
    assert rate_document(rate, ZoneInfo("Europe/Paris")) == PLAIN | {
        "effective_from": "2026-11-02T10:00:00.000+01:00",
        "effective_until": "2026-11-03T10:00:00.000+01:00",
        "periods": [{"name": "peak", "hours": "mon-fri 08:00-20:00", "per_minute": "0.25"}],
    }
