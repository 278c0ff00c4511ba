"""The ledger on SQLite against a model in memory: any order of operations, repeated and raced, keeps the books."""

import asyncio
import atexit
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from rating.price import charge_micros
from store.answers import Adjusted, Denied, Granted, Held, Settled
from store.errors import (
    CallSettledError,
    ChargeExceedsHoldError,
    KeyConflictError,
    RecordMissingError,
    StoreError,
    UnknownCallError,
)
from store.funds import adjust_funds
from store.operation import Operation
from store.sessions import close_session
from store.store import Store
from tests.integration.store.office import PER_SECOND, T0_MS, Office, open_office, url_of

T = TypeVar("T")
calls = st.sampled_from([f"call{n}" for n in range(4)])
references = st.sampled_from([f"ref{n}" for n in range(5)])
seconds = st.integers(min_value=1, max_value=90)
amounts = st.integers(min_value=1, max_value=900_000)


@cache
def template() -> Path:
    """A store with an empty account, made once and copied for each example."""
    folder = Path(tempfile.mkdtemp(prefix="tollgate-template-"))
    atexit.register(shutil.rmtree, folder)

    async def make() -> None:
        async with open_office(folder):
            pass

    asyncio.run(make())
    return folder / "tollgate.db"


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

    def lost_error(self, call_id: str) -> type[StoreError]:
        """Answer the error for a call that has no session."""
        return CallSettledError if self.has_record(call_id) else UnknownCallError


class LedgerMachine(RuleBasedStateMachine):
    """Drives a store and the model with the same operations."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tollgate-machine-"))
        shutil.copy(template(), self.folder)
        self.runner = asyncio.Runner()
        self.store = self.runner.run(Store.open(url_of(self.folder)))
        self.office = Office(self.store, 1)
        self.model = Model()

    def teardown(self) -> None:
        """Close the store and forget it."""
        self.runner.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def apply(self, operation: Operation[T]) -> T:
        return self.runner.run(self.store.apply(operation))

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

    @rule(call_id=calls, paid_s=seconds)
    def open_call(self, call_id: str, paid_s: int) -> None:
        held_micros = charge_micros(PER_SECOND, paid_s)
        opening = self.office.open(call_id, held_micros=held_micros, paid_s=paid_s)
        known = self.model.open.get(call_id)
        if known is not None and known.first != (held_micros, paid_s):
            with pytest.raises(KeyConflictError):
                self.runner.run(opening)
        elif known is None and self.model.has_record(call_id):
            with pytest.raises(CallSettledError):
                self.runner.run(opening)
        elif known is None and held_micros > self.model.available_micros:
            assert self.runner.run(opening) == Denied(self.model.available_micros)
        else:
            assert self.runner.run(opening) == Held(held_micros, paid_s)
            if known is None:
                self.model.available_micros -= held_micros
                self.model.open[call_id] = ModelCall((held_micros, paid_s), held_micros, paid_s)

    @rule(paid_s=seconds)
    def race_to_open(self, paid_s: int) -> None:
        """Open every call that can be opened at once: as many are held as the money is enough for."""
        held_micros = charge_micros(PER_SECOND, paid_s)
        free = [
            call_id
            for call_id in (f"call{n}" for n in range(4))
            if call_id not in self.model.open and not self.model.has_record(call_id)
        ]

        async def race() -> list[Held | Denied]:
            return await asyncio.gather(
                *(self.office.open(call_id, held_micros=held_micros, paid_s=paid_s) for call_id in free)
            )

        answers = self.runner.run(race())
        held = [call_id for call_id, answer in zip(free, answers, strict=True) if isinstance(answer, Held)]
        assert len(held) == min(len(free), self.model.available_micros // held_micros)
        for call_id in held:
            self.model.available_micros -= held_micros
            self.model.open[call_id] = ModelCall((held_micros, paid_s), held_micros, paid_s)

    @rule(call_id=calls, want_s=seconds, paid_until_s=st.integers(10, 300))
    def renew(self, call_id: str, want_s: int, paid_until_s: int) -> None:
        known = self.model.open.get(call_id)
        if known is None:
            with pytest.raises(self.model.lost_error(call_id)):
                self.runner.run(self.office.renew(call_id, 2))
            return
        answer = self.runner.run(self.office.renew(call_id, known.n + 1, want_s=want_s, paid_until_s=paid_until_s))
        if isinstance(answer, Denied):
            assert answer == Denied(self.model.available_micros)
            return
        cost_micros = answer.held_micros - known.held_micros
        assert answer.n == known.n + 1
        assert 0 < answer.paid_s - known.paid_s <= want_s
        assert answer.held_micros == max(known.held_micros, charge_micros(PER_SECOND, answer.paid_s))
        self.model.available_micros -= cost_micros
        known.n, known.paid_s, known.held_micros = answer.n, answer.paid_s, answer.held_micros
        known.last_want_s = want_s

    @rule(call_id=calls)
    def renew_again(self, call_id: str) -> None:
        known = self.model.open.get(call_id)
        if known is None or not known.last_want_s:
            return
        answer = self.runner.run(self.office.renew(call_id, known.n, want_s=known.last_want_s))
        assert answer == Granted(known.n, known.paid_s, known.held_micros)
        with pytest.raises(KeyConflictError):
            self.runner.run(self.office.renew(call_id, known.n, want_s=known.last_want_s + 1))

    @rule(call_id=calls, leg=st.integers(1, 2), part=st.integers(0, 110), close=st.booleans())
    def settle(self, call_id: str, leg: int, part: int, *, close: bool) -> None:
        """Settle a leg at ``part`` hundredths of the hold; above 100 is refused."""
        known = self.model.open.get(call_id)
        held_micros = known.held_micros if known else 0
        recorded = self.model.charges.get((call_id, leg))
        charged_micros = held_micros * part // 100 if recorded is None else recorded
        settling = self.office.settle(call_id, charged_micros, leg=leg, close=close)
        if recorded is None and charged_micros > held_micros:
            with pytest.raises(ChargeExceedsHoldError):
                self.runner.run(settling)
            return
        answer = self.runner.run(settling)
        self._settled(call_id, leg, charged_micros if recorded is None else 0, answer, close=close)
        self.model.charges[call_id, leg] = charged_micros

    def _settled(self, call_id: str, leg: int, charged_micros: int, answer: Settled, *, close: bool) -> None:
        known = self.model.open.get(call_id)
        if known is None:
            assert answer.released_micros == 0
            return
        rest_micros = known.held_micros - charged_micros
        if close:
            assert answer.released_micros == rest_micros
            self.model.available_micros += rest_micros
            del self.model.open[call_id]
        else:
            assert answer.held_micros == rest_micros
            known.held_micros, known.paid_s = rest_micros, answer.paid_s

    @rule(call_id=calls, leg=st.integers(1, 2))
    def settle_again_otherwise(self, call_id: str, leg: int) -> None:
        recorded = self.model.charges.get((call_id, leg))
        if recorded is not None:
            with pytest.raises(KeyConflictError):
                self.runner.run(self.office.settle(call_id, recorded + 1, leg=leg))

    @rule(call_id=calls)
    def close_call(self, call_id: str) -> None:
        closing = close_session(call_id=call_id, at_ms=T0_MS)
        known = self.model.open.get(call_id)
        if not self.model.has_record(call_id):
            with pytest.raises(UnknownCallError if known is None else RecordMissingError):
                self.apply(closing)
            return
        released_micros = known.held_micros if known else 0
        assert self.apply(closing) == Settled(0, released_micros, 0, 0)
        self.model.available_micros += released_micros
        self.model.open.pop(call_id, None)

    @rule()
    def reopen_the_store(self) -> None:
        self.runner.run(self.store.close())
        self.store = self.runner.run(Store.open(url_of(self.folder)))
        self.office = Office(self.store, 1)

    @invariant()
    def books_are_those_of_the_model(self) -> None:
        expected = (self.model.available_micros, self.model.reserved_micros)
        assert self.runner.run(self.office.money()) == expected
        assert self.runner.run(self.store.verify()) == []


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
