"""A file of extensions as rows of cells under known columns: CSV as an editor, a program or Excel saves it.

Excel writes what the computer's country is used to: ``;`` or a tab for the comma, Windows' code page for UTF-8, a
decimal comma for the point. The delimiter is the one that makes the header's names known.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tollgate.cli.errors import BadInputError

_DELIMITERS = (",", ";", "\t")
_WITH_DECIMAL_COMMA = ";"
"""Excel's delimiter where the comma is the decimal sign."""
_UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_WORKBOOK = b"PK\x03\x04"
_MOST_BYTES = 16 << 20
_LONGEST_SHOWN = 40
_BLANKS = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row's cells, without the blanks around them, and the line on which it begins."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The columns that the header names, and the rows that are not blank."""

    columns: tuple[str, ...]
    titles: tuple[str, ...]
    """What the header calls them."""
    rows: tuple[SheetRow, ...]
    decimal_comma: bool
    """Whether its numbers may have a comma for the point."""


def read_sheet(path: Path, known: Sequence[str]) -> Sheet:
    """Read a file whose header has some of the ``known`` columns, of which the first must be there.

    Raises:
        BadInputError: the file cannot be read, is no CSV, or its header cannot be used.
    """
    # Lines as an editor numbers them: str.splitlines would end them at more characters than those of line ends.
    lines = list(io.StringIO(_decoded(_read(path), path), newline=""))
    names = {_squeezed(column): column for column in known}
    delimiter = max(_DELIMITERS, key=lambda each: _names_known(lines, each, names))
    rows = _rows(lines, delimiter, path)
    header = next(rows, SheetRow(1, ()))
    columns = _columns(header.cells, names, known, path)
    return Sheet(columns, header.cells, tuple(rows), delimiter == _WITH_DECIMAL_COMMA)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}", "name a file that can be") from error
    if len(data) > _MOST_BYTES:
        raise BadInputError(f"{path} is too long", f"import at most {_MOST_BYTES >> 20} MB at a time")
    return data


def _decoded(data: bytes, path: Path) -> str:
    """Decode UTF-16 with its mark, UTF-8, or what is neither as Windows' western code page."""
    encodings = ("utf-16",) if data.startswith(_UTF_16_MARKS) else ("utf-8-sig", "cp1252")
    for encoding in () if data.startswith(_WORKBOOK) else encodings:
        if encoding == "cp1252" and b"\x00" in data:
            break
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInputError(f"{path} is no text", "save it as CSV in UTF-8")


def _rows(lines: Sequence[str], delimiter: str, path: Path) -> Iterator[SheetRow]:
    """Yield the rows that are not blank.

    Raises:
        BadInputError: a line is no CSV.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = tuple(cell.strip() for cell in next(reader))
        except StopIteration:
            return
        except csv.Error as error:
            raise _broken(line, len(lines), reader.line_num, error, path) from error
        if any(cells):
            yield SheetRow(line, cells)


def _broken(line: int, last_line: int, line_reached: int, error: csv.Error, path: Path) -> BadInputError:
    # A quote that is not closed takes in all that follows.
    if line_reached == last_line and "unexpected end" in str(error):
        return BadInputError(f"line {line} of {path} has a quote that is not closed", "close it, or leave quotes out")
    return BadInputError(f"line {line} of {path} is no CSV: {error}", "save it as CSV again, or correct the line")


def _names_known(lines: Sequence[str], delimiter: str, names: Mapping[str, str]) -> int:
    """Count the known columns of the header, where it is read with this delimiter."""
    try:
        header = next((row for row in csv.reader(lines, delimiter=delimiter, strict=True) if any(row)), [])
    except csv.Error:
        return 0
    return sum(_squeezed(name) in names for name in header)


def _columns(header: Sequence[str], names: Mapping[str, str], known: Sequence[str], path: Path) -> tuple[str, ...]:
    columns = tuple(names.get(_squeezed(name), "") for name in header)
    faults = [_unknown(name) for name, column in zip(header, columns, strict=True) if not column]
    faults += [f"the column {column} twice" for column, times in Counter(columns).items() if column and times > 1]
    if known[0] not in columns:
        faults.append(f"no column {known[0]}")
    if faults:
        raise BadInputError(f"the header of {path} has {' and '.join(faults)}", f"name columns of {','.join(known)}")
    return columns


def _unknown(name: str) -> str:
    return f"an unknown column {name[:_LONGEST_SHOWN]!r}" if name else "a column without a name"


def _squeezed(name: str) -> str:
    """Return a column's name without case and blanks: ``Daily Cap`` is daily_cap."""
    return _BLANKS.sub("", name).lower()
