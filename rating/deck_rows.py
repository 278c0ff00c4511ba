"""The rows of a deck, packed: a million in some ten megabytes, a rate made when it is looked up.

Rows are added in order and never change, so that a deck can be built in slices between other work.
"""

from array import array

from rating.deck_terms import TermsTable
from rating.interned import Interned
from rating.prefixes import PrefixIndex
from rating.rate import Rate, RateError

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
        if namespace not in self._sections:
            self._sections[namespace] = (len(self), PrefixIndex())
        self._sections[namespace][1].append(digits)
        self._prices_micros.append(rate.per_minute_micros)
        self._destinations.append(self._names.add(rate.destination.encode()))
        self._terms_of.append(self._terms.add(rate))
        for at_ms in (rate.effective_from_ms, rate.effective_until_ms):
            if at_ms is not None:
                self._changes_ms.add(at_ms)
        self._last = rate

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
