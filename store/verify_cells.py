"""Whether every cell holds what its column is for, before anything is reckoned with it.

PostgreSQL sees to that itself. A file of SQLite takes any value in any column, and a failing disk or another program
may have left one: text where an amount is due, a moment after the end of time. Sums of such are no sums, so what is
found is all that ``verify`` then tells.
"""

from typing import Any, Final

from sqlalchemy import Column, Table, Text, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from store import schema
from store.verify_report import Check, Difference

LAST_MS: Final = 253_370_764_800_000
"""The year 9999: there are no calendars beyond."""
_READ: Final = (
    schema.account,
    schema.lot,
    schema.journal,
    schema.lot_use,
    schema.session,
    schema.cdr,
    schema.spend,
    schema.allowance_pool,
    schema.allowance_slice,
)
"""What ``verify`` reckons with."""


async def strange_cells(connection: AsyncConnection) -> list[Difference]:
    """Return, for each column, how many of its cells hold what no such column may; by table and column."""
    if connection.dialect.name != "sqlite":
        return []
    found: list[Difference] = []
    for table in _READ:
        found += await _of_table(connection, table)
    return found


async def _of_table(connection: AsyncConnection, table: Table) -> list[Difference]:
    counts = [func.coalesce(func.sum(_is_strange(column)), 0) for column in table.columns]
    row = (await connection.execute(select(*counts).select_from(table))).one()
    return [
        Difference(Check.CELL, f"{table.name}.{column.name}", 0, int(count))
        for column, count in zip(table.columns, row, strict=True)
        if count
    ]


def _is_strange(column: Column[Any]) -> ColumnElement[Any]:
    kind = func.typeof(column)
    wrong: ColumnElement[bool]
    if isinstance(column.type, Text):
        wrong = kind.not_in(("text", "null"))
    else:
        wrong = kind.not_in(("integer", "null"))
        if column.name.endswith("_ms"):
            wrong = or_(wrong, and_(kind == "integer", or_(column < 0, column >= LAST_MS)))
    return wrong if column.nullable else or_(wrong, kind == "null")
