"""The options that tell an import what a file does not tell, as the command line has them."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from enum import StrEnum
from typing import TypeVar

from rating.deck_import import DateOrder, DecimalMark, FeeUnit, Field, ImportOptions, parse_price_unit
from rating.hours import WeeklyHours, parse_hours
from tollgate.cli.errors import BadInputError

E = TypeVar("E", bound=StrEnum)
_WEEKEND = "sat-sun"


def import_options(
    *,
    currency: str,
    zone: tzinfo,
    columns: Sequence[str],
    price_unit: str | None,
    fee_unit: str | None,
    decimal: str | None,
    date_order: str | None,
    code_separator: str | None,
    last_day: bool,
    round_up: bool,
    peak: str | None,
    weekend: str | None,
) -> ImportOptions:
    """Return the options of an import.

    Raises:
        BadInputError, RatingError: one cannot be used.
    """
    return ImportOptions(
        currency=currency,
        zone=zone,
        columns=_columns(columns),
        price_unit=None if price_unit is None else parse_price_unit(price_unit),
        fee_unit=_choice(FeeUnit, fee_unit, "--fee-unit"),
        decimal_mark=_choice(DecimalMark, decimal, "--decimal"),
        date_order=_choice(DateOrder, date_order, "--date-order"),
        code_separator=code_separator,
        last_day=last_day,
        round_up=round_up,
        peak=_hours(peak),
        weekend=parse_hours(weekend or _WEEKEND),
    )


def _hours(text: str | None) -> WeeklyHours | None:
    return None if text is None else parse_hours(text)


def _columns(told: Sequence[str]) -> Mapping[str, Field]:
    columns: dict[str, Field] = {}
    for text in told:
        name, _, header = text.partition("=")
        if name not in set(Field) or not header.strip():
            raise BadInputError(
                f"{text!r} names no column", f'write --column price="Rate EUR", with one of {", ".join(Field)}'
            )
        columns[header.strip()] = Field(name)
    return columns


def _choice(choices: type[E], text: str | None, option: str) -> E | None:
    if text is None:
        return None
    if text not in set(choices):
        raise BadInputError(f"{option} {text!r} is not known", f"write {' or '.join(choices)}")
    return choices(text)
