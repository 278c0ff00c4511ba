"""A deck's rows: every rate comes back as it went in, and validity decides which one."""

from dataclasses import replace
from typing import Any

import pytest

from rating.deck import Deck, DeckRows, PricedHours, Rate, RateError
from rating.hours import parse_hours
from rating.interned import Interned

PEAK = PricedHours("peak", parse_hours("mon-fri 08:00-20:00"), 200_000)
NIGHT = PricedHours("night", parse_hours("mon-sun 22:00-06:00"), 50_000)
UK = Rate(prefix="44", destination="United Kingdom", per_minute_micros=100_000, initial_increment_s=1, increment_s=1)
JERSEY = replace(UK, prefix="447797", destination="Jersey, île", connect_fee_micros=10**18, barred=True)


def lookup(rates: list[Rate], number: str, at_ms: int = 0) -> Rate | None:
    return Deck("d", "EUR", rates).lookup(number, at_ms)


@pytest.mark.parametrize(
    "rate",
    [
        UK,
        JERSEY,
        replace(UK, minimum_charge_micros=7, initial_increment_s=30, increment_s=6),
        replace(UK, effective_from_ms=0),
        replace(UK, effective_until_ms=1),
        replace(UK, per_minute_micros=0, periods=(PEAK,)),
        replace(UK, periods=(NIGHT, PEAK)),
        replace(UK, prefix="FR:3", periods=(replace(PEAK, per_minute_micros=0),)),
    ],
)
def test_lookup_gives_back_what_was_added(rate: Rate) -> None:
    number = "FR:3631" if rate.prefix == "FR:3" else "+447797123456"
    others = [replace(rate, prefix="1"), replace(UK, prefix="99", periods=(PEAK, NIGHT))]
    assert lookup([*others, rate], number) == rate


def test_lookup_one_after_the_other_each_in_its_time() -> None:
    first = replace(UK, effective_until_ms=1000)
    second = replace(UK, per_minute_micros=2, effective_from_ms=1000, effective_until_ms=2000)
    third = replace(UK, per_minute_micros=3, effective_from_ms=2500)
    deck = Deck("d", "EUR", [third, first, second])
    found = {at_ms: deck.lookup("+447", at_ms) for at_ms in (0, 999, 1000, 1999, 2000, 2499, 2500, 10**13)}
    assert found == {
        0: first,
        999: first,
        1000: second,
        1999: second,
        2000: None,
        2499: None,
        2500: third,
        10**13: third,
    }


def test_lookup_prefix_without_a_rate_in_force_falls_back_to_a_shorter_one() -> None:
    rates = [UK, replace(UK, prefix="447", effective_from_ms=10, effective_until_ms=20), replace(UK, prefix="448")]
    prefixes = {at_ms: (found := lookup(rates, "+4477", at_ms)) and found.prefix for at_ms in (9, 10, 19, 20)}
    assert prefixes == {9: "44", 10: "447", 19: "447", 20: "44"}


def test_lookup_barred_for_a_time_bars_for_that_time() -> None:
    barred = replace(UK, prefix="447", barred=True, effective_until_ms=100)
    before, after = lookup([UK, barred], "+4477", 99), lookup([UK, barred], "+4477", 100)
    assert before == barred
    assert after == UK


def test_lookup_of_more_prefixes_than_are_remembered_finds_each_of_them() -> None:
    rates = [replace(UK, prefix=str(prefix), per_minute_micros=prefix) for prefix in range(10_000, 15_000)]
    deck = Deck("d", "EUR", rates)
    for _ in range(2):
        assert [deck.lookup(f"+{rate.prefix}99", 0) for rate in rates] == rates


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (UK, UK),
        (UK, replace(UK, effective_from_ms=5)),
        (replace(UK, effective_until_ms=6), replace(UK, effective_from_ms=5)),
        (replace(UK, effective_from_ms=5), replace(UK, effective_from_ms=5, effective_until_ms=9)),
        (replace(UK, effective_until_ms=6), replace(UK, effective_until_ms=9)),
    ],
)
def test_two_prices_at_the_same_time_refused(earlier: Rate, later: Rate) -> None:
    with pytest.raises(RateError, match="44 is priced twice at the same time"):
        Deck("d", "EUR", [later, earlier])


@pytest.mark.parametrize("earlier", [UK, replace(JERSEY, effective_until_ms=5)])
def test_append_out_of_order_refused(earlier: Rate) -> None:
    rows = DeckRows()
    rows.append(replace(JERSEY, effective_from_ms=5))
    with pytest.raises(ValueError, match="in order"):
        rows.append(earlier)
    assert len(rows) == 1


def extended(rows: DeckRows, rates: list[Rate]) -> None:
    """Add rates by columns, each with the terms of its own."""
    rows.extend(
        [rate.prefix for rate in rates],
        [rate.destination for rate in rates],
        [rate.per_minute_micros for rate in rates],
        [rows.add_terms(rate) for rate in rates],
    )


@pytest.mark.parametrize("page", [1, 2, 3, 100])
def test_rows_added_by_columns_are_those_added_one_by_one(page: int) -> None:
    rates = [
        replace(UK, prefix="33", periods=(PEAK, NIGHT)),
        replace(UK, effective_until_ms=1000),
        replace(UK, effective_from_ms=1000, per_minute_micros=3, effective_until_ms=2000),
        replace(JERSEY, prefix="447"),
        JERSEY,
        replace(UK, prefix="448", destination="", per_minute_micros=10**18),
        replace(UK, prefix="45"),
        replace(UK, prefix="FR:3", effective_from_ms=50),
        replace(UK, prefix="FR:31"),
    ]
    rows = DeckRows()
    for at in range(0, len(rates), page):
        extended(rows, rates[at : at + page])
    deck, expected = Deck.of_rows("d", "EUR", rows), Deck("d", "EUR", rates)
    numbers = ["+331", "+441", "+4471", "+4477971", "+4481", "+45", "+46", "FR:3", "FR:3100"]
    assert [deck.lookup(number, at_ms) for number in numbers for at_ms in (0, 999, 1000, 2000)] == [
        expected.lookup(number, at_ms) for number in numbers for at_ms in (0, 999, 1000, 2000)
    ]
    assert deck.next_change_ms(0) == 50
    assert len(rows) == len(rates)


@pytest.mark.parametrize("price_micros", [-1, 10**18 + 1])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_rows_added_by_columns_with_a_price_out_of_bounds_are_refused(price_micros: int, place: int) -> None:
    rows = DeckRows()
    terms = rows.add_terms(UK)
    prices_micros = [1, 1, 1]
    prices_micros[place] = price_micros
    with pytest.raises(RateError):
        rows.extend(["33", "44", "45"], ["a", "b", "c"], prices_micros, [terms] * 3)


@pytest.mark.parametrize("prefix", ["", "044", "44\n", "4 4", "+44", "x", "4444444444444444", "fr:3"])
@pytest.mark.parametrize("place", [0, 1])
def test_rows_added_by_columns_with_a_prefix_that_is_none_are_refused(prefix: str, place: int) -> None:
    rows = DeckRows()
    terms = rows.add_terms(UK)
    prefixes = ["44", "99"]
    prefixes[place] = prefix
    with pytest.raises(RateError, match="no prefix"):
        rows.extend(prefixes, ["a", "b"], [1, 1], [terms] * 2)


@pytest.mark.parametrize(("name", "price_micros"), [(b"a", 1), ("a", 0.5), ("a", "1")])
def test_rows_added_by_columns_of_other_types_are_refused(name: Any, price_micros: Any) -> None:
    rows = DeckRows()
    terms = rows.add_terms(UK)
    with pytest.raises(TypeError):
        rows.extend(["33", "44"], [name, "b"], [price_micros, 1], [terms] * 2)


def test_rows_added_by_columns_priced_twice_or_out_of_order_are_refused() -> None:
    rows = DeckRows()
    extended(rows, [UK])
    with pytest.raises(RateError, match="44 is priced twice"):
        extended(rows, [UK, JERSEY])
    rows = DeckRows()
    extended(rows, [JERSEY])
    with pytest.raises(ValueError, match="in order"):
        extended(rows, [UK])


def test_deck_of_rows_is_that_of_its_rates() -> None:
    rows = DeckRows()
    for rate in (UK, JERSEY):
        rows.append(rate)
    deck = Deck.of_rows("carrier", "EUR", rows)
    assert (deck.name, deck.currency) == ("carrier", "EUR")
    assert [deck.lookup(number, 0) for number in ("+447797", "+4477")] == [JERSEY, UK]


def test_next_change_is_the_next_begin_or_end_of_any_rate() -> None:
    rates = [
        replace(UK, effective_until_ms=1000),
        replace(UK, effective_from_ms=1000),
        replace(UK, prefix="33", effective_from_ms=500),
    ]
    deck = Deck("d", "EUR", rates)
    assert [deck.next_change_ms(after_ms) for after_ms in (0, 499, 500, 999, 1000)] == [500, 500, 1000, 1000, None]
    assert Deck("d", "EUR", [UK]).next_change_ms(0) is None


def test_interned_string_is_kept_once_while_it_is_remembered() -> None:
    strings = Interned()
    assert [strings.add(data) for data in (b"a", b"", b"bc", b"a", b"")] == [0, 1, 2, 0, 1]
    assert [strings[number] for number in range(3)] == [b"a", b"", b"bc"]


def test_interned_string_forgotten_among_very_many_is_kept_again() -> None:
    strings = Interned()
    numbers = [strings.add(str(n).encode()) for n in range(20_000)]
    assert numbers == list(range(20_000))
    assert strings.add(b"0") == 20_000
    assert (strings[0], strings[19_999], strings[20_000]) == (b"0", b"19999", b"0")
