"""Codes of destinations: one, a list, or a range in a cell, as prefixes without a plus.

A range becomes the fewest prefixes that cover exactly its numbers: 44770-44779 is 4477. What a spreadsheet has
taken for a number (``4.42E+03``, ``44,770``, ``447.0``) is refused: whether digits are missing cannot be known.
"""

import re
from collections.abc import Iterator
from decimal import Decimal

from rating.deck_import.model import Cell, shown

MOST_CODES = 1000
"""Codes, or ranges of them, in one cell."""
_EXACT_FLOAT = 2**53
_LONGEST_E164 = 15

_EXPONENT = re.compile(r"[0-9]+(?:[.,][0-9]*)?[eE][+-]?[0-9]+")
_DECIMALS = re.compile(r"[0-9]+\.[0-9]+")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[,.][0-9]{3})+")
_LISTED = re.compile(r"[;/|\n]|,\s*")
_RANGE = re.compile(r"([0-9]{1,15})\s*[-–—]\s*\+?([0-9]{1,15})")
_SHORT = re.compile(r"[A-Z]{2}:[0-9]{1,6}")
_BLANKS = re.compile(r"[ \u00a0().]")
_DIGITS = re.compile(r"[0-9]{1,20}")


class CodeError(ValueError):
    """A cell that is no code; the message is the reason."""


def read_codes(cell: Cell, separator: str | None = None) -> tuple[str, ...]:
    """Return the prefixes of a cell with whole codes: ``"+44 7700"``, ``"0044"``, ``"1242, 1246"``, ``"FR:36"``.

    Args:
        cell: Text, or a number of a file that knows types.
        separator: What is known to separate codes, where a comma could be one of thousands.

    Raises:
        CodeError: it cannot be read, or could be read in two ways.
    """
    return tuple(code for part in _parts(cell, separator) for code in _whole_codes(part))


def read_area_codes(cell: Cell, country_code: str, separator: str | None = None) -> tuple[str, ...]:
    """Return the prefixes of a cell with area codes in a country; an empty cell is the whole country.

    Raises:
        CodeError: as :func:`read_codes`.
    """
    if isinstance(cell, str) and not cell.strip():
        return (country_code,)
    return tuple(country_code + code for part in _parts(cell, separator) for code in _expand(part, in_country=True))


def read_country_code(cell: Cell) -> str:
    """Return a country code, ``"44"`` or ``"+44"``, as digits.

    Raises:
        CodeError: it is none, or several.
    """
    codes = read_codes(cell)
    if len(codes) != 1:
        raise CodeError("one country code is wanted here")
    return codes[0]


def _parts(cell: Cell, separator: str | None) -> list[str]:
    text = _digits_of(cell) if isinstance(cell, Decimal) else shown(cell).strip()
    if not text:
        raise CodeError("a rate needs a code")
    if _EXPONENT.fullmatch(text):
        raise CodeError("a spreadsheet has turned the code into a number with an exponent; its digits are lost")
    if separator is None and _THOUSANDS.fullmatch(text):
        raise CodeError('a number with thousands, or a list? write "44, 770" for a list or say --code-separator ","')
    if separator is None and _DECIMALS.fullmatch(text):
        raise CodeError("a spreadsheet has turned the code into a number with decimals")
    split = _LISTED.split(text) if separator is None else text.split(separator)
    parts = [part.strip() for part in split if part.strip()]
    if not parts:
        raise CodeError("a rate needs a code")
    if len(parts) > MOST_CODES:
        raise CodeError(f"more than {MOST_CODES} codes in one cell")
    return parts


def _digits_of(number: Decimal) -> str:
    """Return a numeric cell's digits, as long as the file's floating point has kept every one of them."""
    if not number.is_finite() or number != number.to_integral_value() or not 0 <= number < _EXACT_FLOAT:
        raise CodeError("a spreadsheet has turned the code into a number that does not keep its digits")
    return str(int(number))


def _whole_codes(part: str) -> Iterator[str]:
    if _SHORT.fullmatch(part):
        yield part
        return
    for code in _expand(part, in_country=False):
        if code.startswith("0"):
            raise CodeError("a code begins with its country code, which never begins with 0")
        yield code


def _expand(part: str, *, in_country: bool) -> Iterator[str]:
    text = part.removeprefix("+")
    match = _RANGE.fullmatch(text)
    if match is None:
        yield _code(text, in_country=in_country)
        return
    first, last = (end.removeprefix("00") if not in_country else end for end in match.groups())
    if len(first) != len(last) or not first:
        raise CodeError("a range has ends of equal length; one code is written without a dash")
    if not in_country and first[0] != last[0]:
        raise CodeError("a range over several parts of the world, or one code with a dash? write it without")
    if first > last:
        raise CodeError("the range ends before it begins")
    yield from expand_range(first, last)


def _code(text: str, *, in_country: bool) -> str:
    digits = _BLANKS.sub("", text)
    if not _DIGITS.fullmatch(digits):
        raise CodeError("a code has digits only, or is a short number as FR:3631")
    if not in_country:
        digits = digits.removeprefix("00")
    if not 1 <= len(digits) <= _LONGEST_E164:
        raise CodeError(f"a code has at most {_LONGEST_E164} digits")
    return digits


def expand_range(first: str, last: str) -> Iterator[str]:
    """Yield the fewest prefixes whose numbers are those from ``first`` to ``last``, both included.

    Both have the same length. For example 44770 to 44779 is 4477; 1242 to 1251 is 1242 … 1249, 1250, 1251.
    At most 18 for each digit, so that no range is too long.
    """
    at, end, width = int(first), int(last), len(first)
    while at <= end:
        step, digits = 1, width
        while digits > 1 and at % (step * 10) == 0 and at + step * 10 - 1 <= end:
            step, digits = step * 10, digits - 1
        yield str(at // step).zfill(digits)
        at += step
