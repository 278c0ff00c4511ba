"""Instants as they are written for people and for programs, in an account's time zone: no clock is read here."""

from datetime import UTC, datetime, tzinfo


def iso(at: datetime, account_zone: tzinfo) -> str:
    """Write an instant in the account's time zone, to the millisecond."""
    return at.astimezone(account_zone).isoformat(timespec="milliseconds")


def iso_ms(at_ms: int, account_zone: tzinfo) -> str:
    """Write an instant given in UTC epoch milliseconds in the account's time zone."""
    return iso(from_ms(at_ms), account_zone)


def iso_ms_or_none(at_ms: int | None, account_zone: tzinfo) -> str | None:
    """Write an instant, or None where there is none."""
    return None if at_ms is None else iso_ms(at_ms, account_zone)


def from_ms(at_ms: int) -> datetime:
    """Return UTC epoch milliseconds as an instant."""
    seconds, milliseconds = divmod(at_ms, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)


def local_day(at_ms: int | None, account_zone: tzinfo) -> str:
    """Write the local date, for tables; ``never`` for None."""
    return "never" if at_ms is None else from_ms(at_ms).astimezone(account_zone).strftime("%Y-%m-%d")


def local_time(at: datetime, account_zone: tzinfo) -> str:
    """Write the local date and time to the second, for tables."""
    return at.astimezone(account_zone).strftime("%Y-%m-%d %H:%M:%S")
