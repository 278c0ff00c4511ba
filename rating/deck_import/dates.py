"""Dates as carriers write them; each is the midnight that begins the day in the importing person's zone.

``01/12/2026`` is 1 December or 12 January. As with decimals, a column tells by a cell that can be read in one
way only; otherwise the order has to be said. Dates between points are always day, month, year.
"""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from rating.calendar import local_midnight
from rating.deck_import.fields import plain
from rating.deck_import.model import Cell, shown
from rating.deck_import.options import DateOrder

_ISO = re.compile(r"([0-9]{4})([-/.]?)([0-9]{2})\2([0-9]{2})")
_NUMBERS = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})")
_NAMED = re.compile(r"([0-9]{1,2})(?: de)?[ -]([a-z]{3,10})(?: de)?[ -]([0-9]{4}|[0-9]{2})")
_NAME_FIRST = re.compile(r"([a-z]{3,10})[ -]([0-9]{1,2})[ -]([0-9]{4})")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,6})?)?\s*([AaPp][Mm])?")
_EARLIEST_YEAR = 1970
_LATEST_YEAR = 9998

_MONTHS: dict[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "jan january janv janvier ene enero januar",
            "feb february fev fevr fevrier febrero februar",
            "mar march mars marzo maerz marz mrz",
            "apr april avr avril abr abril",
            "may mai mayo",
            "jun june juin junio juni",
            "jul july juil juillet julio juli",
            "aug august aout ago agosto",
            "sep sept september septembre septiembre",
            "oct october octobre octubre okt oktober",
            "nov november novembre noviembre",
            "dec december decembre dic diciembre dez dezember",
        ),
        start=1,
    )
    for name in names.split()
}


class DateFormatError(ValueError):
    """A cell that is no date, or one that can be read in two ways; the message is the reason."""


def proven_orders(cells: Iterable[Cell]) -> set[DateOrder]:
    """Return the orders that cells of a column prove, each by itself; one where they agree."""
    evidence = (_evidence(cell) for cell in cells if isinstance(cell, str))
    return {order for order in evidence if order is not None}


def read_date_ms(cell: Cell, order: DateOrder | None, zone: tzinfo, *, last_day: bool = False) -> int:
    """Read a date, or a date and time, as UTC epoch milliseconds.

    Args:
        cell: Text, or a local date and time of a file that knows types.
        order: Of day and month; None where it is not known.
        zone: Where the date is one.
        last_day: Whether a date without a time means the end of that day.

    Raises:
        DateFormatError: it is no date, or its order is uncertain.
    """
    try:
        at, has_time = _local(cell, order)
        if has_time:
            aware = at if at.tzinfo else at.replace(tzinfo=zone)
        else:
            aware = local_midnight(at.date() + timedelta(days=last_day), zone)
        return (aware.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    except DateFormatError:
        raise
    except (ValueError, OverflowError) as error:
        raise DateFormatError("there is no such date") from error


def _local(cell: Cell, order: DateOrder | None) -> tuple[datetime, bool]:
    if isinstance(cell, datetime):
        return _checked(cell), cell.time() != time()
    if not isinstance(cell, str):
        raise DateFormatError("this is no date; a number of days is not enough to tell")
    text = cell.strip()
    if len(text) > 19 and text[10:11] == "T":
        return _checked(datetime.fromisoformat(text)), True
    day, rest = _day_and_rest(text)
    at = datetime.combine(_day(day, order), _clock(rest))
    return _checked(at), at.time() != time()


def _day_and_rest(text: str) -> tuple[str, str]:
    """Separate the clock from the day; a time has a colon, a day has none."""
    match = re.search(r"(?:[T ]|, )\s*(?=[0-9]{1,2}:)", text)
    return (text, "") if match is None else (text[: match.start()], text[match.end() :])


def _clock(text: str) -> time:
    if not text:
        return time()
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise DateFormatError("this is no time of day")
    hour = int(match[1])
    if match[4]:
        if not 1 <= hour <= 12:
            raise DateFormatError("this is no time of day")
        hour = hour % 12 + (12 if match[4].lower() == "pm" else 0)
    return time(hour, int(match[2]), int(match[3] or 0))


def _day(text: str, order: DateOrder | None) -> date:
    if match := _ISO.fullmatch(text):
        return date(int(match[1]), int(match[3]), int(match[4]))
    if match := _NUMBERS.fullmatch(text):
        return _in_order(match, DateOrder.DMY if match[2] == "." else _evidence(text) or order, order)
    words = plain(text)
    if (match := _NAMED.fullmatch(words)) and match[2] in _MONTHS:
        return date(_year(match[3]), _MONTHS[match[2]], int(match[1]))
    if (match := _NAME_FIRST.fullmatch(words)) and match[1] in _MONTHS:
        return date(int(match[3]), _MONTHS[match[1]], int(match[2]))
    raise DateFormatError("this is no date that we know; write it as 2026-12-01")


def _in_order(match: re.Match[str], read_as: DateOrder | None, wanted: DateOrder | None) -> date:
    if read_as is None:
        raise DateFormatError(
            "day or month first? nothing in the column tells; say --date-order dmy or --date-order mdy"
        )
    if wanted is not None and read_as is not wanted and match[2] != ".":
        raise DateFormatError(f"this is no date in the order {wanted.value}, as the others are")
    first, second, year = int(match[1]), int(match[3]), _year(match[4])
    return date(year, second, first) if read_as is DateOrder.DMY else date(year, first, second)


def _evidence(cell: Cell) -> DateOrder | None:
    """Return the order that this cell alone proves; None where it proves nothing."""
    match = _NUMBERS.fullmatch(_day_and_rest(shown(cell).strip())[0])
    if match is None or match[2] == ".":
        return None
    first, second = int(match[1]), int(match[3])
    if first > 12 >= second:
        return DateOrder.DMY
    return DateOrder.MDY if second > 12 >= first else None


def _year(digits: str) -> int:
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


def _checked(at: datetime) -> datetime:
    if not _EARLIEST_YEAR <= at.year <= _LATEST_YEAR:
        raise DateFormatError(f"a year is between {_EARLIEST_YEAR} and {_LATEST_YEAR}")
    return at
