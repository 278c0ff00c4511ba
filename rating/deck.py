"""Decks: named lists of rates in one currency, and the rate of a number at a moment.

The longest prefix that has a rate in force wins; a barred rate wins like any other, and bars.
"""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Self

from rating.deck_rows import DeckRows, row_order
from rating.rate import LONGEST_INCREMENT_S, MOST_PERIODS, PricedHours, Rate, RateError, SharedRate, is_prefix

__all__ = [
    "LONGEST_INCREMENT_S",
    "MOST_PERIODS",
    "Deck",
    "DeckRows",
    "PricedHours",
    "Rate",
    "RateError",
    "SharedRate",
    "is_prefix",
]


class Deck:
    """A named list of rates in one currency, ready for look-ups.

    Rates may come in any order, which takes memory for all of them at once: large decks are built of rows,
    by :meth:`of_rows`. Several rates of one prefix follow each other in time.

    Raises:
        RateError: two rates of the same prefix are in force at the same time.
    """

    __slots__ = ("_changes_ms", "_rows", "currency", "name")

    def __init__(self, name: str, currency: str, rates: Iterable[Rate]) -> None:
        rows = DeckRows()
        for rate in sorted(rates, key=row_order):
            rows.append(rate)
        self._take(name, currency, rows)

    @classmethod
    def of_rows(cls, name: str, currency: str, rows: DeckRows) -> Self:
        """Return the deck of rows that are complete; nothing may be added to them afterwards."""
        deck = cls.__new__(cls)
        deck._take(name, currency, rows)
        return deck

    def lookup(self, number: str, at_ms: int) -> Rate | None:
        """Return the rate of the longest prefix that has one in force, or None where there is none.

        A look-up is one bisection and a step for each shorter prefix, see :mod:`rating.prefixes`.

        Args:
            number: E.164 (``"+447797123456"``, the plus may be missing), or a short number with the region it
                is dialled in (``"FR:3631"``).
            at_ms: The moment, UTC milliseconds since 1970.
        """
        return self._rows.find(number, at_ms)

    def next_change_ms(self, after_ms: int) -> int | None:
        """Return the next moment after ``after_ms`` at which any rate begins or ends; None: there is none."""
        index = bisect_right(self._changes_ms, after_ms)
        return self._changes_ms[index] if index < len(self._changes_ms) else None

    def _take(self, name: str, currency: str, rows: DeckRows) -> None:
        self.name = name
        self.currency = currency
        self._rows = rows
        self._changes_ms = rows.changes_ms()
