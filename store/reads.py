"""Reading: how the topics' queries reach the database without ever holding up its writer."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from store.errors import StoreUnavailableError

_POOL_SIZE = 4
BUSY_TIMEOUT_S = 5.0

MEND = "check that it is Tollgate's, whole, and that you may use it"
"""What to do about a database that cannot be read."""


def read_engine(path: Path) -> AsyncEngine:
    """Answer an engine that can not write, whose transactions see one state of the database from end to end.

    In WAL mode a reader never waits for the writer, nor the writer for a reader.
    """
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=_POOL_SIZE,
        max_overflow=0,
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )
    event.listen(engine.sync_engine, "connect", _make_read_only)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


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

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that sees one state of the database.

        Raises:
            StoreUnavailableError: the database can not be read.
        """
        try:
            async with self._engine.connect() as connection:
                yield connection
        except (DatabaseError, PoolTimeoutError, sqlite3.Error) as error:
            # SQLAlchemy's own words are many lines, with the statement and a link.
            reason = error.orig if isinstance(error, DatabaseError) else error
            raise StoreUnavailableError(f"the database could not be read: {reason}; {MEND}") from error
