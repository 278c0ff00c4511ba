"""Whether every cell holds what its column is for, before anything is reckoned with it.

PostgreSQL sees to that itself. A file of SQLite takes any value in any column, and a failing disk or another program
may have left one: text where an amount is due, a moment after the end of time. Sums of such are no sums, so what is
found is all that ``verify`` then tells.
"""

from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Column, Select, Table, Text, and_, func, or_, select
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
    found: list[Difference] = []
    if connection.dialect.name == "sqlite":
        for table in _READ:
            found += await _of_table(connection, table)
    if not found:
        found += await _unknown_timezones(connection)
    return found


async def _unknown_timezones(connection: AsyncConnection) -> list[Difference]:
    """Return how many accounts have a time zone that there is not."""
    column = schema.account.c.timezone
    count = 0
    for name in await connection.scalars(select(column)):
        try:
            ZoneInfo(name)
        except (ValueError, KeyError, OSError):
            count += 1
    return [Difference(Check.CELL, f"{column.table.name}.{column.name}", 0, count)] if count else []


async def _of_table(connection: AsyncConnection, table: Table) -> list[Difference]:
    row = (await connection.execute(_counts(table))).one()
    return [
        Difference(Check.CELL, f"{table.name}.{column.name}", 0, int(count))
        for column, count in zip(table.columns, row, strict=True)
        if count
    ]


@cache
def _counts(table: Table) -> Select[Any]:
    """Answer what counts the strange cells of each column: more words than any other statement of ours."""
    return select(*(func.coalesce(func.sum(_is_strange(column)), 0) for column in table.columns)).select_from(table)


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
