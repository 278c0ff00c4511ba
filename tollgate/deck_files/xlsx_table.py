"""XLSX workbooks as tables: one a sheet, read row by row."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers.expat import ExpatError
from zipfile import BadZipFile

from rating.deck_import import NumberedRow
from tollgate.deck_files.errors import DeckFileError
from tollgate.deck_files.xlsx_book import XlsxBook
from tollgate.deck_files.xlsx_sheet import read_rows
from tollgate.deck_files.xlsx_xml import HostileXmlError

_UNREADABLE = (
    ArithmeticError,
    BadZipFile,
    EOFError,
    ExpatError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What reading of a damaged archive, of damaged XML, or of XML that is no workbook raises."""


@dataclass(frozen=True, slots=True)
class XlsxTable:
    """One sheet of a workbook that can be read as often as wanted."""

    path: Path
    name: str
    book: XlsxBook = field(repr=False, compare=False)
    """What its readings share."""

    def rows(self) -> Iterator[NumberedRow]:
        """Yield the rows of the sheet by their numbers; numbers are exact, as a spreadsheet shows them.

        Raises:
            DeckFileError: the workbook is damaged, or made to exhaust its reader.
        """
        with _our_errors(self.path), self.book.open_sheet(self.name) as (source, reader):
            yield from read_rows(source, reader)


def open_xlsx(path: Path) -> list[XlsxTable]:
    """Return the sheets of a workbook that can be seen, in their order.

    Raises:
        DeckFileError: it is no workbook, damaged, or too large.
    """
    with _our_errors(path):
        book = XlsxBook(path)
    if not book.sheets:
        raise DeckFileError(f"{path} has no sheet; check the file")
    return [XlsxTable(path, name, book) for name in book.sheets]


@contextmanager
def _our_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except HostileXmlError as error:
        raise DeckFileError(f"{path} {error}; save it as CSV") from error
    except _UNREADABLE as error:
        raise DeckFileError(f"{path} is a damaged or locked workbook; save it again as XLSX or CSV") from error
