"""Lots, holds, settlements and expiries in any order, against a model in memory.

What is promised: lots always sum up to what is available and reserved; nothing expires that a call holds; once what is
due has expired, nothing that is available has.
"""

from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from store.answers import Adjusted, Denied, Held
from store.expiry import expire_lots
from store.funds import add_funds, adjust_funds
from store.sessions import close_session, open_session
from store.settlement import settle_leg
from tests.effort import EFFORT
from tests.integration.store.office import T0_MS, make_cdr
from tests.property.store.machine import StoreMachine
from tests.property.store.places import memory_store, postgres_store

amounts = st.integers(min_value=1, max_value=300)
lifetimes = st.one_of(st.none(), st.integers(min_value=1, max_value=20))
picks = st.integers(min_value=0, max_value=11)


@dataclass
class ModelLot:
    """A lot as the model knows it; ``expires_at`` is in ms since the test's beginning."""

    expires_at: int | None
    remaining: int
    expired: int = 0


@dataclass
class Model:
    """The books in memory: whoever takes from lots takes from the one that expires first."""

    lots: list[ModelLot] = field(default_factory=list)
    held: dict[str, int] = field(default_factory=dict)

    @property
    def reserved(self) -> int:
        return sum(self.held.values())

    @property
    def available(self) -> int:
        return sum(lot.remaining for lot in self.lots) - self.reserved

    def due(self, now: int) -> int:
        return sum(lot.remaining for lot in self.lots if lot.expires_at is not None and lot.expires_at <= now)

    def overdue(self, now: int) -> int:
        """Answer what is due and held by nobody."""
        return max(0, self.due(now) - self.reserved)

    def take(self, amount: int) -> list[tuple[ModelLot, int]]:
        taken = []
        for lot in sorted(self.lots, key=lambda lot: float("inf") if lot.expires_at is None else lot.expires_at):
            part = min(amount, lot.remaining)
            lot.remaining -= part
            amount -= part
            taken.append((lot, part))
        assert amount == 0
        return taken

    def expire(self, now: int) -> int:
        overdue = self.overdue(now)
        for lot, part in self.take(overdue):
            assert not part or (lot.expires_at is not None and lot.expires_at <= now)
            lot.expired += part
        return overdue


class ExpiryMachine(StoreMachine):
    """Drives a store and the model with the same operations, at the same moments."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.now = 0
        self.calls = 0
        self.legs: dict[str, int] = {}

    @property
    def at_ms(self) -> int:
        return T0_MS + self.now

    @initialize(lots=st.lists(st.tuples(amounts, lifetimes), min_size=1, max_size=5))
    def buy_some(self, lots: list[tuple[int, int | None]]) -> None:
        for amount, lifetime in lots:
            self.buy(amount, lifetime)

    @rule(amount=amounts, lifetime=lifetimes)
    def buy(self, amount: int, lifetime: int | None) -> None:
        expires_at = None if lifetime is None else self.now + lifetime
        self.apply(
            add_funds(
                account_id=1,
                amount_micros=amount,
                reference=f"lot{len(self.model.lots)}",
                at_ms=self.at_ms,
                expires_at_ms=None if expires_at is None else T0_MS + expires_at,
            )
        )
        self.model.lots.append(ModelLot(expires_at, amount))

    @rule(step=st.integers(min_value=-2, max_value=10))
    def time_passes(self, step: int) -> None:
        """Move the clock, now and then a little back."""
        self.now += step

    @rule()
    def expire(self) -> None:
        held = self.model.reserved
        assert self.apply(expire_lots(account_id=1, at_ms=self.at_ms)).expired_micros == self.model.expire(self.now)
        assert self.model.due(self.now) <= held == self.model.reserved
        assert self.model.overdue(self.now) == 0

    @rule(amount=amounts)
    def hold(self, amount: int) -> None:
        """Hold what is there and has not expired, whether or not somebody has expired it yet."""
        self.calls += 1
        call_id = f"call{self.calls}"
        usable = self.model.available - self.model.overdue(self.now)
        answer = self.apply(
            open_session(
                call_id=call_id,
                node="pbx1",
                account_id=1,
                extension="101",
                held_micros=amount,
                paid_s=1,
                per_minute_micros=60,
                state="{}",
                at_ms=self.at_ms,
            )
        )
        assert isinstance(answer, Held) == (amount <= usable)
        self.model.expire(self.now)  # also where it is denied: what is told to be available has not expired
        if isinstance(answer, Held):
            self.model.held[call_id] = amount

    @precondition(lambda self: self.model.held)
    @rule(pick=picks, part=st.integers(min_value=0, max_value=100), close=st.booleans())
    def settle(self, pick: int, part: int, *, close: bool) -> None:
        """Charge a part of a call's hold, whatever has come meanwhile of the lots it was held from."""
        call_id = list(self.model.held)[pick % len(self.model.held)]
        charge = self.model.held[call_id] * part // 100
        self.legs[call_id] = leg = self.legs.get(call_id, 0) + 1
        cdr = make_cdr(call_id, account_id=1, leg=leg, charged_micros=charge)
        self.apply(settle_leg(cdr=cdr, close=close, at_ms=self.at_ms))
        self.model.take(charge)
        self.model.held[call_id] -= charge
        if close:
            del self.model.held[call_id]
            self.model.expire(self.now)

    @precondition(lambda self: self.model.held.keys() & self.legs.keys())
    @rule(pick=picks)
    def close(self, pick: int) -> None:
        settled = [call_id for call_id in self.model.held if call_id in self.legs]
        call_id = settled[pick % len(settled)]
        self.apply(close_session(call_id=call_id, at_ms=self.at_ms))
        del self.model.held[call_id]
        self.model.expire(self.now)

    @rule(amount=amounts)
    def adjust_down(self, amount: int) -> None:
        self.calls += 1
        answer = self.apply(
            adjust_funds(
                account_id=1, amount_micros=-amount, reference=f"fix{self.calls}", reason="test", at_ms=self.at_ms
            )
        )
        self.model.expire(self.now)
        if amount > self.model.available:
            assert answer == Denied(self.model.available)
        else:
            assert answer == Adjusted(-amount, self.at_ms)
            self.model.take(amount)

    @invariant()
    def books_are_those_of_the_model(self) -> None:
        lots = self.runner.run(self.store.lots(1))
        assert [(lot.remaining_micros, lot.expired_micros) for lot in sorted(lots, key=lambda lot: lot.id)] == [
            (lot.remaining, lot.expired) for lot in self.model.lots
        ]
        balance = self.runner.run(self.store.balance(1))
        assert balance is not None
        account = balance.account
        assert (account.available_micros, account.reserved_micros) == (self.model.available, self.model.reserved)
        assert balance.expired_micros == sum(lot.expired for lot in self.model.lots)
        self.prove_books()


class MemoryExpiry(ExpiryMachine):
    """Lots in memory."""

    lend = staticmethod(memory_store)


class PostgresExpiry(ExpiryMachine):
    """Lots on a server."""

    lend = staticmethod(postgres_store)


LIMITS = settings(
    max_examples=20 * EFFORT,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
MemoryExpiry.TestCase.settings = LIMITS
PostgresExpiry.TestCase.settings = settings(LIMITS, max_examples=5 * EFFORT)
TestMemoryExpiry = MemoryExpiry.TestCase
TestPostgresExpiry = PostgresExpiry.TestCase
