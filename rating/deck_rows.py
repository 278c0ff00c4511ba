"""The rows of a deck, packed: a million in some ten megabytes, a rate made when it is looked up.

Rows are added in order and never change, so that a deck can be built in slices between other work.
"""

from array import array
from collections.abc import Sequence
from operator import lt

from rating.deck_terms import TermsTable
from rating.interned import Interned
from rating.prefixes import PrefixIndex
from rating.rate import E164_PREFIX, HIGHEST_PRICE_MICROS, Rate, RateError

_MOST_REMEMBERED = 4096
_E164 = ""
"""The namespace of E.164 prefixes; those of short numbers are named by their region."""


def row_order(rate: Rate) -> tuple[str, int]:
    """Return what rows are ordered by: the prefix as text, then the begin of validity, the open one first."""
    return rate.prefix, -1 if rate.effective_from_ms is None else rate.effective_from_ms


class DeckRows:
    """Rates in the order of :func:`row_order`, found by number and moment."""

    __slots__ = (
        "_changes_ms",
        "_destinations",
        "_last",
        "_made",
        "_names",
        "_prices_micros",
        "_sections",
        "_terms",
        "_terms_of",
    )

    def __init__(self) -> None:
        self._sections: dict[str, tuple[int, PrefixIndex]] = {}
        """The first row of each namespace, and the prefixes of its rows from there on."""
        self._prices_micros = array("q")
        self._destinations = array("I")
        self._names = Interned()
        self._terms_of = array("I")
        self._terms = TermsTable()
        self._changes_ms: set[int] = set()
        self._last: Rate | None = None
        self._made: dict[int, Rate] = {}

    def __len__(self) -> int:
        """Return how many rates there are."""
        return len(self._prices_micros)

    def append(self, rate: Rate) -> None:
        """Add the next rate.

        Raises:
            RateError: a rate of the same prefix is in force at the same time.
            ValueError: the rate belongs before the last one.
        """
        last = self._last
        if last is not None and rate.prefix <= last.prefix:
            _check_follows(last, rate)
        namespace, digits = _split(rate.prefix)
        self._section(namespace).append(digits)
        self._prices_micros.append(rate.per_minute_micros)
        self._destinations.append(self._names.add(rate.destination.encode()))
        self._terms_of.append(self.add_terms(rate))
        self._last = rate

    def add_terms(self, rate: Rate) -> int:
        """Return the number of the rate's terms, for rates that share them, see :meth:`extend`."""
        for at_ms in (rate.effective_from_ms, rate.effective_until_ms):
            if at_ms is not None:
                self._changes_ms.add(at_ms)
        return self._terms.add(rate)

    def extend(
        self,
        prefixes: Sequence[str],
        destinations: Sequence[str],
        prices_micros: Sequence[int],
        terms: Sequence[int],
    ) -> None:
        """Add the next rates, column by column: several times as quick as one by one where each prefix is new.

        Where this raises nothing more may be done with the rows.

        Args:
            prefixes: One of each rate, as the others; at least one rate.
            destinations: Their names.
            prices_micros: Their prices per minute.
            terms: The numbers of their terms by :meth:`add_terms`.

        Raises:
            RateError, ValueError: as :meth:`append`, or a prefix or a price is none.
            TypeError: a value is of another type.
        """
        if not self._are_new(prefixes):
            for number, prefix, destination, price_micros in zip(
                terms, prefixes, destinations, prices_micros, strict=True
            ):
                self.append(self._terms.rate(number, prefix, destination, price_micros))
            return
        # The last one stands for all: as a rate it is checked once more, and the next ones are compared with it.
        self._last = self._terms.rate(terms[-1], prefixes[-1], destinations[-1], prices_micros[-1])
        if min(prices_micros) < 0 or max(prices_micros) > HIGHEST_PRICE_MICROS:
            raise RateError(f"a price between {prefixes[0]} and {prefixes[-1]} is none")
        self._section(_E164).extend(prefixes)
        self._prices_micros.extend(prices_micros)
        self._destinations.extend(map(self._names.add, map(str.encode, destinations)))
        self._terms_of.extend(terms)

    def _are_new(self, prefixes: Sequence[str]) -> bool:
        """Say whether these are E.164 prefixes that come once each, in order: nothing can be in force twice."""
        last = "" if self._last is None else self._last.prefix
        return prefixes[0] > last and all(map(lt, prefixes, prefixes[1:])) and all(map(E164_PREFIX.fullmatch, prefixes))

    def _section(self, namespace: str) -> PrefixIndex:
        if namespace not in self._sections:
            self._sections[namespace] = (len(self), PrefixIndex())
        return self._sections[namespace][1]

    def find(self, number: str, at_ms: int) -> Rate | None:
        """Return the rate of the longest prefix that has one in force at ``at_ms``, UTC milliseconds."""
        namespace, digits = _split(number)
        section = self._sections.get(namespace)
        if section is None:
            return None
        first, index = section
        for entry, length in index.matches(digits):
            rate = self._made.get(first + entry) or self._make(first + entry, namespace, digits[:length])
            if rate.in_force(at_ms):
                return rate
        return None

    def changes_ms(self) -> tuple[int, ...]:
        """Return the moments at which any rate begins or ends, in order."""
        return tuple(sorted(self._changes_ms))

    def _make(self, row: int, namespace: str, digits: str) -> Rate:
        """Make a row's rate and remember it for a while: a few destinations are most of the calls."""
        prefix = f"{namespace}:{digits}" if namespace else digits
        destination = self._names[self._destinations[row]].decode()
        rate = self._terms.rate(self._terms_of[row], prefix, destination, self._prices_micros[row])
        if len(self._made) == _MOST_REMEMBERED:
            self._made.clear()
        self._made[row] = rate
        return rate


def _check_follows(last: Rate, rate: Rate) -> None:
    """Refuse a rate of an earlier prefix, or one of the same whose validity overlaps the last one's."""
    if row_order(rate) < row_order(last):
        raise ValueError(f"rate {rate.prefix} comes too late; add rates in order")
    until_ms, from_ms = last.effective_until_ms, rate.effective_from_ms
    if until_ms is None or from_ms is None or from_ms < until_ms:
        raise RateError(f"prefix {rate.prefix} is priced twice at the same time; keep one rate")


def _split(key: str) -> tuple[str, str]:
    """Separate a prefix or number from its namespace."""
    if ":" in key:
        namespace, _, digits = key.partition(":")
        return namespace, digits
    return _E164, key.removeprefix("+")
