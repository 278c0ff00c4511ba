"""A price worked out the plain way, apart from ``rating.price``, to hold the charges against."""

from fractions import Fraction
from math import ceil

from rating.rate import Rate


def plain_charge_micros(rate: Rate, talked_ms: int, allowance_s: int) -> int:
    """Return what an answered leg costs that talked so long, the first seconds of it on an allowance.

    Only for rates that have one price at all hours.
    """
    assert not rate.periods
    beyond_ms = talked_ms - 1000 * allowance_s
    if allowance_s and beyond_ms <= 0:
        return 0
    paid_s = rate.initial_increment_s
    while paid_s * 1000 < beyond_ms:
        paid_s += rate.increment_s
    price = Fraction(rate.per_minute_micros * paid_s, 60) + rate.connect_fee_micros
    return max(ceil(price), rate.minimum_charge_micros)
