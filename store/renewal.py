"""Renewal: a talking call's next slice is held, as long as its account's money lasts.

The journal has a hold row for each slice that cost something, keyed by call and slice; the session keeps the
number and the inputs of its last slice, so that a repeated request changes nothing.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, literal_column, select, update

from rating.calendar import later
from rating.caps import SpendLimit
from rating.deck import Rate
from rating.price import charge_micros
from store import schema
from store.allowances import AllowanceRequest, take_seconds
from store.answers import Denied, Granted
from store.balances import RESERVE, read_available
from store.caps import NO_ROOM_LIMIT, OwnHold, Spending, days_text, read_room, too_many_calls
from store.errors import KeyConflictError, LedgerInconsistentError, SliceOrderError
from store.expiry import read_usable
from store.journal import write_hold
from store.operation import Operation, Sql
from store.provisional import reclaimed
from store.session_rows import THIS_CALL, SessionRow, require_session
from store.sharing import SliceRequest, Talk, fair_want_s, grant_s, is_plenty
from store.spend import by_local_day

_SESSION = schema.session.c

SAVE_SLICE = Sql(
    update(schema.session)
    .where(THIS_CALL)
    .values(
        held_micros=bindparam("held"),
        paid_s=bindparam("paid"),
        allowance_s=bindparam("allowance"),
        held_by_day=bindparam("by_day"),
        paid_until_ms=bindparam("until_ms"),
        slice_n=bindparam("n"),
        slice_inputs=bindparam("inputs"),
        state=bindparam("new_state"),
        updated_at_ms=bindparam("at_ms"),
    )
)
SUM_PRICES = Sql(
    select(func.coalesce(func.sum(_SESSION.per_minute_micros), literal_column("0"))).where(
        _SESSION.account_id == bindparam("of_account_id")
    )
)
# A call that is not answered yet would, if answered now, be paid until now plus what it paid. One whose paid time
# is over (it was cut, or its end was lost) gets no share: it would keep the money from those that talk.
SELECT_OTHER_TALKS = Sql(
    select(
        func.coalesce(_SESSION.paid_until_ms, bindparam("at_ms") + _SESSION.paid_s * literal_column("1000")),
        _SESSION.per_minute_micros,
        _SESSION.extension,
    ).where(
        _SESSION.account_id == bindparam("of_account_id"),
        _SESSION.call_id != bindparam("of_call_id"),
        _SESSION.per_minute_micros > literal_column("0"),
        _SESSION.paid_until_ms.is_(None) | (_SESSION.paid_until_ms >= bindparam("at_ms")),
        # A lost call that was charged provisionally holds neither.
        (_SESSION.held_micros > literal_column("0")) | (_SESSION.allowance_s > literal_column("0")),
    )
)


def renew_slice(
    *,
    call_id: str,
    n: int,
    rate: Rate | None,
    want_s: int,
    paid_until_ms: int,
    state: str,
    at_ms: int,
    min_s: int = 10,
    allowance: AllowanceRequest | None = None,
    answered_at: datetime | None = None,
    spending: Spending | None = None,
) -> Operation[Granted | Denied]:
    """Hold the call's next slice: up to ``want_s`` seconds, fewer where money is scarce.

    Until its first second of money a call takes seconds of its allowance; money pays for what the allowance lacks.
    ``store.sharing`` says how many seconds of money. A slice that was granted before is answered with the call's
    totals, which may include later slices. A denial is not remembered: the same ``n`` is asked for again when funds
    may have come.

    Args:
        n: The slice's number; the opening was 1, so the first renewal is 2.
        rate: The rate of the call, as in force at its answer; None where no money may pay for it.
        paid_until_ms: When the seconds paid so far run out. It is what decides whose turn the last money is.
        state: Saved with the grant; a denial or a repetition leaves the saved state as it is.
        min_s: The slice below which sharing does not go.
        allowance: The seconds to take before money; fewer than ``want_s`` where its month ends sooner.
        answered_at: The answer in the account's time zone, where the price depends on the hour.
        spending: The day on which the slice counts, which it begins and does not outlast but for one increment, and
            the limits on it; it needs ``answered_at``. Without it there are none.

    Raises:
        KeyConflictError: slice ``n`` was granted with another rate or other seconds.
        SliceOrderError: ``n`` is not the slice after the last one.
        CallSettledError, UnknownCallError: there is no open session.
    """
    session = yield from reclaimed(call_id, (yield from require_session(call_id)), at_ms)
    inputs = _slice_inputs(rate, want_s, min_s, allowance)
    if n <= session.slice_n:
        return _granted_before(call_id, n, session, inputs)
    if n != session.slice_n + 1:
        raise SliceOrderError(f"call {call_id}: slice {n} does not follow slice {session.slice_n}")
    taken_s = 0
    if allowance is not None and session.paid_s == session.allowance_s:
        taken_s = yield from take_seconds(call_id, n, session.account_id, allowance)
    charged_s, amount_micros, limit = session.paid_s - session.allowance_s, 0, None
    allowance_s = session.allowance_s + taken_s
    if rate is not None and (allowance is None or taken_s < allowance.want_s):
        starts_at = _money_begins(answered_at, allowance_s) if answered_at is not None and rate.periods else None
        request = SliceRequest(
            rate,
            charged_s,
            session.held_micros,
            want_s - taken_s,
            min_s,
            paid_until_ms + taken_s * 1000,
            starts_at,
        )
        if spending is not None and spending.is_capped:
            own = _own_hold(call_id, session, rate, _money_begins(answered_at, allowance_s))
            spending = replace(spending, own=own)
        granted_s, limit = yield from _grant(call_id, session, request, spending, at_ms)
        if granted_s is not None:
            charged_s, amount_micros = granted_s, request.cost_micros(granted_s)
    paid_s = allowance_s + charged_s
    if paid_s == session.paid_s:
        return Denied((yield from read_available(session.account_id)), limit)
    if amount_micros:
        yield from _hold_more(call_id, n, session.account_id, amount_micros, at_ms)
    held_micros = session.held_micros + amount_micros
    yield SAVE_SLICE(
        of_call_id=call_id,
        held=held_micros,
        paid=paid_s,
        allowance=allowance_s,
        by_day=session.held_by_day
        if spending is None or rate is None
        else days_text(by_local_day(rate, charged_s, _money_begins(answered_at, allowance_s), held_micros)),
        until_ms=paid_until_ms + (paid_s - session.paid_s) * 1000,
        n=n,
        inputs=inputs,
        new_state=state,
        at_ms=at_ms,
    )
    return Granted(n, paid_s, held_micros, allowance_s)


def _slice_inputs(rate: Rate | None, want_s: int, min_s: int, allowance: AllowanceRequest | None) -> str:
    if rate is None:
        return f"{want_s} {min_s} {allowance}"
    prices = (
        rate.per_minute_micros,
        rate.connect_fee_micros,
        rate.initial_increment_s,
        rate.increment_s,
        rate.minimum_charge_micros,
    )
    return " ".join(map(str, (want_s, min_s, rate.prefix, *prices, *(() if allowance is None else (allowance,)))))


def _granted_before(call_id: str, n: int, session: SessionRow, inputs: str) -> Granted:
    if n == session.slice_n and session.slice_inputs != inputs:
        raise KeyConflictError(f"call {call_id}: slice {n} was asked for with {session.slice_inputs}, now {inputs}")
    return Granted(session.slice_n, session.paid_s, session.held_micros, session.allowance_s)


def _money_begins(answered_at: datetime | None, allowance_s: int) -> datetime:
    """Answer when the first second of money begins, in the account's time zone."""
    assert answered_at is not None, "spend is counted by days, which the answer tells"
    return later(answered_at, timedelta(seconds=allowance_s))


def _own_hold(call_id: str, session: SessionRow, rate: Rate, starts_at: datetime) -> OwnHold:
    charged_s, held_micros = session.paid_s - session.allowance_s, session.held_micros
    return OwnHold(
        call_id,
        by_local_day(rate, charged_s, starts_at, held_micros),
        starts_at.date().isoformat(),
        max(0, held_micros - charge_micros(rate, charged_s, starts_at)),
    )


def _grant(
    call_id: str, session: SessionRow, request: SliceRequest, spending: Spending | None, at_ms: int
) -> Operation[tuple[int | None, SpendLimit | None]]:
    """Answer the new total of seconds that money pays for; None where not one increment more can be paid.

    With None goes the limit that kept it from being paid, if it was one.
    """
    account_id = session.account_id
    available_micros = yield from read_usable(account_id, at_ms)
    room = NO_ROOM_LIMIT
    if spending is not None:
        too_many = None if session.held_micros else (yield from too_many_calls(account_id, spending))
        if too_many is not None:
            return None, too_many
        room = yield from read_room(account_id, spending)
    most_micros = available_micros if room.account is None else min(available_micros, room.account.left_micros)
    share_s = yield from _share_s(call_id, account_id, request, most_micros, at_ms)
    if room.extension is not None:
        own_micros = min(most_micros, room.extension.left_micros)
        others = yield from _other_talks(call_id, account_id, at_ms, session.extension)
        share_s, most_micros = min(share_s, fair_want_s(request, others, own_micros)), own_micros
    granted_s = grant_s(request, share_s, most_micros)
    increment_micros = request.next_increment_micros()
    if granted_s is not None or available_micros < increment_micros:
        return granted_s, None
    return None, room.blocking(increment_micros)


def _share_s(call_id: str, account_id: int, request: SliceRequest, available_micros: int, at_ms: int) -> Operation[int]:
    """Answer how many of the wanted seconds are this call's; other calls are read only if money is scarce."""
    prices = yield SUM_PRICES(of_account_id=account_id)
    if is_plenty(request.want_s, available_micros, int(prices[0][0])):
        return request.want_s
    others = yield from _other_talks(call_id, account_id, at_ms)
    return fair_want_s(request, others, available_micros)


def _other_talks(call_id: str, account_id: int, at_ms: int, extension: str | None = None) -> Operation[list[Talk]]:
    """Answer the other paid calls that talk, of an account or of one of its extensions."""
    rows = yield SELECT_OTHER_TALKS(of_account_id=account_id, of_call_id=call_id, at_ms=at_ms)
    return [
        Talk(paid_until_ms, per_minute_micros)
        for paid_until_ms, per_minute_micros, other in rows
        if extension is None or other == extension
    ]


def _hold_more(call_id: str, n: int, account_id: int, amount_micros: int, at_ms: int) -> Operation[None]:
    if not (yield RESERVE(account_id=account_id, amount_micros=amount_micros)):
        raise LedgerInconsistentError(f"account {account_id}: its balance changed while it was locked")
    yield from write_hold(call_id=call_id, n=n, account_id=account_id, amount_micros=amount_micros, at_ms=at_ms)
