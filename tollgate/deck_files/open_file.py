"""Opening a file of prices: what it is, is told by its first bytes, never by its name."""

from collections.abc import Sequence
from pathlib import Path

from tollgate.deck_files.csv_table import CsvTable, open_csv
from tollgate.deck_files.errors import DeckFileError
from tollgate.deck_files.xlsx_table import XlsxTable, open_xlsx

_ZIP = b"PK\x03\x04"
_STRANGERS = (
    (b"%PDF", "a PDF document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls) or a locked one"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"PK\x05\x06", "an empty archive"),
    (b"<html", "a web page"),
    (b"<!DOCTYPE", "a web page"),
)


def open_tables(path: Path, sheet: str | None = None) -> Sequence[CsvTable | XlsxTable]:
    """Return the tables of a file: the one of a CSV, the sheets of a workbook or that of the name ``sheet``.

    Raises:
        DeckFileError: it is neither CSV nor XLSX, cannot be read, or has no such sheet.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
        if head.startswith(_ZIP):
            return _sheets(path, sheet)
        _refuse_strangers(path, head)
        if sheet is not None:
            raise DeckFileError(f"{path} is no workbook and has no sheets; leave out --sheet")
        return [open_csv(path)]
    except OSError as error:
        raise DeckFileError(f"{path} cannot be read: {error.strerror}; name a file that can be") from error


def _sheets(path: Path, wanted: str | None) -> Sequence[XlsxTable]:
    sheets = open_xlsx(path)
    if wanted is None:
        return sheets
    chosen = [sheet for sheet in sheets if sheet.name.casefold() == wanted.casefold()]
    if not chosen:
        names = ", ".join(repr(sheet.name) for sheet in sheets)
        raise DeckFileError(f"{path} has no sheet {wanted!r}; choose from {names}")
    return chosen


def _refuse_strangers(path: Path, head: bytes) -> None:
    for begin, what in _STRANGERS:
        if head.startswith(begin):
            raise DeckFileError(f"{path} is {what}; save it as CSV or XLSX")
