"""Two prices of one destination compared: what a call would cost more or less, at whatever hour and length."""

from dataclasses import dataclass
from enum import StrEnum

from rating.deck import Rate
from rating.money import ceil_div

_USUAL_S = (1, 60, 61)
_LONG_S = 3600


class Change(StrEnum):
    """What becomes of the price of a prefix; where it changes several times, the first of these that happens."""

    REMOVED = "removed"
    RAISED = "raised"
    BARRED = "barred"
    LOWERED = "lowered"
    NEW = "new"
    UNCHANGED = "unchanged"
    EXPIRED = "expired"
    """Of the file's own rates those that have ended already."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changes, and by how much a call of about a minute gets dearer at most."""

    change: Change
    by_micros: int = 0


_UNCHANGED = Comparison(Change.UNCHANGED)


def compare(before: Rate | None, after: Rate | None) -> Comparison:
    """Compare the rates in force at one moment, before an import and after it; None: there is none."""
    if after is None:
        return _UNCHANGED if before is None else Comparison(Change.REMOVED)
    if after.barred:
        return _UNCHANGED if before is not None and before.barred else Comparison(Change.BARRED)
    if before is None or before.barred:
        return Comparison(Change.NEW)
    return _compare_prices(before, after)


def _compare_prices(before: Rate, after: Rate) -> Comparison:
    if _same_but_the_minute(before, after):
        by_micros = after.per_minute_micros - before.per_minute_micros
    else:
        lengths_s = _telling_lengths_s(before, after)
        differences = [
            (_charge_micros(after, minute, length_s) - _charge_micros(before, minute, length_s), length_s)
            for minute in _turning_minutes(before, after)
            for length_s in lengths_s
        ]
        raises = [(micros, length_s) for micros, length_s in differences if micros > 0]
        if raises:
            by_micros = max((micros for micros, length_s in raises if length_s < _LONG_S), default=1)
        else:
            by_micros = min(micros for micros, _ in differences)
    if by_micros > 0:
        return Comparison(Change.RAISED, by_micros)
    return Comparison(Change.LOWERED) if by_micros < 0 else _UNCHANGED


def _same_but_the_minute(before: Rate, after: Rate) -> bool:
    """Whether only the price of a minute can differ, at all hours alike."""
    return (
        not before.periods
        and not after.periods
        and before.connect_fee_micros == after.connect_fee_micros
        and before.initial_increment_s == after.initial_increment_s
        and before.increment_s == after.increment_s
        and before.minimum_charge_micros == after.minimum_charge_micros
    )


def _telling_lengths_s(before: Rate, after: Rate) -> tuple[int, ...]:
    """Return lengths of calls at which increments, fees and minimums show: around each rate's first increments."""
    edges_s = set(_USUAL_S)
    for rate in (before, after):
        for steps in range(4):
            edge_s = rate.initial_increment_s + steps * rate.increment_s
            edges_s |= {edge_s, edge_s + 1}
    return (*sorted(edge_s for edge_s in edges_s if edge_s < _LONG_S), _LONG_S)


def _turning_minutes(before: Rate, after: Rate) -> set[int]:
    """Return minutes of the week, one of each stretch in which neither rate's price changes."""
    periods = (*before.periods, *after.periods)
    return {0} | {minute for period in periods for span in period.hours.spans for minute in span if minute < 10_080}


def _charge_micros(rate: Rate, minute: int, length_s: int) -> int:
    """Return the charge of a call within a stretch of the week that begins at ``minute``."""
    further = ceil_div(max(0, length_s - rate.initial_increment_s), rate.increment_s)
    paid_s = rate.initial_increment_s + further * rate.increment_s
    spoken_micros = ceil_div(paid_s * _per_minute_micros(rate, minute), 60)
    return max(rate.connect_fee_micros + spoken_micros, rate.minimum_charge_micros)


def _per_minute_micros(rate: Rate, minute: int) -> int:
    held = (
        period.per_minute_micros
        for period in rate.periods
        if any(begin <= minute < end for begin, end in period.hours.spans)
    )
    return next(held, rate.per_minute_micros)
