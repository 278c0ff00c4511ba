"""Amounts as carriers write them: decimal commas, thousands, currency signs.

``1.234`` is one thousand or one and a bit. A single cell cannot tell, but a column can: where any of its cells
can be read in one way only, that way is the column's. Where none can, or where they disagree, each cell that
can be read in two ways is refused.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from rating.deck_import.model import Cell, shown

_SIGNS = re.compile(r"[€£$¥₹₽¢]|\b[A-Z]{3}\b|(?<![A-Za-z])(?:ct|cts|cent|cents|Euro)\b")
_GROUP_BLANKS = re.compile("(?<=[0-9])[ \u00a0\u202f'’](?=[0-9]{3}(?![0-9]))")
_NUMBER = re.compile(r"[0-9]*(?:[.,][0-9]+)*")
_WRECKED = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[eE][+-]?[0-9]+")
_LONGEST = 40
_LARGEST = Decimal(10) ** 12


class NumberFormatError(ValueError):
    """A cell that is no amount, or one that can be read in two ways; the message is the reason."""


def proven_marks(cells: Iterable[Cell]) -> set[str]:
    """Return the decimal marks, ``.`` and ``,``, that cells of a column prove, each by itself; one where they agree."""
    evidence = (_evidence(_bare(cell)) for cell in cells if isinstance(cell, str))
    return {mark for mark in evidence if mark is not None}


def read_number(cell: Cell, mark: str | None) -> Fraction:
    """Read a cell exactly.

    Args:
        cell: Text, or a number of a file that knows types.
        mark: The column's decimal mark; None where it is not known.

    Raises:
        NumberFormatError: it is no number that is 0 or more, or its decimal mark is uncertain.
    """
    if isinstance(cell, Decimal):
        return _of_decimal(cell)
    if not isinstance(cell, str):
        raise NumberFormatError("a price is a number")
    text = _bare(cell)
    if _WRECKED.fullmatch(text):
        raise NumberFormatError("a spreadsheet has turned the number into an exponent; its digits are lost")
    if text.startswith("-"):
        raise NumberFormatError("a price is never negative")
    if not text or not any(map(str.isdigit, text)) or not _NUMBER.fullmatch(text):
        raise NumberFormatError("this is no amount of money")
    found = _evidence(text) or mark
    if found is None and _separators(text):
        raise NumberFormatError(
            "thousands or decimals? nothing in the column tells; say --decimal point or --decimal comma"
        )
    return _in_format(text, mark or found or ".")


def _of_decimal(number: Decimal) -> Fraction:
    if not number.is_finite() or number >= _LARGEST:
        raise NumberFormatError("this is no amount of money")
    if number < 0:
        raise NumberFormatError("a price is never negative")
    return Fraction(number)


def _in_format(text: str, mark: str) -> Fraction:
    """Read digits whose decimal mark is known; groups of thousands must be whole."""
    other = "," if mark == "." else "."
    whole, _, decimals = text.partition(mark)
    groups = whole.split(other)
    grouped = len(groups) > 1
    if (
        mark in decimals
        or other in decimals
        or (grouped and (not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:])))
    ):
        raise NumberFormatError(f"this is no amount with {'a decimal comma' if mark == ',' else 'a decimal point'}")
    return Fraction(f"{''.join(groups) or '0'}.{decimals or '0'}")


def _evidence(text: str) -> str | None:
    """Return the decimal mark that this cell alone proves; None where it proves nothing."""
    found = _separators(text)
    if not found or not _NUMBER.fullmatch(text):
        return None
    last = found[-1]
    other = "," if last == "." else "."
    if len(set(found)) == 2:
        return last if found.count(last) == 1 else None
    if len(found) > 1:
        return other
    whole, _, decimals = text.partition(last)
    could_be_thousands = len(decimals) == 3 and 1 <= len(whole) <= 3 and not whole.startswith("0")
    return None if could_be_thousands else last


def _separators(text: str) -> str:
    return "".join(character for character in text if character in ".,")


def _bare(cell: Cell) -> str:
    """Strip currencies and blanks; what is too long to be an amount stays as it is."""
    text = shown(cell).strip()
    if text.replace(".", "").replace(",", "").isdecimal() and text.isascii():
        return text
    if len(text) > _LONGEST or not text.isprintable():
        return text
    return _GROUP_BLANKS.sub("", _SIGNS.sub("", text)).strip()
