"""The ledger's state machine: calls are held, answered and renewed."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from rating.caps import CapUse, TooManyCalls
from store.allowances import AllowanceRequest
from store.answers import Denied, Granted, Held
from store.caps import SpendDay
from store.errors import KeyConflictError
from store.operation import Operation
from store.renewal import renew_slice
from store.sessions import open_session, save_session
from tests.integration.store.office import PER_SECOND
from tests.property.store.ledger_funds import FundsMachine, extensions, picks
from tests.property.store.ledger_model import POOL_S, RING_S, SECOND_MICROS, ModelAccount, ModelCall, moment

MIN_S = 10


class CallsMachine(FundsMachine):
    """Begins calls and lets them talk."""

    # A call begins

    def opening(self, call_id: str, extension: str, money_s: int, want_s: int) -> Operation[Held | Denied]:
        account = self.account_of(extension)
        days = account.days(self.now_ms, self.now_ms + (RING_S + money_s + want_s) * 1000)
        return open_session(
            call_id=call_id,
            node="pbx1",
            account_id=account.id,
            extension=extension,
            held_micros=money_s * SECOND_MICROS,
            paid_s=money_s,
            per_minute_micros=PER_SECOND.per_minute_micros if money_s else 0,
            state="{}",
            at_ms=self.now_ms,
            allowance=self.asks(account.month(self.now_ms), want_s),
            spending=self.spending(account, extension, days),
        )

    def asks(self, month: str, want_s: int) -> AllowanceRequest | None:
        request = AllowanceRequest(plan="p", allowance="a", extension="", month=month, limit_s=POOL_S, want_s=want_s)
        return request if want_s else None

    def hold(self, call_id: str, extension: str, money_s: int, want_s: int, answer: Held | Denied) -> None:
        """Check what a first slice was answered, by the rules, and have the model do the same."""
        account = self.account_of(extension)
        days = account.days(self.now_ms, self.now_ms + (RING_S + money_s + want_s) * 1000)
        month = account.month(self.now_ms)
        taken_s = min(want_s, max(0, account.pool_left_s(month)))
        held_micros = money_s * SECOND_MICROS
        room_micros = account.room_micros(extension, days)
        is_limited = account.is_full(extension) or (room_micros is not None and room_micros < held_micros)
        may_pay = money_s > 0 and not is_limited and held_micros <= account.available_micros
        if want_s and taken_s == want_s:
            expected = Held(0, taken_s, taken_s)
        elif may_pay or not (want_s or money_s):
            expected = Held(held_micros, taken_s + money_s, taken_s)
        elif taken_s:
            expected = Held(0, taken_s, taken_s)
        else:
            assert isinstance(answer, Denied)
            if money_s:
                self.check_limit(account, extension, days, held_micros, answer)
            return
        assert answer == expected
        account.calls[call_id] = ModelCall(
            account,
            extension,
            self.now_ms,
            (money_s, want_s),
            expected,
            expected.held_micros,
            expected.paid_s,
            taken_s,
            {month: taken_s} if taken_s else {},
            {day.day: expected.held_micros for day in days} if expected.held_micros else {},
        )

    def check_limit(
        self, account: ModelAccount, extension: str, days: tuple[SpendDay, ...], micros: int, answer: Denied
    ) -> None:
        """A denial names a limit that is in the way of ``micros``, if there is one."""
        blocking = [use for use in account.cap_uses(extension, days) if use.left_micros < micros]
        if isinstance(answer.limit, TooManyCalls):
            assert account.is_full(extension)
            assert answer.limit.max_calls == account.max_calls[extension]
        elif isinstance(answer.limit, CapUse):
            assert answer.limit in blocking
            assert answer.limit.left_micros == min(use.left_micros for use in blocking)
        else:
            assert not blocking
            assert not account.is_full(extension)
            assert account.available_micros < micros

    @rule(extension=extensions, money_s=st.integers(0, 40), want_s=st.sampled_from([0, 0, 10, 25]))
    def open_call(self, extension: str, money_s: int, want_s: int) -> None:
        self.calls += 1
        call_id = f"call{self.calls}"
        answer = self.apply(self.opening(call_id, extension, money_s, want_s))
        self.hold(call_id, extension, money_s, want_s, answer)

    @rule(extension=extensions, money_s=st.integers(5, 40), want_s=st.sampled_from([0, 0, 15]))
    def open_and_answer(self, extension: str, money_s: int, want_s: int) -> None:
        self.open_call(extension, money_s, want_s)
        call = self.open_calls().get(f"call{self.calls}")
        if call is not None:
            self.be_answered(f"call{self.calls}", call, 1)

    @rule(extension=extensions, money_s=st.integers(5, 40), count=st.integers(2, 5))
    def race_to_open(self, extension: str, money_s: int, count: int) -> None:
        """Open several calls at once: each is answered as if they came one after the other."""
        call_ids = [f"call{self.calls + n}" for n in range(1, count + 1)]
        self.calls += count
        answers = self.apply_at_once(*(self.opening(call_id, extension, money_s, 0) for call_id in call_ids))
        for call_id, answer in zip(call_ids, answers, strict=True):
            self.hold(call_id, extension, money_s, 0, answer)

    @precondition(lambda self: self.open_calls())
    @rule(pick=picks)
    def open_again(self, pick: int) -> None:
        call_id, call = self.a_call(pick)
        money_s, want_s = call.first
        first = self.apply(self.opening(call_id, call.extension, money_s, want_s))
        assert isinstance(first, Held)
        assert first == call.first_answer

    @precondition(lambda self: self.ringing())
    @rule(pick=picks, delay_s=st.integers(1, RING_S))
    def answer(self, pick: int, delay_s: int) -> None:
        ringing = self.ringing()
        self.be_answered(*ringing[pick % len(ringing)], delay_s)

    def be_answered(self, call_id: str, call: ModelCall, delay_s: int) -> None:
        """Save a call at its answer: from now on each second of its hold counts on its own day."""
        at_ms = min(self.now_ms, call.opened_ms + delay_s * 1000)
        by_day = call.account.split(at_ms + call.allowance_s * 1000, call.money_s) if call.held_micros else {}
        if (call_id, 1) in self.legs and not by_day.keys() <= call.by_day.keys():
            return  # a further leg is answered on the day on which the rest of the hold counts
        paid_until_ms = at_ms + call.paid_s * 1000
        self.apply(
            save_session(
                call_id=call_id, state="{}", at_ms=self.now_ms, paid_until_ms=paid_until_ms, held_by_day=by_day
            )
        )
        call.answered_ms = at_ms
        if not (call.is_lost and call.held_micros):
            call.by_day = by_day

    # A call goes on

    def renewing(
        self, call_id: str, call: ModelCall, n: int, want_s: int, allowance_s: int, month: str
    ) -> Operation[Granted | Denied]:
        assert call.answered_ms is not None
        begins_ms = call.answered_ms + call.paid_s * 1000
        return renew_slice(
            call_id=call_id,
            n=n,
            rate=PER_SECOND,
            want_s=want_s,
            paid_until_ms=begins_ms,
            state="{}",
            at_ms=self.now_ms,
            min_s=MIN_S,
            allowance=self.asks(month, allowance_s),
            answered_at=moment(call.answered_ms).astimezone(ZoneInfo(call.account.timezone)),
            spending=self.spending(call.account, call.extension, call.account.days(begins_ms, begins_ms)),
        )

    @precondition(lambda self: self.talking())
    @rule(pick=picks, wants_s=st.lists(st.integers(1, 60), min_size=1, max_size=3), by_allowance=st.booleans())
    def renew(self, pick: int, wants_s: list[int], *, by_allowance: bool) -> None:
        talking = self.talking()
        call_id, call = talking[pick % len(talking)]
        for want_s in wants_s:
            self.renew_once(call_id, call, want_s, by_allowance=by_allowance)

    def renew_once(self, call_id: str, call: ModelCall, want_s: int, *, by_allowance: bool) -> None:
        """Renew a call within the day and the month that its slice begins in, as the gate does."""
        assert call.answered_ms is not None
        account, begins_ms = call.account, call.answered_ms + call.paid_s * 1000
        while len(account.days(begins_ms, begins_ms + (want_s - 1) * 1000)) > 1:
            want_s -= 1
        allowance_s = want_s if by_allowance else 0
        month = account.month(begins_ms)
        answer = self.apply(self.renewing(call_id, call, call.n + 1, want_s, allowance_s, month))
        account.take_back(call)
        takes = by_allowance and call.paid_s == call.allowance_s
        taken_s = min(want_s, max(0, account.pool_left_s(month))) if takes else 0
        self.check_renewal(call, begins_ms, want_s, taken_s, answer)
        if isinstance(answer, Denied):
            return
        money_s = answer.paid_s - call.paid_s - taken_s
        call.n, call.paid_s, call.held_micros = answer.n, answer.paid_s, answer.held_micros
        call.allowance_s += taken_s
        if money_s:
            call.by_day = account.split(call.answered_ms + call.allowance_s * 1000, call.money_s)
            surplus_micros = call.held_micros - sum(call.by_day.values())
            call.by_day[min(call.by_day)] += surplus_micros
        if taken_s:
            call.pool_s[month] = call.pool_s.get(month, 0) + taken_s
        call.last_want = (want_s, month, allowance_s)
        account.expire(self.now_ms)

    def check_renewal(
        self, call: ModelCall, begins_ms: int, want_s: int, taken_s: int, answer: Granted | Denied
    ) -> None:
        """A slice costs its seconds, is within the wish, the funds and the caps, and is refused for a reason only."""
        account = call.account
        days = account.days(begins_ms, begins_ms)
        room_micros = account.room_micros(call.extension, days)
        is_full = not call.held_micros and account.is_full(call.extension)
        spare_micros = call.held_micros - call.money_s * SECOND_MICROS
        most_micros = min(account.available_micros, account.available_micros if room_micros is None else room_micros)
        # One that an allowance pays for will want money too.
        others = [other for other in account.calls.values() if other is not call]
        if isinstance(answer, Denied):
            assert taken_s == 0
            can_pay = not is_full and most_micros + spare_micros >= SECOND_MICROS
            assert not can_pay or others, "alone, a call is only refused where money or a limit is lacking"
            if answer.limit is not None:
                self.check_limit(account, call.extension, days, SECOND_MICROS - spare_micros, answer)
            return
        assert answer.n == call.n + 1
        assert answer.allowance_s == call.allowance_s + taken_s
        money_s = answer.paid_s - call.paid_s - taken_s
        assert 0 <= money_s <= want_s - taken_s
        assert money_s + taken_s > 0
        cost_micros = answer.held_micros - call.held_micros
        assert cost_micros == max(0, money_s * SECOND_MICROS - spare_micros)
        assert cost_micros <= most_micros
        assert not (is_full and money_s)
        if not others and not is_full:
            affordable_s = (most_micros + spare_micros) // SECOND_MICROS
            assert money_s == min(want_s - taken_s, affordable_s)

    def renewed(self) -> list[tuple[str, ModelCall]]:
        return [(call_id, call) for call_id, call in self.talking() if call.last_want and not call.is_lost]

    @precondition(lambda self: self.renewed())
    @rule(pick=picks)
    def renew_again(self, pick: int) -> None:
        renewed = self.renewed()
        call_id, call = renewed[pick % len(renewed)]
        assert call.last_want is not None
        want_s, month, allowance_s = call.last_want
        again = self.renewing(call_id, call, call.n, want_s, allowance_s, month)
        assert self.apply(again) == Granted(call.n, call.paid_s, call.held_micros, call.allowance_s)
        with pytest.raises(KeyConflictError):
            self.apply(self.renewing(call_id, call, call.n, want_s + 1, allowance_s, month))
