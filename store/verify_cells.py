"""Whether every cell holds what its column is for, before anything is reckoned with it.

A failing disk or another program may have left a moment after the end of time, or seconds that nobody lives to see. A
file of SQLite takes any value in any column besides: text where an amount is due. Sums of such are no sums, so what is
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

_LAST_MS: Final = 221_845_392_000_000
"""The year 9000: with the seconds of a call it is none that calendars do not have, which end with 9999."""
_LAST_S: Final = 10_000_000_000
"""Three hundred years, or what 3,800 phones that share an allowance can talk in a month."""
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
    counts = _counts(table, is_typed=connection.dialect.name != "sqlite")
    if counts is None:
        return []
    row = (await connection.execute(counts)).mappings().one()
    return [Difference(Check.CELL, f"{table.name}.{name}", 0, count) for name, count in row.items() if count]


@cache
def _counts(table: Table, *, is_typed: bool) -> Select[Any] | None:
    """Answer what counts the strange cells of each column, of which there are more words than of any other statement.

    Args:
        is_typed: Whether the database itself sees to the type of every cell.
    """
    counts: list[ColumnElement[Any]] = []
    for column in table.columns:
        wrong = _is_out_of_range(column) if is_typed else _is_strange(column)
        if wrong is not None:
            counts.append(func.count().filter(wrong).label(column.name))
    return select(*counts).select_from(table) if counts else None


def _is_strange(column: Column[Any]) -> ColumnElement[bool]:
    kind = func.typeof(column)
    right = "text" if isinstance(column.type, Text) else "integer"
    wrong: ColumnElement[bool] = kind.not_in((right, "null"))
    beyond = _is_out_of_range(column)
    if beyond is not None:
        wrong = or_(wrong, and_(kind == right, beyond))
    return wrong if column.nullable else or_(wrong, kind == "null")


def _is_out_of_range(column: Column[Any]) -> ColumnElement[bool] | None:
    """Tell whether a moment, or seconds, are none that can be; None of other columns, where any number may be."""
    if column.name.endswith("_ms"):
        return or_(column < 0, column >= _LAST_MS)
    if column.name.endswith("_s"):
        return or_(column < 0, column >= _LAST_S)
    return None
