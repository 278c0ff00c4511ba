"""Reading: how the topics' queries reach the database without ever holding up its writer."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, BigInteger, ColumnElement, Connection, cast, event, func
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from store.errors import StoreUnavailableError
from store.location import Location, MemoryLocation, PostgresLocation
from store.postgres_connection import CONNECTION_ERRORS, connect, reason

_POOL_SIZE = 4
BUSY_TIMEOUT_S = 5.0

MEND = "check that it is Tollgate's, whole, and that you may use it"
"""What to do about a database that cannot be read."""


def read_engine(location: Location) -> AsyncEngine:
    """Answer an engine that can not write, whose transactions see one state of the database from end to end.

    A reader never waits for the writer, nor the writer for a reader: SQLite is in WAL mode, PostgreSQL keeps versions.
    """
    return _server_engine(location) if isinstance(location, PostgresLocation) else _file_engine(location.path)


def _file_engine(path: Path) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=_POOL_SIZE,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )
    event.listen(engine.sync_engine, "connect", _make_read_only)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _server_engine(location: PostgresLocation) -> AsyncEngine:
    async def open_connection() -> Any:
        return await connect(location, role="reader")

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=open_connection,
        pool_size=_POOL_SIZE,
        max_overflow=0,
        pool_pre_ping=True,  # after a restart of the server the old connections are dead
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )


def _make_read_only(dbapi_connection: Any, _record: object) -> None:
    dbapi_connection.isolation_level = None  # transactions begin where we say so, not before the first change
    cursor = dbapi_connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


class Reads:
    """What the topics' read methods share: the engine, and the translation of its errors."""

    _engine: AsyncEngine
    _location: Location | MemoryLocation

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that sees one state of the database.

        Raises:
            StoreUnavailableError: the database can not be read.
        """
        try:
            async with self._engine.connect() as connection:
                yield connection
        except (DBAPIError, PoolTimeoutError, sqlite3.Error, *CONNECTION_ERRORS) as error:
            # SQLAlchemy's own words are many lines, with the statement and a link.
            cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
            raise StoreUnavailableError(f"the database could not be read: {reason(cause)}; {MEND}") from error


def whole_sum(amounts: ColumnElement[int]) -> ColumnElement[int]:
    """Sum up whole numbers to one; PostgreSQL's sum of them is a decimal."""
    return cast(func.sum(amounts), BigInteger)
