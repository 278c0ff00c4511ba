"""The rows of a sheet, read as a stream.

A row is complete when its tag ends; then it is handed on, and nothing is kept of it. A sheet of a million rows calls
each handler here twenty million times, which is why they do as little as they can and call nothing they need not.
"""

import re
from collections.abc import Iterator
from xml.parsers import expat

from rating.deck_import import Cell, NumberedRow
from tollgate.deck_files.xlsx_text import check_length, check_pieces
from tollgate.deck_files.xlsx_values import CellReader
from tollgate.deck_files.xlsx_xml import DEEPEST, HostileXmlError, LocalNames, Source, parse

_MOST_COLUMNS = 200
_MOST_ROWS = 1 << 20
"""Of a sheet of Excel."""
_DIGITS = "0123456789"
_COLUMN = re.compile("[A-Z]{1,3}")


def read_rows(source: Source, reader: CellReader) -> Iterator[NumberedRow]:
    """Yield the rows of a sheet by their numbers, those that it leaves out as empty ones.

    All of them are as wide as the widest one before, but for the empty ones. Columns beyond the 200th are left out.

    Args:
        source: The sheet's part of the workbook.
        reader: What its cells say.

    Raises:
        HostileXmlError: it is made to exhaust its reader.
        expat.ExpatError: it is no XML.
        ValueError: it is damaged.
        LookupError: the same.
    """
    parser, sheet = expat.ParserCreate(), _Sheet(reader)
    parser.StartElementHandler, parser.EndElementHandler = sheet.begin, sheet.end
    parser.CharacterDataHandler = sheet.pieces.append
    line, width = 0, 0
    for _ in parse(source, parser):
        check_pieces(sheet.pieces)
        for number, cells in sheet.rows:
            for missing in range(line + 1, number):
                yield missing, []
            line = number
            while cells and cells[-1] == "":
                cells.pop()
            if cells:
                width = max(width, len(cells))
                cells.extend([""] * (width - len(cells)))
            yield number, cells
        sheet.rows.clear()


class _Sheet:
    """What the parser hands on of a sheet."""

    __slots__ = (
        "_attributes",
        "_cells",
        "_column",
        "_depth",
        "_is_phonetic",
        "_line",
        "_names",
        "_read",
        "_text",
        "pieces",
        "rows",
    )

    def __init__(self, reader: CellReader) -> None:
        self.rows: list[tuple[int, list[Cell]]] = []
        """Those that are complete."""
        self.pieces: list[str] = []
        """The text since the last tag began."""
        self._read = reader.read
        self._names = LocalNames()
        self._depth = 0
        self._line = 0
        self._cells: list[Cell] = []
        self._column = 0
        self._attributes: dict[str, str] = {}
        """Of the cell."""
        self._text = ""
        """Of the cell: its value, or the pieces of a text in it."""
        self._is_phonetic = False

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Begin a row, a cell, or a part of one."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise HostileXmlError("has elements within elements without end")
        self.pieces.clear()
        local = self._names[name]
        if local == "c":
            self._attributes = attributes
            self._text = ""
        elif local == "row":
            self._begin_row(attributes.get("r"))
        elif local == "rPh":
            self._is_phonetic = True

    def end(self, name: str) -> None:
        """End a row, a cell, or a part of one."""
        self._depth -= 1
        local = self._names[name]
        if local == "c":
            self._end_cell()
        elif local == "v":
            self._text = "".join(self.pieces)
        elif local == "t":
            if not self._is_phonetic:
                self._text += "".join(self.pieces)
                check_length(self._text)
        elif local == "row":
            self.rows.append((self._line, self._cells))
        elif local == "rPh":
            self._is_phonetic = False

    def _begin_row(self, number: str | None) -> None:
        line = self._line + 1 if number is None else int(float(number))  # there are writers of "5.0"
        if not self._line < line <= _MOST_ROWS:
            raise ValueError(f"row {number} does not follow row {self._line}")
        self._line = line
        self._cells = []
        self._column = 0

    def _end_cell(self) -> None:
        attributes, before = self._attributes, self._column
        place = attributes.get("r")
        if place is None:
            column = before + 1
        else:
            letters = place.rstrip(_DIGITS)
            column = _COLUMNS.get(letters) or _number_of(letters)
        if column <= before:
            raise ValueError(f"the cells of row {self._line} are out of order")
        self._column = column
        text = self._text
        if not text or column > _MOST_COLUMNS:
            return
        check_length(text)
        cells = self._cells
        if column > len(cells) + 1:
            cells.extend([""] * (column - 1 - len(cells)))
        cells.append(self._read(attributes.get("t", "n"), attributes.get("s", ""), text))


def _number_of(letters: str) -> int:
    """Return the number of a column, from 1: ``AB`` is the 28th."""
    if not _COLUMN.fullmatch(letters):
        raise ValueError(f"{letters!r} is no column")
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_COLUMNS = {
    letters: _number_of(letters) for letters in (*_ALPHABET, *(one + two for one in _ALPHABET for two in _ALPHABET))
}
