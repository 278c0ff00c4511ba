"""What an import makes of the prices in force, and how it is counted."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.deck import Rate
from rating.deck_import import (
    Change,
    ImportOptions,
    PriceChange,
    PriceChanges,
    Withdrawal,
    merge,
    read_deck,
)
from rating.deck_import.changes import SHOWN_RAISES
from rating.hours import parse_hours
from rating.price import aligned_s, charge_micros
from rating.rate import PricedHours
from tests.unit.rating.deck_import.tables import HEADER, Rows, rate

NOW_MS = 1000


def counted(in_force: list[Rate], items: list[Rate | Withdrawal], *, replaced: bool = False) -> dict[str, int]:
    changes = PriceChanges(NOW_MS)
    changes.count(in_force, items, merge(() if replaced else in_force, items))
    return {change.value: times for change, times in changes.counts.items() if times} | (
        {"unpriced": changes.unpriced} if changes.unpriced else {}
    )


OLD = rate("44")


def rate60(initial_s: int, further_s: int) -> Rate:
    return replace(OLD, initial_increment_s=initial_s, increment_s=further_s)


def peaks(hours: str) -> Rate:
    """Return a rate that costs twice as much in its peak hours."""
    return replace(OLD, periods=(PricedHours("peak", parse_hours(hours), 200_000),))


prices = st.builds(
    replace,
    st.sampled_from([rate60(1, 1), rate60(60, 60), rate60(30, 6), peaks("sat"), peaks("mon-fri")]),
    per_minute_micros=st.sampled_from([100_000, 200_000]),
    effective_from_ms=st.sampled_from([None, 500, 1_500, 2_000]),
    effective_until_ms=st.sampled_from([None, 2_500, 3_000]),
)


@pytest.mark.parametrize(
    ("in_force", "items", "counts"),
    [
        ([], [OLD], {"new": 1}),
        ([OLD], [OLD], {"unchanged": 1}),
        ([OLD], [replace(OLD, destination="renamed")], {"unchanged": 1}),
        ([OLD], [rate("44", micros=200_000)], {"raised": 1}),
        ([OLD], [rate("44", micros=50_000)], {"lowered": 1}),
        ([OLD], [replace(OLD, connect_fee_micros=1)], {"raised": 1}),
        ([OLD], [replace(OLD, increment_s=60, initial_increment_s=60)], {"raised": 1}),
        ([OLD], [replace(OLD, barred=True)], {"barred": 1}),
        ([replace(OLD, barred=True)], [replace(OLD, barred=True)], {"unchanged": 1}),
        ([replace(OLD, barred=True)], [OLD], {"new": 1}),
        ([OLD], [Withdrawal("44", None)], {"removed": 1}),
        ([], [Withdrawal("44", None)], {}),
        ([rate("44", begin=2000)], [], {}),
        ([OLD], [rate("44", end=NOW_MS)], {"expired": 1, "unchanged": 1}),
        # Increments, though the price of a minute is the same.
        ([rate60(60, 1)], [rate60(60, 60)], {"raised": 1}),
        ([rate60(30, 6)], [rate60(30, 10)], {"raised": 1}),
        ([rate60(60, 60)], [rate60(1, 1)], {"lowered": 1}),
        # Hours, though the prices are the same.
        ([peaks("mon-fri 08:00-20:00")], [peaks("always")], {"raised": 1}),
        ([peaks("always")], [peaks("mon-fri 08:00-20:00")], {"lowered": 1}),
        ([peaks("sat")], [peaks("sun")], {"raised": 1}),
        ([peaks("sat")], [replace(peaks("sat"), destination="renamed")], {"unchanged": 1}),
        # What is loaded ahead, or ends.
        ([rate("44", end=2000), rate("44", begin=2000, micros=200_000)], [OLD], {"lowered": 1}),
        ([rate("44", end=2000), rate("44", begin=2000, micros=50_000)], [OLD], {"raised": 1}),
        ([rate("44", end=2000)], [OLD], {"new": 1}),
        ([rate("44", begin=2000)], [Withdrawal("44", None)], {"removed": 1}),
        ([replace(OLD, barred=True)], [Withdrawal("44", None)], {"removed": 1}),
        ([OLD], [rate("44", begin=2000, micros=200_000)], {"raised": 1}),
        ([], [rate("44", begin=2000)], {"new": 1, "unpriced": 1}),
        ([OLD], [replace(OLD, periods=(PricedHours("peak", parse_hours("sat"), 100_000),))], {"unchanged": 1}),
        ([OLD], [replace(OLD, periods=(PricedHours("peak", parse_hours("sat"), 100_001),))], {"raised": 1}),
    ],
)
def test_changes_of_a_prefix(in_force: list[Rate], items: list[Rate | Withdrawal], counts: dict[str, int]) -> None:
    assert counted(in_force, items) == counts


@pytest.mark.parametrize(
    ("in_force", "items", "counts"),
    [
        ([rate("44", end=2000), rate("44", begin=2000)], [rate("44", end=2000)], {"removed": 1}),
        ([OLD], [rate("44", end=2000)], {"removed": 1}),
        ([OLD], [rate("44", end=NOW_MS)], {"expired": 1, "removed": 1}),
        (
            [OLD],
            [rate("44", end=NOW_MS), rate("44", begin=2000, micros=200_000)],
            {"expired": 1, "removed": 1, "unpriced": 1},
        ),
    ],
)
def test_changes_of_a_prefix_that_is_replaced(
    in_force: list[Rate], items: list[Rate | Withdrawal], counts: dict[str, int]
) -> None:
    assert counted(in_force, items, replaced=True) == counts


@given(st.lists(prices, max_size=3), st.lists(prices, max_size=3), st.booleans())
def test_changes_never_say_unchanged_where_a_call_would_cost_otherwise(
    in_force: list[Rate], items: list[Rate], replaced: bool
) -> None:
    before, after = merge((), in_force), merge(() if replaced else merge((), in_force), items)
    changes = PriceChanges(NOW_MS)
    changes.count(before, list(items), after)
    moments = [NOW_MS, *(edge for edge in range(NOW_MS, 4_001, 500))]
    differs = any(charges(price_at(before, at_ms)) != charges(price_at(after, at_ms)) for at_ms in moments)
    told = sum(changes.counts[change] for change in set(Change) - {Change.UNCHANGED, Change.EXPIRED})
    assert told == differs


def charges(found: Rate | None) -> list[int] | None:
    """Return what calls cost that begin on Saturday and on Monday, or None where they are refused."""
    if found is None or found.barred:
        return None
    starts = (datetime(2026, 11, 21, 12, tzinfo=UTC), datetime(2026, 11, 23, 12, tzinfo=UTC))
    return [charge_micros(found, aligned_s(found, length_s), at) for at in starts for length_s in (1, 31, 61, 121)]


def price_at(rates: list[Rate], at_ms: int) -> Rate | None:
    return next((found for found in rates if found.in_force(at_ms)), None)


def test_changes_are_told_one_by_one() -> None:
    told: list[PriceChange] = []
    changes = PriceChanges(NOW_MS, told.append)
    changes.count(
        [OLD], [rate("44", begin=2000, micros=200_000)], merge([OLD], [rate("44", begin=2000, micros=200_000)])
    )
    [found] = told
    assert (found.prefix, found.change, found.at_ms, found.by_micros) == ("44", Change.RAISED, 2000, 100_000)
    assert changes.is_telling


def test_changes_replaced_without_a_row_is_removed() -> None:
    assert counted([OLD], [], replaced=True) == {"removed": 1}
    assert counted([rate("44", end=NOW_MS)], [], replaced=True) == {}


def test_changes_of_a_new_deck_are_counted_without_its_rates() -> None:
    header = (*HEADER, "barred", "valid from", "valid until")
    rows = [
        header,
        ("44", "UK", "0.1", "no", "2026-12-01", ""),
        ("33", "France", "", "yes", "", ""),
        ("34", "Spain", "0.1", "no", "", "1970-01-02"),
    ]
    new = read_deck(Rows(rows), ImportOptions()).new
    assert new.has_one_each
    one, all_at_once = PriceChanges(10**9), PriceChanges(10**9)
    all_at_once.count_all_new(new)
    for prefix in new.prefixes():
        one.count((), new.of(prefix), merge((), new.of(prefix)))
    assert one.counts == all_at_once.counts == {Change.NEW: 1, Change.BARRED: 1, Change.EXPIRED: 1}
    assert one.unpriced == all_at_once.unpriced == 1


def test_changes_keep_the_largest_raises() -> None:
    changes = PriceChanges(NOW_MS)
    for micros in range(1, 2 * SHOWN_RAISES + 1):
        prefix = str(440 + micros)
        after = rate(prefix, micros=100_000 + micros)
        changes.count([rate(prefix)], [after], [after])
    raises = changes.largest_raises()
    assert [found.by_micros for found in raises] == list(range(2 * SHOWN_RAISES, SHOWN_RAISES, -1))


def test_merge_price_with_a_later_date_ends_the_one_in_force() -> None:
    assert merge([rate("44")], [rate("44", begin=500, micros=2)]) == [
        rate("44", end=500),
        rate("44", begin=500, micros=2),
    ]


def test_merge_price_without_a_name_keeps_that_of_the_deck() -> None:
    unnamed = replace(rate("44", micros=200_000), destination="unnamed")
    [merged] = merge([replace(OLD, destination="Britain")], [unnamed])
    assert (merged.destination, merged.per_minute_micros) == ("Britain", 200_000)
    [new] = merge([], [unnamed, Withdrawal("44", 5)])
    assert new.destination == "unnamed"


def test_rates_of_a_list_without_names_are_read() -> None:
    new = read_deck(Rows([("code", "price"), ("44", "0.1"), ("33", "0.2")]), ImportOptions()).new
    assert [found.destination for found in new.each_rate()] == ["unnamed"] * 2


def test_merge_price_without_a_date_takes_the_place_of_all() -> None:
    assert merge([rate("44", end=500), rate("44", begin=500)], [rate("44", micros=2)]) == [rate("44", micros=2)]


def test_merge_price_for_some_time_lets_the_other_go_on_after_it() -> None:
    assert merge([rate("44")], [rate("44", begin=100, end=200, micros=2)]) == [
        rate("44", end=100),
        rate("44", begin=100, end=200, micros=2),
        rate("44", begin=200),
    ]


def test_merge_withdrawal_ends_what_is_in_force_and_ahead() -> None:
    in_force = [rate("44", end=500), rate("44", begin=500)]
    assert merge(in_force, [Withdrawal("44", 300)]) == [rate("44", end=300)]
    assert merge(in_force, [Withdrawal("44", None)]) == []


moments = st.none() | st.integers(1, 30)


@st.composite
def items(draw: st.DrawFn) -> Rate | Withdrawal:
    begin, end = draw(moments), draw(moments)
    if draw(st.integers(0, 4)) == 0:
        return Withdrawal("44", begin)
    return rate(
        "44", micros=draw(st.integers(1, 9)), begin=begin, end=end if end is not None and end > (begin or 0) else None
    )


@given(st.lists(items(), max_size=4), st.lists(items(), max_size=4, unique_by=lambda item: item.effective_from_ms))
def test_merge_at_every_moment_has_at_most_one_price_and_the_latest_item_decides(
    before: list[Rate | Withdrawal], after: list[Rate | Withdrawal]
) -> None:
    in_force = merge((), sorted(before, key=lambda item: item.effective_from_ms or 0))
    merged = merge(in_force, after)
    for at_ms in range(31):
        now = [item for item in merged if _holds(item, at_ms)]
        assert len(now) <= 1
        deciding = [item for item in after if _holds(item, at_ms)]
        if not deciding:
            assert now == [] or now[0].per_minute_micros in {
                old.per_minute_micros for old in in_force if _holds(old, at_ms)
            }
            continue
        latest = max(deciding, key=lambda item: -1 if item.effective_from_ms is None else item.effective_from_ms)
        assert [item.per_minute_micros for item in now] == (
            [latest.per_minute_micros] if isinstance(latest, Rate) else []
        )


def _holds(item: Rate | Withdrawal, at_ms: int) -> bool:
    end = item.effective_until_ms if isinstance(item, Rate) else None
    return (item.effective_from_ms is None or item.effective_from_ms <= at_ms) and (end is None or at_ms < end)
