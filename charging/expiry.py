"""When the unspent rest of a lot lapses, and when that is told in advance, in days of the account's time zone."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta, tzinfo

from rating.calendar import add_months, local_midnight

DEFAULT_EXPIRY_MONTHS = 12
NEVER_MONTHS = 0
"""As a number of months: funds never expire."""


def default_expiry(
    purchased_at: datetime, account_zone: tzinfo, months: int = DEFAULT_EXPIRY_MONTHS
) -> datetime | None:
    """Return the instant, in UTC, at which funds purchased at ``purchased_at`` expire; None for ``NEVER_MONTHS``.

    It is the local midnight that begins the same day of the month ``months`` later; where that month has no
    such day, its last one (29 February: 28 February).
    """
    if months == NEVER_MONTHS:
        return None
    expiry_day = add_months(purchased_at.astimezone(account_zone).date(), months)
    return local_midnight(expiry_day, account_zone)


def warning_due(
    *, purchased_at: datetime, expires_at: datetime, at: datetime, account_zone: tzinfo, days_before: Collection[int]
) -> int | None:
    """Return which warning of an expiry is due at ``at``: that of so many days before; None where none is.

    It is the last one whose moment has come: whoever was away meanwhile says the nearest, not all of them. A moment
    that had passed when the funds were purchased does not count: who buys 30 days of funds knows that they end.

    Args:
        purchased_at, expires_at: The lot's.
        at: The present moment; from ``expires_at`` on there is nothing left to warn of.
        account_zone: Its days: a warning comes at the time of day of the expiry.
        days_before: How many days before the expiry there are warnings.
    """
    if at >= expires_at:
        return None
    come = [days for days in days_before if purchased_at < _days_before(expires_at, days, account_zone) <= at]
    return min(come, default=None)


def _days_before(expires_at: datetime, days: int, account_zone: tzinfo) -> datetime:
    """Return the same local time so many days earlier, as an instant whose comparisons are exact."""
    local = expires_at.astimezone(account_zone)
    return (local - timedelta(days=days)).astimezone(UTC)
