"""Times as they are typed: read in the account's time zone. How they are written is in :mod:`rating.written_time`."""

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
