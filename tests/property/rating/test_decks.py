"""The promises of decks: the rate of a number at a moment is the one that trying them all finds."""

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rating.deck import Deck, Rate
from rating.prefixes import PrefixIndex

FLAT = Rate(prefix="1", destination="Anywhere", per_minute_micros=1, initial_increment_s=1, increment_s=1)
prefixes = st.text(alphabet="12", min_size=1, max_size=15) | st.from_regex(r"(FR|ES):[12]{1,4}", fullmatch=True)
numbers = st.text(alphabet="12", max_size=15).map("+".__add__) | st.from_regex(r"(FR|ES):[12]{1,6}", fullmatch=True)
moments_ms = st.integers(min_value=0, max_value=20)


@given(prefixes=st.sets(st.text(alphabet="109", min_size=1, max_size=15), max_size=30), number=st.text("109"))
def test_prefixes_of_a_number_as_by_trying_all(prefixes: set[str], number: str) -> None:
    ordered = sorted(prefixes)
    index = PrefixIndex()
    for prefix in ordered:
        index.append(prefix)
    expected = sorted((prefix for prefix in prefixes if number.startswith(prefix)), key=len, reverse=True)
    assert [ordered[entry] for entry, _ in index.matches(number)] == expected


def validities(edges_ms: Iterable[int]) -> list[tuple[int | None, int | None]]:
    """Return stretches of time that do not overlap, each second one of those between the edges."""
    edges = [None, *sorted(edges_ms), None]
    return list(zip(edges[::2], edges[1::2], strict=False))


@st.composite
def rates(draw: st.DrawFn) -> list[Rate]:
    """Draw rates of some prefixes, each in force now and then, in any order."""
    made = [
        replace(FLAT, prefix=prefix, effective_from_ms=from_ms, effective_until_ms=until_ms)
        for prefix in draw(st.sets(prefixes, max_size=8))
        for from_ms, until_ms in validities(draw(st.sets(st.integers(min_value=1, max_value=19), max_size=5)))
    ]
    return [
        replace(rate, per_minute_micros=n, destination=f"place {n % 3}", increment_s=1 + n % 2)
        for n, rate in enumerate(draw(st.permutations(made)))
    ]


@given(rates=rates(), number=numbers, at_ms=moments_ms)
def test_lookup_as_by_trying_all(rates: list[Rate], number: str, at_ms: int) -> None:
    fitting = [
        rate
        for rate in rates
        if number.removeprefix("+").startswith(rate.prefix)
        and (rate.effective_from_ms is None or rate.effective_from_ms <= at_ms)
        and (rate.effective_until_ms is None or at_ms < rate.effective_until_ms)
    ]
    expected = max(fitting, key=lambda rate: len(rate.prefix), default=None)
    assert Deck("d", "EUR", rates).lookup(number, at_ms) == expected


@given(rates=rates(), number=numbers, at_ms=moments_ms)
def test_between_two_changes_no_look_up_changes(rates: list[Rate], number: str, at_ms: int) -> None:
    deck = Deck("d", "EUR", rates)
    change_ms = deck.next_change_ms(at_ms)
    assert change_ms is None or change_ms > at_ms
    last_ms = 30 if change_ms is None else change_ms - 1
    assert deck.lookup(number, last_ms) == deck.lookup(number, at_ms)
