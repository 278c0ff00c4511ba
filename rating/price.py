"""The price of seconds: increments, charges, and how many seconds an amount pays for.

Paid seconds are always aligned: the initial increment, then whole further increments. Each increment costs
what the rate says at the moment it starts, also where that is in the middle of a call. A charge is exact and
rounded up to the next micro-unit once. Seconds that nobody spoke (0) cost nothing, connect fee included: an
answered leg has at least its initial increment (:func:`billable_s`).

Theory of operation. The price per minute is constant between the moments at which hours begin or end. Each
of those moments reaches the call at the next start of an increment, so that a call is a few *stretches* of
aligned seconds at one price each. Charges and affordable seconds are sums over stretches, never over seconds.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from rating.deck import Rate
from rating.money import ceil_div
from rating.periods import (
    begun_s,
    highest_per_minute_micros,
    highest_per_minute_micros_within,
    per_minute_micros_at,
    price_changes,
)

LONGEST_PAID_S = 86_400
"""No grant is longer than 24 hours, whatever the funds and however low the price."""

LEAST_FIRST_HOLD_S = 10


class _Stretch(NamedTuple):
    """Seconds [from_s, until_s) of a call at one price per minute."""

    from_s: int
    until_s: int
    per_minute_micros: int


def aligned_s(rate: Rate, seconds: int) -> int:
    """Round seconds up to the initial increment and whole further increments."""
    beyond_s = max(0, seconds - rate.initial_increment_s)
    return rate.initial_increment_s + ceil_div(beyond_s, rate.increment_s) * rate.increment_s


def billable_s(rate: Rate, duration_ms: int) -> int:
    """Return the seconds to charge for an answered leg that lasted ``duration_ms``.

    Begun seconds count whole, then begun increments. A leg that ended in the instant of its answer (0 ms, or
    an end that was stamped before the answer) is charged the initial increment.
    """
    return aligned_s(rate, ceil_div(duration_ms, 1000))


def charge_micros(rate: Rate, billable_s: int, starts_at: datetime | None = None) -> int:
    """Return the price of billable seconds in micro-units, rounded up once.

    Connect fee plus the per-minute prices, at least the minimum charge; 0 for 0 seconds (not answered).

    Args:
        rate: The rate in force at the answer.
        billable_s: Seconds from the answer on.
        starts_at: The answer, aware and in the account's time zone. Without it, a rate that has periods counts
            its dearest throughout: never less than the charge.
    """
    if billable_s <= 0:
        return 0
    spoken = sum(
        (stretch.until_s - stretch.from_s) * stretch.per_minute_micros
        for stretch in _stretches(rate, billable_s, starts_at)
    )
    return max(rate.connect_fee_micros + ceil_div(spoken, 60), rate.minimum_charge_micros)


def affordable_s(rate: Rate, funds_micros: int, starts_at: datetime | None = None) -> int:
    """Return the most paid seconds whose charge is within the funds; 0 when not even the first increment is.

    The seconds are aligned to increments and never more than :data:`LONGEST_PAID_S`. ``starts_at`` is as in
    :func:`charge_micros`; without it there are never too many.
    """
    if charge_micros(rate, rate.initial_increment_s, starts_at) > funds_micros:
        return 0
    # ceil(sum / 60) <= budget is the same as sum <= 60 * budget, since the budget is whole.
    budget = (funds_micros - rate.connect_fee_micros) * 60
    most_s = LONGEST_PAID_S
    for stretch in _stretches(rate, LONGEST_PAID_S, starts_at):
        cost = (stretch.until_s - stretch.from_s) * stretch.per_minute_micros
        if cost > budget:
            most_s = stretch.from_s + budget // stretch.per_minute_micros
            break
        budget -= cost
    return most_s - (most_s - rate.initial_increment_s) % rate.increment_s


def dearest(rate: Rate, from_at: datetime, until_at: datetime) -> Rate:
    """Return the rate without periods, at the highest price that holds at any moment in [from_at, until_at).

    Both are aware and in the account's time zone; ``from_at`` itself always counts.
    """
    if not rate.periods:
        return rate
    return replace(rate, per_minute_micros=highest_per_minute_micros_within(rate, from_at, until_at), periods=())


def first_hold_s(rate: Rate, least_s: int = LEAST_FIRST_HOLD_S) -> int:
    """Return the aligned seconds of the first hold: at least the initial increment and ``least_s``.

    Its :func:`charge_micros` holds the connect fee and covers the minimum charge.
    """
    return aligned_s(rate, least_s)


def grow_s(rate: Rate, paid_s: int, want_s: int) -> int:
    """Return the aligned total of paid seconds that adds at least ``want_s`` to ``paid_s``."""
    return aligned_s(rate, paid_s + want_s)


def _stretches(rate: Rate, seconds: int, starts_at: datetime | None) -> Iterator[_Stretch]:
    """Yield the seconds [0, seconds) of a call as stretches of one price, in order and without gaps."""
    if starts_at is None or not rate.periods:
        yield _Stretch(0, seconds, highest_per_minute_micros(rate))
        return
    from_s, per_minute_micros = 0, per_minute_micros_at(rate, starts_at)
    for change in price_changes(rate, starts_at):
        # An increment that has begun keeps its price.
        until_s = min(aligned_s(rate, begun_s(starts_at, change)), seconds)
        yield _Stretch(from_s, until_s, per_minute_micros)
        if until_s == seconds:
            return
        from_s, per_minute_micros = until_s, per_minute_micros_at(rate, change)
    yield _Stretch(from_s, seconds, per_minute_micros)
