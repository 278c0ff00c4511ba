"""The expiries that a lot has had, found in the journal by their keys.

A lot's entries are numbered without a gap, and the journal's keys are indexed: following the numbers finds them all
at the cost of one look each, where summing up what became of a lot would read every charge that was taken from it.
"""

from typing import Any

from sqlalchemy import CTE, ColumnElement, Integer, Text, bindparam, cast, func, literal_column, select

from store import schema
from store.operation import Sql

_LOT = schema.lot.c
_JOURNAL = schema.journal.c
_ONE = literal_column("1", Integer)


def expiries_of(lots: ColumnElement[bool]) -> CTE:
    """Answer the expiries of the lots that meet a condition: ``lot_id``, ``n`` and ``amount_micros``."""
    found = (
        select(_LOT.id.label("lot_id"), _ONE.label("n"), _JOURNAL.amount_micros)
        .select_from(schema.lot.join(schema.journal, _JOURNAL.key == _key(_LOT.id, _ONE)))
        .where(lots)
        .cte("expiries", recursive=True, nesting=True)
    )
    next_n = found.c.n + _ONE
    return found.union_all(
        select(found.c.lot_id, next_n, _JOURNAL.amount_micros).select_from(
            found.join(schema.journal, _JOURNAL.key == _key(found.c.lot_id, next_n))
        )
    )


def _key(lot_id: Any, n: Any) -> ColumnElement[str]:
    """Answer ``store.journal.expire_key`` in SQL."""
    key: ColumnElement[str] = (
        literal_column("'lot:'", Text)
        .concat(cast(lot_id, Text))
        .concat(literal_column("':expire:'", Text))
        .concat(cast(n, Text))
    )
    return key


# The WITH is in the subquery: PostgreSQL takes no second one where changes go along with a statement.
COUNT_EXPIRIES = Sql(
    select(select(func.count()).select_from(expiries_of(_LOT.id == bindparam("of_lot_id"))).scalar_subquery())
)
