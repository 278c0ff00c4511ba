"""Fair sharing in virtual time: calls that talk at once on the last money end at about the same second."""

import heapq
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from charging.policy import MeteringPolicy
from rating.deck import Rate
from rating.price import affordable_s, charge_micros, first_hold_s
from store.sharing import SliceRequest, Talk, common_end_ms, fair_want_s, grant_s, is_plenty
from tests.effort import EFFORT

MIN_S = 2
FIRST_S = 10
LEAD_S = 15
SLICE_S = MeteringPolicy().slice_s
RETRY_MS = 1000

by_the_second = st.integers(min_value=60_000, max_value=5_000_000).map(
    lambda price: Rate(prefix="44", destination="", per_minute_micros=price, initial_increment_s=1, increment_s=1)
)
any_rate = st.builds(
    Rate,
    prefix=st.just("44"),
    destination=st.just(""),
    per_minute_micros=st.integers(min_value=100_000, max_value=5_000_000),
    connect_fee_micros=st.integers(min_value=0, max_value=200_000),
    initial_increment_s=st.sampled_from([1, 6, 30, 60]),
    increment_s=st.sampled_from([1, 6, 30, 60]),
    minimum_charge_micros=st.integers(min_value=0, max_value=200_000),
)


@dataclass
class Call:
    """A talking call: what it holds, and when that runs out."""

    rate: Rate
    answered_ms: int
    paid_s: int
    held_micros: int

    @property
    def paid_until_ms(self) -> int:
        return self.answered_ms + self.paid_s * 1000


class Account:
    """Renews calls on one balance in virtual time as the service does, until all have ended."""

    def __init__(self, funds_micros: int) -> None:
        self.available_micros = funds_micros
        self.calls: list[Call] = []

    def open(self, rate: Rate, answered_ms: int) -> None:
        paid_s = first_hold_s(rate, FIRST_S)
        held_micros = charge_micros(rate, paid_s)
        if held_micros <= self.available_micros:
            self.available_micros -= held_micros
            self.calls.append(Call(rate, answered_ms, paid_s, held_micros))

    def talk_to_the_end(self, want_s: int) -> None:
        due = [(self._renewal_ms(call, call.paid_s), n) for n, call in enumerate(self.calls)]
        heapq.heapify(due)
        while due:
            at_ms, n = heapq.heappop(due)
            call = self.calls[n]
            before_s = call.paid_s
            if self._renew(call, want_s, at_ms):
                heapq.heappush(due, (self._renewal_ms(call, call.paid_s - before_s), n))
            elif at_ms + RETRY_MS < call.paid_until_ms:  # funds may come until the call's end
                heapq.heappush(due, (at_ms + RETRY_MS, n))

    def _renewal_ms(self, call: Call, slice_s: int) -> int:
        return call.paid_until_ms - min(LEAD_S * 1000, slice_s * 500)

    def _renew(self, call: Call, want_s: int, at_ms: int) -> bool:
        request = SliceRequest(call.rate, call.paid_s, call.held_micros, want_s, MIN_S, call.paid_until_ms)
        prices = sum(other.rate.per_minute_micros for other in self.calls if other.paid_until_ms >= at_ms)
        others = [
            Talk(other.paid_until_ms, other.rate.per_minute_micros)
            for other in self.calls
            if other is not call and other.paid_until_ms >= at_ms
        ]
        share_s = want_s
        if not is_plenty(want_s, self.available_micros, prices):
            share_s = fair_want_s(request, others, self.available_micros)
        paid_s = grant_s(request, share_s, self.available_micros)
        if paid_s is None:
            return False
        cost_micros = request.cost_micros(paid_s)
        call.paid_s = paid_s
        call.held_micros += cost_micros
        self.available_micros -= cost_micros
        return True


def test_two_calls_on_one_euro_end_together() -> None:
    rate = Rate(prefix="44", destination="", per_minute_micros=600_000, initial_increment_s=1, increment_s=1)
    account = Account(1_000_000)
    account.open(rate, 0)
    account.open(rate, 300)
    account.talk_to_the_end(60)
    ends = [call.paid_until_ms for call in account.calls]
    assert max(ends) - min(ends) <= (MIN_S + 1) * 1000, "a second more where the rest of a hold pays for it"
    assert account.available_micros == 0
    assert sum(call.held_micros for call in account.calls) == 1_000_000


@settings(max_examples=300 * EFFORT)
@given(
    rate=by_the_second,
    answered_ms=st.lists(st.integers(0, 4_000), min_size=2, max_size=8),
    share_s=st.integers(16, 400),
    want_s=st.sampled_from([20, 60, 120]),
)
def test_calls_that_talk_at_once_end_within_one_smallest_hold(
    rate: Rate, answered_ms: list[int], share_s: int, want_s: int
) -> None:
    account = Account(len(answered_ms) * charge_micros(rate, share_s))
    funds_micros = account.available_micros
    for at_ms in answered_ms:
        account.open(rate, at_ms)
    account.talk_to_the_end(want_s)
    ends = [call.paid_until_ms for call in account.calls]
    assert max(ends) - min(ends) <= (MIN_S + 1) * 1000, "a second more where the rest of a hold pays for it"
    assert account.available_micros >= 0
    assert sum(call.held_micros for call in account.calls) + account.available_micros == funds_micros
    assert account.available_micros <= len(ends) * charge_micros(rate, 1), "the rest pays no second"


@settings(max_examples=300 * EFFORT)
@given(
    rates=st.lists(any_rate, min_size=1, max_size=6),
    funds_micros=st.integers(0, 5_000_000),
    want_s=st.integers(10, 120),
)
def test_any_calls_hold_no_more_than_the_funds_and_always_what_they_talk(
    rates: list[Rate], funds_micros: int, want_s: int
) -> None:
    account = Account(funds_micros)
    for n, rate in enumerate(rates):
        account.open(rate, n * 700)
    account.talk_to_the_end(want_s)
    assert account.available_micros >= 0
    assert sum(call.held_micros for call in account.calls) + account.available_micros == funds_micros
    for call in account.calls:
        assert charge_micros(call.rate, call.paid_s) <= call.held_micros
        assert affordable_s(call.rate, call.held_micros) >= call.paid_s


@settings(max_examples=300 * EFFORT)
@given(
    talks=st.lists(st.builds(Talk, st.integers(0, 10**6), st.integers(1, 10**7)), min_size=1, max_size=8),
    available_micros=st.integers(0, 10**8),
)
def test_the_common_end_costs_all_of_the_money_to_the_millisecond(talks: list[Talk], available_micros: int) -> None:
    def cost(end_ms: int) -> int:
        """The price of talking to ``end_ms``, in 1/60 000 micro-units."""
        return sum(talk.per_minute_micros * max(0, end_ms - talk.paid_until_ms) for talk in talks)

    end_ms = common_end_ms(talks, available_micros)
    assert cost(end_ms) <= available_micros * 60_000 < cost(end_ms + 1)


class Day:
    """An account whose calls come and go in virtual time; who is cut sees how far ahead the others are paid."""

    def __init__(self, funds_micros: int) -> None:
        self.account = Account(funds_micros)
        self.hung_up: set[int] = set()
        self.slice_s: dict[int, int] = {}
        self.worst_ahead_ms = 0

    def run(self, arrivals: list[tuple[int, Rate, int]]) -> None:
        """Play calls of (beginning in ms, rate, wanted seconds) to the end."""
        due = [(at_ms, n, "open") for n, (at_ms, _, _) in enumerate(arrivals)]
        heapq.heapify(due)
        while due:
            at_ms, n, what = heapq.heappop(due)
            if what == "open":
                _, rate, wanted_s = arrivals[n]
                number = len(self.account.calls)
                self.account.open(rate, at_ms)
                if len(self.account.calls) > number:
                    heapq.heappush(due, (at_ms + wanted_s * 1000, number, "hang up"))
                    heapq.heappush(due, (self._renewal_ms(number, FIRST_S, at_ms), number, "renew"))
            elif n not in self.hung_up and what == "hang up":
                self._hang_up(n, at_ms)
            elif n not in self.hung_up:
                heapq.heappush(due, (self._renew(n, at_ms), n, "renew"))

    def _renewal_ms(self, n: int, slice_s: int, at_ms: int) -> int:
        return max(at_ms, self.account._renewal_ms(self.account.calls[n], slice_s))

    def _renew(self, n: int, at_ms: int) -> int:
        """Renew a call, or cut it where its paid time is over; answer when it is due again."""
        call = self.account.calls[n]
        if at_ms >= call.paid_until_ms:
            self.hung_up.add(n)
            self._see_others(at_ms)
            return at_ms
        before_s = call.paid_s
        # What is asked for follows from the slice, not from the moment: a request that is repeated is the same one.
        want_s = MeteringPolicy().further_s(self.slice_s.get(n, FIRST_S))
        if self.account._renew(call, want_s, at_ms):
            self.slice_s[n] = call.paid_s - before_s
            return self._renewal_ms(n, call.paid_s - before_s, at_ms)
        return min(at_ms + RETRY_MS, call.paid_until_ms)

    def _see_others(self, at_ms: int) -> None:
        talking = [call for n, call in enumerate(self.account.calls) if n not in self.hung_up]
        self.worst_ahead_ms = max([self.worst_ahead_ms, *(call.paid_until_ms - at_ms for call in talking)])

    def _hang_up(self, n: int, at_ms: int) -> None:
        call = self.account.calls[n]
        self.hung_up.add(n)
        used_micros = charge_micros(call.rate, -(-(at_ms - call.answered_ms) // 1000))
        self.account.available_micros += call.held_micros - used_micros
        call.paid_s, call.held_micros = -(-(at_ms - call.answered_ms) // 1000), used_micros


@settings(max_examples=300 * EFFORT)
@given(
    arrivals=st.lists(
        st.tuples(st.integers(0, 240_000), by_the_second, st.sampled_from([30, 200, 100_000])), min_size=2, max_size=12
    ),
    funds_micros=st.integers(1_000_000, 60_000_000),
)
def test_no_call_is_cut_while_another_holds_more_than_a_slice(
    arrivals: list[tuple[int, Rate, int]], funds_micros: int
) -> None:
    day = Day(funds_micros)
    day.run(arrivals)
    assert day.worst_ahead_ms <= SLICE_S * 1000
