"""Emergency numbers: exact, per home region, the same by list and by question."""

import phonenumbers
import pytest
from phonenumbers import is_emergency_number

from rating.emergency import emergency_numbers, is_emergency


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


SLOW_TO_LIST = {"ER", "FM", "NE"}
"""Regions with six-digit emergency numbers: a million candidates each."""


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS - SLOW_TO_LIST))
def test_emergency_numbers_every_region_agrees_with_the_library(region: str) -> None:
    numbers = emergency_numbers(region)
    assert numbers
    assert all(is_emergency(number, region) for number in numbers)
    short = [f"{number:0{length}}" for length in (2, 3) for number in range(10**length)]
    assert {n for n in short if is_emergency_number(n, region)} <= numbers
    assert {n for n in short if is_emergency(n, region)} == {n for n in numbers if len(n) in {2, 3}}


def test_emergency_numbers_six_digits_are_listed_too() -> None:
    assert "723141" in emergency_numbers("NE")
