"""Charging sessions: a call is opened with its first slice held, renewed slice by slice, saved, and closed.

The session row exists from the hold until the call's end. All its money is in ``held_micros``; the journal
has a hold row for each slice that cost something, keyed by call and slice, so a repeated request changes
nothing.
"""

from collections.abc import Mapping

from rating.caps import SpendLimit
from store.allowances import AllowanceRequest, take_seconds, use_seconds
from store.answers import Denied, Held, Settled
from store.balances import SETTLE, read_available
from store.caps import Spending, days_text, read_room, too_many_calls
from store.errors import KeyConflictError, LedgerInconsistentError, RecordMissingError, UnknownCallError
from store.expiry import expire_due, hold_money, read_usable
from store.journal import write_hold, write_release
from store.operation import Operation
from store.provisional import reclaimed
from store.session_rows import (
    DELETE_SESSION,
    INSERT_SESSION,
    SAVE_STATE,
    SessionRow,
    find_call,
    require_session,
    settled_error,
)


def open_session(
    *,
    call_id: str,
    node: str,
    account_id: int,
    extension: str,
    held_micros: int,
    paid_s: int,
    per_minute_micros: int,
    state: str,
    at_ms: int,
    allowance: AllowanceRequest | None = None,
    spending: Spending | None = None,
) -> Operation[Held | Denied]:
    """Hold the first slice and write the session, or hold nothing and answer ``Denied``.

    A free call is opened with ``held_micros`` 0 and ``per_minute_micros`` 0 and is never denied. Seconds of an
    allowance come first; money is held where they are fewer than wanted, and a call that has some of them is not
    denied for want of money. The same call opened again with the same inputs (``state``, ``at_ms``, ``allowance`` and
    ``spending`` aside) is answered as before.

    Args:
        call_id: Names the call for ever; a settled call's id is never used again.
        node: The name of the Tollgate that controls the call.
        held_micros: The charge of the first ``paid_s`` charged seconds, connect fee included; both are 0 where
            no money may pay for the call.
        allowance: The seconds to take before money.
        spending: The days on which the hold may count, and the limits on it; without it there are none.
        state: The charging session as a JSON object, returned as it is by ``Store.open_sessions``.

    Raises:
        KeyConflictError: the call is open with other inputs.
        CallSettledError: the call has been closed, or has a record already.
        UnknownAccountError: there is no such account.
    """
    session, has_record = yield from find_call(call_id)
    if session is not None:
        asked = (node, account_id, extension, per_minute_micros, held_micros, paid_s)
        return _opened_before(call_id, session, asked, by_allowance=allowance is not None)
    if has_record:
        raise settled_error(call_id)
    answer = yield from _first_slice(call_id, account_id, held_micros, paid_s, allowance, spending, at_ms)
    if isinstance(answer, Denied):
        return answer
    yield INSERT_SESSION(
        call_id=call_id,
        node=node,
        account_id=account_id,
        extension=extension,
        per_minute_micros=per_minute_micros,
        held_micros=answer.held_micros,
        paid_s=answer.paid_s,
        allowance_s=answer.allowance_s,
        held_by_day=_first_days(answer.held_micros, spending),
        state=state,
        at_ms=at_ms,
    )
    if answer.held_micros:
        yield from write_hold(
            call_id=call_id, n=1, account_id=account_id, amount_micros=answer.held_micros, at_ms=at_ms
        )
    return answer


def _opened_before(call_id: str, session: SessionRow, asked: tuple[object, ...], *, by_allowance: bool) -> Held:
    """Answer a repetition; what an allowance had left then decided how much money was held."""
    compared = 4 if by_allowance else len(asked)
    if session[:compared] != asked[:compared]:
        raise KeyConflictError(f"call {call_id} is open with other inputs: {session[:compared]}, now {asked}")
    return Held(session.first_held_micros, session.first_paid_s, session.first_allowance_s)


def _first_days(held_micros: int, spending: Spending | None) -> str:
    """Answer ``held_by_day`` of a call that rings: it counts on each day on which it may be answered."""
    days = () if spending is None or not held_micros else spending.days
    return days_text({day.day: held_micros for day in days})


def _first_slice(
    call_id: str,
    account_id: int,
    held_micros: int,
    paid_s: int,
    allowance: AllowanceRequest | None,
    spending: Spending | None,
    at_ms: int,
) -> Operation[Held | Denied]:
    """Take the first slice from the allowance, from the money, or from both."""
    allowance_s = 0
    if allowance is not None:
        allowance_s = yield from take_seconds(call_id, 1, account_id, allowance)
        if allowance_s == allowance.want_s:
            return Held(0, allowance_s, allowance_s)
    if not held_micros:
        available_micros = yield from read_available(account_id)
        if allowance is None or paid_s or allowance_s:
            return Held(0, allowance_s + paid_s, allowance_s)
        return Denied(available_micros)
    denied = yield from _hold(account_id, held_micros, spending, at_ms)
    if denied is None:
        return Held(held_micros, allowance_s + paid_s, allowance_s)
    return Held(0, allowance_s, allowance_s) if allowance_s else denied


def _hold(account_id: int, held_micros: int, spending: Spending | None, at_ms: int) -> Operation[Denied | None]:
    """Hold the first slice's money, or answer why not: a limit is told where there is one, funds or not."""
    limit = yield from _limit(account_id, held_micros, spending)
    if limit is None and (yield from hold_money(account_id=account_id, amount_micros=held_micros, at_ms=at_ms)):
        return None
    return Denied((yield from read_usable(account_id, at_ms)), limit)


def _limit(account_id: int, held_micros: int, spending: Spending | None) -> Operation[SpendLimit | None]:
    if spending is None:
        return None
    limit = yield from too_many_calls(account_id, spending)
    if limit is not None:
        return limit
    return (yield from read_room(account_id, spending)).blocking(held_micros)


def save_session(
    *,
    call_id: str,
    state: str,
    at_ms: int,
    paid_until_ms: int | None = None,
    held_by_day: Mapping[str, int] | None = None,
) -> Operation[None]:
    """Save the charging session's state.

    Args:
        paid_until_ms: When the paid seconds run out, told once at the answer; None leaves what is known.
        held_by_day: On which local day the hold counts, told once at the answer too.

    Raises:
        CallSettledError, UnknownCallError: there is no open session.
    """
    by_day = None if held_by_day is None else days_text(held_by_day)
    saved = yield SAVE_STATE(of_call_id=call_id, new_state=state, until_ms=paid_until_ms, by_day=by_day, at_ms=at_ms)
    if not saved:
        yield from require_session(call_id)


def close_session(*, call_id: str, at_ms: int) -> Operation[Settled]:
    """Release what the call still holds and end its session: for a call whose last leg is settled already.

    A call that is closed already is answered with nothing released.

    Raises:
        RecordMissingError: the call has no record yet; settle_leg writes one and closes the call with it.
        UnknownCallError: the call was never opened.
    """
    session, recorded = yield from find_call(call_id)
    if session is not None and (yield from reclaimed(call_id, session, at_ms)) is not session:
        session, recorded = yield from find_call(call_id)
    if session is None and not recorded:
        raise UnknownCallError(f"call {call_id} was never opened")
    if session is None:
        return Settled(0, 0, 0, 0)
    if not recorded:
        raise RecordMissingError(f"call {call_id} has no record; close it with settle_leg")
    yield from end_session(call_id, session, charged_micros=0, allowance_s=0, at_ms=at_ms)
    return Settled(0, session.held_micros, 0, 0)


def end_session(
    call_id: str, session: SessionRow, *, charged_micros: int, allowance_s: int, at_ms: int
) -> Operation[None]:
    """Move ``charged_micros`` and ``allowance_s`` out of what is held, release the rest of it, delete the session.

    What falls back into a lot whose moment has come expires at once.
    """
    account_id, released_micros = session.account_id, session.held_micros - charged_micros
    yield DELETE_SESSION(of_call_id=call_id)
    yield from settle_balance(
        call_id, account_id, charged_micros=charged_micros, released_micros=released_micros, at_ms=at_ms
    )
    yield from expire_due(account_id, session.next_expiry_ms, at_ms)
    if session.allowance_s:
        yield from use_seconds(call_id, allowance_s)


def settle_balance(
    call_id: str, account_id: int, *, charged_micros: int, released_micros: int, at_ms: int
) -> Operation[str | None]:
    """Take both amounts out of what the account has reserved; answer its time zone, None where both are 0.

    What is released is journaled.

    Raises:
        LedgerInconsistentError: the account has less reserved than its session holds.
    """
    if not charged_micros and not released_micros:
        return None
    # The release first: it answers nothing, and so costs no question to a server of its own.
    if released_micros:
        yield from write_release(call_id=call_id, account_id=account_id, amount_micros=released_micros, at_ms=at_ms)
    settled = yield SETTLE(account_id=account_id, charged_micros=charged_micros, released_micros=released_micros)
    if not settled:
        raise LedgerInconsistentError(
            f"account {account_id} has less reserved than its calls hold; run `tollgate verify`"
        )
    return str(settled[0][0])
