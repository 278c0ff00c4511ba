"""What the importing person says where a file does not say it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum

from rating.deck_import.fields import Field
from rating.deck_import.units import PriceUnit
from rating.hours import WeeklyHours, parse_hours


class DateOrder(StrEnum):
    """Which of two numbers in a date is the day."""

    DMY = "dmy"
    MDY = "mdy"


class DecimalMark(StrEnum):
    """What separates the decimals of a number."""

    POINT = "point"
    COMMA = "comma"

    @property
    def character(self) -> str:
        """The mark itself."""
        return "." if self is DecimalMark.POINT else ","


class FeeUnit(StrEnum):
    """What connection fees and minimum charges are in."""

    UNIT = "unit"
    CENT = "cent"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How a table is to be read; None leaves it to what the table itself shows."""

    currency: str | None = None
    """ISO 4217, of the deck; a file that names another one is refused."""
    zone: tzinfo = UTC
    """Whose midnight a date means."""
    columns: Mapping[str, Field] = field(default_factory=dict)
    """What headers were said to mean; that wins over what we recognize."""
    price_unit: PriceUnit | None = None
    fee_unit: FeeUnit | None = None
    decimal_mark: DecimalMark | None = None
    date_order: DateOrder | None = None
    code_separator: str | None = None
    """What separates codes in a cell, where a comma could also be part of a number."""
    last_day: bool = False
    """Whether an end without a time names the last day of a price instead of the first one without it."""
    round_up: bool = False
    """Whether prices with more than 6 decimals a minute are rounded up instead of refused."""
    peak: WeeklyHours | None = None
    weekend: WeeklyHours = field(default_factory=lambda: parse_hours("sat-sun"))
