"""Codes: lists, ranges, and what spreadsheets do to them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.deck_import.codes import (
    MOST_CODES,
    CodeError,
    expand_range,
    read_area_codes,
    read_codes,
    read_country_code,
)
from rating.deck_import.model import Cell


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ("44", ("44",)),
        (" +44 7700 ", ("447700",)),
        ("0044", ("44",)),
        ("(44) 7700", ("447700",)),
        ("FR:3631", ("FR:3631",)),
        ("1242,1246", ("1242", "1246")),
        ("1242; 1246/1264", ("1242", "1246", "1264")),
        ("44, 770", ("44", "770")),
        ("44770-44779", ("4477",)),
        ("44770 – 44779", ("4477",)),
        ("0044770-0044779", ("4477",)),
        ("1242-1243", ("1242", "1243")),
        ("448-450", ("448", "449", "450")),
        (Decimal(4420), ("4420",)),
        ("447700 900 123", ("447700900123",)),
    ],
)
def test_codes_of_a_cell(cell: Cell, codes: tuple[str, ...]) -> None:
    assert read_codes(cell) == codes


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "needs a code"),
        ("4.42E+03", "exponent"),
        ("4,42E+11", "exponent"),
        ("44,770", "thousands"),
        ("201,202,203", "thousands"),
        ("44.770", "thousands"),
        ("447.0", "decimals"),
        (Decimal("447.5"), "keep its digits"),
        (Decimal(2**53), "keep its digits"),
        (Decimal(-1), "keep its digits"),
        (Decimal("NaN"), "keep its digits"),
        ("1-242", "equal length"),
        ("34-91", "without"),
        ("44779-44770", "before it begins"),
        ("UK", "digits only"),
        ("٤٤", "digits only"),
        ("044", "never begins with 0"),
        ("0", "never begins with 0"),
        ("00", "at most"),
        ("1234567890123456", "at most"),
        (";".join(["44"] * (MOST_CODES + 1)), "more than"),
        ("#N/A", "digits only"),
    ],
)
def test_codes_that_are_none_are_refused_with_the_reason(cell: Cell, reason: str) -> None:
    with pytest.raises(CodeError, match=reason):
        read_codes(cell)


def test_code_separator_told_a_comma_separates() -> None:
    assert read_codes("201,202,203", ",") == ("201", "202", "203")


def test_area_codes_follow_their_country_code() -> None:
    assert read_area_codes("20-29, 7", "44") == ("442", "447")
    assert read_area_codes("020", "44") == ("44020",)
    assert read_area_codes(" ", "44") == ("44",)
    assert read_country_code("+44") == "44"
    with pytest.raises(CodeError, match="one country code"):
        read_country_code("44; 45")


def test_codes_too_many_in_a_cell_are_refused() -> None:
    with pytest.raises(CodeError, match="more than"):
        read_codes("44;" * (MOST_CODES + 1))


@given(st.integers(1, 99_999), st.integers(1, 99_999))
def test_range_expands_to_exactly_its_numbers_and_no_prefix_too_many(one: int, other: int) -> None:
    first, last = f"{min(one, other):05d}", f"{max(one, other):05d}"
    prefixes = list(expand_range(first, last))
    covered = [number for prefix in prefixes for number in range(*_span(prefix))]
    assert covered == list(range(int(first), int(last) + 1))
    by_parent: dict[str, int] = {}
    for prefix in prefixes:
        by_parent[prefix[:-1]] = by_parent.get(prefix[:-1], 0) + 1
    assert all(count < 10 or parent == "" for parent, count in by_parent.items())


def _span(prefix: str) -> tuple[int, int]:
    step = 10 ** (5 - len(prefix))
    return int(prefix) * step, (int(prefix) + 1) * step


@given(st.text(max_size=30) | st.decimals())
def test_codes_of_any_cell_are_codes_or_refused(cell: Cell) -> None:
    for read in (read_codes, lambda value: read_area_codes(value, "44")):
        try:
            codes = read(cell)
        except CodeError:
            continue
        assert codes
        assert all(code.isascii() and code for code in codes)
