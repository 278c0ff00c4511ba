"""The deck that ships: a price for every country, and the rates the documentation quotes."""

import phonenumbers
import pytest

from rating.deck import Deck, Rate

NOW_MS = 1_793_610_000_000


def rate_of(deck: Deck, number: str) -> tuple[str, int, int, int]:
    rate = deck.lookup(number, NOW_MS)
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
    barred, allowed = example_deck.lookup("+88213123456", NOW_MS), example_deck.lookup("+88216300001", NOW_MS)
    assert barred is not None
    assert barred.barred
    assert allowed is not None
    assert not allowed.barred


TYPES = [
    phonenumbers.PhoneNumberType.FIXED_LINE,
    phonenumbers.PhoneNumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    phonenumbers.PhoneNumberType.PREMIUM_RATE,
    phonenumbers.PhoneNumberType.SHARED_COST,
    phonenumbers.PhoneNumberType.TOLL_FREE,
    phonenumbers.PhoneNumberType.VOIP,
    phonenumbers.PhoneNumberType.PERSONAL_NUMBER,
    phonenumbers.PhoneNumberType.PAGER,
    phonenumbers.PhoneNumberType.UAN,
    phonenumbers.PhoneNumberType.VOICEMAIL,
]
HIGHEST_MICROS = 15_000_000
# Regions whose numbers do not tell mobiles from fixed lines by a prefix.
UNTOLD = {"AR", "BR", "CA", "CL", "DO", "GP", "GU", "MP", "MX", "PR", "US", "VI"}


def example_of(region: str, number_type: int) -> str | None:
    number = phonenumbers.example_number_for_type(region, number_type)
    return None if number is None else phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def found(deck: Deck, number: str) -> Rate:
    rate = deck.lookup(number, NOW_MS)
    assert rate is not None, number
    return rate


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_example_deck_prices_every_type_of_every_country_within_reason(example_deck: Deck, region: str) -> None:
    examples = {kind: number for kind in TYPES if (number := example_of(region, kind))}
    rates = {kind: found(example_deck, number) for kind, number in examples.items()}
    assert all(0 < rate.per_minute_micros <= HIGHEST_MICROS for rate in rates.values())
    fixed, mobile = (rates.get(kind) for kind in TYPES[:2])
    if fixed is None or mobile is None or examples[TYPES[0]] == examples[TYPES[1]]:
        return
    assert mobile.per_minute_micros * 10 >= fixed.per_minute_micros
    assert region in UNTOLD or mobile.prefix != fixed.prefix


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS))
def test_example_deck_prices_networks_of_no_country(example_deck: Deck, code: int) -> None:
    number = phonenumbers.example_number_for_non_geo_entity(code)
    assert number is not None
    found(example_deck, phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@pytest.mark.parametrize(
    ("number", "destination"),
    [
        ("+870773111632", "Inmarsat"),
        ("+881631234567", "Iridium"),
        ("+881731234567", "Iridium"),
        ("+88216300001", "Thuraya"),
        ("+979123456789", "International premium"),
        ("+33899123456", "France premium"),
        ("+34806123456", "Spain premium"),
        ("+34905123456", "Spain televoting"),
        ("+529001234567", "Mexico premium"),
        ("+19002345678", "North America premium"),
        ("+449012345678", "United Kingdom premium"),
        ("+447012345678", "United Kingdom personal"),
        ("+499001234567", "Germany premium"),
        ("+4913712345678", "Germany televoting"),
        ("+18762101234", "Jamaica mobile"),
        ("+447829123456", "Jersey mobile"),
        ("+447911123456", "Guernsey mobile"),
        ("+447624123456", "Isle of Man mobile"),
        ("+77011234567", "Kazakhstan mobile"),
        ("+390669812345", "Vatican City"),
        ("+262692123456", "Reunion and Mayotte mobile"),
        ("+590690001234", "Guadeloupe mobile"),
        ("+687751234", "New Caledonia mobile"),
        ("+508551234", "Saint Pierre and Miquelon mobile"),
    ],
)
def test_example_deck_names_the_ranges_that_matter(example_deck: Deck, number: str, destination: str) -> None:
    assert found(example_deck, number).destination == destination


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_example_deck_prices_every_country(example_deck: Deck, region: str) -> None:
    number = phonenumbers.example_number(region)
    assert number is not None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert example_deck.lookup(e164, NOW_MS) is not None
