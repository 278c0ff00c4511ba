"""The one place that reads the clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def epoch_ms(at: datetime) -> int:
    """Return a moment as UTC epoch milliseconds, as the store keeps it."""
    return int(at.timestamp() * 1000)
