"""Allowance pools on each database against a model in memory: no second is spent twice, none is lost."""

from dataclasses import dataclass, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from rating.price import charge_micros
from store.allowances import AllowanceRequest
from store.answers import Denied, Granted, Held
from store.renewal import renew_slice
from store.sessions import open_session
from store.settlement import settle_leg
from tests.effort import EFFORT
from tests.integration.store.office import PER_SECOND, T0_MS, Office, make_cdr
from tests.property.store.machine import StoreMachine
from tests.property.store.places import memory_store, postgres_store

MONTHS = ("2026-11-01", "2026-12-01")
OWNERS = ("", "101")

picks = st.integers(0, 7)
wants = st.integers(1, 40)
pools = st.tuples(st.sampled_from(MONTHS), st.sampled_from(OWNERS))

Pool = tuple[str, str]


@dataclass
class ModelCall:
    """What the model knows of a call: seconds by slice, and the money held for what follows them."""

    owner: str
    slices: list[tuple[Pool, int]]
    paid_s: int
    held_micros: int
    n: int = 1

    @property
    def allowance_s(self) -> int:
        return sum(seconds for _, seconds in self.slices)


class PoolMachine(StoreMachine):
    """Drives a store and the model with the same calls."""

    def __init__(self) -> None:
        super().__init__()
        self.used: dict[Pool, int] = {}
        self.open: dict[str, ModelCall] = {}
        self.funds_micros = 0
        self.calls = 0

    @initialize(limit_s=st.integers(1, 120), funds_micros=st.sampled_from([10_000, 150_000, 3_000_000]))
    def begin(self, limit_s: int, funds_micros: int) -> None:
        self.limit_s, self.funds_micros = limit_s, funds_micros
        self.runner.run(Office(self.store, 1).fund(funds_micros, "start"))

    def held(self, pool: Pool) -> int:
        return sum(seconds for call in self.open.values() for each, seconds in call.slices if each == pool)

    def left(self, pool: Pool) -> int:
        return max(0, self.limit_s - self.used.get(pool, 0) - self.held(pool))

    def available(self) -> int:
        return self.funds_micros - sum(call.held_micros for call in self.open.values())

    def request(self, pool: Pool, want_s: int) -> AllowanceRequest:
        month, owner = pool
        return AllowanceRequest(
            plan="p", allowance="a", extension=owner, month=month, limit_s=self.limit_s, want_s=want_s
        )

    @rule(pool=pools, want_s=wants, has_money=st.booleans())
    def place(self, pool: Pool, want_s: int, has_money: bool) -> None:
        self.calls += 1
        call_id = f"call{self.calls}"
        held_micros, paid_s = (100_000, 10) if has_money else (0, 0)
        expected_s = min(want_s, self.left(pool))
        answer = self.apply(
            open_session(
                call_id=call_id,
                node="pbx1",
                account_id=1,
                extension="101",
                held_micros=held_micros,
                paid_s=paid_s,
                per_minute_micros=600_000 if has_money else 0,
                state="{}",
                at_ms=T0_MS,
                allowance=self.request(pool, want_s),
            )
        )
        needs_money = expected_s < want_s and has_money
        if needs_money and self.available() >= held_micros:
            assert answer == Held(held_micros, expected_s + paid_s, expected_s)
        elif expected_s:
            assert answer == Held(0, expected_s, expected_s)
        else:
            assert isinstance(answer, Denied)
            return
        assert isinstance(answer, Held)
        slices = [(pool, expected_s)] if expected_s else []
        self.open[call_id] = ModelCall(pool[1], slices, answer.paid_s, answer.held_micros)

    @precondition(lambda self: self.open)
    @rule(pick=picks, month=st.sampled_from(MONTHS), want_s=wants, has_money=st.booleans())
    def renew(self, pick: int, month: str, want_s: int, has_money: bool) -> None:
        call_id = list(self.open)[pick % len(self.open)]
        call = self.open[call_id]
        pool = (month, call.owner)
        expected_s = min(want_s, self.left(pool)) if call.paid_s == call.allowance_s else 0
        answer = self.apply(
            renew_slice(
                call_id=call_id,
                n=call.n + 1,
                rate=PER_SECOND if has_money else None,
                want_s=want_s,
                paid_until_ms=T0_MS + call.paid_s * 1000,
                state="{}",
                at_ms=T0_MS,
                allowance=self.request(pool, want_s),
            )
        )
        if isinstance(answer, Denied):
            assert expected_s == 0
            return
        assert isinstance(answer, Granted)
        assert answer.allowance_s == call.allowance_s + expected_s
        if expected_s == want_s or not has_money:
            assert answer.paid_s == call.paid_s + expected_s
        charged_s = answer.paid_s - answer.allowance_s
        assert answer.held_micros <= max(charge_micros(PER_SECOND, charged_s), call.held_micros)
        if expected_s:
            call.slices.append((pool, expected_s))
        call.n, call.paid_s, call.held_micros = answer.n, answer.paid_s, answer.held_micros

    @precondition(lambda self: self.open)
    @rule(pick=picks, talked=st.floats(0, 1))
    def settle(self, pick: int, talked: float) -> None:
        call_id = list(self.open)[pick % len(self.open)]
        call = self.open.pop(call_id)
        used_s = min(int(talked * call.paid_s), call.allowance_s)
        cdr = replace(make_cdr(call_id, account_id=1), billable_s=used_s, allowance_s=used_s)
        self.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS))
        self.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS))
        for pool, seconds in call.slices:
            taken_s = min(seconds, used_s)
            used_s -= taken_s
            self.used[pool] = self.used.get(pool, 0) + taken_s

    @invariant()
    def pools_are_as_the_model_has_them(self) -> None:
        found = {
            (use.month, use.extension): (use.used_s, use.held_s)
            for month in MONTHS
            for use in self.runner.run(self.store.allowance_uses(1, month))
        }
        for pool, (used_s, held_s) in found.items():
            assert (used_s, held_s) == (self.used.get(pool, 0), self.held(pool))
            assert used_s + held_s <= self.limit_s
        assert {pool for pool, used_s in self.used.items() if used_s} <= found.keys()
        self.prove_books()


class MemoryPools(PoolMachine):
    """Pools in memory."""

    lend = staticmethod(memory_store)


class PostgresPools(PoolMachine):
    """Pools on a server."""

    lend = staticmethod(postgres_store)


LIMITS = settings(max_examples=10 * EFFORT, stateful_step_count=25)
MemoryPools.TestCase.settings = LIMITS
PostgresPools.TestCase.settings = settings(LIMITS, max_examples=5 * EFFORT)
TestMemoryPools = MemoryPools.TestCase
TestPostgresPools = PostgresPools.TestCase
