"""When the unspent rest of a lot lapses: calendar months in the account's own time zone."""

import calendar
from datetime import UTC, date, datetime, time, tzinfo

DEFAULT_EXPIRY_MONTHS = 12


def default_expiry(purchased_at: datetime, account_zone: tzinfo, months: int = DEFAULT_EXPIRY_MONTHS) -> datetime:
    """Return the instant, in UTC, at which funds purchased at ``purchased_at`` expire.

    It is the local midnight that begins the same day of the month ``months`` later; where that month has no
    such day, its last one (29 February: 28 February).
    """
    expiry_day = add_months(purchased_at.astimezone(account_zone).date(), months)
    return local_midnight(expiry_day, account_zone)


def add_months(day: date, months: int) -> date:
    """Return the same day of the month ``months`` later, or that month's last day where it is shorter."""
    years, month_index = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month_index + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def local_midnight(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a local day, in UTC.

    Where a clock change skips midnight this is the first instant after it; where midnight comes twice, the
    first. (A time that does not exist is read by the offset before the change, PEP 495, which lands exactly on
    the change.)
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
