"""Rates as rows and as JSON: ``rating.deck.Rate`` to columns and text, and back.

A rate's periods are split: their names and hours, the same for most rates of a deck, are a row of
``period_list``; the prices stay with the rate. JSON, in call records, has only what a rate has: validity and
periods where there are any.
"""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import select

from rating.deck import PricedHours, Rate, SharedRate
from rating.errors import RatingError
from rating.hours import WeeklyHours, format_hours, parse_hours
from store import schema
from store.operation import Row

_NO_BEGIN_MS = -1
"""``rate.effective_from_ms`` of an open begin: a part of the key, and keys have no nulls."""

_MOST_KNOWN = 32_768

_DECK = schema.deck.c
_RATE = schema.rate.c
# The generation in force is looked up in the same statement, so that a switch meanwhile can not mix two.
# The columns are those that `rate_from_row` takes; the order is that of the key, and of `rating.deck_rows`.
SELECT_RATES = (
    select(
        _RATE.prefix,
        _RATE.effective_from_ms,
        _RATE.effective_until_ms,
        _RATE.destination,
        _RATE.per_minute_micros,
        _RATE.connect_fee_micros,
        _RATE.initial_increment_s,
        _RATE.increment_s,
        _RATE.minimum_charge_micros,
        _RATE.barred,
        schema.period_list.c.hours,
        _RATE.period_micros,
    )
    .join(schema.deck, (_DECK.id == _RATE.deck_id) & (_DECK.generation == _RATE.generation))
    .outerjoin(schema.period_list, schema.period_list.c.id == _RATE.period_list_id)
    .order_by(_RATE.prefix, _RATE.effective_from_ms)
)

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
_JSON_TEXTS = frozenset({"prefix", "destination", "name", "hours"})
_JSON_WHERE_SET = ("effective_from_ms", "effective_until_ms")


RATE_COLUMNS = (
    "deck_id",
    "generation",
    "prefix",
    "effective_from_ms",
    "effective_until_ms",
    "destination",
    "per_minute_micros",
    "connect_fee_micros",
    "initial_increment_s",
    "increment_s",
    "minimum_charge_micros",
    "barred",
    "period_list_id",
    "period_micros",
)
"""The columns of :meth:`RowMaker.rows`, those of the table in their order."""
_PERIOD_LIST_ID = RATE_COLUMNS.index("period_list_id")


class _Terms(NamedTuple):
    """What a rate's row has beside its prefix and destination, by the columns' names, and ``period_list.hours``."""

    effective_from_ms: int
    effective_until_ms: int | None
    per_minute_micros: int
    connect_fee_micros: int
    initial_increment_s: int
    increment_s: int
    minimum_charge_micros: int
    barred: bool
    period_micros: str | None
    hours: str | None


class RowMaker:
    """Makes rows of one generation's rates; what many rates share is made once."""

    def __init__(self, deck_id: int, generation: int) -> None:
        self._deck_id = deck_id
        self._generation = generation
        self._known: dict[int, tuple[Rate, _Terms]] = {}
        """By identity, which is much quicker than by value; the rate is kept, so that its identity stays its own."""

    def rows(self, rates: Iterable[Rate | SharedRate]) -> tuple[list[Row], dict[int, str]]:
        """Answer a row for each rate without ``period_list_id``, and by row the hours whose id belongs there."""
        deck_id, generation, known = self._deck_id, self._generation, self._known
        rows: list[Row] = []
        hours_of: dict[int, str] = {}
        for rate in rates:
            prefix, destination, terms = (
                (rate.prefix, rate.destination, rate) if isinstance(rate, Rate) else rate  # a tuple already
            )
            found = known.get(id(terms))
            begin_ms, end_ms, price, fee, initial_s, further_s, minimum, barred, micros, hours = (
                found[1] if found is not None else self._learn(terms)
            )
            if hours is not None:
                hours_of[len(rows)] = hours
            rows.append(
                (
                    deck_id,
                    generation,
                    prefix,
                    begin_ms,
                    end_ms,
                    destination,
                    price,
                    fee,
                    initial_s,
                    further_s,
                    minimum,
                    barred,
                    None,
                    micros,
                )
            )
        return rows, hours_of

    def _learn(self, rate: Rate) -> _Terms:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        terms = _terms(rate)
        self._known[id(rate)] = rate, terms
        return terms


def with_period_list(row: Row, period_list_id: int) -> Row:
    """Answer the row with the id of its rate's hours."""
    return (*row[:_PERIOD_LIST_ID], period_list_id, *row[_PERIOD_LIST_ID + 1 :])


def _terms(rate: Rate) -> _Terms:
    prices_micros = [period.per_minute_micros for period in rate.periods]
    return _Terms(
        effective_from_ms=_NO_BEGIN_MS if rate.effective_from_ms is None else rate.effective_from_ms,
        effective_until_ms=rate.effective_until_ms,
        per_minute_micros=rate.per_minute_micros,
        connect_fee_micros=rate.connect_fee_micros,
        initial_increment_s=rate.initial_increment_s,
        increment_s=rate.increment_s,
        minimum_charge_micros=rate.minimum_charge_micros,
        barred=rate.barred,
        period_micros=json.dumps(prices_micros, separators=(",", ":")) if prices_micros else None,
        hours=_hours_text(rate.periods) if rate.periods else None,
    )


def rate_from_row(row: Sequence[Any]) -> Rate:
    """Answer the rate of a row: the columns from ``prefix`` on, ``period_list.hours`` in place of its id.

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
        barred=bool(barred),
        effective_from_ms=None if from_ms == _NO_BEGIN_MS else from_ms,
        effective_until_ms=until_ms,
        periods=() if hours is None else _priced(hours, prices),
    )


def _hours_text(periods: Sequence[PricedHours]) -> str:
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


@lru_cache(maxsize=4096)
def rate_from_json(text: str) -> Rate:
    """Answer the rate that :func:`rate_json` wrote, by this version or an earlier one.

    Raises:
        ValueError: it wrote no such text.
    """
    try:
        values = _typed(json.loads(text))
        periods = tuple(
            PricedHours(period["name"], parse_hours(period["hours"]), period["per_minute_micros"])
            for period in map(_typed, values.pop("periods", None) or ())
        )
        return Rate(**values, periods=periods)
    except (ValueError, TypeError, KeyError, RecursionError, RatingError) as error:
        raise ValueError(f"no rate: {text[:200]}") from error


def _typed(values: object) -> dict[str, Any]:
    """Answer the fields of a rate, or of one of its periods, each of the type that it has."""
    if not isinstance(values, dict):
        raise TypeError("no object")
    for name, value in values.items():
        wanted = list if name == "periods" else str if name in _JSON_TEXTS else int
        if not isinstance(value, wanted):
            raise TypeError(f"{name} is {value!r}")
    return values
