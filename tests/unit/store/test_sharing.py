"""Fair sharing by example; prices are per minute, 600 000 is a cent a second."""

import pytest

from rating.deck import Rate
from store.sharing import SliceRequest, Talk, common_end_ms, fair_want_s, grant_s, is_plenty

CENT = 10_000


def rate(increment_s: int = 1, *, connect_fee_micros: int = 0) -> Rate:
    return Rate(
        prefix="44",
        destination="",
        per_minute_micros=600_000,
        connect_fee_micros=connect_fee_micros,
        initial_increment_s=increment_s,
        increment_s=increment_s,
    )


def request(*, paid_s: int = 10, want_s: int = 60, paid_until_s: int = 10, increment_s: int = 1) -> SliceRequest:
    return SliceRequest(rate(increment_s), paid_s, paid_s * CENT, want_s, 10, paid_until_s * 1000)


def talk(until_s: int, per_minute_micros: int = 600_000) -> Talk:
    return Talk(until_s * 1000, per_minute_micros)


@pytest.mark.parametrize(
    ("talks", "cents", "end_s"),
    [
        ([talk(10)], 30, 40),
        ([talk(10), talk(10)], 30, 25),
        ([talk(10), talk(30)], 20, 30),
        ([talk(10), talk(30)], 40, 40),
        ([talk(10), talk(100)], 20, 30),
        ([talk(10), talk(10, 1_200_000)], 30, 20),
        ([talk(10), talk(5, 0)], 30, 40),
        ([talk(20), talk(10)], 0, 10),
    ],
)
def test_common_end_is_where_water_would_stand(talks: list[Talk], cents: int, end_s: int) -> None:
    assert common_end_ms(talks, cents * CENT) == end_s * 1000


def test_common_end_needs_a_price() -> None:
    with pytest.raises(ValueError, match="price"):
        common_end_ms([talk(10, 0)], 1)


@pytest.mark.parametrize(
    ("cents", "others", "expected_s"),
    [
        (240, [talk(10)], 60),  # there is enough for both, twice
        (80, [talk(10)], 20),  # 40 s each: half of them now
        (30, [talk(10)], 10),  # 15 s each: half is less than the least slice
        (15, [talk(10)], 10),  # less than 10 s each: the first to end takes 10
        (40, [talk(50)], 20),  # the other is far ahead and needs nothing yet
        (0, [talk(10)], 10),
        (40, [], 40),  # all there is, where nobody else talks
        (100, [], 60),
    ],
)
def test_share_of_the_call_that_ends_first(cents: int, others: list[Talk], expected_s: int) -> None:
    assert fair_want_s(request(), others, cents * CENT) == expected_s


@pytest.mark.parametrize(
    ("paid_until_s", "expected_s"),
    [(10, 10), (15, 10), (25, 10), (40, 5), (50, 0), (90, 0)],
)
def test_share_shrinks_the_further_a_call_is_ahead(paid_until_s: int, expected_s: int) -> None:
    """The other ends at 10 s and there are 40 cents: the further ahead, the more of them the other needs."""
    assert fair_want_s(request(paid_until_s=paid_until_s), [talk(10)], 40 * CENT) == expected_s


@pytest.mark.parametrize(("paid_until_s", "expected_s"), [(10, 50), (30, 45), (90, 30), (130, 20)])
def test_half_of_the_share_is_granted(paid_until_s: int, expected_s: int) -> None:
    """The other ends at 10 s and there are 2.00 EUR."""
    assert fair_want_s(request(paid_until_s=paid_until_s), [talk(10)], 200 * CENT) == expected_s


@pytest.mark.parametrize(
    ("increment_s", "want_s", "cents", "paid_s"),
    [
        (1, 25, 100, 35),
        (6, 25, 100, 30),  # 35 s are not whole increments, 30 are
        (30, 5, 100, 30),  # one increment at least
        (30, 5, 19, None),  # which the money is not enough for
        (1, 25, 7, 17),  # as far as the money goes
        (1, 25, 0, None),
        (1, 0, 100, None),
    ],
)
def test_grant_is_whole_increments_within_the_money(
    increment_s: int, want_s: int, cents: int, paid_s: int | None
) -> None:
    assert grant_s(request(increment_s=increment_s), want_s, cents * CENT) == paid_s


def test_grant_below_the_initial_increment_is_that_increment() -> None:
    long_first = Rate(prefix="44", destination="", per_minute_micros=600_000, initial_increment_s=60, increment_s=1)
    assert grant_s(SliceRequest(long_first, 0, 0, 20, 10, 0), 20, 100 * CENT) == 60


def test_cost_counts_the_connect_fee_once() -> None:
    asked = SliceRequest(rate(connect_fee_micros=50_000), 10, 150_000, 60, 10, 0)
    assert asked.cost_micros(20) == 100_000
    assert asked.cost_micros(5) == 0


def test_plenty_is_enough_for_all_prices_together_twice() -> None:
    assert is_plenty(60, 2_400_000, 1_200_000)
    assert not is_plenty(60, 2_399_999, 1_200_000)
