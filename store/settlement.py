"""Settlement: a leg's record, its charge, and the end of its call, all or nothing."""

from dataclasses import replace

from sqlalchemy import bindparam, delete, insert, select

from charging.cdr import Cdr
from rating.deck import Rate
from rating.price import affordable_s
from store import schema
from store.allowances import use_seconds
from store.answers import Settled
from store.caps import days_text, text_days
from store.cdr_rows import cdr_params
from store.errors import ChargeExceedsHoldError, KeyConflictError
from store.journal import write_charge
from store.leg_rows import Leg, find_leg
from store.lots import consume_lots
from store.operation import Operation, Sql
from store.provisional import reclaimed
from store.session_rows import SAVE_LEG, SessionRow, settled_error
from store.sessions import end_session, settle_balance
from store.spend import count_spend, spend_by_day

_CDR = schema.cdr.c

INSERT_RECORD = Sql(
    insert(schema.cdr).values({column.name: bindparam(column.name) for column in _CDR if column.name != "id"})
)

_OF_CALL = _CDR.call_id == bindparam("of_call_id")
NOBODY = 0
"""The leg of a record that says that nobody answered."""
SELECT_RECORDED = Sql(select(_CDR.leg).where(_OF_CALL))
DELETE_UNANSWERED = Sql(delete(schema.cdr).where(_OF_CALL, _CDR.leg == bindparam("of_leg")))


def settle_leg(*, cdr: Cdr, close: bool, at_ms: int, state: str | None = None) -> Operation[Settled]:
    """Write a leg's record, move its charge from reserved to spent, and end the call if ``close``.

    The charge is taken from lots, first-to-expire-first. Closing releases the rest of the hold and deletes
    the session; otherwise the call keeps the rest, with as many paid seconds as a further leg could talk for
    it. A call without a session (refused, emergency) has its record written, charge 0. Where two services had a
    call and one of them closed it as one that nobody answered, the leg that the other knows takes that record's
    place, whichever comes first; nothing is held for it any more, so what it costs is unfunded.

    The same leg settled again with the same charge charges nothing; with ``close`` it still ends a call that
    the first settlement left open. What a lost call was charged provisionally is taken back first.

    Args:
        cdr: The record; ``charged_micros`` is at most what the call holds, the caller clamps.
        state: The charging session to save where the call goes on; None leaves it as it was saved.

    Raises:
        KeyConflictError: the leg was settled with another charge, or the record names another account than the session.
        CallSettledError: the call was closed otherwise, as a lost one is when its node is retired.
        ChargeExceedsHoldError: the charge, or what it used of an allowance, is more than what the call holds.
    """
    found = yield from find_leg(cdr.call_id, cdr.leg)
    if found.session is not None and (yield from reclaimed(cdr.call_id, found.session, at_ms)) is not found.session:
        found = yield from find_leg(cdr.call_id, cdr.leg)
    session = found.session
    if found.record is not None:
        _check_same(cdr, *found.record)
        return (yield from _settle_again(cdr, session, close=close, at_ms=at_ms))
    if session is None:
        news = yield from _news(cdr)
        if news is None:
            return Settled(0, 0, 0, 0)
        cdr = news
    _check_covered(cdr, session)
    yield INSERT_RECORD(**cdr_params(cdr))
    if session is None:
        return Settled(0, 0, 0, 0)
    yield from _charge(cdr, session.account_id, found, at_ms)
    if close:
        yield from end_session(
            cdr.call_id,
            session,
            charged_micros=cdr.charged_micros,
            allowance_s=cdr.allowance_s,
            at_ms=at_ms,
        )
        return Settled(cdr.charged_micros, session.held_micros - cdr.charged_micros, 0, 0)
    return (yield from _go_on(cdr, session, state, at_ms))


def _news(cdr: Cdr) -> Operation[Cdr | None]:
    """Answer the record to write of a call without session; None where one is written that knows more."""
    recorded = {leg for (leg,) in (yield SELECT_RECORDED(of_call_id=cdr.call_id))}
    if not recorded:
        return cdr
    if cdr.leg == NOBODY:
        return None
    if NOBODY in recorded:
        yield DELETE_UNANSWERED(of_call_id=cdr.call_id, of_leg=NOBODY)
        return _unpaid(cdr)
    if cdr.charged_micros or cdr.allowance_s:
        raise settled_error(cdr.call_id)
    return cdr


def _unpaid(cdr: Cdr) -> Cdr:
    """Answer the record of a leg whose hold and whose allowance have gone back."""
    return replace(
        cdr,
        billable_s=cdr.billable_s - cdr.allowance_s,
        allowance_s=0,
        charged_micros=0,
        unfunded_micros=cdr.unfunded_micros + cdr.charged_micros,
    )


def _check_same(cdr: Cdr, account_id: int | None, charged_micros: int) -> None:
    if (account_id, charged_micros) != (cdr.account_id, cdr.charged_micros):
        raise KeyConflictError(
            f"call {cdr.call_id} leg {cdr.leg} is settled: {charged_micros} micro-units on {account_id}, "
            f"not {cdr.charged_micros} on {cdr.account_id}"
        )


def _check_covered(cdr: Cdr, session: SessionRow | None) -> None:
    held_micros = 0 if session is None else session.held_micros
    held_s = 0 if session is None else session.allowance_s
    if cdr.allowance_s > held_s:
        raise ChargeExceedsHoldError(
            f"call {cdr.call_id} leg {cdr.leg} used {cdr.allowance_s} s of its allowance, holds {held_s}"
        )
    if not 0 <= cdr.charged_micros <= held_micros:
        raise ChargeExceedsHoldError(
            f"call {cdr.call_id} leg {cdr.leg} charges {cdr.charged_micros} micro-units, holds {held_micros}"
        )
    if session is not None and cdr.account_id != session.account_id:
        raise KeyConflictError(
            f"call {cdr.call_id} is open on account {session.account_id}, its record names {cdr.account_id}"
        )


def _settle_again(cdr: Cdr, session: SessionRow | None, *, close: bool, at_ms: int) -> Operation[Settled]:
    if session is None:
        return Settled(cdr.charged_micros, 0, 0, 0)
    if not close:
        return Settled(cdr.charged_micros, 0, session.held_micros, session.paid_s)
    yield from end_session(cdr.call_id, session, charged_micros=0, allowance_s=0, at_ms=at_ms)
    return Settled(cdr.charged_micros, session.held_micros, 0, 0)


def _charge(cdr: Cdr, account_id: int, found: Leg, at_ms: int) -> Operation[None]:
    """Write the charge, take it from the lots and count it as spent on its days.

    The balance is changed where the call ends or goes on.
    """
    if not cdr.charged_micros:
        return
    journal_id = yield from write_charge(
        call_id=cdr.call_id, leg=cdr.leg, account_id=account_id, amount_micros=cdr.charged_micros, at_ms=at_ms
    )
    yield from consume_lots(
        account_id=account_id, journal_id=journal_id, amount_micros=cdr.charged_micros, first=found.first_lot
    )
    yield from count_spend(account_id, cdr.extension, spend_by_day(cdr, found.timezone))


def _rest_by_day(held_by_day: str, held_micros: int, *, is_spent: bool) -> str:
    """Answer what a call goes on to hold by days: all of it on its last one, until the next leg's answer.

    A leg that used nothing leaves the one that talks as it is.
    """
    if not is_spent:
        return held_by_day
    days = text_days(held_by_day)
    return days_text({max(days): held_micros} if days and held_micros else {})


def _go_on(cdr: Cdr, session: SessionRow, state: str | None, at_ms: int) -> Operation[Settled]:
    """Keep what the leg left of the hold for a leg to come."""
    yield from settle_balance(
        cdr.call_id, session.account_id, charged_micros=cdr.charged_micros, released_micros=0, at_ms=at_ms
    )
    held_micros = session.held_micros - cdr.charged_micros
    paid_s, allowance_s = session.paid_s, session.allowance_s
    is_spent = bool(cdr.allowance_s or cdr.charged_micros)
    if cdr.allowance_s:
        yield from use_seconds(cdr.call_id, cdr.allowance_s)
        paid_s, allowance_s = paid_s - allowance_s, 0
    if cdr.charged_micros:
        paid_s = allowance_s + _paid_after(cdr.rate, paid_s - allowance_s, held_micros)
    yield SAVE_LEG(
        of_call_id=cdr.call_id,
        held=held_micros,
        paid=paid_s,
        allowance=allowance_s,
        by_day=_rest_by_day(session.held_by_day, held_micros, is_spent=is_spent),
        is_spent=int(is_spent),
        new_state=state,
        at_ms=at_ms,
    )
    return Settled(cdr.charged_micros, 0, held_micros, paid_s)


def _paid_after(rate: Rate | None, paid_s: int, held_micros: int) -> int:
    """Answer the seconds a new leg could talk for what is still held: it has a connect fee of its own."""
    return 0 if rate is None else min(paid_s, affordable_s(rate, held_micros))
