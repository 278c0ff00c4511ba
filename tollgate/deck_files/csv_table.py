"""CSV in whatever dialect: delimiter and encoding are recognized, a line that is broken is one bad row."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rating.deck_import import BrokenLine, NumberedRow
from tollgate.deck_files.encoding import encoding_of
from tollgate.deck_files.errors import DeckFileError

_DELIMITERS = ",;\t|"
_LINES_LOOKED_AT = 200
_ROWS_AT_ONCE = 500
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_LONGEST_LINE = 1 << 20
"""Characters; a file with a longer one is no CSV, and would be read into memory as a whole."""


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file that can be read as often as wanted."""

    path: Path
    encoding: str
    delimiter: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def rows(self) -> Iterator[NumberedRow]:
        """Yield its rows with the number of the line that each ends on.

        Raises:
            DeckFileError: it cannot be decoded, or has a line that is too long for CSV.
        """
        with self.path.open(encoding=self.encoding, newline="") as file:
            # NUL bytes and fields of any length are an error of the csv module, and a bad row to us.
            reader = csv.reader(file, delimiter=self.delimiter)
            while True:
                before, found, fault = reader.line_num, list[list[str]](), None
                try:
                    found.extend(islice(reader, _ROWS_AT_ONCE))  # what was read before an error stays in it
                except csv.Error as error:
                    fault = BrokenLine(f"the line is not CSV: {error}")
                except UnicodeError as error:
                    raise DeckFileError(f"{self.path} is no {self.encoding} text; save it as CSV in UTF-8") from error
                if fault is None and reader.line_num - before == len(found):
                    yield from zip(range(before + 1, reader.line_num + 1), found, strict=True)
                else:
                    yield from _numbered(before, found)
                if fault is not None:
                    yield reader.line_num, (fault,)
                elif len(found) < _ROWS_AT_ONCE:
                    return


def _numbered(before: int, rows: list[list[str]]) -> Iterator[NumberedRow]:
    """Yield rows with the number of the line that each ends on, where cells hold line breaks."""
    line = before
    for cells in rows:
        line += 1 + sum(len(_LINE_BREAK.findall(cell)) for cell in cells)
        yield line, cells


def open_csv(path: Path) -> CsvTable:
    """Recognize encoding and delimiter of a CSV file.

    Raises:
        DeckFileError: it is no text, or has lines that are too long.
        OSError: it cannot be read.
    """
    encoding = encoding_of(path)
    try:
        with path.open(encoding=encoding, newline="") as file:
            lines = list(_first_lines(iter(lambda: file.readline(_LONGEST_LINE), ""), path))
    except UnicodeError as error:
        raise DeckFileError(f"{path} is no {encoding} text; save it as CSV in UTF-8") from error
    return CsvTable(path, encoding, _delimiter(lines))


def _first_lines(lines: Iterator[str], path: Path) -> Iterator[str]:
    for line in islice(lines, _LINES_LOOKED_AT):
        if len(line) >= _LONGEST_LINE:
            raise DeckFileError(f"{path} has a line of over a million characters; save it as CSV")
        yield line


def _delimiter(lines: list[str]) -> str:
    """Return the delimiter by which the most lines have the same number of cells, more than one."""
    told = next((line.strip()[4:5] for line in lines[:1] if line.lower().startswith("sep=")), "")
    if told and told in _DELIMITERS:
        return told
    return max(_DELIMITERS, key=lambda delimiter: _regularity(lines, delimiter))


def _regularity(lines: list[str], delimiter: str) -> tuple[int, int]:
    try:
        widths = Counter(len(cells) for cells in csv.reader(lines, delimiter=delimiter) if len(cells) > 1)
    except csv.Error:
        widths = Counter(line.count(delimiter) + 1 for line in lines if delimiter in line)
    if not widths:
        return 0, 0
    width, times = widths.most_common(1)[0]
    return times, width
