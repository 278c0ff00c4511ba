"""What the cells of a sheet say: numbers as a spreadsheet shows them, dates, texts.

A cell is a type, a style and a text. Which numbers are dates, only the style tells. What formats are of dates and
which day a number is are questions with traps (1900 has a 29 February, 1904 is another beginning), which openpyxl
answers.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import TypeVar

from openpyxl.utils.datetime import from_excel

from rating.deck_import import Cell
from tollgate.deck_files.xlsx_text import unescaped

K = TypeVar("K")

_DIGITS_OF_A_SPREADSHEET = 15
"""What Excel shows and keeps of a number; more digits are noise of its binary fractions."""
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 400
_MOST_KNOWN = 50_000
"""Values that are remembered, since prices and dates are few; beyond that they are forgotten and read again."""
_IMPOSSIBLE_DATE = "#VALUE!"

Dates = Mapping[str, bool]
"""The styles of dates, by their numbers as cells have them, and whether they are durations."""


class CellReader:
    """Reads the cells of a workbook.

    Args:
        shared: Its table of shared strings.
        dates: The styles of its dates.
        epoch: The day 0 of its dates.
    """

    def __init__(self, shared: Sequence[str], dates: Dates, epoch: datetime) -> None:
        self._shared = shared
        self._dates = dates
        self._epoch = epoch
        self._numbers: dict[str, Cell] = {}
        self._days: dict[tuple[str, str], Cell] = {}
        self._readers: Mapping[str, Callable[[str], Cell]] = {
            "s": self._shared_text,
            "inlineStr": unescaped,
            "str": unescaped,
            "e": str,
            "b": _yes_or_no,
            "d": _of_iso_date,
        }

    def read(self, kind: str, style: str, text: str) -> Cell:
        """Return what a cell says.

        Args:
            kind: Its type, as the sheet has it.
            style: The number of its style; empty for none.
            text: Its text, which is not empty.

        Raises:
            ValueError: the sheet is damaged.
            LookupError: the same.
        """
        if kind == "n":
            return self._date(style, text) if style in self._dates else self._number(text)
        return self._readers[kind](text)

    def _shared_text(self, text: str) -> str:
        place = int(text)
        if place < 0:
            raise IndexError(place)
        return self._shared[place]

    def _number(self, text: str) -> Cell:
        if len(text) <= _DIGITS_OF_A_SPREADSHEET and text.isdecimal() and text.isascii():
            return Decimal(text)
        number = self._numbers.get(text)
        if number is None:
            number = _remember(self._numbers, text, _exact(_parsed(text)))
        return number

    def _date(self, style: str, text: str) -> Cell:
        day = self._days.get((style, text))
        if day is None:
            day = _remember(self._days, (style, text), self._read_date(style, text))
        return day

    def _read_date(self, style: str, text: str) -> Cell:
        number = _parsed(text)
        try:
            return _of_date(from_excel(number, self._epoch, timedelta=self._dates[style]))
        except (OverflowError, ValueError):
            return _IMPOSSIBLE_DATE


def _remember(known: dict[K, Cell], key: K, cell: Cell) -> Cell:
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[key] = cell
    return cell


def _parsed(text: str) -> int | float:
    text = text.strip()
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:_LONGEST_NUMBER]!r} is no number")
    return float(text) if set(text) & set(".eE") else int(text)


def _exact(number: float) -> Decimal:
    """Return a number exactly as a spreadsheet shows it.

    Whole numbers keep every digit, so that whoever reads them can tell which are too long to be exact.
    """
    if isinstance(number, int) or number.is_integer():
        return Decimal(int(number))
    return Decimal(f"{number:.{_DIGITS_OF_A_SPREADSHEET}g}")


def _of_date(value: object) -> Cell:
    """Return a date as the moment that it begins; times and durations are no dates, and stay texts."""
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time()) if isinstance(value, date) else str(value)


def _of_iso_date(text: str) -> Cell:
    """Return a date of a workbook in the strict form; what is no local date stays text, as times and durations do."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return found if found.tzinfo is None else text


def _yes_or_no(text: str) -> Cell:
    return {"0": "no", "1": "yes", "false": "no", "true": "yes"}[text.strip()]
