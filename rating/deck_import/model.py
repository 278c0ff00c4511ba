"""What goes into an import and what comes out of it, row by row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """Stands as the only cell of a row that its file format could not be read by."""

    reason: str


Cell = str | Decimal | datetime | BrokenLine
"""Text; or, from files that know types (XLSX), an exact number or a local date and time without a zone."""

NumberedRow = tuple[int, Sequence[Cell]]
"""The line (1 is the first of the file or sheet) and its cells."""


class Table(Protocol):
    """Rows of a file that can be read as often as wanted: once to learn its forms, once for its rates."""

    def rows(self) -> Iterator[NumberedRow]:
        """Yield all rows from the first one on."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no rate: where it stands, what it holds, and why that cannot be used.

    ``line`` counts from 1 in the given file; ``column`` is the header's name for it, empty where the whole row
    is meant.
    """

    line: int
    column: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A prefix that its carrier no longer sells, from ``effective_from_ms`` on (UTC; None: at once)."""

    prefix: str
    effective_from_ms: int | None


UNNAMED = "unnamed"
"""The destination of a rate of a file that names none, where the deck does not know the prefix either."""


def shown(cell: Cell) -> str:
    """Return a cell as text, for reports."""
    if isinstance(cell, BrokenLine):
        return ""
    if isinstance(cell, Decimal):
        return f"{cell:f}" if abs(cell.adjusted()) < 30 else str(cell)
    return cell if isinstance(cell, str) else cell.isoformat(sep=" ")
