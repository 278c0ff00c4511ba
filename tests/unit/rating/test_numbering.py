"""Our walk through the metadata gives the library's own answers, for every region and type."""

import phonenumbers
import pytest
from phonenumbers import COUNTRY_CODES_FOR_NON_GEO_REGIONS, PhoneNumber, PhoneNumberType

from rating.dialled import Dialled, DialRules, read_dialled
from rating.e164 import home_of
from rating.numbering import NON_GEOGRAPHIC, locate, split_country_code

TYPES = PhoneNumberType.values()


def examples(region: str) -> list[PhoneNumber]:
    found = [phonenumbers.example_number_for_type(region, number_type) for number_type in TYPES]
    return [number for number in found if number is not None]


def assert_same_answer(number: PhoneNumber) -> None:
    assert number.country_code is not None
    location = locate(number.country_code, phonenumbers.national_significant_number(number))
    assert location.region == phonenumbers.region_code_for_number(number)
    assert location.library_type == phonenumbers.number_type(number)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_locate_examples_of_a_region_as_the_library(region: str) -> None:
    for number in examples(region):
        assert_same_answer(number)


@pytest.mark.parametrize("country_code", sorted(COUNTRY_CODES_FOR_NON_GEO_REGIONS))
def test_locate_codes_of_no_country_as_the_library(country_code: int) -> None:
    number = phonenumbers.example_number_for_non_geo_entity(country_code)
    assert number is not None
    assert_same_answer(number)
    assert phonenumbers.region_code_for_number(number) == NON_GEOGRAPHIC


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_read_dialled_examples_of_a_region_from_abroad_and_at_home(region: str) -> None:
    rules = DialRules(home_region=region)
    for number in examples(region):
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        if len(e164) <= 7:  # Iran's six-digit UAN is too short to be told from a mistake.
            continue
        for raw in (e164, at_home(number, region)):
            dialled = read_dialled(raw, rules)
            assert isinstance(dialled, Dialled), raw
            assert dialled.number == e164


def at_home(number: PhoneNumber, region: str) -> str:
    written = phonenumbers.format_out_of_country_calling_number(number, region)
    return "".join(filter(str.isdigit, written))


@pytest.mark.parametrize(
    ("digits", "split"),
    [
        ("33612345678", (33, "612345678")),
        ("12125550100", (1, "2125550100")),
        ("447797123456", (44, "7797123456")),
        ("35312345678", (353, "12345678")),
        ("9991234567", None),
        ("2", None),
    ],
)
def test_split_country_code(digits: str, split: tuple[int, str] | None) -> None:
    assert split_country_code(digits) == split


def test_home_of_unknown_region_is_a_caller_s_mistake() -> None:
    with pytest.raises(LookupError, match="XX"):
        home_of("XX")


def test_locate_country_code_that_does_not_exist_is_a_caller_s_mistake() -> None:
    with pytest.raises(KeyError):
        locate(999, "1234567")
