"""The ledger on each database against a model in memory: any order of operations keeps the books."""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rating.price import charge_micros
from store.answers import Adjusted, Denied, Granted, Held, Settled
from store.errors import (
    CallSettledError,
    ChargeExceedsHoldError,
    KeyConflictError,
    RecordMissingError,
)
from store.funds import adjust_funds
from store.operation import Operation
from store.store import Store
from tests.integration.store.office import PER_SECOND, T0_MS, Office
from tests.property.store.places import Place, postgres_store, sqlite_store

T = TypeVar("T")
picks = st.integers(min_value=0, max_value=11)
"""Which of the calls there are, counted round."""
references = st.sampled_from([f"ref{n}" for n in range(5)])
seconds = st.integers(min_value=1, max_value=90)
amounts = st.integers(min_value=1, max_value=1_500_000)


@dataclass
class ModelCall:
    """What the model knows of an open call."""

    first: tuple[int, int]
    held_micros: int
    paid_s: int
    n: int = 1
    last_want_s: int = 0


@dataclass
class Model:
    """The books in memory."""

    available_micros: int = 0
    open: dict[str, ModelCall] = field(default_factory=dict)
    charges: dict[tuple[str, int], int] = field(default_factory=dict)
    references: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def reserved_micros(self) -> int:
        return sum(call.held_micros for call in self.open.values())

    def has_record(self, call_id: str) -> bool:
        return any(recorded == call_id for recorded, _ in self.charges)

    def next_leg(self, call_id: str) -> int:
        return 1 + max((leg for recorded, leg in self.charges if recorded == call_id), default=0)

    def closed(self) -> list[str]:
        """Answer the calls that are over, in the order of their records."""
        return list(dict.fromkeys(call_id for call_id, _ in self.charges if call_id not in self.open))


class LedgerMachine(RuleBasedStateMachine):
    """Drives a store and the model with the same operations."""

    lend: Place

    def __init__(self) -> None:
        super().__init__()
        self.lent = ExitStack()
        self.url = self.lent.enter_context(self.lend())
        self.runner = asyncio.Runner()
        self.store = self.runner.run(Store.open(self.url))
        self.office = Office(self.store, 1)
        self.model = Model()
        self.calls = 0

    def teardown(self) -> None:
        """Close the store and forget it."""
        self.runner.run(self.store.close())
        self.runner.close()
        self.lent.close()

    def apply(self, operation: Operation[T]) -> T:
        return self.runner.run(self.store.apply(operation))

    def new_call(self) -> str:
        self.calls += 1
        return f"call{self.calls}"

    def an_open_call(self, pick: int) -> tuple[str, ModelCall]:
        call_ids = list(self.model.open)
        call_id = call_ids[pick % len(call_ids)]
        return call_id, self.model.open[call_id]

    def opened(self, call_id: str, held_micros: int, paid_s: int) -> None:
        self.model.available_micros -= held_micros
        self.model.open[call_id] = ModelCall((held_micros, paid_s), held_micros, paid_s)

    @initialize(lots_micros=st.lists(st.integers(50_000, 500_000), min_size=3, max_size=12))
    def buy_funds(self, lots_micros: list[int]) -> None:
        """Begin with several lots, so that charges and adjustments take from more than one."""
        for n, amount_micros in enumerate(lots_micros):
            self.add_funds(f"start{n}", amount_micros)

    @rule(reference=references, amount_micros=amounts)
    def add_funds(self, reference: str, amount_micros: int) -> None:
        known = self.model.references.get(reference)
        if known not in (None, ("fund", amount_micros)):
            with pytest.raises(KeyConflictError):
                self.runner.run(self.office.fund(amount_micros, reference))
            return
        funded = self.runner.run(self.office.fund(amount_micros, reference))
        assert funded.amount_micros == amount_micros
        if known is None:
            self.model.references[reference] = ("fund", amount_micros)
            self.model.available_micros += amount_micros

    @rule(reference=references, amount_micros=amounts, sign=st.sampled_from([1, -1]))
    def adjust(self, reference: str, amount_micros: int, sign: int) -> None:
        signed_micros = sign * amount_micros
        operation = adjust_funds(
            account_id=1, amount_micros=signed_micros, reference=reference, reason="test", at_ms=T0_MS
        )
        known = self.model.references.get(reference)
        if known not in (None, ("adjust", signed_micros)):
            with pytest.raises(KeyConflictError):
                self.apply(operation)
        elif known is None and self.model.available_micros + signed_micros < 0:
            assert self.apply(operation) == Denied(self.model.available_micros)
        else:
            assert self.apply(operation) == Adjusted(signed_micros, T0_MS)
            if known is None:
                self.model.references[reference] = ("adjust", signed_micros)
                self.model.available_micros += signed_micros

    @rule(paid_s=seconds)
    def open_call(self, paid_s: int) -> None:
        call_id, held_micros = self.new_call(), charge_micros(PER_SECOND, paid_s)
        answer = self.runner.run(self.office.open(call_id, held_micros=held_micros, paid_s=paid_s))
        if held_micros > self.model.available_micros:
            assert answer == Denied(self.model.available_micros)
        else:
            assert answer == Held(held_micros, paid_s)
            self.opened(call_id, held_micros, paid_s)

    @rule(paid_s=seconds, count=st.integers(2, 6))
    def race_to_open(self, paid_s: int, count: int) -> None:
        """Open several calls at once: as many are held as the money is enough for."""
        held_micros = charge_micros(PER_SECOND, paid_s)
        call_ids = [self.new_call() for _ in range(count)]

        async def race() -> list[Held | Denied]:
            return await asyncio.gather(
                *(self.office.open(call_id, held_micros=held_micros, paid_s=paid_s) for call_id in call_ids)
            )

        answers = self.runner.run(race())
        held = [call_id for call_id, answer in zip(call_ids, answers, strict=True) if isinstance(answer, Held)]
        assert len(held) == min(count, self.model.available_micros // held_micros)
        for call_id in held:
            self.opened(call_id, held_micros, paid_s)

    @precondition(lambda self: self.model.open)
    @rule(pick=picks)
    def open_again(self, pick: int) -> None:
        call_id, known = self.an_open_call(pick)
        held_micros, paid_s = known.first
        assert self.runner.run(self.office.open(call_id, held_micros=held_micros, paid_s=paid_s)) == Held(*known.first)
        with pytest.raises(KeyConflictError):
            self.runner.run(self.office.open(call_id, held_micros=held_micros + 1, paid_s=paid_s))

    @precondition(lambda self: self.model.open)
    @rule(pick=picks, want_s=seconds, paid_until_s=st.integers(10, 60))
    def renew(self, pick: int, want_s: int, paid_until_s: int) -> None:
        call_id, known = self.an_open_call(pick)
        renewing = self.office.renew(call_id, known.n + 1, want_s=want_s, paid_until_s=paid_until_s)
        answer = self.runner.run(renewing)
        if isinstance(answer, Denied):
            assert answer == Denied(self.model.available_micros)
            return
        assert answer.n == known.n + 1
        assert 0 < answer.paid_s - known.paid_s <= want_s
        assert answer.held_micros == max(known.held_micros, charge_micros(PER_SECOND, answer.paid_s))
        self.model.available_micros -= answer.held_micros - known.held_micros
        known.n, known.paid_s, known.held_micros = answer.n, answer.paid_s, answer.held_micros
        known.last_want_s = want_s

    @precondition(lambda self: any(call.last_want_s for call in self.model.open.values()))
    @rule(pick=picks)
    def renew_again(self, pick: int) -> None:
        call_id, known = self.an_open_call(pick)
        if not known.last_want_s:
            return
        answer = self.runner.run(self.office.renew(call_id, known.n, want_s=known.last_want_s))
        assert answer == Granted(known.n, known.paid_s, known.held_micros)
        with pytest.raises(KeyConflictError):
            self.runner.run(self.office.renew(call_id, known.n, want_s=known.last_want_s + 1))

    @precondition(lambda self: self.model.open)
    @rule(pick=picks, part=st.integers(0, 110), close=st.booleans())
    def settle(self, pick: int, part: int, *, close: bool) -> None:
        """Settle a call's next leg at ``part`` hundredths of its hold; above 100 is refused."""
        call_id, known = self.an_open_call(pick)
        leg = self.model.next_leg(call_id)
        charged_micros = known.held_micros * part // 100
        settling = self.office.settle(call_id, charged_micros, leg=leg, close=close)
        if charged_micros > known.held_micros:
            with pytest.raises(ChargeExceedsHoldError):
                self.runner.run(settling)
            return
        answer = self.runner.run(settling)
        self.model.charges[call_id, leg] = charged_micros
        rest_micros = known.held_micros - charged_micros
        if close:
            assert answer == Settled(charged_micros, rest_micros, 0, 0)
            self._release(call_id, rest_micros)
        else:
            assert answer == Settled(charged_micros, 0, rest_micros, answer.paid_s)
            known.held_micros, known.paid_s = rest_micros, answer.paid_s

    @precondition(lambda self: self.model.charges)
    @rule(pick=picks, close=st.booleans())
    def settle_again(self, pick: int, *, close: bool) -> None:
        legs = list(self.model.charges)
        call_id, leg = legs[pick % len(legs)]
        charged_micros = self.model.charges[call_id, leg]
        with pytest.raises(KeyConflictError):
            self.runner.run(self.office.settle(call_id, charged_micros + 1, leg=leg, close=close))
        answer = self.runner.run(self.office.settle(call_id, charged_micros, leg=leg, close=close))
        known = self.model.open.get(call_id)
        if known is None:
            assert answer == Settled(charged_micros, 0, 0, 0)
        elif close:
            assert answer == Settled(charged_micros, known.held_micros, 0, 0)
            self._release(call_id, known.held_micros)
        else:
            assert answer == Settled(charged_micros, 0, known.held_micros, known.paid_s)

    def _release(self, call_id: str, rest_micros: int) -> None:
        self.model.available_micros += rest_micros
        del self.model.open[call_id]

    @rule()
    def record_a_call_without_a_session(self) -> None:
        call_id = self.new_call()
        with pytest.raises(ChargeExceedsHoldError):
            self.runner.run(self.office.settle(call_id, 1))
        assert self.runner.run(self.office.settle(call_id, 0)) == Settled(0, 0, 0, 0)
        self.model.charges[call_id, 1] = 0

    @precondition(lambda self: self.model.open)
    @rule(pick=picks)
    def close_call(self, pick: int) -> None:
        call_id, known = self.an_open_call(pick)
        closing = self.office.close(call_id)
        if not self.model.has_record(call_id):
            with pytest.raises(RecordMissingError):
                self.runner.run(closing)
            return
        assert self.runner.run(closing) == Settled(0, known.held_micros, 0, 0)
        self._release(call_id, known.held_micros)

    @precondition(lambda self: self.model.closed())
    @rule(pick=picks)
    def touch_a_closed_call(self, pick: int) -> None:
        """Whatever comes late for a call that is over changes nothing."""
        closed = self.model.closed()
        call_id = closed[pick % len(closed)]
        assert self.runner.run(self.office.close(call_id)) == Settled(0, 0, 0, 0)
        for late in (self.office.open(call_id), self.office.renew(call_id, 2)):
            with pytest.raises(CallSettledError):
                self.runner.run(late)

    @rule()
    def reopen_the_store(self) -> None:
        self.runner.run(self.store.close())
        self.store = self.runner.run(Store.open(self.url))
        self.office = Office(self.store, 1)

    @invariant()
    def books_are_those_of_the_model(self) -> None:
        expected = (self.model.available_micros, self.model.reserved_micros)
        assert self.runner.run(self.office.money()) == expected
        assert self.runner.run(self.store.verify()) == []


class SqliteLedger(LedgerMachine):
    """The ledger in a file."""

    lend = staticmethod(sqlite_store)


class PostgresLedger(LedgerMachine):
    """The ledger on a server."""

    lend = staticmethod(postgres_store)


LIMITS = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SqliteLedger.TestCase.settings = LIMITS
PostgresLedger.TestCase.settings = settings(LIMITS, max_examples=15)
TestSqliteLedger = SqliteLedger.TestCase
TestPostgresLedger = PostgresLedger.TestCase
