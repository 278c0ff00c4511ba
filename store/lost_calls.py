"""Lost calls: a silent node's calls are charged what they hold, once that is past, until their true end is known.

Theory of operation. A node that does not write its sign of life (:mod:`store.nodes`) may be dead, or cut off from the
store while its calls go on. Either way its calls can spend no more than they hold, because a hold comes before the
seconds it pays for. So nothing is in a hurry, and nothing that is done here can be wrong for good:

==================================  ==============================================================================
:func:`charge_provisionally`        another node, when the paid time is past: hold → spent, a provisional record
:func:`store.provisional.take_back` the call's own node, when it is back or settles late: refunded and held again
:func:`settle_as_charged`           the call's own node that found no trace of it, or an administrator who retires
                                    the node: the charge stays, the record is final
==================================  ==============================================================================

A call of which nobody can read the state (:mod:`store.damaged_calls`) is charged in the same way, also by its own node.

Each is one transaction and changes nothing where it is repeated, so that several nodes may do it at once.
"""

from dataclasses import replace

from sqlalchemy import bindparam, false, func, select, true, update

from charging.cdr import Cdr
from store import schema
from store.allowances import use_seconds
from store.caps import days_text
from store.cdr_rows import cdr_params
from store.journal import write_provisional_charge
from store.lots import consume_lots
from store.nodes import read_seen_at_ms
from store.operation import Operation, Sql
from store.provisional import SELECT_PROVISIONAL, count_charges
from store.session_rows import DELETE_SESSION, THIS_CALL, SessionRow, find_session
from store.sessions import settle_balance
from store.settlement import INSERT_RECORD
from store.spend import count_spend, spend_by_day

_CDR = schema.cdr.c

SELECT_LAST_LEG = Sql(select(func.max(_CDR.leg)).where(_CDR.call_id == bindparam("of_call_id")))
MARK_CHARGED = Sql(
    update(schema.session)
    .where(THIS_CALL)
    .values(
        held_micros=0,
        allowance_s=0,
        provisional_micros=bindparam("charged_micros"),
        held_by_day=bindparam("by_day"),
        updated_at_ms=bindparam("at_ms"),
    )
)
MAKE_FINAL = Sql(
    update(schema.cdr)
    .where(_CDR.call_id == bindparam("of_call_id"), _CDR.provisional == true())
    .values(provisional=false())
)


def charge_provisionally(*, cdr: Cdr, seen_at_ms: int | None, at_ms: int) -> Operation[bool]:
    """Charge a lost call all that it holds and write its provisional record; answer whether that was done.

    Nothing is done where something has changed since ``cdr`` was made: the call holds something else or is settled,
    another node was faster, or the call's node has given a sign. The next look decides anew then.

    Args:
        cdr: The record of :func:`charging.lost.lost_record`: charged all that the call holds.
        seen_at_ms: The last sign of the call's node that the judgement was made on; None where it never gave one.
    """
    session = yield from find_session(cdr.call_id)
    if session is None or (session.held_micros, session.allowance_s) != (cdr.charged_micros, cdr.allowance_s):
        return False
    if (yield from read_seen_at_ms(session.node)) != seen_at_ms:
        return False
    if (yield SELECT_PROVISIONAL(of_call_id=cdr.call_id)):
        return False
    yield from _write_record(cdr)
    by_day = yield from _charge(cdr, session, at_ms)
    if cdr.allowance_s:
        yield from use_seconds(cdr.call_id, cdr.allowance_s)
    # The days stay with the session, so that exactly what was counted is taken off again, whatever changes meanwhile.
    yield MARK_CHARGED(of_call_id=cdr.call_id, charged_micros=cdr.charged_micros, by_day=days_text(by_day), at_ms=at_ms)
    return True


def settle_as_charged(*, call_id: str) -> Operation[bool]:
    """Make a lost call's provisional charge and record final and close it; answer whether there was one."""
    session = yield from find_session(call_id)
    if session is None or not (yield SELECT_PROVISIONAL(of_call_id=call_id)):
        return False
    yield MAKE_FINAL(of_call_id=call_id)
    yield DELETE_SESSION(of_call_id=call_id)
    return True


def _write_record(cdr: Cdr) -> Operation[None]:
    """Write the record; under a further number where its leg has one, written after the state was saved."""
    last_leg = (yield SELECT_LAST_LEG(of_call_id=cdr.call_id))[0][0]
    if last_leg is not None and last_leg >= cdr.leg:
        cdr = replace(cdr, leg=last_leg + 1)
    yield INSERT_RECORD(**cdr_params(cdr))


def _charge(cdr: Cdr, session: SessionRow, at_ms: int) -> Operation[dict[str, int]]:
    """Charge all that is held and count it as spent; answer on which local days."""
    account_id, amount_micros = session.account_id, cdr.charged_micros
    if not amount_micros:
        return {}
    k = yield from count_charges(cdr.call_id)
    journal_id = yield from write_provisional_charge(
        call_id=cdr.call_id, k=k + 1, account_id=account_id, amount_micros=amount_micros, at_ms=at_ms
    )
    yield from consume_lots(account_id=account_id, journal_id=journal_id, amount_micros=amount_micros)
    timezone = yield from settle_balance(
        cdr.call_id, account_id, charged_micros=amount_micros, released_micros=0, at_ms=at_ms
    )
    assert timezone is not None, "something was charged"
    by_day = spend_by_day(cdr, timezone)
    yield from count_spend(account_id, cdr.extension, by_day)
    return by_day
