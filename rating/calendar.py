"""Local days and monthly periods of an account, in its own time zone.

A period is one month long and begins at the local midnight of a chosen day of the month; in a month that has no
such day, at that of its last day. Periods follow each other without gap or overlap whatever the clocks do.
"""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

LAST_MONTH_DAY = 31


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month of an account, half-open, both ends in UTC. ``first_day`` is the local date that names it."""

    first_day: date
    starts_at: datetime
    ends_at: datetime

    def seconds_left(self, at: datetime) -> int:
        """Return how many seconds begin between ``at`` and the end of the period, a begun one counted whole."""
        return -((at - self.ends_at) // timedelta(seconds=1))


def add_months(day: date, months: int) -> date:
    """Return the same day of the month ``months`` later, or that month's last day where it is shorter."""
    return _day_of_month(*_later(day.year, day.month, months), day.day)


@lru_cache(maxsize=4096)  # the same few are asked for by every call
def local_midnight(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a local day, in UTC.

    Where a clock change skips midnight this is the first instant after it; where midnight comes twice, the
    first. (A time that does not exist is read by the offset before the change, PEP 495, which lands exactly on
    the change.)
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def later(at: datetime, span: timedelta) -> datetime:
    """Add real time to a local time, in its zone; the wall clock may be changed meanwhile."""
    return (at.astimezone(UTC) + span).astimezone(at.tzinfo)


def day_at(at: datetime, zone: tzinfo) -> Period:
    """Return the local day that an instant lies in."""
    return _day(at.astimezone(zone).date(), zone)


@lru_cache(maxsize=4096)
def _day(day: date, zone: tzinfo) -> Period:
    return Period(day, local_midnight(day, zone), local_midnight(day + timedelta(days=1), zone))


def period_at(at: datetime, zone: tzinfo, month_day: int = 1) -> Period:
    """Return the period that an instant lies in.

    Args:
        at: any aware instant.
        zone: the account's time zone.
        month_day: the day of the month on which its periods begin, 1 to 31.
    """
    local = at.astimezone(zone)
    period = _period(local.year, local.month, month_day, zone)
    # Compared as instants: where the midnight of that day comes twice, the first one counts.
    return _period(*_later(local.year, local.month, -1), month_day, zone) if at < period.starts_at else period


@lru_cache(maxsize=4096)
def _period(year: int, month: int, month_day: int, zone: tzinfo) -> Period:
    """Return the period that begins in a month."""
    first_day = _day_of_month(year, month, month_day)
    next_day = _day_of_month(*_later(year, month, 1), month_day)
    return Period(first_day, local_midnight(first_day, zone), local_midnight(next_day, zone))


def _later(year: int, month: int, months: int) -> tuple[int, int]:
    years, month_index = divmod(month - 1 + months, 12)
    return year + years, month_index + 1


def _day_of_month(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))
