"""Adding a file to the rates in force: what becomes of one prefix.

A new rate holds from its effective date to its end; whatever was in force then gives way for that time, and
goes on before and after it. A withdrawal ends what was in force. So a price with a later date is loaded
ahead: today's holds until then.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rating.deck import Rate
from rating.deck_import.model import UNNAMED, Withdrawal


def merge(in_force: Sequence[Rate], items: Sequence[Rate | Withdrawal]) -> list[Rate]:
    """Return the rates of one prefix after a file was added to those in force, by their beginnings.

    Within the file, too, a rate without an end gives way to the next that begins: carriers list the price of
    today and that of next month with its date. A rate without a name takes over that of the rates in force.
    """
    if len(items) == 1 and not in_force and isinstance(items[0], Rate):
        return [items[0]]
    merged = list(in_force)
    for item in sorted(items, key=_begin):
        merged = list(_without(merged, item.effective_from_ms, _end(item)))
        if isinstance(item, Rate):
            is_known = item.destination == UNNAMED and in_force
            merged.append(replace(item, destination=in_force[-1].destination) if is_known else item)
    return sorted(merged, key=_begin)


def _without(rates: Iterable[Rate], begin_ms: int | None, end_ms: int | None) -> Iterator[Rate]:
    """Yield what is left of rates outside of [begin, end); None is without end."""
    for rate in rates:
        from_ms, until_ms = rate.effective_from_ms, rate.effective_until_ms
        if begin_ms is not None and (from_ms is None or from_ms < begin_ms):
            yield rate if until_ms is not None and until_ms <= begin_ms else replace(rate, effective_until_ms=begin_ms)
        if end_ms is not None and (until_ms is None or until_ms > end_ms):
            yield rate if from_ms is not None and from_ms >= end_ms else replace(rate, effective_from_ms=end_ms)


def _begin(item: Rate | Withdrawal) -> float:
    return float("-inf") if item.effective_from_ms is None else item.effective_from_ms


def _end(item: Rate | Withdrawal) -> int | None:
    return item.effective_until_ms if isinstance(item, Rate) else None
