"""Limits that an administrator sets on accounts and extensions: read from options and cells, and written back.

A limit is a column of the store, named as in :class:`store.extensions.ExtensionChanges`. ``none`` removes one.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from rating.errors import RatingError
from rating.hours import format_hours, parse_hours
from rating.money import format_money, parse_money
from rating.permissions import format_destinations, parse_destinations
from store.catalog import AccountChanges
from store.records import Account, Extension
from tollgate.cli.bad_field import BadFieldError
from tollgate.cli.output import Document

NO_LIMIT = "none"
"""What removes a limit."""

Limits = Mapping[str, int | str | None]
"""Values by column of the store; None is no limit, a column that is not there is kept."""

_WHOLE = re.compile(r"[0-9]{1,6}")
_DURATION = re.compile(r"([0-9]{1,6})([smh]?)")
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600}


def _amount(text: str) -> int:
    micros = parse_money(text)
    if micros < 0:
        raise ValueError(text)
    return micros


def _calls(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _seconds(text: str) -> int:
    match = _DURATION.fullmatch(text.lower())
    seconds = 0 if match is None else int(match[1]) * _UNIT_S[match[2]]
    if not seconds:
        raise ValueError(text)
    return seconds


def _destinations(text: str) -> str:
    return format_destinations(parse_destinations(text))


def _hours(text: str) -> str:
    return format_hours(parse_hours(text))


class _Limit(NamedTuple):
    """One limit: the store's column, how its text is read, and what to write where the reader does not say."""

    column: str
    read: Callable[[str], int | str]
    hint: str


_MONEY_HINT = "write a decimal number such as 5 or 4.99, or none"
_LIMITS: Mapping[str, _Limit] = {
    "daily_cap": _Limit("daily_cap_micros", _amount, _MONEY_HINT),
    "monthly_cap": _Limit("monthly_cap_micros", _amount, _MONEY_HINT),
    "max_calls": _Limit("max_calls", _calls, "write a whole number of calls, such as 2, or none"),
    "max_rate": _Limit("max_rate_micros", _amount, "write a price per minute such as 0.50, or none"),
    "longest_call_s": _Limit("longest_call_s", _seconds, "write seconds, or a time such as 90s, 10m or 2h, or none"),
    "allow": _Limit("allow_list", _destinations, "write countries and classes, such as GB,premium, or none"),
    "deny": _Limit("deny_list", _destinations, "write countries and classes, such as GB,premium, or none"),
    "hours": _Limit("hours", _hours, "write them as mon-fri 08:00-19:00; sat 09:00-13:00, or none"),
}
LIMIT_FIELDS = tuple(_LIMITS)
"""Names of an extension's limits, as JSON and CSV have them."""
MONEY_FIELDS = ("daily_cap", "monthly_cap", "max_rate")
"""Those that are money, in the currency of the extension's account."""


def read_limits(fields: Mapping[str, str | None]) -> Limits:
    """Read the limits among ``fields`` by name; one that is None or not there is kept.

    Raises:
        BadFieldError: a limit cannot be read.
    """
    given = {name: text for name in LIMIT_FIELDS if (text := fields.get(name)) is not None}
    return {_LIMITS[name].column: _read(name, text.strip()) for name, text in given.items()}


def read_caps(daily_cap: str | None, monthly_cap: str | None) -> AccountChanges:
    """Read an account's caps as changes; one that is None is kept.

    Raises:
        BadFieldError: one cannot be read.
    """
    caps: AccountChanges = {}
    if daily_cap is not None:
        caps["daily_cap_micros"] = _cap("daily_cap", daily_cap)
    if monthly_cap is not None:
        caps["monthly_cap_micros"] = _cap("monthly_cap", monthly_cap)
    return caps


def _cap(name: str, text: str) -> int | None:
    micros = _read(name, text.strip())
    assert not isinstance(micros, str), "caps are money"
    return micros


def _read(name: str, text: str) -> int | str | None:
    if text.lower() == NO_LIMIT:
        return None
    try:
        return _LIMITS[name].read(text)
    except RatingError as error:  # whose message says what to do
        raise BadFieldError(name, str(error), "none removes the limit") from error
    except ValueError as error:
        raise BadFieldError(name, f"{text!r} cannot be used", _LIMITS[name].hint) from error


def limit_documents(found: Extension) -> Document:
    """Return an extension's limits for JSON; None is no limit."""
    return {
        **cap_documents(found),
        "max_calls": found.max_calls,
        "max_rate": _money(found.max_rate_micros),
        "longest_call_s": found.longest_call_s,
        "allow": _entries(found.allow_list),
        "deny": _entries(found.deny_list),
        "hours": found.hours,
    }


def cap_documents(found: Account | Extension) -> Document:
    """Return the caps for JSON."""
    return {"daily_cap": _money(found.daily_cap_micros), "monthly_cap": _money(found.monthly_cap_micros)}


def limit_cell(value: object) -> str:
    """Write a limit of a document as one cell, in the form that :func:`read_limits` reads."""
    if value is None:
        return NO_LIMIT
    return ",".join(value) if isinstance(value, list) else str(value)


def limits_summary(document: Document) -> str:
    """Write the limits that are set in one line: ``daily cap 5.00; deny GB,premium``."""
    names = {"longest_call_s": "longest call s"}
    set_ones = [(name, document[name]) for name in LIMIT_FIELDS if document.get(name) is not None]
    return "; ".join(f"{names.get(name, name.replace('_', ' '))} {limit_cell(value)}" for name, value in set_ones)


def _money(micros: int | None) -> str | None:
    return None if micros is None else format_money(micros)


def _entries(text: str | None) -> list[str] | None:
    return None if text is None else text.split(",")
