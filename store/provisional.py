"""Provisional charges taken back: what happens first of all to a lost call of which something is heard again.

A lost call (:mod:`store.lost_calls`) is charged all that it holds, and its record is provisional. Whoever renews,
settles or closes it takes that back first, in the same transaction: the charge is refunded to the lots and the days
that it came from and held again at once, and the provisional record is deleted. From then on it is an ordinary open
call, which is settled by its true end. Whether there is something to take back costs a call that holds money nothing.
"""

from sqlalchemy import bindparam, case, delete, select, true, update

from store import schema
from store.allowances import hold_seconds_again
from store.balances import HOLD_AGAIN
from store.caps import days_text, text_days
from store.errors import LedgerInconsistentError
from store.expiry import read_usable
from store.journal import provisional_key, write_refund
from store.lots import give_back_lots
from store.operation import Operation, Sql
from store.session_rows import THIS_CALL, SessionRow, find_session
from store.spend import count_spend

_CDR = schema.cdr.c
_SESSION = schema.session.c

SELECT_PROVISIONAL = Sql(
    select(_CDR.extension, _CDR.allowance_s).where(_CDR.call_id == bindparam("of_call_id"), _CDR.provisional == true())
)
DELETE_PROVISIONAL = Sql(delete(schema.cdr).where(_CDR.call_id == bindparam("of_call_id"), _CDR.provisional == true()))
SELECT_CHARGE = Sql(select(schema.journal.c.id).where(schema.journal.c.key == bindparam("of_key")))
HOLD_CALL_AGAIN = Sql(
    update(schema.session)
    .where(THIS_CALL)
    .values(
        held_micros=_SESSION.provisional_micros,
        provisional_micros=0,
        allowance_s=bindparam("allowance"),
        # Not answered as far as is known: all of it may count on each of the days, as before its charge was split.
        held_by_day=case((_SESSION.paid_until_ms.is_(None), bindparam("ringing_days")), else_=_SESSION.held_by_day),
        updated_at_ms=bindparam("at_ms"),
    )
)


def take_back(*, call_id: str, at_ms: int) -> Operation[bool]:
    """Take a call's provisional charge back and hold it again; answer whether there was one.

    The same call again, or one that is closed, changes nothing.
    """
    session = yield from find_session(call_id)
    if session is None:
        return False
    return (yield from reclaimed(call_id, session, at_ms)) is not session


def reclaimed(call_id: str, session: SessionRow, at_ms: int) -> Operation[SessionRow]:
    """Answer the call's session with its provisional charge taken back, as it is where there is none."""
    if session.held_micros:
        return session
    records = yield SELECT_PROVISIONAL(of_call_id=call_id)
    if not records:
        return session
    extension, allowance_s = records[0]
    yield DELETE_PROVISIONAL(of_call_id=call_id)
    by_day = text_days(session.held_by_day)
    if session.provisional_micros:
        yield from _refund(call_id, session, at_ms)
        yield from count_spend(session.account_id, extension, {day: -micros for day, micros in by_day.items()})
    if allowance_s:
        yield from hold_seconds_again(call_id, allowance_s)
    ringing_days = days_text(dict.fromkeys(by_day, session.provisional_micros))
    yield HOLD_CALL_AGAIN(of_call_id=call_id, allowance=allowance_s, ringing_days=ringing_days, at_ms=at_ms)
    # A lot whose moment has come may have money again, which is to expire as the call settles: look at once.
    again = yield from find_session(call_id)
    assert again is not None, "it was there a moment ago"
    return again


def count_charges(call_id: str) -> Operation[int]:
    """Answer how many provisional charges the call has had; each but the last was taken back."""
    k = 0
    while (yield SELECT_CHARGE(of_key=provisional_key(call_id, k + 1))):
        k += 1
    return k


def _refund(call_id: str, session: SessionRow, at_ms: int) -> Operation[None]:
    k = yield from count_charges(call_id)
    charges = yield SELECT_CHARGE(of_key=provisional_key(call_id, k))
    if not charges:
        raise LedgerInconsistentError(f"call {call_id} has no provisional charge; run `tollgate verify`")
    amount_micros = session.provisional_micros
    # Else the new hold would shelter what should have expired by now.
    yield from read_usable(session.account_id, at_ms)
    refund_id = yield from write_refund(
        call_id=call_id, k=k, account_id=session.account_id, amount_micros=amount_micros, at_ms=at_ms
    )
    yield from give_back_lots(charge_id=int(charges[0][0]), refund_id=refund_id)
    yield HOLD_AGAIN(account_id=session.account_id, amount_micros=amount_micros)
