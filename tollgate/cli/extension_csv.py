"""Extensions by CSV: what each row of a file sets, every fault of it, and the file that holds what is set now."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from tollgate.cli.bad_field import BadFieldError
from tollgate.cli.bad_lines import BadLine
from tollgate.cli.counted import counted
from tollgate.cli.extension_changes import FIELDS, NamedChanges, check_number, read_changes
from tollgate.cli.extension_sheet import Sheet, SheetRow, read_sheet
from tollgate.cli.limits import MONEY_FIELDS

_COLUMNS = ("extension", *FIELDS)
_DECIMAL_COMMA = re.compile(r"[0-9]+,[0-9]+")


@dataclass(frozen=True, slots=True)
class NumberedChanges:
    """A row that was read, and the line it came from."""

    line: int
    number: str
    changes: NamedChanges
    titles: Mapping[str, str]
    """What the file's header calls its columns."""

    def title(self, column: str) -> str:
        """Return what the file calls a column; its name where the file does not have it."""
        return self.titles.get(column, column)


def read_extensions(file: Path, home_region: str) -> tuple[list[NumberedChanges], list[BadLine]]:
    """Read the rows of a file: those that can be used, and every fault of those that cannot.

    Raises:
        BadInputError: the file is no CSV, or its header cannot be used.
    """
    sheet = read_sheet(file, _COLUMNS)
    titles = dict(zip(sheet.columns, sheet.titles, strict=True))
    good: list[NumberedChanges] = []
    bad: list[BadLine] = []
    seen: dict[str, int] = {}
    for row in sheet.rows:
        faults = list(_faults(sheet, row, home_region, seen))
        if faults:
            bad += faults
        else:
            cells = _cells(sheet, row)
            fields = {column: cell or None for column, cell in cells.items()}
            good.append(NumberedChanges(row.line, cells["extension"], read_changes(fields), titles))
    return good, bad


def _faults(sheet: Sheet, row: SheetRow, home_region: str, seen: dict[str, int]) -> Iterator[BadLine]:
    """Yield what is wrong with a row; ``seen`` are the lines of the extensions before it."""
    if len(row.cells) != len(sheet.columns):
        reason = f"it has {counted(len(row.cells), 'cell')}, the header has {len(sheet.columns)}"
        yield BadLine(row.line, "", "", reason)
        return
    cells = _cells(sheet, row)
    number = cells["extension"]
    first_line = seen.setdefault(number, row.line)
    if number and first_line != row.line:
        yield BadLine(row.line, _title(sheet, "extension"), number, f"line {first_line} has the same extension")
    for column, cell in cells.items():
        try:
            _check_cell(column, cell, home_region)
        except BadFieldError as error:
            title = _title(sheet, column)
            yield BadLine(row.line, title, cell, error.in_column(title))


def _title(sheet: Sheet, column: str) -> str:
    return sheet.titles[sheet.columns.index(column)]


def _cells(sheet: Sheet, row: SheetRow) -> dict[str, str]:
    cells = dict(zip(sheet.columns, row.cells, strict=True))
    if sheet.decimal_comma:
        for column in MONEY_FIELDS:
            if _DECIMAL_COMMA.fullmatch(cells.get(column, "")):
                cells[column] = cells[column].replace(",", ".")
    return cells


def _check_cell(column: str, cell: str, home_region: str) -> None:
    if column == "extension":
        check_number(cell, home_region)
    else:
        read_changes({column: cell or None})


def write_csv(rows: Iterable[Mapping[str, object]], file: TextIO) -> None:
    """Write rows of extensions as CSV."""
    writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
