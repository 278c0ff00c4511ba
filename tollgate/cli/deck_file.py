"""A file of prices, read as far as an import needs it before anything is written."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rating.deck_import import DeckReading, ImportOptions, NewRates, NoHeaderError, read_deck
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
    with _file_errors(file), _busy(f"reading {file.name}"):
        name, read = _first_with_header(open_tables(file, sheet), options)
    return DeckFile(
        table=name,
        rows=read.rows,
        rounded=read.rounded,
        unused=read.layout.unused,
        bad_rows=tuple(BadLine(row.line, row.column, row.value, row.reason) for row in read.bad_rows),
        new=read.new,
    )


def _first_with_header(tables: Sequence[CsvTable | XlsxTable], options: ImportOptions) -> tuple[str, DeckReading]:
    first_error: NoHeaderError | None = None
    for table in tables:
        try:
            return table.name, read_deck(table, options)
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
def without_collecting() -> Iterator[None]:
    """Do without the collection of garbage: what an import makes stays until it ends, or goes with its last user.

    Of a million rates each collection looks at many again, which is an eighth of an import's time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
