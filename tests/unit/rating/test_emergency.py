"""Emergency numbers: exact, per home region, the same by list and by question."""

import re

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata, is_emergency_number

from rating.decision import decide
from rating.destination import DestinationClass
from rating.dialled import DialRules
from rating.emergency import emergency_numbers, is_emergency
from rating.emergency_data import listed
from rating.finite import UnknownSyntaxError, every_match
from rating.overrides import EmergencyNumbers, NumberingTable, Override, ShortCost, ShortOverride, home_table
from rating.shipped import shipped_numbering


@pytest.mark.parametrize(
    ("region", "numbers"),
    [
        ("FR", {"112", "15", "17", "18", "114", "115", "119", "191", "196"}),
        ("ES", {"112", "061", "062", "080", "085", "088", "091", "092"}),
        ("MX", {"911", "060", "065", "066", "068", "080"}),
        ("US", {"911", "112", "933", "988"}),
        ("GB", {"999", "112", "18000"}),
        ("DE", {"110", "112"}),
        ("GN", {"112", "911"}),
        ("TA", {"112", "911"}),
    ],
)
def test_emergency_numbers_of_a_region_exact(region: str, numbers: set[str]) -> None:
    assert emergency_numbers(region) == numbers


@pytest.mark.parametrize(
    ("digits", "region"),
    [
        ("9112125551212", "US"),
        ("9112", "FR"),
        ("1120", "FR"),
        ("0112", "FR"),
        ("18095551234", "FR"),
        ("*112", "FR"),
        ("11 2", "FR"),
        ("112\n", "FR"),
        ("١١٢", "FR"),
        ("", "FR"),
        ("9911", "US"),
        ("911", "FR"),
        ("113", "GN"),
    ],
)
def test_is_emergency_anything_but_the_exact_number_is_none(digits: str, region: str) -> None:
    assert not is_emergency(digits, region)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_emergency_numbers_every_region_has_all_that_the_library_knows(region: str) -> None:
    numbers = emergency_numbers(region)
    assert numbers
    assert all(is_emergency(number, region) for number in numbers)
    short = [f"{number:0{length}}" for length in (2, 3) for number in range(10**length)]
    assert {number for number in short if is_emergency_number(number, region)} <= numbers
    metadata = PhoneMetadata.short_metadata_for_region(region)
    if metadata is not None and metadata.emergency is not None and metadata.emergency.national_number_pattern:
        ours = home_table(region, shipped_numbering()).emergencies
        matches = re.compile(metadata.emergency.national_number_pattern).fullmatch
        assert all(matches(number) for number in numbers - ours), "nothing that neither table names"


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_emergency_pattern_of_every_region_is_read_without_trying_all_digits(region: str) -> None:
    metadata = PhoneMetadata.short_metadata_for_region(region)
    if metadata is not None and metadata.emergency is not None and metadata.emergency.national_number_pattern:
        assert every_match(metadata.emergency.national_number_pattern)


def test_emergency_numbers_six_digits_are_listed_too() -> None:
    assert "723141" in emergency_numbers("NE")
    assert {"124422", "201606", "202099"} <= emergency_numbers("ER")


def test_emergency_numbers_of_an_administrator_s_table_come_on_top() -> None:
    own = NumberingTable(
        emergencies=(EmergencyNumbers(home=frozenset({"FR"}), numbers=frozenset({"3237"}), source="test"),)
    )
    table = own.before(shipped_numbering())
    assert is_emergency("3237", "FR", table)
    assert emergency_numbers("FR", table) == emergency_numbers("FR") | {"3237"}
    assert not is_emergency("3237", "DE", table)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
@pytest.mark.parametrize("outside_line", ["", "9"])
def test_emergency_is_admitted_whatever_bars_it_or_is_missing(region: str, outside_line: str) -> None:
    numbers = emergency_numbers(region)
    bars_all = Override(digits="X", source="test", barred=True)
    shorts = tuple(
        ShortOverride(digits=number, source="test", cost=ShortCost.PREMIUM, barred=True) for number in numbers
    )
    rules = DialRules(
        home_region=region,
        outside_line=outside_line,
        extensions=numbers,
        numbering=NumberingTable(overrides=(bars_all,), shorts=shorts).before(shipped_numbering()),
    )
    codes = ("", *rules.home.caller_id_codes)
    for number in numbers:
        for raw in {code + line + number for code in codes for line in ("", outside_line)}:
            decision = decide(raw, rules=rules, plan=None, deck=None, prepaid=False, at_ms=0)
            assert (decision.destination_class, decision.deny_reason) == (DestinationClass.EMERGENCY, None), raw
            assert (decision.number or "") in numbers


def test_listed_falls_back_to_trying_where_the_pattern_is_not_understood() -> None:
    assert listed(r"1(?=1)\d{1,2}", (2, 3)) == {"11"} | {f"11{digit}" for digit in range(10)}


@pytest.mark.parametrize("pattern", ["1+", "(1|2)", "(?:1", "1)", "[^1]", "[a]", "."])
def test_every_match_syntax_that_is_not_known_raises(pattern: str) -> None:
    with pytest.raises(UnknownSyntaxError):
        every_match(pattern)


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("112", {"112"}),
        ("1(?:12|[578])", {"112", "15", "17", "18"}),
        ("0[1-3]|9?9", {"01", "02", "03", "9", "99"}),
        (r"15\d", {f"15{digit}" for digit in range(10)}),
        ("0(?:11?|22?)", {"01", "011", "02", "022"}),
        ("[2359]11", {"211", "311", "511", "911"}),
        ("", {""}),
    ],
)
def test_every_match_of_a_pattern(pattern: str, texts: set[str]) -> None:
    assert every_match(pattern) == texts
