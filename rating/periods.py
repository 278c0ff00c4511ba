"""What a rate costs at which moment: its periods along the time of a call.

Moments are aware and in the account's time zone, whose wall clock says which hours hold. Distances between
them are real time: a clock that is put forward or back makes no call shorter or longer.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rating.deck import Rate
from rating.money import ceil_div

_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER_S = 1_000_000


def per_minute_micros_at(rate: Rate, at: datetime) -> int:
    """Return the price per minute at a moment: of the first period whose hours hold, else the rate's own."""
    held = (period.per_minute_micros for period in rate.periods if period.hours.hold(at))
    return next(held, rate.per_minute_micros)


def highest_per_minute_micros(rate: Rate) -> int:
    """Return the price per minute at the rate's dearest hour."""
    return max([rate.per_minute_micros, *(period.per_minute_micros for period in rate.periods)])


def price_changes(rate: Rate, from_at: datetime) -> Iterator[datetime]:
    """Yield the later instants at which hours of the rate begin or end, in order; without end where there is one."""
    at = from_at
    while changes := [change for period in rate.periods if (change := period.hours.next_change(at)) is not None]:
        # Instants are compared: two times of one zone compare by their wall clocks, which repeat an hour.
        at = min(changes, key=_instant)
        yield at


def begun_s(starts_at: datetime, at: datetime) -> int:
    """Return the first whole second after ``starts_at`` that does not start before ``at``."""
    return ceil_div((_instant(at) - _instant(starts_at)) // _MICROSECOND, _MICROSECONDS_PER_S)


def highest_per_minute_micros_within(rate: Rate, from_at: datetime, until_at: datetime) -> int:
    """Return the highest price per minute of [from_at, until_at); ``from_at`` itself always counts."""
    highest_micros = per_minute_micros_at(rate, from_at)
    for change in price_changes(rate, from_at):
        if _instant(change) >= _instant(until_at):
            break
        highest_micros = max(highest_micros, per_minute_micros_at(rate, change))
    return highest_micros


def _instant(at: datetime) -> datetime:
    return at.astimezone(UTC)
