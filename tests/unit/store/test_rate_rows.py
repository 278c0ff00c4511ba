"""Rates as JSON in call records: nothing that a rate has not, and old records are read."""

import json
from dataclasses import replace

import pytest
from sqlalchemy.dialects import sqlite

from rating.deck import PricedHours, Rate, SharedRate
from rating.hours import parse_hours
from store.decks import INSERT_RATE
from store.operation import compile_sql
from store.rate_rows import RATE_COLUMNS, RowMaker, rate_from_json, rate_from_row, rate_json

RATE = Rate(prefix="44", destination="UK", per_minute_micros=190_000, initial_increment_s=30, increment_s=6)
PEAK = PricedHours("peak", parse_hours("mon-fri 08:00-20:00"), 250_000)
FULL = replace(RATE, effective_from_ms=0, effective_until_ms=1_793_610_000_000, periods=(PEAK,))


def test_row_has_the_values_of_its_statement_in_their_order() -> None:
    assert compile_sql(INSERT_RATE, sqlite.dialect(paramstyle="qmark")).names == RATE_COLUMNS
    [row], hours_of = RowMaker(7, 3).rows([FULL])
    assert dict(zip(RATE_COLUMNS, row, strict=True)) == {
        "deck_id": 7,
        "generation": 3,
        "prefix": "44",
        "effective_from_ms": 0,
        "effective_until_ms": 1_793_610_000_000,
        "destination": "UK",
        "per_minute_micros": 190_000,
        "connect_fee_micros": 0,
        "initial_increment_s": 30,
        "increment_s": 6,
        "minimum_charge_micros": 0,
        "barred": False,
        "period_list_id": None,
        "period_micros": "[250000]",
    }
    assert hours_of == {0: '[["peak","mon-fri 08:00-20:00"]]'}
    assert rate_from_row((*row[2:12], hours_of[0], row[13])) == FULL


def test_row_of_shared_terms_is_that_of_the_rate() -> None:
    maker = RowMaker(1, 1)
    terms = replace(FULL, prefix="1", destination="nowhere")
    rows, hours_of = maker.rows([SharedRate("44", "UK", terms), FULL, RATE, SharedRate("44", "UK", terms)])
    assert rows[0] == rows[1] == rows[3] != rows[2]
    assert list(hours_of) == [0, 1, 3]


def test_row_of_more_shared_terms_than_are_remembered_is_that_of_each() -> None:
    maker = RowMaker(1, 1)
    rows, _ = maker.rows(SharedRate("44", "UK", replace(RATE, per_minute_micros=n)) for n in range(40_000))
    assert [row[6] for row in rows] == list(range(40_000))


def test_rate_json_of_a_plain_rate_has_no_word_of_validity_or_periods() -> None:
    assert json.loads(rate_json(RATE)) == {
        "prefix": "44",
        "destination": "UK",
        "per_minute_micros": 190_000,
        "connect_fee_micros": 0,
        "initial_increment_s": 30,
        "increment_s": 6,
        "minimum_charge_micros": 0,
        "barred": False,
    }


def test_rate_json_says_validity_and_periods_in_words() -> None:
    document = json.loads(rate_json(FULL))
    assert (document["effective_from_ms"], document["effective_until_ms"]) == (0, 1_793_610_000_000)
    assert document["periods"] == [{"name": "peak", "hours": "mon-fri 08:00-20:00", "per_minute_micros": 250_000}]


@pytest.mark.parametrize("rate", [RATE, FULL, replace(RATE, effective_from_ms=5), replace(RATE, periods=(PEAK, PEAK))])
def test_rate_json_read_back_is_the_same(rate: Rate) -> None:
    assert rate_from_json(rate_json(rate)) == rate


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "[]",
        "null",
        "{",
        "{}",
        "[" * 100_000,
        '{"prefix":44,"destination":"UK","per_minute_micros":1,"initial_increment_s":1,"increment_s":1}',
        '{"prefix":"44","destination":"UK","per_minute_micros":"1","initial_increment_s":1,"increment_s":1}',
        '{"prefix":"44","destination":"UK","per_minute_micros":1,"initial_increment_s":0,"increment_s":1}',
        '{"prefix":"44","destination":"UK","per_minute_micros":1,"initial_increment_s":1,"increment_s":1,"x":1}',
        '{"prefix":"44","destination":"UK","per_minute_micros":1,"initial_increment_s":1,"increment_s":1,"periods":[7]}',
        (
            '{"prefix":"44","destination":"UK","per_minute_micros":1,"initial_increment_s":1,"increment_s":1,'
            '"periods":[{"name":"peak","hours":"never","per_minute_micros":1}]}'
        ),
    ],
)
def test_text_that_is_no_rate_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no rate"):
        rate_from_json(text)
