"""Rates and decks: what a rate may be, and the longest prefix that is in force."""

import pytest

from rating.deck import Deck, Rate, RateError

NOW_MS = 1_793_610_000_000


def rate(prefix: str, destination: str = "Test", *, barred: bool = False) -> Rate:
    return Rate(
        prefix=prefix,
        destination=destination,
        per_minute_micros=100_000,
        initial_increment_s=1,
        increment_s=1,
        barred=barred,
    )


@pytest.mark.parametrize("prefix", ["", "+44", "044", "44 7", "1234567890123456", "fr:3", "FR:", "FR:1234567", "٤"])
def test_rate_prefix_of_no_namespace_refused(prefix: str) -> None:
    with pytest.raises(RateError, match="is no prefix"):
        rate(prefix)


@pytest.mark.parametrize("prices_micros", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_rate_negative_price_refused(prices_micros: tuple[int, int, int]) -> None:
    per_minute_micros, connect_fee_micros, minimum_charge_micros = prices_micros
    with pytest.raises(RateError, match="never negative"):
        Rate(
            prefix="44",
            destination="Test",
            per_minute_micros=per_minute_micros,
            connect_fee_micros=connect_fee_micros,
            initial_increment_s=1,
            increment_s=1,
            minimum_charge_micros=minimum_charge_micros,
        )


@pytest.mark.parametrize("increments", [(0, 1), (1, 0), (-1, 1), (86_401, 1)])
def test_rate_increment_out_of_range_refused(increments: tuple[int, int]) -> None:
    initial_increment_s, increment_s = increments
    with pytest.raises(RateError, match="between 1 and 86400"):
        Rate(
            prefix="44",
            destination="Test",
            per_minute_micros=1,
            initial_increment_s=initial_increment_s,
            increment_s=increment_s,
        )


def test_lookup_longest_prefix_wins_and_a_barred_one_bars() -> None:
    deck = Deck("d", "EUR", [rate("44"), rate("447"), rate("447797", "Jersey"), rate("4477971", barred=True)])
    found = {
        number: deck.lookup(number, NOW_MS) for number in ("+442", "+4471", "+4477972", "447797123456", "+44", "+4")
    }
    assert {number: hit and hit.prefix for number, hit in found.items()} == {
        "+442": "44",
        "+4471": "447",
        "+4477972": "447797",
        "447797123456": "4477971",
        "+44": "44",
        "+4": None,
    }


def test_lookup_short_number_never_meets_a_country_code() -> None:
    deck = Deck("d", "EUR", [rate("36", "Hungary"), rate("FR:3", "French short")])
    hungary, short = deck.lookup("+363112345", NOW_MS), deck.lookup("FR:3631", NOW_MS)
    assert hungary is not None
    assert hungary.destination == "Hungary"
    assert short is not None
    assert short.destination == "French short"
    assert deck.lookup("ES:3631", NOW_MS) is None
    assert deck.lookup("FR:118218", NOW_MS) is None


def test_lookup_empty_deck_finds_nothing() -> None:
    assert Deck("d", "EUR", []).lookup("+33612345678", NOW_MS) is None


def test_deck_same_prefix_twice_refused() -> None:
    with pytest.raises(RateError, match="44 is priced twice"):
        Deck("d", "EUR", [rate("44"), rate("44")])
