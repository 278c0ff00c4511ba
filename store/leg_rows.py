"""What the settlement of a leg reads, all of it in one question: a question costs more than what it answers."""

from typing import NamedTuple

from sqlalchemy import and_, bindparam, select

from store import schema
from store.lots import UnspentLot, first_unspent_id
from store.operation import Operation, Sql
from store.session_rows import ONE_ROW, SESSION_COLUMNS, THIS_CALL, SessionRow, session_row

_CDR = schema.cdr.c
_LOT = schema.lot.c
_ACCOUNT = schema.account.c
_ACCOUNT_ID = schema.session.c.account_id

SELECT_LEG = Sql(
    select(
        *SESSION_COLUMNS,
        _LOT.expires_at_ms,  # the first of the unspent lots is the first to expire
        _LOT.id,
        _LOT.remaining_micros,
        _ACCOUNT.timezone,
        _CDR.account_id,
        _CDR.charged_micros,
    ).select_from(
        ONE_ROW.outerjoin(schema.session, THIS_CALL)
        .outerjoin(schema.cdr, and_(_CDR.call_id == bindparam("of_call_id"), _CDR.leg == bindparam("of_leg")))
        .outerjoin(schema.lot, _LOT.id == first_unspent_id(_ACCOUNT_ID))
        .outerjoin(schema.account, _ACCOUNT.id == _ACCOUNT_ID)
    )
)


class Record(NamedTuple):
    """What a leg's record says of money."""

    account_id: int | None
    charged_micros: int


class Leg(NamedTuple):
    """A leg's call and its record, both None where there are none, and what its account's lots are."""

    session: SessionRow | None
    first_lot: UnspentLot | None
    """Where a charge is taken from first; known until the lots are changed."""
    timezone: str
    """The account's; empty without a session."""
    record: Record | None


def find_leg(call_id: str, leg: int) -> Operation[Leg]:
    """Answer what is known of a leg."""
    rows = yield SELECT_LEG(of_call_id=call_id, of_leg=leg)
    *session, lot_id, remaining_micros, timezone, account_id, charged_micros = rows[0]
    return Leg(
        session_row(session),
        None if lot_id is None else UnspentLot(lot_id, remaining_micros),
        timezone or "",
        None if charged_micros is None else Record(account_id, charged_micros),
    )
