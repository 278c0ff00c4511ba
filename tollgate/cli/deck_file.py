"""A file of prices, read as far as an import needs it before anything is written."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rating.deck_import import DeckReader, ImportOptions, NewRates, NoHeaderError
from tollgate.cli.bad_lines import BadLine
from tollgate.cli.errors import BadInputError
from tollgate.deck_files import CsvTable, DeckFileError, XlsxTable, open_tables


@dataclass(frozen=True, slots=True)
class DeckFile:
    """What a file brings, and what was found of its form."""

    table: str
    """The name of the file or of the sheet."""
    rows: int
    rounded: int
    unused: tuple[str, ...]
    bad_rows: tuple[BadLine, ...]
    new: NewRates

    def is_usable(self, *, skip_bad: bool) -> bool:
        """Whether it may be imported: there are rates, and nothing else or nothing that counts."""
        return len(self.new) > 0 and (skip_bad or not self.bad_rows)


def read_deck_file(file: Path, sheet: str | None, options: ImportOptions) -> DeckFile:
    """Read a whole file, with a sign of life on a terminal.

    Raises:
        BadInputError: it cannot be read, or no header of prices is found in it.
        DeckImportError: prices cannot be read by its header.
    """
    with _file_errors(file), _busy(f"reading {file.name}"), _kept():
        name, reader = _first_with_header(open_tables(file, sheet), options)
        new = NewRates(reader)
    bad_rows = sorted(reader.bad_rows, key=lambda row: row.line)
    return DeckFile(
        table=name,
        rows=reader.rows_seen,
        rounded=reader.rounded,
        unused=reader.layout.unused,
        bad_rows=tuple(BadLine(row.line, row.column, row.value, row.reason) for row in bad_rows),
        new=new,
    )


def _first_with_header(tables: Sequence[CsvTable | XlsxTable], options: ImportOptions) -> tuple[str, DeckReader]:
    first_error: NoHeaderError | None = None
    for table in tables:
        try:
            return table.name, DeckReader(table, options)
        except NoHeaderError as error:
            first_error = first_error or error
    assert first_error is not None, "a file has at least one table"
    raise first_error


@contextmanager
def _file_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except DeckFileError as error:
        what, _, hint = str(error).rpartition("; ")
        raise BadInputError(what, hint) from error
    except OSError as error:
        raise BadInputError(f"{file} cannot be read: {error.strerror}", "name a file that can be") from error


@contextmanager
def _busy(what: str) -> Iterator[None]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


@contextmanager
def _kept() -> Iterator[None]:
    """Read without collecting garbage: what is made stays until the command ends.

    Of a million rates each collection looks at all of them again, which is an eighth of an import's time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
