"""The price of seconds: increments, charges, and how many seconds an amount pays for.

Paid seconds are always aligned: the initial increment, then whole further increments. A charge is exact and
rounded up to the next micro-unit once. Seconds that nobody spoke (0) cost nothing, connect fee included: an
answered leg has at least its initial increment (:func:`billable_s`).
"""

from rating.deck import Rate
from rating.money import ceil_div

LONGEST_PAID_S = 86_400
"""No grant is longer than 24 hours, whatever the funds and however low the price."""

LEAST_FIRST_HOLD_S = 10


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


def charge_micros(rate: Rate, billable_s: int) -> int:
    """Return the price of billable seconds in micro-units, rounded up once.

    Connect fee plus the per-minute price, at least the minimum charge; 0 for 0 seconds (not answered).
    """
    if billable_s <= 0:
        return 0
    spoken_micros = ceil_div(billable_s * rate.per_minute_micros, 60)
    return max(rate.connect_fee_micros + spoken_micros, rate.minimum_charge_micros)


def affordable_s(rate: Rate, funds_micros: int) -> int:
    """Return the most paid seconds whose charge is within the funds; 0 when not even the first increment is.

    The seconds are aligned to increments and never more than :data:`LONGEST_PAID_S`.
    """
    if charge_micros(rate, rate.initial_increment_s) > funds_micros:
        return 0
    most_s = LONGEST_PAID_S
    if rate.per_minute_micros:
        # ceil(s * price / 60) <= budget is the same as s <= 60 * budget / price, since budget is whole.
        budget_micros = funds_micros - rate.connect_fee_micros
        most_s = min(most_s, budget_micros * 60 // rate.per_minute_micros)
    return most_s - (most_s - rate.initial_increment_s) % rate.increment_s


def first_hold_s(rate: Rate, least_s: int = LEAST_FIRST_HOLD_S) -> int:
    """Return the aligned seconds of the first hold: at least the initial increment and ``least_s``.

    Its :func:`charge_micros` holds the connect fee and covers the minimum charge.
    """
    return aligned_s(rate, least_s)


def grow_s(rate: Rate, paid_s: int, want_s: int) -> int:
    """Return the aligned total of paid seconds that adds at least ``want_s`` to ``paid_s``."""
    return aligned_s(rate, paid_s + want_s)
