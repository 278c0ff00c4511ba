"""Reading a whole price list: its header, its forms, its rows."""

from dataclasses import dataclass
from itertools import islice

from rating.deck_import.collect import NewRates
from rating.deck_import.forms import FormsSeen
from rating.deck_import.layout import Layout, find_layout
from rating.deck_import.model import BadRow, Table
from rating.deck_import.options import ImportOptions
from rating.deck_import.reader import DeckReader, below_header, see_all

_ROWS_SEEN_FIRST = 20_000
"""Most files show how they are written in their first hundreds of rows; these take some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class DeckReading:
    """What a price list brings, and what was found of its form."""

    layout: Layout
    new: NewRates
    rows: int
    """Those below the header that are not empty, headings not counted."""
    rounded: int
    """Rows with a price that had more decimals than can be kept."""
    bad_rows: list[BadRow]
    """By their lines."""


def read_deck(table: Table, options: ImportOptions) -> DeckReading:
    """Read a table to its end; the rows that are no rates are part of the answer.

    Args:
        table: What to read.
        options: What was said by the importing person.

    Raises:
        NoHeaderError: it has no header of prices.
        DeckImportError: it has one that prices cannot be read by.
    """
    layout = find_layout(table, options)
    seen = FormsSeen(layout, options)
    see_all(seen, islice(below_header(table, layout), _ROWS_SEEN_FIRST))
    # A reading that ends early has seen all rows: the second one has the right forms.
    while (found := _read(table, layout, options, seen)) is None:
        pass
    return found


def _read(table: Table, layout: Layout, options: ImportOptions, seen: FormsSeen) -> DeckReading | None:
    """Read by the forms that are known; None where they turn out to be others."""
    reader = DeckReader(table, layout, options, seen)
    new = NewRates()
    clashes: list[BadRow] = []
    for rows in reader.priced_rows():
        clashes += new.add(rows)
    if not reader.is_complete:
        return None
    bad_rows = sorted(reader.bad_rows + clashes, key=lambda row: row.line)
    return DeckReading(layout, new, reader.rows_seen, reader.rounded, bad_rows)
