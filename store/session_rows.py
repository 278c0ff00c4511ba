"""The session's row: its statements, and how an operation finds it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, bindparam, case, delete, exists, func, insert, literal_column, select, update

from store import schema
from store.errors import CallSettledError, UnknownCallError
from store.lots import next_expiry_ms
from store.operation import Operation, Sql

_SESSION = schema.session.c
THIS_CALL = _SESSION.call_id == bindparam("of_call_id")

INSERT_SESSION = Sql(
    insert(schema.session).values(
        call_id=bindparam("call_id"),
        node=bindparam("node"),
        account_id=bindparam("account_id"),
        extension=bindparam("extension"),
        per_minute_micros=bindparam("per_minute_micros"),
        first_held_micros=bindparam("held_micros"),
        first_paid_s=bindparam("paid_s"),
        first_allowance_s=bindparam("allowance_s"),
        held_micros=bindparam("held_micros"),
        paid_s=bindparam("paid_s"),
        allowance_s=bindparam("allowance_s"),
        slice_n=literal_column("1"),
        state=bindparam("state"),
        held_by_day=bindparam("held_by_day"),
        opened_at_ms=bindparam("at_ms"),
        updated_at_ms=bindparam("at_ms"),
    )
)
SESSION_COLUMNS: tuple[ColumnElement[Any], ...] = (
    _SESSION.node,
    _SESSION.account_id,
    _SESSION.extension,
    _SESSION.per_minute_micros,
    _SESSION.first_held_micros,
    _SESSION.first_paid_s,
    _SESSION.first_allowance_s,
    _SESSION.held_micros,
    _SESSION.paid_s,
    _SESSION.allowance_s,
    _SESSION.slice_n,
    _SESSION.slice_inputs,
    _SESSION.held_by_day,
    _SESSION.provisional_micros,
)
"""Those of :class:`SessionRow`, all but the last."""

ONE_ROW = select(literal_column("1").label("one")).subquery("one_row")
"""What a statement reads from that is to answer a row whether there is a session or not."""

_HAS_RECORD = exists().where(schema.cdr.c.call_id == bindparam("of_call_id"))
SELECT_SESSION = Sql(select(*SESSION_COLUMNS, next_expiry_ms(_SESSION.account_id)).where(THIS_CALL))
SELECT_CALL = Sql(
    select(*SESSION_COLUMNS, next_expiry_ms(_SESSION.account_id), _HAS_RECORD).select_from(
        ONE_ROW.outerjoin(schema.session, THIS_CALL)
    )
)
SELECT_CALL_RECORD = Sql(
    select(schema.cdr.c.leg).where(schema.cdr.c.call_id == bindparam("of_call_id")).limit(literal_column("1"))
)
SAVE_STATE = Sql(
    update(schema.session)
    .where(THIS_CALL)
    .values(
        state=bindparam("new_state"),
        paid_until_ms=func.coalesce(bindparam("until_ms", type_=_SESSION.paid_until_ms.type), _SESSION.paid_until_ms),
        # Of a lost call it says on which days its provisional charge was counted: that must be known to take it off.
        held_by_day=case(
            (_SESSION.provisional_micros > literal_column("0"), _SESSION.held_by_day),
            else_=func.coalesce(bindparam("by_day", type_=_SESSION.held_by_day.type), _SESSION.held_by_day),
        ),
        updated_at_ms=bindparam("at_ms"),
    )
    .returning(_SESSION.call_id)
)
SAVE_LEG = Sql(
    update(schema.session)
    .where(THIS_CALL)
    .values(
        held_micros=bindparam("held"),
        paid_s=bindparam("paid"),
        allowance_s=bindparam("allowance"),
        held_by_day=bindparam("by_day"),
        paid_until_ms=case((bindparam("is_spent") == literal_column("1"), None), else_=_SESSION.paid_until_ms),
        state=func.coalesce(bindparam("new_state", type_=_SESSION.state.type), _SESSION.state),
        updated_at_ms=bindparam("at_ms"),
    )
)
DELETE_SESSION = Sql(delete(schema.session).where(THIS_CALL))


class SessionRow(NamedTuple):
    """The columns of ``SELECT_SESSION``, in its order."""

    node: str
    account_id: int
    extension: str
    per_minute_micros: int
    first_held_micros: int
    first_paid_s: int
    first_allowance_s: int
    held_micros: int
    paid_s: int
    allowance_s: int
    slice_n: int
    slice_inputs: str | None
    held_by_day: str
    provisional_micros: int
    next_expiry_ms: int | None
    """When the first of the account's unspent lots expires, or expired."""


def find_session(call_id: str) -> Operation[SessionRow | None]:
    """Answer the call's open session, or None."""
    rows = yield SELECT_SESSION(of_call_id=call_id)
    return SessionRow(*rows[0]) if rows else None


def find_call(call_id: str) -> Operation[tuple[SessionRow | None, bool]]:
    """Answer the call's open session, or None, and whether it has a record."""
    rows = yield SELECT_CALL(of_call_id=call_id)
    *session, has_record = rows[0]
    return session_row(session), bool(has_record)


def session_row(columns: Sequence[Any]) -> SessionRow | None:
    """Answer the session of an outer join's columns, None where there was none to join."""
    return None if columns[0] is None else SessionRow(*columns)


def require_session(call_id: str) -> Operation[SessionRow]:
    """Answer the call's open session.

    Raises:
        CallSettledError: the call was closed.
        UnknownCallError: it was never opened.
    """
    session = yield from find_session(call_id)
    if session is None:
        yield from refuse_settled(call_id)
        raise UnknownCallError(f"call {call_id} has no open session; open_session comes first")
    return session


def refuse_settled(call_id: str) -> Operation[None]:
    """Raise where a call without session has a record: it is over, a new hold would never be settled."""
    if (yield SELECT_CALL_RECORD(of_call_id=call_id)):
        raise settled_error(call_id)


def settled_error(call_id: str) -> CallSettledError:
    """Answer the error of whoever wants to go on with a call that is over."""
    return CallSettledError(f"call {call_id} is settled and closed; a new call needs a new id")
