"""What an import changes in prices, counted before it is applied."""

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rating.deck import Rate
from rating.deck_import.collect import NewRates
from rating.deck_import.model import Withdrawal
from rating.money import ceil_div

SHOWN_RAISES = 10
_COMPARED_S = (1, 60, 600)
"""Lengths of calls whose charges are compared, so that fees, minimums and increments count too."""


class Change(StrEnum):
    """What becomes of the price of a prefix."""

    NEW = "new"
    RAISED = "raised"
    LOWERED = "lowered"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    BARRED = "barred"
    EXPIRED = "expired"
    """The file's rate has ended already."""


@dataclass(frozen=True, slots=True, order=True)
class Raise:
    """A price that goes up; both are the dearest per minute of their rate."""

    by_micros: int
    prefix: str
    destination: str
    from_micros: int
    to_micros: int


class PriceChanges:
    """Counts changes, and keeps the largest raises.

    Args:
        now_ms: The moment of the import, UTC milliseconds.
    """

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._raises: list[Raise] = []
        self.counts: Counter[Change] = Counter()
        self.unpriced = 0
        """Prefixes of the file without a price in force now, that are priced from a later moment on."""
        self.rates_after = 0
        """How many rates the deck has afterwards."""

    def largest_raises(self) -> list[Raise]:
        """Return the largest raises, the largest first."""
        return sorted(self._raises, reverse=True)

    def count_all_new(self, new: NewRates) -> None:
        """Count a file whose prefixes have no rates yet, one item each."""
        for terms, times in new.terms:
            rate = terms.rate
            change = Change.EXPIRED if self._is_past(rate) else _change(None, rate)
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
        for item in items:
            self._count_item(in_force, item)
        if items and after and all(self._is_future(rate) for rate in after):
            self.unpriced += 1
        if not after and not items and any(not self._is_past(rate) for rate in in_force):
            self.counts[Change.REMOVED] += 1

    def _count_item(self, in_force: Sequence[Rate], item: Rate | Withdrawal) -> None:
        at_ms = max(self._now_ms, item.effective_from_ms or 0)
        before = next((rate for rate in in_force if _holds(rate, at_ms)), None)
        if isinstance(item, Withdrawal):
            self.counts[Change.REMOVED] += before is not None
            return
        change = Change.EXPIRED if self._is_past(item) else _change(before, item)
        self.counts[change] += 1
        if change is Change.RAISED and before is not None:
            self._keep_raise(before, item)

    def _keep_raise(self, before: Rate, after: Rate) -> None:
        old_micros, new_micros = _dearest_micros(before), _dearest_micros(after)
        found = Raise(new_micros - old_micros, after.prefix, after.destination, old_micros, new_micros)
        if len(self._raises) < SHOWN_RAISES:
            heapq.heappush(self._raises, found)
        else:
            heapq.heappushpop(self._raises, found)

    def _is_past(self, rate: Rate) -> bool:
        return rate.effective_until_ms is not None and rate.effective_until_ms <= self._now_ms

    def _is_future(self, rate: Rate) -> bool:
        return rate.effective_from_ms is not None and rate.effective_from_ms > self._now_ms


def _holds(rate: Rate, at_ms: int) -> bool:
    begun = rate.effective_from_ms is None or rate.effective_from_ms <= at_ms
    return begun and (rate.effective_until_ms is None or at_ms < rate.effective_until_ms)


def _change(before: Rate | None, after: Rate) -> Change:
    if after.barred:
        return Change.UNCHANGED if before is not None and before.barred else Change.BARRED
    if before is None or before.barred:
        return Change.NEW
    if _same_price(before, after):
        return Change.UNCHANGED
    old, new = _charges_micros(before), _charges_micros(after)
    if len(old) != len(new):  # other periods: the dearest and the ordinary hours are what can be compared
        old, new = (old[:3] + old[-3:], new[:3] + new[-3:])
    if any(later > earlier for earlier, later in zip(old, new, strict=True)):
        return Change.RAISED
    return Change.UNCHANGED if old == new else Change.LOWERED


def _same_price(before: Rate, after: Rate) -> bool:
    return (
        before.per_minute_micros == after.per_minute_micros
        and before.connect_fee_micros == after.connect_fee_micros
        and before.initial_increment_s == after.initial_increment_s
        and before.increment_s == after.increment_s
        and before.minimum_charge_micros == after.minimum_charge_micros
        and before.periods == after.periods
    )


def _charges_micros(rate: Rate) -> list[int]:
    """Return what calls of some lengths cost, at the ordinary price, then by rising prices of its periods."""
    prices = sorted(period.per_minute_micros for period in rate.periods)
    return [
        _charge_micros(rate, price, length_s) for price in (rate.per_minute_micros, *prices) for length_s in _COMPARED_S
    ]


def _charge_micros(rate: Rate, per_minute_micros: int, length_s: int) -> int:
    further = ceil_div(max(0, length_s - rate.initial_increment_s), rate.increment_s)
    paid_s = rate.initial_increment_s + further * rate.increment_s
    return max(rate.connect_fee_micros + ceil_div(paid_s * per_minute_micros, 60), rate.minimum_charge_micros)


def _dearest_micros(rate: Rate) -> int:
    return max([rate.per_minute_micros, *(period.per_minute_micros for period in rate.periods)])
