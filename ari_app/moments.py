"""Moments as the dialplan writes them: seconds since the epoch, as text."""

from datetime import UTC, datetime
from typing import Final

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""What lies before or after was never written by an Asterisk; with moments in between one may reckon."""


def read_moment(text: str) -> datetime:
    """Return the moment.

    Raises:
        ValueError: it is none, or none that Asterisk's clock may have shown.
    """
    try:
        at = datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{text[:40]!r} is no moment") from error
    if not EARLIEST <= at < LATEST:
        raise ValueError(f"{at} is no moment that Asterisk has seen")
    return at
