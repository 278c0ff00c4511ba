"""What a row says beside its code and destination, read once for each combination of cells.

A price list has far fewer of them than rows, so that a row costs one look-up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar, cast

from rating.deck import PricedHours, Rate, RateError
from rating.deck_import.dates import DateFormatError, read_date_ms
from rating.deck_import.errors import CellError, DeckImportError
from rating.deck_import.fields import FEES, PRICES, Field
from rating.deck_import.forms import Forms
from rating.deck_import.layout import Layout
from rating.deck_import.model import Cell, shown
from rating.deck_import.numbers import NumberFormatError, read_number
from rating.deck_import.options import FeeUnit, ImportOptions
from rating.deck_import.period_text import PeriodTextError, parse_periods
from rating.deck_import.units import CODES, PriceUnit
from rating.deck_import.words import Status, WordError, read_increments, read_seconds, read_status, read_truth
from rating.money import MICROS_PER_UNIT

T = TypeVar("T")
_NOT_TERMS = frozenset({Field.PREFIX, Field.COUNTRY_CODE, Field.AREA_CODE, Field.DESTINATION, Field.COUNTRY})
_MOST_READ = 200_000
_NO_PREFIX = "1"
_HIGHEST_MICROS = 10**9 * MICROS_PER_UNIT
"""Beyond it something else was read as a price, whatever the currency."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """What a row says of any code: its rate, whose prefix and destination are none of the row's.

    Two are never compared: rows that say the same share one.
    """

    rate: Rate
    withdrawn: bool
    """Whether it ends what was sold, from the rate's beginning on, instead of pricing it."""
    rounded: bool
    """Whether a price had more decimals than can be kept."""


def term_columns(layout: Layout) -> tuple[int, ...]:
    """Return the columns that terms are made of."""
    return tuple(sorted({index for meant, index in layout.columns.items() if meant not in _NOT_TERMS}))


class TermsReader:
    """Reads terms by one layout.

    Args:
        layout: Which column means what.
        options: What was said by the importing person.
        forms: How its amounts and dates are written.

    Raises:
        DeckImportError: the unit of a fee is uncertain.
    """

    def __init__(self, layout: Layout, options: ImportOptions, forms: Forms) -> None:
        self._columns = layout.columns
        self._options = options
        self._forms = forms
        self._read: dict[tuple[Field, Cell], object] = {}
        """What cells were read as, so that a price or a date is worked out once."""
        self._units = {
            layout.columns[meant]: _price_unit(layout, meant, options) for meant in PRICES if meant in layout.columns
        }
        cents = any(unit.cents for unit in self._units.values())
        self._cent_fees = {
            layout.columns[meant]: _fee_in_cents(layout, meant, options, prices_in_cents=cents)
            for meant in FEES
            if meant in layout.columns
        }

    def read(self, cells: Sequence[Cell]) -> Terms:
        """Read the terms of a row.

        Raises:
            CellError: a cell cannot be used.
        """
        self._check_currency(cells)
        status = self._cell(cells, Field.STATUS, read_status, Status.PRICED)
        barred = self._cell(cells, Field.BARRED, read_truth, otherwise=False) or status is Status.BARRED
        initial_s, further_s = self._increments(cells)
        prices = _Prices(self, cells, needed=status is Status.PRICED and not barred)
        from_ms, until_ms = self._validity_ms(cells)
        try:
            rate = Rate(
                prefix=_NO_PREFIX,
                destination="",
                per_minute_micros=prices.ordinary(),
                periods=prices.periods(),
                connect_fee_micros=prices.fee(Field.CONNECT_FEE),
                minimum_charge_micros=prices.fee(Field.MINIMUM_CHARGE),
                initial_increment_s=initial_s,
                increment_s=further_s,
                barred=barred,
                effective_from_ms=from_ms,
                effective_until_ms=until_ms,
            )
        except RateError as error:
            raise CellError(None, "", str(error)) from error
        return Terms(rate=rate, withdrawn=status is Status.WITHDRAWN, rounded=prices.rounded)

    def amount_micros(self, cells: Sequence[Cell], meant: Field, *, needed: bool) -> tuple[int, bool] | None:
        """Return a price a minute or a fee in micro-units, and whether it was rounded up; None for no such cell."""
        column = self._columns.get(meant)
        if column is None or (not needed and _is_empty(cells[column])):
            return None
        known = self._read.get((meant, cells[column]))
        if known is None:
            known = self._remember(meant, cells[column], self._amount(column, cells[column]))
        return cast("tuple[int, bool]", known)

    def _amount(self, column: int, cell: Cell) -> tuple[int, bool]:
        try:
            amount = read_number(cell, self._forms.marks[column])
        except NumberFormatError as error:
            raise CellError(column, shown(cell), str(error)) from error
        exact = amount * self._micros_of_one(column)
        rounded = exact.denominator != 1
        if rounded and not self._options.round_up:
            raise CellError(column, shown(cell), "a price has at most 6 decimals a minute; --round-up rounds it up")
        if exact > _HIGHEST_MICROS:
            raise CellError(column, shown(cell), "more than a thousand million is no price")
        return -(-exact.numerator // exact.denominator), rounded

    def priced_hours(self, cells: Sequence[Cell]) -> tuple[PricedHours, ...]:
        """Return the periods of the column that an export writes them to."""
        return self._cell(cells, Field.PERIODS, lambda cell: parse_periods(shown(cell)), ())

    @property
    def options(self) -> ImportOptions:
        """What was said by the importing person."""
        return self._options

    def _micros_of_one(self, column: int) -> Fraction:
        if column in self._units:
            return self._units[column].micros_per_minute
        return Fraction(MICROS_PER_UNIT, 100 if self._cent_fees[column] else 1)

    def _increments(self, cells: Sequence[Cell]) -> tuple[int, int]:
        """Return the initial and the further increment; without any column every second is priced."""
        if Field.BILLING in self._columns:
            return self._required(cells, Field.BILLING, read_increments)
        if Field.INITIAL in self._columns:
            initial_s = self._required(cells, Field.INITIAL, read_seconds)
            return initial_s, self._required(cells, Field.INCREMENT, read_seconds)
        if Field.INCREMENT in self._columns:
            return self._required(cells, Field.INCREMENT, read_increments)
        return 1, 1

    def _validity_ms(self, cells: Sequence[Cell]) -> tuple[int | None, int | None]:
        from_ms = self._date_ms(cells, Field.FROM, last_day=False)
        until_ms = self._date_ms(cells, Field.UNTIL, last_day=self._options.last_day)
        if until_ms is not None and until_ms <= (from_ms or 0):
            column = self._columns[Field.UNTIL]
            raise CellError(column, shown(cells[column]), "the price ends before it begins")
        return from_ms, until_ms

    def _date_ms(self, cells: Sequence[Cell], meant: Field, *, last_day: bool) -> int | None:
        def read(cell: Cell) -> int:
            return read_date_ms(cell, self._forms.date_order, self._options.zone, last_day=last_day)

        return self._cell(cells, meant, read, None)

    def _check_currency(self, cells: Sequence[Cell]) -> None:
        column, wanted = self._columns.get(Field.CURRENCY), self._options.currency
        if column is None or wanted is None:
            return
        said = shown(cells[column]).strip().upper()
        if said not in {wanted, ""}:
            known = "another currency" if said in CODES else "not the currency"
            raise CellError(column, said, f"{known}: the deck is in {wanted}")

    def _cell(self, cells: Sequence[Cell], meant: Field, read: Callable[[Cell], T], otherwise: T) -> T:
        """Read a cell that may be empty or missing."""
        column = self._columns.get(meant)
        if column is None or _is_empty(cells[column]):
            return otherwise
        return self._required(cells, meant, read)

    def _required(self, cells: Sequence[Cell], meant: Field, read: Callable[[Cell], T]) -> T:
        column = self._columns[meant]
        known = self._read.get((meant, cells[column]))
        if known is not None:
            return cast("T", known)
        try:
            return self._remember(meant, cells[column], read(cells[column]))
        except (WordError, DateFormatError, PeriodTextError) as error:
            raise CellError(column, shown(cells[column]), str(error)) from error

    def _remember(self, meant: Field, cell: Cell, value: T) -> T:
        if len(self._read) >= _MOST_READ:
            self._read.clear()
        self._read[meant, cell] = value
        return value


class _Prices:
    """The amounts of one row."""

    def __init__(self, reader: TermsReader, cells: Sequence[Cell], *, needed: bool) -> None:
        self._reader = reader
        self._cells = cells
        self._needed = needed
        self.rounded = False

    def ordinary(self) -> int:
        """The price a minute outside of all periods; 0 where none is needed and none is there."""
        off_peak = self._amount(Field.OFF_PEAK, needed=self._needed)
        found = off_peak if off_peak is not None else self._amount(Field.PRICE, needed=self._needed)
        return found or 0

    def periods(self) -> tuple[PricedHours, ...]:
        """Weekend before peak, so that a peak of every day leaves the weekend alone."""
        options = self._reader.options
        found = []
        for meant, hours in ((Field.WEEKEND, options.weekend), (Field.PEAK, options.peak)):
            micros = self._amount(meant, needed=self._needed)
            if micros is not None and hours is not None:
                found.append(PricedHours(meant.value, hours, micros))
        return (*found, *self._reader.priced_hours(self._cells))

    def fee(self, meant: Field) -> int:
        """A fee; empty is 0."""
        return self._amount(meant, needed=False) or 0

    def _amount(self, meant: Field, *, needed: bool) -> int | None:
        found = self._reader.amount_micros(self._cells, meant, needed=needed)
        if found is None:
            return None
        self.rounded = self.rounded or found[1]
        return found[0]


def _is_empty(cell: Cell) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _price_unit(layout: Layout, meant: Field, options: ImportOptions) -> PriceUnit:
    said = layout.units[layout.columns[meant]]
    return options.price_unit or PriceUnit(said.seconds or 60, cents=bool(said.cents))


def _fee_in_cents(layout: Layout, meant: Field, options: ImportOptions, *, prices_in_cents: bool) -> bool:
    if options.fee_unit is not None:
        return options.fee_unit is FeeUnit.CENT
    column = layout.columns[meant]
    if layout.units[column].cents:
        return True
    if prices_in_cents and layout.units[column].currency is None:
        raise DeckImportError(
            f"column {layout.headers[column]!r}: is it in hundredths as the prices are? "
            "say --fee-unit cent or --fee-unit unit"
        )
    return False
