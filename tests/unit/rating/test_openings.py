"""Beginnings of patterns: every one of every number, and nothing that goes on otherwise."""

import phonenumbers
import pytest
from phonenumbers import PhoneMetadata, PhoneNumberType

from rating.openings import beginnings


@pytest.mark.parametrize(
    ("pattern", "begun", "not_begun"),
    [
        ("123", ["", "1", "12", "123"], ["2", "13", "1234"]),
        (r"9[01]\d{2}", ["9", "90", "915", "9155"], ["92", "91555"]),
        ("(?:12|34)5", ["1", "12", "125", "345"], ["14", "126", "35"]),
        (r"1(?:2\d)?3", ["1", "12", "129", "13", "1293"], ["14", "133"]),
        (r"7\d{2,3}8?", ["7", "71", "7123", "71238", "7128"], ["8", "712399"]),
        ("(?:12){2}3", ["1", "12", "121", "1212", "12123"], ["122", "1213"]),
    ],
)
def test_beginnings_match_what_numbers_begin_with(pattern: str, begun: list[str], not_begun: list[str]) -> None:
    found = beginnings(pattern)
    assert all(found.fullmatch(digits) for digits in begun)
    assert not any(found.fullmatch(digits) for digits in not_begun)


@pytest.mark.parametrize("pattern", ["12.", "1(?=2)", "(?:12", "12)", "1+"])
def test_beginnings_of_another_syntax_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read|does not end|is no digit"):
        beginnings(pattern)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_beginnings_of_every_range_of_the_metadata_can_be_read(region: str) -> None:
    metadata = PhoneMetadata.metadata_for_region(region)
    assert metadata is not None
    ranges = (metadata.fixed_line, metadata.mobile, metadata.premium_rate, metadata.shared_cost)
    others = (metadata.personal_number, metadata.voip, metadata.toll_free, metadata.uan, metadata.pager)
    for known in (*ranges, *others, metadata.voicemail):
        if known is not None and known.national_number_pattern:
            assert beginnings(known.national_number_pattern).fullmatch("")
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.PREMIUM_RATE)
    if example is not None and metadata.premium_rate is not None:
        digits = phonenumbers.national_significant_number(example)
        found = beginnings(metadata.premium_rate.national_number_pattern or "")
        assert all(found.fullmatch(digits[:length]) for length in range(len(digits) + 1))
