"""What a trunk was given, turned back into the number that is rated; emergency numbers in any form."""

import pytest

from dialplan.trunks import DialFormat, dialled_number, may_be_emergency, rated_number, trunk_number
from rating.emergency import emergency_numbers


@pytest.mark.parametrize(
    ("target", "digits"),
    [
        ("+299321212@carrier1", "+299321212"),
        ("3612@carrier1", "3612"),
        ("112;phone-context=+33@carrier1", "112"),
        ("carrier1/sip:+299321212@192.0.2.1:5060", "+299321212"),
        ("carrier1/sips:+299321212@example.org;user=phone", "+299321212"),
        ("carrier1/tel:+299321212", "+299321212"),
        ("carrier1/urn:service:sos", "urn:service:sos"),
        ("+299321212@carrier2", None),
        ("carrier2/sip:+299321212@192.0.2.1", None),
        ("carrier1", None),
        ("", None),
    ],
)
def test_dial_string_names_the_number_of_its_own_trunk(target: str, digits: str | None) -> None:
    assert dialled_number(target, "carrier1") == digits


@pytest.mark.parametrize("region", ["FR", "US", "DE", "GB", "MX", "ES"])
@pytest.mark.parametrize("dial_format", list(DialFormat))
@pytest.mark.parametrize("number", ["+33612345678", "+12125551234", "+299321212", "+493012345678", "+442079460000"])
def test_number_as_the_trunk_wants_it_is_read_back(region: str, dial_format: DialFormat, number: str) -> None:
    assert rated_number(trunk_number(number, dial_format, region), dial_format, region) == number


@pytest.mark.parametrize("digits", ["3612", "112", "118712", "", "abc", "*31#"])
@pytest.mark.parametrize("dial_format", list(DialFormat))
def test_what_is_no_whole_number_stays_as_it_is(dial_format: DialFormat, digits: str) -> None:
    assert rated_number(digits, dial_format, "FR") == digits


@pytest.mark.parametrize("dial_format", list(DialFormat))
@pytest.mark.parametrize(("digits", "number"), [("0612345678", "+33612345678"), ("00299321212", "+299321212")])
def test_other_forms_than_the_trunks_own_are_read_too(dial_format: DialFormat, digits: str, number: str) -> None:
    assert rated_number(digits, dial_format, "FR") == number


@pytest.mark.parametrize(
    ("region", "digits"),
    [
        *(("FR", each) for each in ("112", "15", "9112", "+112", "33112", "+33112", "0033112", "0112", "sos")),
        *(("US", each) for each in ("911", "9911", "+1911", "1911", "011" + "1911", "urn:service:sos")),
        ("DE", "0049110"),
    ],
)
def test_emergency_number_is_recognised_in_any_form(region: str, digits: str) -> None:
    assert may_be_emergency(digits, emergency_numbers(region), region, "9")


@pytest.mark.parametrize("digits", ["", "9", "+33612345678", "0612345678", "9112125551212", "1120", "11", "+33"])
def test_other_number_is_no_emergency(digits: str) -> None:
    assert not may_be_emergency(digits, emergency_numbers("FR"), "FR", "9")
