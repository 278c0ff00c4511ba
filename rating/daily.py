"""What a call costs on each local day: an increment counts on the day in which it starts."""

from datetime import date, datetime, timedelta

from rating.calendar import local_midnight
from rating.deck import Rate
from rating.periods import begun_s
from rating.price import aligned_s, charge_micros

_DAY = timedelta(days=1)


def charges_by_day(rate: Rate, billable_s: int, starts_at: datetime) -> dict[date, int]:
    """Return the charge of billable seconds in micro-units, split by local days; the parts sum up to the whole.

    Connect fee and minimum charge count on the first day.

    Args:
        rate: the rate in force at the answer.
        billable_s: seconds from ``starts_at`` on, whole increments.
        starts_at: when the first charged second begins, aware and in the account's time zone.
    """
    by_day: dict[date, int] = {}
    day, counted_s, counted_micros = starts_at.date(), 0, 0
    while counted_s < billable_s:
        assert starts_at.tzinfo is not None
        midnight = local_midnight(day + _DAY, starts_at.tzinfo)
        counted_s = min(aligned_s(rate, begun_s(starts_at, midnight)), billable_s)
        total_micros = charge_micros(rate, counted_s, starts_at)
        if total_micros > counted_micros:
            by_day[day] = total_micros - counted_micros
        day, counted_micros = day + _DAY, total_micros
    return by_day
