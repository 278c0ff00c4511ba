"""The rows of a price list as rates, at the speed of a look-up a row.

A table is read twice. The first time its amounts and dates are seen, which decides how they are written; the
second time each row becomes rates. What a row says beside its code is read once for each combination of cells.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from operator import itemgetter
from typing import TypeVar

from rating.deck import is_prefix
from rating.deck_import.codes import CodeError, read_area_codes, read_codes, read_country_code
from rating.deck_import.errors import CellError
from rating.deck_import.fields import Field
from rating.deck_import.layout import Layout, find_layout
from rating.deck_import.model import UNNAMED, BadRow, BrokenLine, Cell, NumberedRow, Table, shown
from rating.deck_import.options import ImportOptions
from rating.deck_import.terms import Terms, TermsReader, surveyed_columns, term_columns

T = TypeVar("T")
PricedRow = tuple[int, str, str, Terms]
"""The line, the prefix, the destination and what it costs."""

_KnownParts = tuple[Iterable[re.Match[str] | None], Iterable[str | None], Iterable[Terms | None]]

_PLAIN_CODE = re.compile("[1-9][0-9]{0,14}")
_ROWS_AT_ONCE = 1000
_MOST_KNOWN = 200_000
"""Combinations of cells and names that are remembered; beyond that they are forgotten and read again."""
_LONGEST_NAME = 200
_ERRORS = frozenset({"#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"})
_LONGEST_SHOWN = 100


class DeckReader:
    """A table whose header and forms are known. What goes by is counted, and its bad rows are kept.

    Args:
        table: What to read.
        options: What was said by the importing person.

    Raises:
        NoHeaderError: it has no header of prices.
        DeckImportError: it has one that prices cannot be read by.
    """

    def __init__(self, table: Table, options: ImportOptions) -> None:
        self.layout = find_layout(table, options)
        self.rows_seen = 0
        self.rounded = 0
        """Rows with a price that had more decimals than can be kept."""
        self.bad_rows: list[BadRow] = []
        self._table = table
        self._options = options
        self._terms = TermsReader(self.layout, options, self._survey())
        self._pick_terms: Callable[[Sequence[Cell]], object] = itemgetter(*term_columns(self.layout))
        self._known_terms: dict[object, Terms] = {}
        self._name = _Names(self.layout)
        self._codes = self._code_reader()
        self._plain_code = self._plain_code_picker()

    def priced_rows(self) -> Iterator[PricedRow]:
        """Yield what every row below the header prices; one with several codes yields several. Once only."""
        rows = self._below_header()
        while chunk := list(islice(rows, _ROWS_AT_ONCE)):
            for (line, cells), code, name, terms in zip(chunk, *self._known_parts(chunk), strict=True):
                if code is None or name is None or terms is None:
                    yield from self._read_row(line, cells)
                else:
                    self.rows_seen += 1
                    self.rounded += terms.rounded
                    yield line, code[0], name, terms

    def _known_parts(self, chunk: Sequence[NumberedRow]) -> _KnownParts:
        """Return code, name and terms of each row where they are plain or known already, and None elsewhere.

        Most rows are so, and whole columns of them are looked up without a step of Python for each.
        """
        rows = [cells for _, cells in chunk]
        nothing = [None] * len(rows)
        if set(map(len, rows)) != {len(self.layout.headers)}:
            return nothing, nothing, nothing
        codes: Iterable[re.Match[str] | None] = nothing
        if self._plain_code is not None:
            # A number of XLSX is as its text is: without decimals and exponent it has kept all digits.
            codes = map(_PLAIN_CODE.fullmatch, map(str, map(self._plain_code, rows)))
        return codes, self._name.known(rows), map(self._known_terms.get, map(self._pick_terms, rows))

    def _read_row(self, line: int, cells: Sequence[Cell]) -> Iterator[PricedRow]:
        """Yield what one row prices, cell by cell; refuse it where it prices nothing."""
        if not any(cells):
            return
        self.rows_seen += 1
        width = len(self.layout.headers)
        try:
            row = cells if len(cells) == width else self._to_width(cells, width)
            codes = self._codes(row)
            terms = self._terms_of(row)
            name = self._name(row)
        except CellError as error:
            self._refuse(line, cells, error)
            return
        self.rounded += terms.rounded
        for prefix in codes:
            yield line, prefix, name, terms

    def _terms_of(self, row: Sequence[Cell]) -> Terms:
        key = self._pick_terms(row)
        terms = self._known_terms.get(key)
        if terms is None:
            if len(self._known_terms) >= _MOST_KNOWN:
                self._known_terms.clear()
            self._known_terms[key] = terms = self._terms.read(row)
        return terms

    def _refuse(self, line: int, cells: Sequence[Cell], error: CellError) -> None:
        if self._is_note(cells):
            self.rows_seen -= 1
            return
        value = error.value[:_LONGEST_SHOWN]
        self.bad_rows.append(BadRow(line, self.layout.name_of(error.column), value, error.reason))

    def _below_header(self) -> Iterator[NumberedRow]:
        header_line = self.layout.line
        rows = self._table.rows()
        next((row for row in rows if row[0] >= header_line), None)
        return rows

    def _survey(self) -> dict[int, set[Cell]]:
        """See the distinct cells of the columns that decide together how they are written."""
        columns = surveyed_columns(self.layout)
        seen: dict[int, set[Cell]] = {column: set() for column in columns}
        rows = self._below_header()
        while chunk := [cells for _, cells in islice(rows, _ROWS_AT_ONCE)]:
            for column, cells_seen in seen.items():
                try:
                    cells_seen.update(map(itemgetter(column), chunk))
                except IndexError:
                    cells_seen.update(cells[column] for cells in chunk if len(cells) > column)
        return seen

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
        columns = self.layout.columns
        telling = [columns[meant] for meant in columns if meant not in {Field.DESTINATION, Field.COUNTRY}]
        filled = [cell for cell in cells if cell]
        return len(filled) == 1 and len(cells) > 2 and not any(cells[i] for i in telling if i < len(cells))

    def _code_reader(self) -> Callable[[Sequence[Cell]], tuple[str, ...]]:
        columns = self.layout.columns
        if Field.PREFIX not in columns:
            return _AreaCodes(columns[Field.COUNTRY_CODE], columns[Field.AREA_CODE], self._options.code_separator)
        return _WholeCodes(columns[Field.PREFIX], columns.get(Field.COUNTRY_CODE), self._options.code_separator)

    def _plain_code_picker(self) -> Callable[[Sequence[Cell]], Cell] | None:
        """Return what picks a row's code where one cell is all of it, None where it depends on others."""
        columns = self.layout.columns
        if Field.PREFIX not in columns or Field.COUNTRY_CODE in columns:
            return None
        return itemgetter(columns[Field.PREFIX])


class _Names:
    """Reads destinations' names; each is read, and kept in memory, once."""

    def __init__(self, layout: Layout) -> None:
        self._destination = layout.columns.get(Field.DESTINATION)
        self._country = layout.columns.get(Field.COUNTRY)
        columns = [column for column in (self._country, self._destination) if column is not None]
        self._column = columns[-1] if columns else None
        self._pick: Callable[[Sequence[Cell]], object] = itemgetter(*columns) if columns else _nothing
        self._known: dict[object, str] = {}

    def __call__(self, cells: Sequence[Cell]) -> str:
        key = self._pick(cells)
        name = self._known.get(key)
        return self._learn(key, cells) if name is None else name

    def known(self, rows: Iterable[Sequence[Cell]]) -> Iterator[str | None]:
        """Yield the name of each row that is known already, None for others."""
        return map(self._known.get, map(self._pick, rows))

    def _learn(self, key: object, cells: Sequence[Cell]) -> str:
        land, place = (
            "" if column is None else shown(cells[column]).strip() for column in (self._country, self._destination)
        )
        if self._column is None:
            land = UNNAMED
        # "Spain" and "Spain mobile" are "Spain mobile"; "Spain" and "mobile" are too.
        name = place if land.casefold() in place.casefold() else f"{land} {place}".strip()
        if not name or land in _ERRORS or place in _ERRORS:
            raise CellError(self._column, place, "a destination needs a name")
        if len(name) > _LONGEST_NAME:
            raise CellError(self._column, place, f"a name has at most {_LONGEST_NAME} characters")
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = name
        return name


def _nothing(_cells: Sequence[Cell]) -> None:
    """Pick no cell of a row."""


class _WholeCodes:
    """Reads codes that begin with their country code; where that has a column too, they have to agree."""

    def __init__(self, column: int, country_column: int | None, separator: str | None) -> None:
        self._column = column
        self._country_column = country_column
        self._separator = separator

    def __call__(self, cells: Sequence[Cell]) -> tuple[str, ...]:
        cell = cells[self._column]
        if isinstance(cell, str) and 0 < len(cell) < 16 and cell.isdecimal() and cell.isascii() and cell[0] != "0":
            codes: tuple[str, ...] = (cell,)
        else:
            codes = _at(self._column, cell, lambda: read_codes(cell, self._separator))
        if self._country_column is not None:
            self._check_country(cells[self._country_column], codes, cell)
        return codes

    def _check_country(self, country: Cell, codes: tuple[str, ...], cell: Cell) -> None:
        text = shown(country).strip().removeprefix("+").removeprefix("00")
        if text.isdecimal() and not all(code.startswith(text) for code in codes):
            raise CellError(
                self._column,
                shown(cell),
                f'the code does not begin with its country code {text}; is it an area code? say --column area_code="…"',
            )


class _AreaCodes:
    """Reads a country code and area codes in two columns."""

    def __init__(self, country_column: int, area_column: int, separator: str | None) -> None:
        self._country_column = country_column
        self._area_column = area_column
        self._separator = separator

    def __call__(self, cells: Sequence[Cell]) -> tuple[str, ...]:
        country, area = cells[self._country_column], cells[self._area_column]
        country_code = _at(self._country_column, country, lambda: read_country_code(country))
        codes = _at(self._area_column, area, lambda: read_area_codes(area, country_code, self._separator))
        if not all(map(is_prefix, codes)):
            raise CellError(self._area_column, shown(area), "with its country code this is no E.164 prefix")
        return codes


def _at(column: int, cell: Cell, read: Callable[[], T]) -> T:
    try:
        return read()
    except CodeError as error:
        raise CellError(column, shown(cell), str(error)) from error
