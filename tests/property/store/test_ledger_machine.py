"""One machine, three ledgers: any order of everything that moves money, against the rules in plain Python.

Two accounts in time zones 11 hours apart, calls that are held, answered, renewed, settled leg by leg, lost, found and
told twice, lots that expire at any moment, caps that change meanwhile, allowances with money after them. After each
step the store is compared with :mod:`tests.property.store.ledger_model`, and with its own journal.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from store.answers import Held, Settled
from store.errors import CallSettledError, ChargeExceedsHoldError, KeyConflictError, RecordMissingError
from store.lost_calls import charge_provisionally, settle_as_charged
from store.provisional import take_back
from store.sessions import close_session, save_session
from store.settlement import settle_leg
from tests.effort import EFFORT
from tests.integration.store.office import T0_MS
from tests.property.store.ledger_calls import CallsMachine
from tests.property.store.ledger_funds import EXTENSIONS, picks
from tests.property.store.ledger_model import RING_S, SECOND_MICROS, ModelCall
from tests.property.store.ledger_records import Leg, leg_record, lost_record
from tests.property.store.ledger_state import compare, read_state
from tests.property.store.places import memory_store, postgres_store, sqlite_store


class LedgerMachine(CallsMachine):
    """Ends calls, loses them, hears of them again, and compares the store with the model after each step."""

    # A call ends

    @precondition(lambda self: self.open_calls())
    @rule(pick=picks, part=st.integers(0, 105), close=st.booleans(), times=st.integers(1, 2))
    def settle(self, pick: int, part: int, times: int, *, close: bool) -> None:
        """Settle a call's next leg after ``part`` hundredths of what it paid, once or twice at once."""
        call_id, call = self.a_call(pick)
        account = call.account
        talked_s = call.paid_s * part // 100 + (part > 100)
        used_s = min(talked_s, call.allowance_s)
        charged_micros = (talked_s - used_s) * SECOND_MICROS
        close = close or call.answered_ms is None or not charged_micros
        leg = Leg(call_id, self.next_leg(call_id), account.id, call.extension, call.answered_ms or call.opened_ms)
        leg.charged_micros, leg.used_s = charged_micros, used_s
        operations = [settle_leg(cdr=leg_record(leg), close=close, at_ms=self.now_ms) for _ in range(times)]
        if charged_micros > call.held_micros:
            with pytest.raises(ChargeExceedsHoldError):
                self.apply(operations[0])
            return
        answers = self.apply_at_once(*operations)
        account.take_back(call)
        account.settle(call, charged_micros, used_s, leg.answered_ms)
        self.legs[call_id, leg.number] = leg
        rest_micros = call.held_micros
        if close:
            expected = [Settled(charged_micros, rest_micros, 0, 0), Settled(charged_micros, 0, 0, 0)]
            self.forget(call_id, account)
        else:
            self.go_on(call, used_s)
            expected = [Settled(charged_micros, 0, rest_micros, call.paid_s)] * 2
        assert answers == expected[:times]

    def go_on(self, call: ModelCall, used_s: int) -> None:
        """A further leg may talk for what is left; until it answers, all of that counts on the hold's last day."""
        if used_s:
            call.paid_s, call.allowance_s = call.money_s, 0
        call.paid_s = call.allowance_s + min(call.money_s, call.held_micros // SECOND_MICROS)
        call.by_day = {max(call.by_day): call.held_micros} if call.by_day and call.held_micros else {}
        call.answered_ms = None
        call.last_want = None

    @precondition(lambda self: self.legs)
    @rule(pick=picks)
    def settle_again(self, pick: int) -> None:
        """A leg that is told again charges nothing, and with another charge it is an error."""
        leg = list(self.legs.values())[pick % len(self.legs)]
        with pytest.raises(KeyConflictError):
            self.apply(settle_leg(cdr=leg_record(leg, more_micros=1), close=False, at_ms=self.now_ms))
        answer = self.apply(settle_leg(cdr=leg_record(leg), close=False, at_ms=self.now_ms))
        call = self.open_calls().get(leg.call_id)
        if call is not None:
            call.account.take_back(call)
        kept = (0, 0) if call is None else (call.held_micros, call.paid_s)
        assert answer == Settled(leg.charged_micros, 0, *kept)

    @precondition(lambda self: self.open_calls())
    @rule(pick=picks)
    def tell_what_is_another_calls(self, pick: int) -> None:
        """The same call, opened by another extension or settled on another account, is an error."""
        call_id, call = self.a_call(pick)
        other = next(extension for extension in EXTENSIONS if extension != call.extension)
        with pytest.raises(KeyConflictError):
            self.apply(self.opening(call_id, other, *call.first))
        leg = Leg(call_id, self.next_leg(call_id), 3 - call.account.id, call.extension, call.opened_ms)
        with pytest.raises(KeyConflictError):
            self.apply(settle_leg(cdr=leg_record(leg), close=True, at_ms=self.now_ms))

    @precondition(lambda self: self.open_calls())
    @rule(pick=picks)
    def close_call(self, pick: int) -> None:
        call_id, call = self.a_call(pick)
        closing = close_session(call_id=call_id, at_ms=self.now_ms)
        if (call_id, 1) not in self.legs:
            with pytest.raises(RecordMissingError):
                self.apply(closing)
            return
        assert self.apply(closing) == Settled(0, call.held_micros, 0, 0)
        call.account.take_back(call)
        self.forget(call_id, call.account)

    # A call is lost

    @precondition(lambda self: self.open_calls())
    @rule(pick=picks, late_s=st.integers(0, RING_S), times=st.integers(1, 2))
    def lose(self, pick: int, late_s: int, times: int) -> None:
        """Charge a call provisionally, by one node or by two at once: once."""
        call_id, call = self.a_call(pick)
        answered_ms = call.answered_ms or call.opened_ms + late_s * 1000
        record = lost_record(call_id, call, self.next_leg(call_id), answered_ms)
        charges = [charge_provisionally(cdr=record, seen_at_ms=None, at_ms=self.now_ms) for _ in range(times)]
        answers = self.apply_at_once(*charges)
        assert sum(answers) == int(not call.is_lost)
        if not call.is_lost:
            call.lost_leg = record.leg
            call.account.lose(call, answered_ms)

    @precondition(lambda self: self.open_calls())
    @rule(pick=picks, times=st.integers(1, 2))
    def take_back(self, pick: int, times: int) -> None:
        call_id, call = self.a_call(pick)
        answers = self.apply_at_once(*(take_back(call_id=call_id, at_ms=self.now_ms) for _ in range(times)))
        assert sum(answers) == int(call.is_lost)
        call.account.take_back(call)

    @precondition(lambda self: self.open_calls())
    @rule(pick=picks)
    def settle_as_charged(self, pick: int) -> None:
        """Nobody will ever know the end of a lost call: it stays charged as it is."""
        call_id, call = self.a_call(pick)
        assert self.apply(settle_as_charged(call_id=call_id)) is call.is_lost
        if call.is_lost:
            leg = Leg(call_id, call.lost_leg, call.account.id, call.extension, call.opened_ms)
            leg.charged_micros, leg.used_s = call.held_micros, call.allowance_s
            self.legs[call_id, leg.number] = leg
            call.account.use_allowance(call, call.allowance_s)
            del call.account.calls[call_id]

    @precondition(lambda self: self.legs)
    @rule(pick=picks)
    def touch_a_closed_call(self, pick: int) -> None:
        """Whatever comes late for a call that is over changes nothing."""
        over = [leg for leg in self.legs.values() if leg.call_id not in self.open_calls()]
        if not over:
            return
        leg = over[pick % len(over)]
        assert self.apply(close_session(call_id=leg.call_id, at_ms=self.now_ms)) == Settled(0, 0, 0, 0)
        assert self.apply(take_back(call_id=leg.call_id, at_ms=self.now_ms)) is False
        assert self.apply(settle_as_charged(call_id=leg.call_id)) is False
        late = ModelCall(
            self.account_of(leg.extension), leg.extension, T0_MS, (1, 0), Held(0, 0), SECOND_MICROS, 1, 0, {}, {}
        )
        late.answered_ms = T0_MS
        record = lost_record(leg.call_id, late, leg.number + 1, T0_MS)
        assert self.apply(charge_provisionally(cdr=record, seen_at_ms=None, at_ms=self.now_ms)) is False
        for operation in (
            self.opening(leg.call_id, leg.extension, 1, 0),
            self.renewing(leg.call_id, late, 2, 10, 0, ""),
            save_session(call_id=leg.call_id, state="{}", at_ms=self.now_ms),
        ):
            with pytest.raises(CallSettledError):
                self.apply(operation)

    @invariant()
    def the_store_is_what_the_rules_say(self) -> None:
        state = self.runner.run(read_state(self.store))
        compare(state, self.accounts, list(self.legs.values()), self.now_ms)

    @invariant()
    def the_books_prove_themselves(self) -> None:
        self.prove_books()


class MemoryLedger(LedgerMachine):
    """The ledger in memory."""

    lend = staticmethod(memory_store)


class SqliteLedger(LedgerMachine):
    """The ledger in a file."""

    lend = staticmethod(sqlite_store)


class PostgresLedger(LedgerMachine):
    """The ledger on a server."""

    lend = staticmethod(postgres_store)


LIMITS = settings(
    max_examples=30 * EFFORT,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
MemoryLedger.TestCase.settings = LIMITS
SqliteLedger.TestCase.settings = settings(LIMITS, max_examples=8 * EFFORT)
PostgresLedger.TestCase.settings = settings(LIMITS, max_examples=6 * EFFORT)
TestMemoryLedger = MemoryLedger.TestCase
TestSqliteLedger = SqliteLedger.TestCase
TestPostgresLedger = PostgresLedger.TestCase
