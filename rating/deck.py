"""Prices: one rate per prefix, and the deck that finds the rate of a number.

A rate's prefix lives in one of two namespaces that never meet. ``"447797"`` is the beginning of an E.164
number, written without its plus. ``"FR:3"`` is the beginning of a short number dialled in France, so that
the short number 3631 is never priced as +36 31… (Hungary). The longest prefix wins; a barred rate wins like
any other, and bars.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rating.errors import RatingError
from rating.money import MoneyError, parse_money
from rating.prefixes import PrefixIndex

LONGEST_INCREMENT_S = 86_400

# E.164 numbers have at most 15 digits and no country code begins with 0 (ITU-T E.164, 6.2.1 and 6.2.2).
_PREFIX = re.compile(r"[1-9][0-9]{0,14}|[A-Z]{2}:[0-9]{1,6}")

_E164 = ""
"""The namespace of E.164 prefixes; those of short numbers are named by their region."""


class RateError(RatingError):
    """A rate or a deck that cannot be a price: a negative amount, no increment, the same prefix twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The price of one destination, in micro-units of its deck's currency.

    ``initial_increment_s`` is paid as soon as the call is answered, then whole ``increment_s`` (``30/6`` is
    30 and 6). ``connect_fee_micros`` is added once per answered leg; the charge of a leg is never below
    ``minimum_charge_micros``. ``barred`` refuses the destination whatever its price.

    Raises:
        RateError: the prefix is neither E.164 digits nor ``REGION:digits``, an amount is negative, or an
            increment is not between 1 s and 24 h.
    """

    prefix: str
    destination: str
    per_minute_micros: int
    connect_fee_micros: int = 0
    initial_increment_s: int
    increment_s: int
    minimum_charge_micros: int = 0
    barred: bool = False

    def __post_init__(self) -> None:
        if not is_prefix(self.prefix):
            raise RateError(f"{self.prefix!r} is no prefix; write E.164 digits, or a short number as FR:3631")
        if self.per_minute_micros < 0 or self.connect_fee_micros < 0 or self.minimum_charge_micros < 0:
            raise RateError(f"rate {self.prefix}: a price is never negative")
        for increment_s in (self.initial_increment_s, self.increment_s):
            if not 1 <= increment_s <= LONGEST_INCREMENT_S:
                raise RateError(f"rate {self.prefix}: an increment is between 1 and {LONGEST_INCREMENT_S} s")


def is_prefix(text: str) -> bool:
    """Say whether the text can be a rate's prefix: ``"447797"`` or ``"FR:3"``."""
    return _PREFIX.fullmatch(text) is not None


class Deck:
    """A named list of rates in one currency, ready for look-ups.

    Raises:
        RateError: two rates have the same prefix.
    """

    __slots__ = ("_indexes", "currency", "name")

    def __init__(self, name: str, currency: str, rates: Iterable[Rate]) -> None:
        self.name = name
        self.currency = currency
        by_namespace: dict[str, dict[str, Rate]] = {}
        for rate in rates:
            namespace, digits = _split(rate.prefix)
            by_prefix = by_namespace.setdefault(namespace, {})
            if digits in by_prefix:
                raise RateError(f"deck {name}: prefix {rate.prefix} is priced twice; keep one rate")
            by_prefix[digits] = rate
        self._indexes = {namespace: PrefixIndex(rates) for namespace, rates in by_namespace.items()}

    def lookup(self, number: str) -> Rate | None:
        """Return the rate of the longest prefix, or None where nothing matches.

        ``number`` is E.164 (``"+447797123456"``, the plus may be missing) or a short number with the region
        it is dialled in (``"FR:3631"``).
        """
        namespace, digits = _split(number)
        index = self._indexes.get(namespace)
        return None if index is None else index.find(digits)


def _split(key: str) -> tuple[str, str]:
    """Separate a prefix or number from its namespace."""
    if ":" in key:
        namespace, _, digits = key.partition(":")
        return namespace, digits
    return _E164, key.removeprefix("+")


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no rate: where it stands, what it holds, and why that cannot be used.

    ``line`` counts from 1 in the given text; ``column`` is empty where the whole row is meant.
    """

    line: int
    column: str
    value: str
    reason: str


_REQUIRED = ("prefix", "destination", "per_minute")
_OPTIONAL = ("connect_fee", "initial_increment_s", "increment_s", "minimum_charge", "barred")
_TRUTH = {"": False, "0": False, "no": False, "false": False, "1": True, "yes": True, "true": True}
_SECONDS = re.compile(r"[0-9]{1,5}")
_BYTE_ORDER_MARK = "\ufeff"


def parse_deck_csv(lines: Iterable[str]) -> Iterator[Rate | BadRow]:
    """Read a deck from lines of CSV, with a header and commas or semicolons.

    Columns: prefix, destination, per_minute and, where wanted, connect_fee, initial_increment_s, increment_s,
    minimum_charge, barred. Money is plain decimals in the deck's currency. Increments are given both or
    neither; without them every second is priced (1/1). Lines before the header that are blank or begin with
    ``#`` are comments. Every later line yields a rate or a :class:`BadRow`; a header that cannot be used
    yields one bad row and ends the reading.
    """
    numbered = ((number, line.removeprefix(_BYTE_ORDER_MARK)) for number, line in enumerate(lines, start=1))
    header_line, header = next(((number, line) for number, line in numbered if not _is_comment(line)), (1, ""))
    delimiter = ";" if ";" in header else ","
    columns = [name.strip().lower() for name in header.split(delimiter)]
    fault = _header_fault(columns)
    if fault is not None:
        yield BadRow(header_line, "", header.strip(), fault)
        return
    yield from _Rows((line for _, line in numbered), delimiter, columns, header_line)


def _is_comment(line: str) -> bool:
    return not line.strip() or line.startswith("#")


def _header_fault(columns: list[str]) -> str | None:
    missing = [name for name in _REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in _REQUIRED + _OPTIONAL]
    if missing:
        return f"the header lacks {', '.join(missing)}"
    if unknown:
        return f"the header names columns that are not known: {', '.join(unknown)}"
    if len(set(columns)) < len(columns):
        return "the header names a column twice"
    if ("increment_s" in columns) != ("initial_increment_s" in columns):
        return "the header names one increment: give both initial_increment_s and increment_s, or neither"
    return None


class _CellError(Exception):
    """A cell that cannot be used; never leaves this module."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class _Rows:
    """The rows below a header, each as a rate or a bad row."""

    def __init__(self, lines: Iterable[str], delimiter: str, columns: list[str], header_line: int) -> None:
        self._reader = csv.reader(lines, delimiter=delimiter)
        self._columns = columns
        self._header_line = header_line
        self._seen: dict[str, int] = {}
        """The line of every prefix so far."""

    def __iter__(self) -> Iterator[Rate | BadRow]:
        while True:
            try:
                row = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRow(self._line, "", "", f"the line is not CSV: {error}")
                continue
            if row:
                yield self._read(row)

    @property
    def _line(self) -> int:
        return self._header_line + self._reader.line_num

    def _read(self, row: list[str]) -> Rate | BadRow:
        if len(row) != len(self._columns):
            reason = f"the row has {len(row)} cells and the header {len(self._columns)}"
            return BadRow(self._line, "", ",".join(row), reason)
        cells = {column: cell.strip() for column, cell in zip(self._columns, row, strict=True)}
        try:
            rate = _rate(cells)
            self._refuse_twice(rate.prefix)
        except _CellError as error:
            return BadRow(self._line, error.column, cells[error.column], error.reason)
        return rate

    def _refuse_twice(self, prefix: str) -> None:
        if prefix in self._seen:
            raise _CellError("prefix", f"line {self._seen[prefix]} has the same prefix")
        self._seen[prefix] = self._line


def _rate(cells: dict[str, str]) -> Rate:
    if not is_prefix(cells["prefix"]):
        raise _CellError("prefix", "write E.164 digits without plus, or a short number as FR:3631")
    if not cells["destination"]:
        raise _CellError("destination", "a destination needs a name")
    return Rate(
        prefix=cells["prefix"],
        destination=cells["destination"],
        per_minute_micros=_price_micros(cells, "per_minute"),
        connect_fee_micros=_optional_micros(cells, "connect_fee"),
        initial_increment_s=_increment_s(cells, "initial_increment_s"),
        increment_s=_increment_s(cells, "increment_s"),
        minimum_charge_micros=_optional_micros(cells, "minimum_charge"),
        barred=_truth(cells, "barred"),
    )


def _price_micros(cells: dict[str, str], column: str) -> int:
    try:
        micros = parse_money(cells[column])
    except MoneyError as error:
        raise _CellError(column, "write plain digits with a point and at most 6 decimals") from error
    if micros < 0:
        raise _CellError(column, "a price is never negative")
    return micros


def _optional_micros(cells: dict[str, str], column: str) -> int:
    return _price_micros(cells, column) if cells.get(column) else 0


def _increment_s(cells: dict[str, str], column: str) -> int:
    if column not in cells:
        return 1
    text = cells[column]
    if not _SECONDS.fullmatch(text) or not 1 <= int(text) <= LONGEST_INCREMENT_S:
        raise _CellError(column, f"write whole seconds from 1 to {LONGEST_INCREMENT_S}")
    return int(text)


def _truth(cells: dict[str, str], column: str) -> bool:
    word = cells.get(column, "").lower()
    if word not in _TRUTH:
        raise _CellError(column, "write yes or no")
    return _TRUTH[word]
