"""Lots: purchases of funds, spent first-to-expire-first.

A hold does not touch a lot; a charge, a downward adjustment or its expiry takes from them. So the lots of an account
always sum up to what is available and reserved together.
"""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, bindparam, func, insert, literal_column, select, update

from store import schema
from store.errors import LedgerInconsistentError
from store.operation import Operation, Sql

_LOT = schema.lot.c
_LOTS_AT_ONCE = 8  # nearly always one is enough
# The zero is spelled out: SQLite uses the index of unspent lots only where it sees the same condition.
_NOTHING: ColumnElement[int] = literal_column("0")
_FIRST_TO_EXPIRE: tuple[ColumnElement[Any], ...] = (_LOT.expires_at_ms.is_(None), _LOT.expires_at_ms, _LOT.id)


class UnspentLot(NamedTuple):
    """A lot with money left: the columns of ``SELECT_UNSPENT``."""

    id: int
    remaining_micros: int


def next_expiry_ms(account_id: ColumnElement[int]) -> ScalarSelect[int | None]:
    """Answer, as an expression, when the first of an account's unspent lots expires, or expired; null is never.

    It costs a look into an index of few rows. Statements that calls need anyhow answer it along (SQLite and PostgreSQL
    take a subquery after RETURNING): whether something must expire first is known without a statement of its own.
    """
    return (
        select(func.min(_LOT.expires_at_ms))
        .where(_LOT.account_id == account_id, _LOT.remaining_micros > _NOTHING)
        .scalar_subquery()
    )


def first_unspent_id(account_id: ColumnElement[int]) -> ScalarSelect[int]:
    """Answer, as an expression, which of an account's lots is spent first; null where nothing is left."""
    return (
        select(_LOT.id)
        .where(_LOT.account_id == account_id, _LOT.remaining_micros > _NOTHING)
        .order_by(*_FIRST_TO_EXPIRE)
        .limit(literal_column("1"))
        .correlate_except(schema.lot)
        .scalar_subquery()
    )


INSERT_LOT = Sql(
    insert(schema.lot)
    .values(
        account_id=bindparam("account_id"),
        reference=bindparam("reference"),
        amount_micros=bindparam("amount_micros"),
        remaining_micros=bindparam("amount_micros"),
        purchased_at_ms=bindparam("purchased_at_ms"),
        expires_at_ms=bindparam("expires_at_ms"),
    )
    .returning(_LOT.id)
)
SELECT_UNSPENT = Sql(
    select(_LOT.id, _LOT.remaining_micros)
    .where(_LOT.account_id == bindparam("account_id"), _LOT.remaining_micros > _NOTHING)
    .order_by(*_FIRST_TO_EXPIRE)
    .limit(_LOTS_AT_ONCE)
)
TAKE_FROM_LOT = Sql(
    update(schema.lot)
    .where(_LOT.id == bindparam("lot_id"))
    .values(remaining_micros=_LOT.remaining_micros - bindparam("amount_micros"))
)
INSERT_USE = Sql(
    insert(schema.lot_use).values(
        lot_id=bindparam("lot_id"),
        journal_id=bindparam("journal_id"),
        amount_micros=bindparam("amount_micros"),
    )
)

GIVE_BACK_TO_LOT = Sql(
    update(schema.lot)
    .where(_LOT.id == bindparam("lot_id"))
    .values(remaining_micros=_LOT.remaining_micros + bindparam("amount_micros"))
)
SELECT_USES = Sql(
    select(schema.lot_use.c.lot_id, schema.lot_use.c.amount_micros)
    .where(schema.lot_use.c.journal_id == bindparam("of_journal_id"))
    .order_by(schema.lot_use.c.lot_id)
)


def make_lot(
    *, account_id: int, reference: str, amount_micros: int, purchased_at_ms: int, expires_at_ms: int | None
) -> Operation[int]:
    """Write a full lot and answer its id; ``expires_at_ms`` None means never."""
    rows = yield INSERT_LOT(
        account_id=account_id,
        reference=reference,
        amount_micros=amount_micros,
        purchased_at_ms=purchased_at_ms,
        expires_at_ms=expires_at_ms,
    )
    return int(rows[0][0])


def consume_lots(
    *, account_id: int, journal_id: int, amount_micros: int, first: UnspentLot | None = None
) -> Operation[None]:
    """Take ``amount_micros`` from the account's lots for a journal row, and write down from which.

    Args:
        first: The lot that is spent first, where that is known.

    Raises:
        LedgerInconsistentError: the lots hold less than the balance they stand for.
    """
    missing_micros = amount_micros
    lots = [] if first is None else [first]
    while missing_micros > 0:
        if not lots:
            lots = [UnspentLot(*row) for row in (yield SELECT_UNSPENT(account_id=account_id))]
        if not lots:
            raise LedgerInconsistentError(
                f"account {account_id}: its lots lack {missing_micros} micro-units of its balance; "
                "run `tollgate verify`"
            )
        for lot in lots:
            taken_micros = min(missing_micros, lot.remaining_micros)
            yield from take_from_lot(lot_id=lot.id, journal_id=journal_id, amount_micros=taken_micros)
            missing_micros -= taken_micros
            if missing_micros == 0:
                break
        lots = []


def take_from_lot(*, lot_id: int, journal_id: int, amount_micros: int) -> Operation[None]:
    """Take ``amount_micros`` from one lot for a journal row."""
    yield TAKE_FROM_LOT(lot_id=lot_id, amount_micros=amount_micros)
    yield INSERT_USE(lot_id=lot_id, journal_id=journal_id, amount_micros=amount_micros)


def give_back_lots(*, charge_id: int, refund_id: int) -> Operation[None]:
    """Give back to its lots what a charge took from them, for the journal row that refunds all of it.

    A lot may have expired meanwhile: what came back to it expires as the rest of it did (``store.expiry``).
    """
    uses = yield SELECT_USES(of_journal_id=charge_id)
    for lot_id, amount_micros in uses:
        yield GIVE_BACK_TO_LOT(lot_id=lot_id, amount_micros=amount_micros)
        yield INSERT_USE(lot_id=lot_id, journal_id=refund_id, amount_micros=amount_micros)
