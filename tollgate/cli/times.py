"""Times at the edge: read in the account's time zone, written in ISO 8601 with offset."""

from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from rating.calendar import local_midnight
from tollgate.cli.errors import BadInputError


def zone(name: str) -> ZoneInfo:
    """Return the time zone of that IANA name.

    Raises:
        BadInputError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInputError(
            f"{name!r} is no time zone", "write an IANA name such as Europe/Paris or America/New_York"
        ) from error


def parse_instant(text: str, account_zone: tzinfo) -> datetime:
    """Read an ISO 8601 date or date-time as an instant in UTC.

    A date is its local midnight. Without an offset it is the account's local time; where a clock change makes
    that ambiguous it is the earlier one, where it skips it the same time past the change.

    Raises:
        BadInputError: the text is neither.
    """
    try:
        if len(text) <= len("2026-11-21"):
            return local_midnight(date.fromisoformat(text), account_zone)
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=account_zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInputError(
            f"{text!r} is no time", "write 2026-11-21, 2026-11-21T14:30 or 2026-11-21T14:30:00+01:00"
        ) from error


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
