"""The rows of a price list as rates, at the speed of a look-up a row.

What a row says beside its code is read once for each combination of cells. How amounts and dates are written is
told by all rows together, and still they are read only once: the first ones tell, and where a later one proves
otherwise, reading ends and begins again (:func:`rating.deck_import.read.read_deck`).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import attrgetter, itemgetter
from typing import NamedTuple

from rating.deck_import.code_cells import CodeReader
from rating.deck_import.errors import CellError
from rating.deck_import.fields import Field
from rating.deck_import.forms import FormsSeen
from rating.deck_import.layout import Layout
from rating.deck_import.model import BadRow, BrokenLine, Cell, NumberedRow, Table, shown
from rating.deck_import.names import Names
from rating.deck_import.options import ImportOptions
from rating.deck_import.terms import Terms, TermsReader, term_columns

_PricedRow = tuple[int, str, str, Terms]
"""The line, the prefix, the destination and what it costs."""

_ROWS_AT_ONCE = 200
"""Few enough that a row that has to be read cell by cell slows down few others with it."""
_MOST_KNOWN = 200_000
"""Combinations of cells that are remembered; beyond that they are forgotten and read again."""
_LONGEST_SHOWN = 100
_is_rounded = attrgetter("rounded")


class PricedRows(NamedTuple):
    """What some rows price, as columns of equal length; a row with several codes is there several times."""

    lines: Sequence[int]
    prefixes: Sequence[str]
    names: Sequence[str]
    terms: Sequence[Terms]


class DeckReader:
    """Reads a table by the forms that the rows seen so far tell. What goes by is counted, its bad rows are kept.

    Args:
        table: What to read.
        layout: Its header.
        options: What was said by the importing person.
        seen: What is known of its forms; what its rows prove is added.

    Raises:
        DeckImportError: its prices cannot be read by this header.
    """

    def __init__(self, table: Table, layout: Layout, options: ImportOptions, seen: FormsSeen) -> None:
        self.rows_seen = 0
        self.rounded = 0
        """Rows with a price that had more decimals than can be kept."""
        self.bad_rows: list[BadRow] = []
        self.is_complete = False
        """Whether all rows were read, by the forms that all of them tell."""
        self._table = table
        self._layout = layout
        self._seen = seen
        self._forms = seen.forms()
        self._unseen: list[Sequence[Cell]] = []
        """Rows that may prove what no row before them did: their terms were not known, or they were refused."""
        self._terms = TermsReader(layout, options, self._forms)
        self._pick_terms: Callable[[Sequence[Cell]], object] = itemgetter(*term_columns(layout))
        self._known_terms: dict[object, Terms] = {}
        self._names = Names(layout)
        self._codes = CodeReader(layout, options.code_separator)

    def priced_rows(self) -> Iterator[PricedRows]:
        """Yield what the rows below the header price, some of them at a time. Once only.

        Where a row proves other forms than were known, the rest is only seen, and nothing that was read counts.
        """
        rows = below_header(self._table, self._layout)
        while chunk := list(islice(rows, _ROWS_AT_ONCE)):
            priced = self._read_chunk(chunk)
            self._seen.see(self._unseen)
            self._unseen.clear()
            if self._seen.forms() != self._forms:
                see_all(self._seen, rows)
                return
            yield priced
        self.is_complete = True

    def _read_chunk(self, chunk: Sequence[NumberedRow]) -> PricedRows:
        """Return what some rows price."""
        lines, rows = zip(*chunk, strict=True)
        priced = self._read_plain(lines, rows)
        if priced is not None:
            return priced
        return _as_columns(item for line, cells in chunk for item in self._read_row(line, cells))

    def _read_plain(self, lines: Sequence[int], rows: Sequence[Sequence[Cell]]) -> PricedRows | None:
        """Return what rows price, each of them one plain code; None where one of them is otherwise.

        Most rows are so, and whole columns of them are looked up without a step of Python for each.
        """
        if set(map(len, rows)) != {len(self._layout.headers)}:
            return None
        codes = self._codes.plain(rows)
        if codes is None:
            return None
        try:
            priced = PricedRows(lines, codes, self._names.of_all(rows), self._terms_of_all(rows))
        except CellError:
            return None  # its row is refused in its turn, for the first of its cells that cannot be used
        self.rows_seen += len(rows)
        self.rounded += sum(map(_is_rounded, priced.terms))
        return priced

    def _read_row(self, line: int, cells: Sequence[Cell]) -> Iterator[_PricedRow]:
        """Yield what one row prices, cell by cell; refuse it where it prices nothing."""
        if not any(cells):
            return
        self.rows_seen += 1
        width = len(self._layout.headers)
        try:
            row = cells if len(cells) == width else self._to_width(cells, width)
            codes = self._codes.of(row)
            terms = self._terms_of(row)
            name = self._names.of(row)
        except CellError as error:
            self._refuse(line, cells, error)
            return
        self.rounded += terms.rounded
        for prefix in codes:
            yield line, prefix, name, terms

    def _terms_of_all(self, rows: Sequence[Sequence[Cell]]) -> Sequence[Terms]:
        try:
            return list(map(self._known_terms.__getitem__, map(self._pick_terms, rows)))
        except KeyError:
            return list(map(self._terms_of, rows))

    def _terms_of(self, row: Sequence[Cell]) -> Terms:
        key = self._pick_terms(row)
        terms = self._known_terms.get(key)
        if terms is None:
            self._unseen.append(row)
            if len(self._known_terms) >= _MOST_KNOWN:
                self._known_terms.clear()
            self._known_terms[key] = terms = self._terms.read(row)
        return terms

    def _refuse(self, line: int, cells: Sequence[Cell], error: CellError) -> None:
        self._unseen.append(cells)  # it may tell a form before the cell that it is refused for
        if self._is_note(cells):
            self.rows_seen -= 1
            return
        value = error.value[:_LONGEST_SHOWN]
        self.bad_rows.append(BadRow(line, self._layout.name_of(error.column), value, error.reason))

    def _to_width(self, cells: Sequence[Cell], width: int) -> Sequence[Cell]:
        """Return a row of another length than the header, if nothing stands beyond it."""
        if isinstance(cells[0], BrokenLine):
            raise CellError(None, "", cells[0].reason)
        if len(cells) < width or any(cells[width:]):
            reason = f"the row has {len(cells)} cells and the header {width}"
            raise CellError(None, ",".join(map(shown, cells)), reason)
        return cells[:width]

    def _is_note(self, cells: Sequence[Cell]) -> bool:
        """Say whether a row is a heading or a remark between prices: a text in one cell and nothing else."""
        if isinstance(cells[0], BrokenLine):
            return False
        columns = self._layout.columns
        telling = [columns[meant] for meant in columns if meant not in {Field.DESTINATION, Field.COUNTRY}]
        filled = [cell for cell in cells if cell]
        return len(filled) == 1 and len(cells) > 2 and not any(cells[i] for i in telling if i < len(cells))


def below_header(table: Table, layout: Layout) -> Iterator[NumberedRow]:
    """Return the rows that stand below a header."""
    rows = table.rows()
    next((row for row in rows if row[0] >= layout.line), None)
    return rows


def see_all(seen: FormsSeen, rows: Iterator[NumberedRow]) -> None:
    """See how all rows that are left are written."""
    while chunk := [cells for _, cells in islice(rows, _ROWS_AT_ONCE)]:
        seen.see(chunk)


def _as_columns(items: Iterable[_PricedRow]) -> PricedRows:
    lines, prefixes, names, all_terms = list[int](), list[str](), list[str](), list[Terms]()
    for line, prefix, name, terms in items:
        lines.append(line)
        prefixes.append(prefix)
        names.append(name)
        all_terms.append(terms)
    return PricedRows(lines, prefixes, names, all_terms)
