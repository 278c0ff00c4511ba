"""The ledger's state machine: accounts, their funds and limits, and time."""

import asyncio
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from rating.calendar import day_at
from rating.caps import NO_CAPS, Caps
from store.answers import Adjusted, Denied
from store.caps import SpendDay, Spending, SpendLimits
from store.catalog import create_account
from store.errors import KeyConflictError
from store.expiry import expire_lots
from store.funds import add_funds, adjust_funds
from store.operation import Operation
from tests.integration.store.office import T0_MS
from tests.property.store.ledger_model import ModelAccount, ModelCall, moment
from tests.property.store.ledger_records import Leg
from tests.property.store.machine import StoreMachine

T = TypeVar("T")
EXTENSIONS = ("101", "102", "201")

picks = st.integers(0, 11)
"""Which of the calls there are, counted round."""
extensions = st.sampled_from(EXTENSIONS)
references = st.sampled_from([f"ref{n}" for n in range(4)])
amounts = st.integers(1, 60).map(lambda tens: tens * 25_000)
lives_s = st.sampled_from([None, None, 20, 300, 20_000, 100_000])
cap_amounts = st.sampled_from([None, None, 0, 250_000, 600_000, 2_000_000])
caps = st.builds(Caps, cap_amounts, cap_amounts)


class FundsMachine(StoreMachine):
    """Drives a store and the model with the same operations, at the same moments."""

    def __init__(self) -> None:
        super().__init__()
        self.apply(create_account(name="far", currency="EUR", timezone="Pacific/Kiritimati", at_ms=T0_MS))
        self.accounts = [
            ModelAccount(1, "Europe/Paris", ("101", "102")),
            ModelAccount(2, "Pacific/Kiritimati", ("201",)),
        ]
        self.legs: dict[tuple[str, int], Leg] = {}
        self.now_ms = T0_MS
        self.calls = 0

    def apply_at_once(self, *operations: Operation[T]) -> list[T]:
        """Apply operations as several tasks do that run at the same time."""

        async def race() -> list[T]:
            return list(await asyncio.gather(*map(self.store.apply, operations)))

        return self.runner.run(race())

    def account_of(self, extension: str) -> ModelAccount:
        return next(account for account in self.accounts if extension in account.extensions)

    def open_calls(self) -> dict[str, ModelCall]:
        return {call_id: call for account in self.accounts for call_id, call in account.calls.items()}

    def a_call(self, pick: int) -> tuple[str, ModelCall]:
        calls = list(self.open_calls().items())
        return calls[pick % len(calls)]

    def ringing(self) -> list[tuple[str, ModelCall]]:
        return [(call_id, call) for call_id, call in self.open_calls().items() if call.answered_ms is None]

    def talking(self) -> list[tuple[str, ModelCall]]:
        return [(call_id, call) for call_id, call in self.open_calls().items() if call.answered_ms is not None]

    def next_leg(self, call_id: str) -> int:
        return 1 + max((leg for recorded, leg in self.legs if recorded == call_id), default=0)

    def forget(self, call_id: str, account: ModelAccount) -> None:
        """A call is over: what it no longer holds is available, but for what is due."""
        call = account.calls.pop(call_id)
        account.use_allowance(call, 0)
        account.expire(self.now_ms)
        left = self.apply(expire_lots(account_id=account.id, at_ms=self.now_ms))
        assert left.expired_micros == 0, "what a call leaves of an expired lot expires with its settlement"

    # Funds

    @initialize(lots=st.lists(st.tuples(extensions, amounts, lives_s), min_size=3, max_size=9))
    def buy_funds(self, lots: list[tuple[str, int, int | None]]) -> None:
        for n, (extension, amount_micros, life_s) in enumerate(lots):
            self.add_funds(extension, f"start{n}", amount_micros, life_s)

    @rule(extension=extensions, reference=references, amount_micros=amounts, life_s=lives_s)
    def add_funds(self, extension: str, reference: str, amount_micros: int, life_s: int | None) -> None:
        account = self.account_of(extension)
        expires_at_ms = None if life_s is None else self.now_ms + life_s * 1000
        operation = add_funds(
            account_id=account.id,
            amount_micros=amount_micros,
            reference=reference,
            at_ms=self.now_ms,
            expires_at_ms=expires_at_ms,
        )
        known = account.references.setdefault(reference, ("fund", 0))
        if known == ("fund", 0):
            account.references[reference] = ("fund", amount_micros)
            assert self.apply(operation).expires_at_ms == expires_at_ms
            account.buy(amount_micros, expires_at_ms)
        elif known == ("fund", amount_micros):
            assert self.apply(operation).amount_micros == amount_micros
        else:
            with pytest.raises(KeyConflictError):
                self.apply(operation)

    @rule(extension=extensions, reference=references, amount_micros=amounts, sign=st.sampled_from([1, -1, -1]))
    def adjust(self, extension: str, reference: str, amount_micros: int, sign: int) -> None:
        account = self.account_of(extension)
        signed_micros = sign * amount_micros
        operation = adjust_funds(
            account_id=account.id, amount_micros=signed_micros, reference=reference, reason="test", at_ms=self.now_ms
        )
        known = account.references.get(reference, ("adjust", signed_micros))
        if known != ("adjust", signed_micros):
            with pytest.raises(KeyConflictError):
                self.apply(operation)
        elif reference in account.references:
            answer = self.apply(operation)
            assert isinstance(answer, Adjusted)
            assert answer.already_there
        elif account.available_micros + signed_micros < 0:
            assert self.apply(operation) == Denied(account.available_micros)
        else:
            assert self.apply(operation) == Adjusted(signed_micros, self.now_ms)
            account.references[reference] = known
            if sign > 0:
                account.buy(amount_micros, None)
            else:
                account.take(amount_micros)

    # Time and limits

    @rule(step_s=st.one_of(st.integers(1, 90), st.sampled_from([3_600, 20_000, 50_000, 2_500_000])))
    def let_time_pass(self, step_s: int) -> None:
        self.now_ms += max(0, step_s) * 1000
        for account in self.accounts:
            account.expire(self.now_ms)

    @rule(extension=extensions, before_s=st.integers(0, 200))
    def wait_for_midnight(self, extension: str, before_s: int) -> None:
        """Go to the end of a local day: calls that begin there may spend of two days."""
        zone = ZoneInfo(self.account_of(extension).timezone)
        midnight_ms = int(day_at(moment(self.now_ms), zone).ends_at.timestamp()) * 1000
        self.let_time_pass(max(0, midnight_ms - self.now_ms) // 1000 - before_s)

    @rule(extension=extensions)
    def expire(self, extension: str) -> None:
        self.apply(expire_lots(account_id=self.account_of(extension).id, at_ms=self.now_ms))

    @rule(extension=extensions, own=caps, whole=caps, max_calls=st.sampled_from([None, None, 0, 1, 2]))
    def set_limits(self, extension: str, own: Caps, whole: Caps, max_calls: int | None) -> None:
        """Raise or lower caps; what is spent and held already stays."""
        account = self.account_of(extension)
        account.extension_caps[extension], account.caps, account.max_calls[extension] = own, whole, max_calls

    def spending(self, account: ModelAccount, extension: str, days: tuple[SpendDay, ...]) -> Spending:
        own = account.extension_caps.get(extension, NO_CAPS)
        limits = SpendLimits(own, account.caps, account.max_calls.get(extension))
        return Spending(extension=extension, days=days, limits=limits)
