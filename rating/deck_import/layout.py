"""Finding the header of a price list, and what each of its columns means.

Titles and comments may stand before it. A meaning that no column has, or that two have, is an error that says
what was found and by which option it can be told; nothing is guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from rating.deck_import.errors import DeckImportError
from rating.deck_import.fields import FEES, FIELD_OF, OUTDATED, PRICES, Field, plain
from rating.deck_import.model import BrokenLine, Cell, Table, shown
from rating.deck_import.options import ImportOptions
from rating.deck_import.units import HeaderUnit, split_unit

DEEPEST_HEADER = 100
"""Rows that may stand before the header."""
_CODES = frozenset({Field.PREFIX, Field.COUNTRY_CODE, Field.AREA_CODE})
_IN_SECONDS = frozenset({Field.INITIAL, Field.INCREMENT, Field.BILLING})
_SECONDS = frozenset(
    ["s", "sec", "secs", "second", "seconds", "secondes", "segundos", "seg", "sekunden", "sek", "in", "en"]
)
_NO_UNIT = HeaderUnit(None, None, None)
_SHOWN_HEADERS = 12


class NoHeaderError(DeckImportError):
    """No row is a header of prices; another sheet may have one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the header stands, and which column means what."""

    line: int
    headers: tuple[str, ...]
    columns: Mapping[Field, int]
    units: Mapping[int, HeaderUnit]
    """What the headers of amounts say of their units, by column."""

    @property
    def unused(self) -> tuple[str, ...]:
        """The headers of columns that mean nothing to us."""
        used = set(self.columns.values())
        return tuple(name for index, name in enumerate(self.headers) if name and index not in used)

    def name_of(self, column: int | None) -> str:
        """Return the header of a column; empty for the whole row."""
        return "" if column is None else self.headers[column]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A row that could be the header, and every column that a meaning has in it."""

    line: int
    headers: tuple[str, ...]
    found: Mapping[Field, Sequence[int]]
    units: Mapping[int, HeaderUnit]
    named: frozenset[str]
    """Which headers of those that were told by options it has, in plain words."""

    @property
    def is_header(self) -> bool:
        return bool(_CODES & self.found.keys()) and not self.found.keys().isdisjoint(PRICES)


def find_layout(table: Table, options: ImportOptions) -> Layout:
    """Find the header of a table.

    Raises:
        NoHeaderError: there is none.
        DeckImportError: there is one that prices cannot be read by.
    """
    told = {plain(name): meant for name, meant in options.columns.items()}
    candidates = [
        _candidate(line, cells, told)
        for line, cells in islice(table.rows(), DEEPEST_HEADER)
        if cells and not shown(cells[0]).startswith("#")
    ]
    header = next((row for row in candidates if row.is_header and row.named == told.keys()), None)
    if header is None:
        raise _no_header(candidates, options)
    columns = {meant: _only(meant, found, header, options) for meant, found in header.found.items()}
    columns.pop(Field.UNUSED, None)
    _settle(columns, header)
    _check(columns, header, options)
    return Layout(header.line, header.headers, columns, header.units)


def _candidate(line: int, cells: Sequence[Cell], told: Mapping[str, Field]) -> _Candidate:
    headers = tuple("" if isinstance(cell, BrokenLine) else " ".join(shown(cell).split()) for cell in cells)
    found: dict[Field, list[int]] = {}
    units: dict[int, HeaderUnit] = {}
    named = set()
    for index, header in enumerate(headers):
        words = plain(header)
        meant, unit = _meaning(header, words)
        if words in told:
            named.add(words)
            meant, unit = told[words], split_unit(header)[1]
        if meant is not None:
            found.setdefault(meant, []).append(index)
            units[index] = unit
    return _Candidate(line, headers, found, units, frozenset(named))


def _meaning(header: str, words: str) -> tuple[Field | None, HeaderUnit]:
    """Return what a header means, and the unit that it tells."""
    if not words or len(words) > 60:
        return None, _NO_UNIT
    name, unit = split_unit(header)
    meant = FIELD_OF.get(words) or FIELD_OF.get(name)
    if meant is None and not name and unit.seconds is not None:
        meant = Field.PRICE  # "EUR/min", "per minute"
    if meant is None:
        bare = " ".join(word for word in words.split() if word not in _SECONDS)
        meant = FIELD_OF.get(bare)
        meant = meant if meant in _IN_SECONDS else None
    if meant in _IN_SECONDS or name in OUTDATED:
        unit = _NO_UNIT
    return meant, unit


def _only(meant: Field, found: Sequence[int], header: _Candidate, options: ImportOptions) -> int:
    """Return the one column of a meaning; columns in another currency than the deck's do not count."""
    told = {plain(name) for name in options.columns}
    wanted = [index for index in found if plain(header.headers[index]) in told] or list(found)
    if len(wanted) > 1 and meant in PRICES + FEES:
        own = [index for index in wanted if header.units[index].currency == options.currency]
        wanted = own or wanted
    if len(wanted) > 1 and meant is not Field.UNUSED:
        names = " and ".join(repr(header.headers[index]) for index in wanted)
        raise DeckImportError(
            f"line {header.line}: the columns {names} could all be the {meant.value}; "
            f'say which by --column {meant.value}="{header.headers[wanted[0]]}"'
        )
    return wanted[0]


def _settle(columns: dict[Field, int], header: _Candidate) -> None:
    """Let go of columns that others make superfluous."""
    if Field.PREFIX not in columns:
        if Field.COUNTRY_CODE not in columns:
            name = header.headers[columns[Field.AREA_CODE]]
            raise DeckImportError(
                f"line {header.line}: area codes without a country code; "
                f'where they are whole codes say --column prefix="{name}"'
            )
        if Field.AREA_CODE not in columns:
            columns[Field.PREFIX] = columns.pop(Field.COUNTRY_CODE)
    else:
        columns.pop(Field.AREA_CODE, None)
    if Field.OFF_PEAK in columns and Field.PEAK in columns:
        columns.pop(Field.PRICE, None)
    if Field.INITIAL in columns and Field.INCREMENT in columns:
        columns.pop(Field.BILLING, None)


def _check(columns: Mapping[Field, int], header: _Candidate, options: ImportOptions) -> None:
    fault = _fault(columns, options)
    if fault is not None:
        raise DeckImportError(f"line {header.line}: {fault}")
    for meant in PRICES + FEES:
        if meant not in columns or options.currency is None:
            continue
        name = header.headers[columns[meant]]
        said = header.units[columns[meant]].currency
        if said not in {None, options.currency}:
            raise DeckImportError(
                f"line {header.line}: column {name!r} is in {said} and the deck in {options.currency}; "
                f"import it as a deck in {said} by --currency {said}"
            )


def _fault(columns: Mapping[Field, int], options: ImportOptions) -> str | None:
    if Field.PRICE in columns and Field.OFF_PEAK in columns:
        return 'is the ordinary price the price or the off-peak price? leave one out by --column unused="…"'
    if Field.PRICE not in columns and Field.OFF_PEAK not in columns:
        return 'no column has the off-peak price; say which by --column off_peak="…" or --column price="…"'
    if Field.PEAK in columns and options.peak is None:
        return 'there are peak prices; say when they hold by --peak "mon-fri 08:00-20:00"'
    if Field.INITIAL in columns and Field.INCREMENT not in columns and Field.BILLING not in columns:
        return 'there is an initial increment and no further one; say which by --column increment="…"'
    return None


def _no_header(candidates: Sequence[_Candidate], options: ImportOptions) -> NoHeaderError:
    """Say what was found instead of a header, by the row that comes nearest to one."""
    if not candidates:
        return NoHeaderError("there are no rows; check the file")
    best = max(
        candidates, key=lambda row: (len(row.named), len(row.found), len([name for name in row.headers if name]))
    )
    shown_names = [name for name in best.headers if name]
    names = ", ".join(repr(name[:60]) for name in shown_names[:_SHOWN_HEADERS])
    names += ", …" if len(shown_names) > _SHOWN_HEADERS else ""
    missing_told = [name for name in options.columns if plain(name) not in best.named]
    if missing_told:
        wanted = ", ".join(map(repr, missing_told))
        return NoHeaderError(f"no header has the columns {wanted}; the best row, line {best.line}, has {names}")
    lacks = []
    if not _CODES & best.found.keys():
        lacks.append("prefix")
    if best.found.keys().isdisjoint(PRICES):
        lacks.append("price")
    told = " ".join(f'--column {meant}="…"' for meant in lacks)
    return NoHeaderError(
        f"no header found: line {best.line} has {names} and no column known as {' or '.join(lacks)}; name it by {told}"
    )
