"""Amounts: decimal marks are a column's, and never guessed."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.deck_import.model import Cell
from rating.deck_import.numbers import NumberFormatError, proven_marks, read_number


@pytest.mark.parametrize(
    ("cells", "marks"),
    [
        (["0,0123", "1"], ","),
        (["0.012", "3"], "."),
        (["1.234,50"], ","),
        (["1,234.50"], "."),
        (["1.234.567"], ","),
        (["1.234", "2.345"], ""),
        (["12,345", "0,5"], ","),
        (["1234.567"], "."),
        (["0.123"], "."),
        ([".5"], "."),
        (["0.5", "0,5"], ",."),
        (["1", "2"], ""),
        ([Decimal("0.5"), "1.234"], ""),
        (["free", "1.5"], "."),
    ],
)
def test_decimal_marks_that_cells_prove(cells: list[Cell], marks: str) -> None:
    assert proven_marks(cells) == set(marks)


@pytest.mark.parametrize(
    ("cell", "mark", "value"),
    [
        ("1.234", ",", 1234),
        ("1.234", ".", Fraction("1.234")),
        ("1.234,50", None, Fraction("1234.5")),
        ("€ 0,05", ",", Fraction("0.05")),
        ("0.05 EUR", ".", Fraction("0.05")),
        ("$1,234.5", None, Fraction("1234.5")),
        ("3,9 ct", ",", Fraction("3.9")),
        ("1 234,5", ",", Fraction("1234.5")),
        ("1'234.5", ".", Fraction("1234.5")),
        ("12", None, 12),
        (".5", ".", Fraction("0.5")),
        (Decimal("0.0123"), None, Fraction("0.0123")),
    ],
)
def test_number_read_exactly(cell: Cell, mark: str | None, value: Fraction) -> None:
    assert read_number(cell, mark) == value


@pytest.mark.parametrize(
    ("cell", "mark", "reason"),
    [
        ("1.234", None, "--decimal"),
        ("12,345", None, "--decimal"),
        ("1.5", ",", "decimal comma"),
        ("1.23.456", None, "no amount"),
        ("1,5,5", ",", "decimal comma"),
        ("-0.5", ".", "negative"),
        (Decimal("-0.5"), None, "negative"),
        ("1e-3", ".", "exponent"),
        ("1,5E+03", ".", "exponent"),
        ("", ".", "no amount"),
        ("free", ".", "no amount"),
        ("#N/A", ".", "no amount"),
        (".", ".", "no amount"),
        ("٣", ".", "no amount"),
        (Decimal("Infinity"), None, "no amount"),
    ],
)
def test_number_that_is_none_is_refused_with_the_reason(cell: Cell, mark: str | None, reason: str) -> None:
    with pytest.raises(NumberFormatError, match=reason):
        read_number(cell, mark)


@given(st.text(max_size=20) | st.decimals(), st.sampled_from([None, ".", ","]))
def test_number_of_any_cell_is_not_negative_or_refused(cell: Cell, mark: str | None) -> None:
    assert len(proven_marks([cell])) <= 1
    try:
        assert read_number(cell, mark) >= 0
    except NumberFormatError:
        return


@given(st.integers(0, 10**9), st.sampled_from([".", ","]))
def test_number_grouped_or_not_is_the_same(micros: int, mark: str) -> None:
    whole, decimals = divmod(micros, 10**6)
    grouped = f"{whole:,}".replace(",", "." if mark == "," else ",")
    assert read_number(f"{grouped}{mark}{decimals:06d}", mark) == Fraction(micros, 10**6)
