"""Rates as rows and as JSON: ``rating.deck.Rate`` to columns and text, and back.

A rate's periods are split: their names and hours, the same for most rates of a deck, are a row of
``period_list``; the prices stay with the rate. JSON, in call records, has only what a rate has: validity and
periods where there are any.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from rating.deck import PricedHours, Rate
from rating.hours import WeeklyHours, format_hours, parse_hours
from store.operation import SqlValue

_NO_BEGIN_MS = -1
"""``rate.effective_from_ms`` of an open begin: a part of the key, and keys have no nulls."""

_JSON_ALWAYS = (
    "prefix",
    "destination",
    "per_minute_micros",
    "connect_fee_micros",
    "initial_increment_s",
    "increment_s",
    "minimum_charge_micros",
    "barred",
)
_JSON_WHERE_SET = ("effective_from_ms", "effective_until_ms")


def rate_params(rate: Rate) -> dict[str, SqlValue]:
    """Answer the rate's column values by name; ``period_list_id`` is left null."""
    prices_micros = [period.per_minute_micros for period in rate.periods]
    return {
        "prefix": rate.prefix,
        "effective_from_ms": _NO_BEGIN_MS if rate.effective_from_ms is None else rate.effective_from_ms,
        "effective_until_ms": rate.effective_until_ms,
        "destination": rate.destination,
        "per_minute_micros": rate.per_minute_micros,
        "connect_fee_micros": rate.connect_fee_micros,
        "initial_increment_s": rate.initial_increment_s,
        "increment_s": rate.increment_s,
        "minimum_charge_micros": rate.minimum_charge_micros,
        "barred": rate.barred,
        "period_list_id": None,
        "period_micros": json.dumps(prices_micros, separators=(",", ":")) if prices_micros else None,
    }


def rate_from_row(row: Sequence[Any]) -> Rate:
    """Answer the rate of a row: the columns of :func:`rate_params` in order, ``period_list.hours`` in place of its id.

    Raises:
        RatingError: the row is no rate.
    """
    prefix, from_ms, until_ms, destination, price, connect_fee, initial_s, further_s, minimum, barred, hours, prices = (
        row
    )
    return Rate(
        prefix=prefix,
        destination=destination,
        per_minute_micros=price,
        connect_fee_micros=connect_fee,
        initial_increment_s=initial_s,
        increment_s=further_s,
        minimum_charge_micros=minimum,
        barred=barred,
        effective_from_ms=None if from_ms == _NO_BEGIN_MS else from_ms,
        effective_until_ms=until_ms,
        periods=() if hours is None else _priced(hours, prices),
    )


def hours_text(periods: Sequence[PricedHours]) -> str:
    """Answer the names and hours of periods, as ``period_list.hours`` has them."""
    return json.dumps([(period.name, format_hours(period.hours)) for period in periods], separators=(",", ":"))


@lru_cache(maxsize=4096)
def _priced(hours: str, prices: str) -> tuple[PricedHours, ...]:
    return tuple(
        PricedHours(name, weekly, per_minute_micros)
        for (name, weekly), per_minute_micros in zip(_named_hours(hours), json.loads(prices), strict=True)
    )


@lru_cache(maxsize=256)
def _named_hours(hours: str) -> list[tuple[str, WeeklyHours]]:
    return [(name, parse_hours(text)) for name, text in json.loads(hours)]


@lru_cache(maxsize=4096)
def rate_json(rate: Rate) -> str:
    """Answer the rate as a JSON object for a call record."""
    values = {name: getattr(rate, name) for name in _JSON_ALWAYS}
    values |= {name: value for name in _JSON_WHERE_SET if (value := getattr(rate, name)) is not None}
    if rate.periods:
        values["periods"] = [
            {
                "name": period.name,
                "hours": format_hours(period.hours),
                "per_minute_micros": period.per_minute_micros,
            }
            for period in rate.periods
        ]
    return json.dumps(values, separators=(",", ":"))


def rate_from_json(text: str) -> Rate:
    """Answer the rate that :func:`rate_json` wrote, by this version or an earlier one."""
    values: Mapping[str, Any] = json.loads(text)
    periods = tuple(
        PricedHours(period["name"], parse_hours(period["hours"]), period["per_minute_micros"])
        for period in values.get("periods", ())
    )
    return Rate(**{**values, "periods": periods})
