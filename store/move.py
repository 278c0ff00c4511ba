"""Moving a whole store to another database: every row of every table, with its id, in one transaction.

Source and target have this version's schema. The source is read in one state and left as it is; what a service writes
to it meanwhile is not moved, so services are stopped first. The target is empty before, and again where a move fails.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, delete, event, exists, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from store import schema
from store.errors import OpenCallsError, StoreConstraintError, StoreNotEmptyError, StoreUnavailableError
from store.location import Location, PostgresLocation
from store.migrate import server_engine
from store.operation import Row
from store.postgres_connection import CONNECTION_ERRORS, WRITER_LOCK, reason
from store.reads import BUSY_TIMEOUT_S, MEND, read_engine

Progress = Callable[[int, int], None]
"""Is told how many rows have been moved, of how many."""

_ROWS_AT_ONCE = 5_000
_TABLES = schema.metadata.sorted_tables
"""Those that others refer to come first."""


async def move_store(
    source: Location, target: Location, *, with_open_calls: bool, progress: Progress | None = None
) -> Mapping[str, int]:
    """Copy everything and answer how many rows of each table, counted in the target.

    Args:
        with_open_calls: Calls that are open move with what they hold, for the services of the new place to go on with.

    Raises:
        StoreNotEmptyError: the target has rows already.
        OpenCallsError: the source has open calls, and they are not to be moved.
        StoreUnavailableError: one of the two cannot be used.
        StoreConstraintError: a row was refused, or not all have arrived.
    """
    async with _reading(source) as reader, _writing(target) as writer:
        await _refuse_full(writer)
        counts = {table.name: await _count(reader, table) for table in _TABLES}
        if counts[schema.session.name] and not with_open_calls:
            raise OpenCallsError(f"{counts[schema.session.name]} calls are open in the {source.shown}")
        tell = _Counter(sum(counts.values()), progress)
        await writer.execute(delete(schema.catalog_version))  # the one row of an empty store
        for table in _TABLES:
            await _copy(reader, writer, table, tell)
        await _number_on(writer)
        arrived = {table.name: await _count(writer, table) for table in _TABLES}
        _refuse_loss(counts, arrived)
    return arrived


class _Counter:
    """Adds up what was moved and tells it."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total = total
        self._progress = progress
        self._done = 0

    def add(self, rows: int) -> None:
        self._done += rows
        if self._progress is not None:
            self._progress(self._done, self._total)


@asynccontextmanager
async def _reading(source: Location) -> AsyncIterator[AsyncConnection]:
    engine = read_engine(source)
    try:
        async with engine.connect() as connection:
            yield connection
    except (DBAPIError, *CONNECTION_ERRORS) as error:
        raise _failed("moved", error) from error
    finally:
        await engine.dispose()


@asynccontextmanager
async def _writing(target: Location) -> AsyncIterator[AsyncConnection]:
    """Open the one transaction, in which nobody else writes."""
    engine = _target_engine(target)
    try:
        async with engine.begin() as connection:
            if isinstance(target, PostgresLocation):
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})"))
            yield connection
    except (DBAPIError, *CONNECTION_ERRORS) as error:
        raise _failed("written", error) from error
    finally:
        await engine.dispose()


def _target_engine(target: Location) -> AsyncEngine:
    if isinstance(target, PostgresLocation):
        return server_engine(target, role="move")
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{target.path}", poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S}
    )

    def leave_transactions_to_us(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None

    event.listen(engine.sync_engine, "connect", leave_transactions_to_us)
    event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _failed(what: str, error: Exception) -> StoreUnavailableError:
    cause: BaseException = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return StoreUnavailableError(f"the database could not be {what}: {reason(cause)}; {MEND}")


async def _refuse_full(writer: AsyncConnection) -> None:
    for table in _TABLES:
        if table is not schema.catalog_version and await writer.scalar(select(exists(select(table)))):
            raise StoreNotEmptyError(f"the target has rows in {table.name} already")


async def _count(connection: AsyncConnection, table: Table) -> int:
    return int(await connection.scalar(select(func.count()).select_from(table)) or 0)


async def _copy(reader: AsyncConnection, writer: AsyncConnection, table: Table, tell: _Counter) -> None:
    rows = await reader.stream(select(table), execution_options={"yield_per": _ROWS_AT_ONCE})
    async for part in rows.partitions():
        await _write(writer, table, [tuple(row) for row in part])
        tell.add(len(part))


async def _write(writer: AsyncConnection, table: Table, rows: Sequence[Row]) -> None:
    columns = [column.name for column in table.columns]
    if writer.dialect.name == "postgresql":
        raw = await writer.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.copy_records_to_table(table.name, records=rows, columns=columns)
    else:
        await writer.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])


async def _number_on(writer: AsyncConnection) -> None:
    """Let new rows be numbered after the moved ones; SQLite does so by itself."""
    if writer.dialect.name != "postgresql":
        return
    for table in _TABLES:
        if table.autoincrement_column is not None:
            last = await writer.scalar(select(func.max(table.autoincrement_column)))
            if last is not None:
                sequence = func.pg_get_serial_sequence(table.name, table.autoincrement_column.name)
                await writer.execute(select(func.setval(sequence, last)))


def _refuse_loss(counts: Mapping[str, int], arrived: Mapping[str, int]) -> None:
    for name, count in counts.items():
        if arrived[name] != count:
            raise StoreConstraintError(f"{arrived[name]} of {count} rows of {name} arrived; nothing was moved")
