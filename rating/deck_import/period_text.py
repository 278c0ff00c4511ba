"""Prices at other hours in one cell: ``peak=0.12@mon-fri 08:00-20:00 | weekend=0.05@sat-sun``.

No carrier writes them so; it is how an export keeps them.
"""

from collections.abc import Iterable

from rating.deck import PricedHours
from rating.errors import RatingError
from rating.hours import format_hours, parse_hours
from rating.money import format_money, parse_money


class PeriodTextError(ValueError):
    """A cell that is no such text; the message is the reason."""


def format_periods(periods: Iterable[PricedHours]) -> str:
    """Write periods so that :func:`parse_periods` reads the same; empty for none."""
    return " | ".join(
        f"{period.name}={format_money(period.per_minute_micros)}@{format_hours(period.hours)}" for period in periods
    )


def parse_periods(text: str) -> tuple[PricedHours, ...]:
    """Read periods; the first whose hours hold decides.

    Raises:
        PeriodTextError: it is something else.
    """
    if not text.strip():
        return ()
    return tuple(_period(part.strip()) for part in text.split("|"))


def _period(text: str) -> PricedHours:
    name, has_price, rest = text.rpartition("@")[0].rpartition("=")
    try:
        if not has_price or not name:
            raise PeriodTextError("write a period as peak=0.12@mon-fri 08:00-20:00")
        return PricedHours(name, parse_hours(text.rpartition("@")[2].strip()), parse_money(rest))
    except RatingError as error:
        raise PeriodTextError(str(error)) from error
