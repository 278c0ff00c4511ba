"""Our own form of a deck: what an export writes, and what ships as the example."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rating.deck import Rate
from rating.deck_import.errors import DeckImportError
from rating.deck_import.model import BadRow, NumberedRow
from rating.deck_import.options import ImportOptions
from rating.deck_import.period_text import format_periods
from rating.deck_import.read import read_deck
from rating.money import format_money

COLUMNS = (
    "prefix",
    "destination",
    "per_minute",
    "connect_fee",
    "initial_increment_s",
    "increment_s",
    "minimum_charge",
    "barred",
    "effective_from",
    "effective_until",
    "periods",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TextTable:
    """Lines of CSV with commas in memory."""

    lines: tuple[str, ...]

    def rows(self) -> Iterator[NumberedRow]:
        """Yield its rows."""
        reader = csv.reader(self.lines)
        for cells in reader:
            yield reader.line_num, cells


def csv_cells(rate: Rate) -> tuple[str | int, ...]:
    """Return a rate as cells of :data:`COLUMNS`, exactly as an import reads it again."""
    return (
        rate.prefix,
        rate.destination,
        format_money(rate.per_minute_micros),
        format_money(rate.connect_fee_micros),
        rate.initial_increment_s,
        rate.increment_s,
        format_money(rate.minimum_charge_micros),
        "yes" if rate.barred else "no",
        _instant(rate.effective_from_ms),
        _instant(rate.effective_until_ms),
        format_periods(rate.periods),
    )


def parse_deck_csv(lines: Iterable[str]) -> Iterator[Rate | BadRow]:
    """Read a deck in our own form from text in memory, every rate and every bad row.

    A text that has no header of prices is one bad row.
    """
    try:
        read = read_deck(TextTable(tuple(lines)), ImportOptions())
    except DeckImportError as error:
        yield BadRow(1, "", "", str(error))
        return
    for prefix in read.new.prefixes():
        yield from (item for item in read.new.of(prefix) if isinstance(item, Rate))
    yield from read.bad_rows


def _instant(at_ms: int | None) -> str:
    if at_ms is None:
        return ""
    return (_EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds")
