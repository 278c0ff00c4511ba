"""What an import changes in prices, counted before it is applied.

A prefix is compared at every moment at which its price changes, before the import or after it, from now on: what is
loaded ahead, ended or left without a price counts as much as what changes at once.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rating.deck import Rate
from rating.deck_import.collect import NewRates
from rating.deck_import.comparison import Change, Comparison, compare
from rating.deck_import.model import Withdrawal

SHOWN_RAISES = 10
_IMPORTANCE = {change: rank for rank, change in enumerate(Change)}


@dataclass(frozen=True, slots=True, order=True)
class PriceChange:
    """A price that changes at a moment (UTC ms); None: there is none before, or after."""

    by_micros: int
    """How much dearer a call of about a minute gets at most."""
    prefix: str
    change: Change = field(compare=False)
    at_ms: int = field(compare=False)
    before: Rate | None = field(compare=False)
    after: Rate | None = field(compare=False)


class PriceChanges:
    """Counts changes, and keeps the largest raises.

    Args:
        now_ms: The moment of the import, UTC milliseconds.
        on_change: Told of every price that does not stay as it is.
    """

    def __init__(self, now_ms: int, on_change: Callable[[PriceChange], None] | None = None) -> None:
        self._now_ms = now_ms
        self._on_change = on_change
        self._raises: list[PriceChange] = []
        self.counts: Counter[Change] = Counter()
        """Prefixes by what becomes of them; expired are rates of the file."""
        self.unpriced = 0
        """Prefixes of the file without a price in force now, that are priced from a later moment on."""
        self.rates_after = 0
        """How many rates the deck has afterwards."""

    @property
    def is_telling(self) -> bool:
        """Whether somebody is told of every change."""
        return self._on_change is not None

    def largest_raises(self) -> list[PriceChange]:
        """Return the largest raises, the largest first."""
        return sorted(self._raises, reverse=True)

    def count_all_new(self, new: NewRates) -> None:
        """Count a file whose prefixes have no rates yet, one item each."""
        for terms, times in new.terms:
            rate = terms.rate
            change = Change.EXPIRED if self._is_past(rate) else compare(None, rate).change
            self.counts[change] += times
            self.rates_after += times
            self.unpriced += times * self._is_future(rate)

    def count(self, in_force: Sequence[Rate], items: Sequence[Rate | Withdrawal], after: Sequence[Rate]) -> None:
        """Count what becomes of one prefix.

        Args:
            in_force: Its rates in the deck, those loaded ahead included.
            items: What the file says of it.
            after: Its rates once the file is imported.
        """
        self.rates_after += len(after)
        if not items and len(after) == len(in_force):
            return  # not named, and not replaced
        self.counts[Change.EXPIRED] += sum(isinstance(item, Rate) and self._is_past(item) for item in items)
        if items and any(map(self._is_future, after)) and _rate_at(after, self._now_ms) is None:
            self.unpriced += 1
        found = self._differences(in_force, after)
        if found:
            self._keep(min(found, key=_importance))
        elif any(not self._is_past(rate) for rate in after):
            self.counts[Change.UNCHANGED] += 1

    def _differences(self, in_force: Sequence[Rate], after: Sequence[Rate]) -> list[PriceChange]:
        found = []
        for at_ms in self._moments_ms(in_force, after):
            old, new = _rate_at(in_force, at_ms), _rate_at(after, at_ms)
            comparison = compare(old, new)
            if comparison.change is not Change.UNCHANGED:
                found.append(_price_change(comparison, at_ms, old, new))
        return found

    def _moments_ms(self, in_force: Sequence[Rate], after: Sequence[Rate]) -> list[int]:
        """Return now and every later moment at which either has another price."""
        edges_ms = {edge for rate in (*in_force, *after) for edge in (rate.effective_from_ms, rate.effective_until_ms)}
        return [self._now_ms, *sorted(edge for edge in edges_ms if edge is not None and edge > self._now_ms)]

    def _keep(self, found: PriceChange) -> None:
        self.counts[found.change] += 1
        if self._on_change is not None:
            self._on_change(found)
        if found.change is not Change.RAISED:
            return
        if len(self._raises) < SHOWN_RAISES:
            heapq.heappush(self._raises, found)
        else:
            heapq.heappushpop(self._raises, found)

    def _is_past(self, rate: Rate) -> bool:
        return rate.effective_until_ms is not None and rate.effective_until_ms <= self._now_ms

    def _is_future(self, rate: Rate) -> bool:
        return rate.effective_from_ms is not None and rate.effective_from_ms > self._now_ms


def _rate_at(rates: Sequence[Rate], at_ms: int) -> Rate | None:
    return next((rate for rate in rates if rate.in_force(at_ms)), None)


def _price_change(comparison: Comparison, at_ms: int, old: Rate | None, new: Rate | None) -> PriceChange:
    known = new or old
    assert known is not None, "what changes is there before or after"
    return PriceChange(comparison.by_micros, known.prefix, comparison.change, at_ms, old, new)


def _importance(found: PriceChange) -> tuple[int, int]:
    return _IMPORTANCE[found.change], -found.by_micros
