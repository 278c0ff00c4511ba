"""When the unspent rest of a lot lapses: calendar months in the account's own time zone."""

from datetime import datetime, tzinfo

from rating.calendar import add_months, local_midnight

DEFAULT_EXPIRY_MONTHS = 12


def default_expiry(purchased_at: datetime, account_zone: tzinfo, months: int = DEFAULT_EXPIRY_MONTHS) -> datetime:
    """Return the instant, in UTC, at which funds purchased at ``purchased_at`` expire.

    It is the local midnight that begins the same day of the month ``months`` later; where that month has no
    such day, its last one (29 February: 28 February).
    """
    expiry_day = add_months(purchased_at.astimezone(account_zone).date(), months)
    return local_midnight(expiry_day, account_zone)
