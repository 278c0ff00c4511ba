"""Charging sessions: a call is opened with its first slice held, renewed slice by slice, saved, and closed.

The session row exists from the hold until the call's end. All its money is in ``held_micros``; the journal
has a hold row for each slice that cost something, keyed by call and slice, so a repeated request changes
nothing.
"""

from store.answers import Denied, Held, Settled
from store.balances import RESERVE, SETTLE, read_available
from store.errors import KeyConflictError, LedgerInconsistentError, RecordMissingError, UnknownCallError
from store.journal import write_hold, write_release
from store.operation import Operation
from store.session_rows import (
    DELETE_SESSION,
    INSERT_SESSION,
    SAVE_STATE,
    SELECT_CALL_RECORD,
    find_session,
    refuse_settled,
    require_session,
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
) -> Operation[Held | Denied]:
    """Hold the first slice and write the session, or change nothing and answer ``Denied``.

    A free call is opened with ``held_micros`` 0 and ``per_minute_micros`` 0 and is never denied. The same
    call opened again with the same inputs (``state`` and ``at_ms`` aside) is answered as before.

    Args:
        call_id: Names the call for ever; a settled call's id is never used again.
        node: The name of the Tollgate that controls the call.
        held_micros: The charge of the first ``paid_s`` seconds, connect fee included.
        state: The charging session as a JSON object, returned as it is by ``Store.open_sessions``.

    Raises:
        KeyConflictError: the call is open with other inputs.
        CallSettledError: the call has been closed, or has a record already.
        UnknownAccountError: there is no such account.
    """
    session = yield from find_session(call_id)
    if session is not None:
        asked = (node, account_id, extension, per_minute_micros, held_micros, paid_s)
        if session[:6] != asked:
            raise KeyConflictError(f"call {call_id} is open with other inputs: {session[:6]}, now {asked}")
        return Held(held_micros, paid_s)
    yield from refuse_settled(call_id)
    if not held_micros:
        yield from read_available(account_id)
    elif not (yield RESERVE(account_id=account_id, amount_micros=held_micros)):
        return Denied((yield from read_available(account_id)))
    yield INSERT_SESSION(
        call_id=call_id,
        node=node,
        account_id=account_id,
        extension=extension,
        per_minute_micros=per_minute_micros,
        held_micros=held_micros,
        paid_s=paid_s,
        state=state,
        at_ms=at_ms,
    )
    if held_micros:
        yield from write_hold(call_id=call_id, n=1, account_id=account_id, amount_micros=held_micros, at_ms=at_ms)
    return Held(held_micros, paid_s)


def save_session(*, call_id: str, state: str, at_ms: int, paid_until_ms: int | None = None) -> Operation[None]:
    """Save the charging session's state.

    Args:
        paid_until_ms: When the paid seconds run out, told once at the answer; None leaves what is known.

    Raises:
        CallSettledError, UnknownCallError: there is no open session.
    """
    saved = yield SAVE_STATE(of_call_id=call_id, new_state=state, until_ms=paid_until_ms, at_ms=at_ms)
    if not saved:
        yield from require_session(call_id)


def close_session(*, call_id: str, at_ms: int) -> Operation[Settled]:
    """Release what the call still holds and end its session: for a call whose last leg is settled already.

    A call that is closed already is answered with nothing released.

    Raises:
        RecordMissingError: the call has no record yet; settle_leg writes one and closes the call with it.
        UnknownCallError: the call was never opened.
    """
    session = yield from find_session(call_id)
    recorded = yield SELECT_CALL_RECORD(of_call_id=call_id)
    if session is None and not recorded:
        raise UnknownCallError(f"call {call_id} was never opened")
    if session is None:
        return Settled(0, 0, 0, 0)
    if not recorded:
        raise RecordMissingError(f"call {call_id} has no record; close it with settle_leg")
    yield from end_session(call_id, session.account_id, charged_micros=0, held_micros=session.held_micros, at_ms=at_ms)
    return Settled(0, session.held_micros, 0, 0)


def end_session(call_id: str, account_id: int, *, charged_micros: int, held_micros: int, at_ms: int) -> Operation[None]:
    """Move ``charged_micros`` out of the hold, release the rest of it, delete the session."""
    released_micros = held_micros - charged_micros
    yield from settle_balance(account_id, charged_micros=charged_micros, released_micros=released_micros)
    if released_micros:
        yield from write_release(call_id=call_id, account_id=account_id, amount_micros=released_micros, at_ms=at_ms)
    yield DELETE_SESSION(of_call_id=call_id)


def settle_balance(account_id: int, *, charged_micros: int, released_micros: int) -> Operation[None]:
    """Take both amounts out of what the account has reserved.

    Raises:
        LedgerInconsistentError: the account has less reserved than its session holds.
    """
    if not charged_micros and not released_micros:
        return
    settled = yield SETTLE(account_id=account_id, charged_micros=charged_micros, released_micros=released_micros)
    if not settled:
        raise LedgerInconsistentError(
            f"account {account_id} has less reserved than its calls hold; run `tollgate verify`"
        )
