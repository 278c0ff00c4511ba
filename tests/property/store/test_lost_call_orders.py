"""Lost calls in any order with all else: the books are kept, and of every call there is one final record at most."""

import asyncio
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from charging.cdr import Cdr, EndSource
from rating.price import charge_micros
from store.allowances import AllowanceRequest
from store.answers import Granted, Held, Settled
from store.caps import SpendDay, Spending
from store.errors import KeyConflictError
from store.expiry import expire_lots
from store.lost_calls import charge_provisionally, settle_as_charged
from store.provisional import take_back
from store.renewal import renew_slice
from store.sessions import open_session
from store.settlement import settle_leg
from tests.effort import EFFORT
from tests.integration.store.office import PER_SECOND, T0, T0_MS, Office, make_cdr
from tests.property.store.machine import StoreMachine
from tests.property.store.places import memory_store, postgres_store

MONTH = "2026-11-01"
LIMIT_S = 100
HOUR_MS = 3_600_000
TODAY = Spending(extension="101", days=(SpendDay("2026-11-02", MONTH, "2026-12-01"),))
picks = st.integers(0, 7)
lives_h = st.none() | st.integers(1, 9)


@dataclass
class ModelCall:
    """What the model knows of an open call: what it holds, or held when it was lost."""

    held_micros: int
    paid_s: int
    allowance_s: int
    n: int = 1
    is_lost: bool = False


class LostCalls(StoreMachine):
    """Drives a store and the model with the same calls."""

    def __init__(self) -> None:
        super().__init__()
        self.office = Office(self.store, 1)
        self.open: dict[str, ModelCall] = {}
        self.charged: dict[str, int] = {}
        self.funds_micros = 0
        self.calls = 0
        self.now_ms = T0_MS

    @initialize(lots=st.lists(st.tuples(st.integers(50_000, 600_000), lives_h), min_size=1, max_size=5))
    def buy_funds(self, lots: list[tuple[int, int | None]]) -> None:
        """Begin with a few lots, some of which expire within the hours of the example."""
        for n, (amount_micros, life_h) in enumerate(lots):
            expires_at_ms = None if life_h is None else T0_MS + life_h * HOUR_MS
            self.runner.run(self.office.fund(amount_micros, f"start{n}", expires_at_ms))
            self.funds_micros += amount_micros

    @rule(hours=st.integers(1, 3))
    def let_time_pass(self, hours: int) -> None:
        self.now_ms += hours * HOUR_MS
        self.apply(expire_lots(account_id=1, at_ms=self.now_ms))

    def pick(self, pick: int) -> tuple[str, ModelCall]:
        call_ids = list(self.open)
        call_id = call_ids[pick % len(call_ids)]
        return call_id, self.open[call_id]

    @rule(paid_s=st.integers(0, 40), want_s=st.integers(0, 30))
    def hold(self, paid_s: int, want_s: int) -> None:
        """Open a call on an allowance or on money; with neither it is free."""
        self.calls += 1
        call_id, held_micros = f"call{self.calls}", charge_micros(PER_SECOND, paid_s)
        request = AllowanceRequest(plan="p", allowance="a", extension="", month=MONTH, limit_s=LIMIT_S, want_s=want_s)
        answer = self.apply(
            open_session(
                call_id=call_id,
                node="pbx1",
                account_id=1,
                extension="101",
                held_micros=held_micros,
                paid_s=paid_s,
                per_minute_micros=600_000 if paid_s else 0,
                state="{}",
                at_ms=self.now_ms,
                allowance=request if want_s else None,
                spending=TODAY,
            )
        )
        if isinstance(answer, Held):
            self.open[call_id] = ModelCall(answer.held_micros, answer.paid_s, answer.allowance_s)

    @precondition(lambda self: self.open)
    @rule(pick=picks, want_s=st.integers(1, 60))
    def renew(self, pick: int, want_s: int) -> None:
        call_id, call = self.pick(pick)
        answer = self.apply(
            renew_slice(
                call_id=call_id,
                n=call.n + 1,
                rate=PER_SECOND,
                want_s=want_s,
                paid_until_ms=self.now_ms + call.paid_s * 1000,
                state="{}",
                at_ms=self.now_ms,
                answered_at=T0.astimezone(ZoneInfo("Europe/Paris")),
                spending=TODAY,
            )
        )
        call.is_lost = False
        if isinstance(answer, Granted):
            assert answer.paid_s > call.paid_s
            assert answer.held_micros >= call.held_micros
            call.n, call.paid_s, call.held_micros = answer.n, answer.paid_s, answer.held_micros

    def lost_record(self, call_id: str, call: ModelCall) -> Cdr:
        return replace(
            make_cdr(call_id, account_id=1, charged_micros=call.held_micros),
            billable_s=call.paid_s,
            allowance_s=call.allowance_s,
            provisional=True,
            end_source=EndSource.LAST_SEEN,
        )

    @precondition(lambda self: self.open)
    @rule(pick=picks, times=st.integers(1, 2))
    def lose(self, pick: int, times: int) -> None:
        """Charge a call provisionally, by one node or by two at once: once."""
        call_id, call = self.pick(pick)
        record = self.lost_record(call_id, call)

        async def race() -> list[bool]:
            charges = (charge_provisionally(cdr=record, seen_at_ms=None, at_ms=self.now_ms) for _ in range(times))
            return list(await asyncio.gather(*map(self.store.apply, charges)))

        assert sum(self.runner.run(race())) == int(not call.is_lost)
        call.is_lost = True

    @precondition(lambda self: self.open)
    @rule(pick=picks)
    def take_back(self, pick: int) -> None:
        call_id, call = self.pick(pick)
        assert self.apply(take_back(call_id=call_id, at_ms=self.now_ms)) is call.is_lost
        call.is_lost = False

    @precondition(lambda self: self.open)
    @rule(pick=picks, part=st.integers(0, 100))
    def settle(self, pick: int, part: int) -> None:
        call_id, call = self.pick(pick)
        charged_s, used_s = call.held_micros * part // 100 // 10_000, call.allowance_s * part // 100
        charged_micros = charged_s * 10_000  # the price of whole seconds: the books are compared with it
        cdr = replace(
            make_cdr(call_id, account_id=1, charged_micros=charged_micros),
            billable_s=used_s + charged_s,
            allowance_s=used_s,
        )
        answer = self.apply(settle_leg(cdr=cdr, close=True, at_ms=self.now_ms))
        assert answer == Settled(charged_micros, call.held_micros - charged_micros, 0, 0)
        assert self.apply(settle_leg(cdr=cdr, close=True, at_ms=self.now_ms)).released_micros == 0
        self.charged[call_id] = charged_micros
        del self.open[call_id]

    @precondition(lambda self: self.open)
    @rule(pick=picks)
    def settle_as_charged(self, pick: int) -> None:
        call_id, call = self.pick(pick)
        assert self.apply(settle_as_charged(call_id=call_id)) is call.is_lost
        if call.is_lost:
            self.charged[call_id] = call.held_micros
            del self.open[call_id]

    @precondition(lambda self: self.charged)
    @rule(pick=picks)
    def touch_a_closed_call(self, pick: int) -> None:
        """Whatever comes late for a call that is over changes nothing."""
        call_id = list(self.charged)[pick % len(self.charged)]
        assert self.apply(take_back(call_id=call_id, at_ms=self.now_ms)) is False
        assert self.apply(settle_as_charged(call_id=call_id)) is False
        record = self.lost_record(call_id, ModelCall(self.charged[call_id], 0, 0))
        assert self.apply(charge_provisionally(cdr=record, seen_at_ms=None, at_ms=self.now_ms)) is False
        with pytest.raises(KeyConflictError):
            self.runner.run(self.office.settle(call_id, self.charged[call_id] + 1))

    @invariant()
    def books_are_those_of_the_model(self) -> None:
        reserved_micros = sum(call.held_micros for call in self.open.values() if not call.is_lost)
        lost_micros = sum(call.held_micros for call in self.open.values() if call.is_lost)
        spent_micros = sum(self.charged.values()) + lost_micros
        entries = self.runner.run(self.store.journal(1))
        expired_micros = sum(entry.amount_micros for entry in entries if entry.kind == "expire")
        assert self.runner.run(self.office.money()) == (
            self.funds_micros - spent_micros - reserved_micros - expired_micros,
            reserved_micros,
        )
        self.prove_books()

    @invariant()
    def each_call_has_the_records_it_should_have(self) -> None:
        async def read() -> list[tuple[str, bool]]:
            return sorted([(cdr.call_id, cdr.provisional) async for cdr in self.store.cdrs()])

        expected = [(call_id, False) for call_id in self.charged]
        expected += [(call_id, True) for call_id, call in self.open.items() if call.is_lost]
        assert self.runner.run(read()) == sorted(expected)

    @invariant()
    def allowance_holds_what_its_open_calls_have(self) -> None:
        held_s = sum(call.allowance_s for call in self.open.values() if not call.is_lost)
        uses = self.runner.run(self.store.allowance_uses(1, MONTH))
        assert sum(use.held_s for use in uses) == held_s
        assert all(use.used_s + use.held_s <= LIMIT_S for use in uses)


class MemoryLostCalls(LostCalls):
    """Lost calls in memory."""

    lend = staticmethod(memory_store)


class PostgresLostCalls(LostCalls):
    """Lost calls on a server."""

    lend = staticmethod(postgres_store)


LIMITS = settings(max_examples=15 * EFFORT, stateful_step_count=25)
MemoryLostCalls.TestCase.settings = LIMITS
PostgresLostCalls.TestCase.settings = settings(LIMITS, max_examples=5 * EFFORT)
TestMemoryLostCalls = MemoryLostCalls.TestCase
TestPostgresLostCalls = PostgresLostCalls.TestCase
