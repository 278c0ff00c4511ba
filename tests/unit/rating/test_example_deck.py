"""The deck that ships: a price for every country, and the rates the documentation quotes."""

import phonenumbers
import pytest

from rating.deck import Deck


def rate_of(deck: Deck, number: str) -> tuple[str, int, int, int]:
    rate = deck.lookup(number)
    assert rate is not None
    return rate.destination, rate.per_minute_micros, rate.initial_increment_s, rate.increment_s


@pytest.mark.parametrize(
    ("number", "destination", "per_minute_micros", "increments"),
    [
        ("+447797123456", "Jersey mobile", 190_000, (1, 1)),
        ("+5378312345", "Cuba", 1_000_000, (60, 60)),
        ("+299321000", "Greenland", 600_000, (1, 1)),
        ("+33899123456", "France premium", 800_000, (1, 1)),
        ("FR:3631", "La Poste", 60_000, (1, 1)),
        ("+363112345", "Hungary mobile", 50_000, (1, 1)),
    ],
)
def test_example_deck_known_numbers(
    example_deck: Deck, number: str, destination: str, per_minute_micros: int, increments: tuple[int, int]
) -> None:
    assert rate_of(example_deck, number) == (destination, per_minute_micros, *increments)


def test_example_deck_bars_a_range_inside_an_allowed_one(example_deck: Deck) -> None:
    barred, allowed = example_deck.lookup("+88213123456"), example_deck.lookup("+88216300001")
    assert barred is not None
    assert barred.barred
    assert allowed is not None
    assert not allowed.barred


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_example_deck_prices_every_country(example_deck: Deck, region: str) -> None:
    number = phonenumbers.example_number(region)
    assert number is not None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert example_deck.lookup(e164) is not None
