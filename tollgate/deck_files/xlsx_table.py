"""XLSX workbooks as tables: one a sheet, read row by row."""

import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from rating.deck_import import Cell, NumberedRow
from tollgate.deck_files.errors import DeckFileError
from tollgate.deck_files.xlsx_limits import check_xlsx

_MOST_COLUMNS = 200
_DIGITS_OF_A_SPREADSHEET = 15
"""What Excel shows and keeps of a number; more digits are noise of its binary fractions."""
_UNREADABLE = (
    BadZipFile,
    zlib.error,
    InvalidFileException,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OSError,
    EOFError,
    RuntimeError,
    OverflowError,
)
"""What openpyxl raises for a damaged workbook; it has no root error of its own."""


@dataclass(frozen=True, slots=True)
class XlsxTable:
    """One sheet of a workbook that can be read as often as wanted."""

    path: Path
    name: str

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows of the sheet by their numbers; numbers are exact, as a spreadsheet shows them.

        Raises:
            DeckFileError: the workbook is damaged.
        """
        workbook = _load(self.path)
        try:
            sheet = workbook[self.name]
            sheet.reset_dimensions()  # what the file says of its size is not to be relied on
            values = sheet.iter_rows(values_only=True, max_col=_MOST_COLUMNS)
            width = 0
            for number, row in enumerate(_guarded(values, self.path), start=1):
                cells = [_cell(value) for value in row]
                while cells and cells[-1] == "":
                    cells.pop()
                if cells:
                    width = max(width, len(cells))
                    cells.extend([""] * (width - len(cells)))
                yield number, cells
        finally:
            workbook.close()


def open_xlsx(path: Path) -> list[XlsxTable]:
    """Return the sheets of a workbook that can be seen, in their order.

    Raises:
        DeckFileError: it is no workbook, damaged, or too large.
    """
    check_xlsx(path)
    workbook = _load(path)
    try:
        visible = [sheet.title for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    finally:
        workbook.close()
    if not visible:
        raise DeckFileError(f"{path} has no sheet; check the file")
    return [XlsxTable(path, name) for name in visible]


def _load(path: Path) -> openpyxl.Workbook:
    try:
        with warnings.catch_warnings():
            # It warns of styles and extensions that it leaves out; prices are in neither.
            warnings.simplefilter("ignore")
            return openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except _UNREADABLE as error:
        raise DeckFileError(f"{path} is a damaged workbook; save it again as XLSX or CSV") from error


def _guarded(rows: Iterator[tuple[object, ...]], path: Path) -> Iterator[tuple[object, ...]]:
    """Hand rows on; what a damaged sheet raises becomes our error."""
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                row = next(rows)
        except StopIteration:
            return
        except _UNREADABLE as error:
            raise DeckFileError(f"{path} is a damaged workbook; save it again as XLSX or CSV") from error
        yield row


def _cell(value: object) -> Cell:
    """Return a value of the workbook as a cell; text stays text, whatever it looks like."""
    if isinstance(value, (str, datetime)):
        return value
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    if isinstance(value, (int, float)):
        return _number(value)
    return datetime.combine(value, time()) if isinstance(value, date) else str(value)


def _number(value: float) -> Decimal:
    """Return a number exactly as a spreadsheet shows it.

    Whole numbers keep every digit, so that whoever reads them can tell which are too long to be exact.
    """
    if isinstance(value, int) or value.is_integer():
        return Decimal(int(value))
    return Decimal(f"{value:.{_DIGITS_OF_A_SPREADSHEET}g}")
