"""The ledger in memory: the same schema and the same operations on a SQLite database that no file has.

Theory of operation. One connection, one thread, the caller's. An operation runs to its end at once, in the order in
which they are asked for, so nothing queues, nothing overloads and no operation ever sees another one half done. Each is
all or nothing in its savepoint, which is its transaction.

Reads go by SQLAlchemy like those of a file, through :class:`_Connection`: what looks like a driver for asyncio waits
for nothing, and fetches a statement's rows at once. So every statement sees what has been applied and no more, and a
read of several statements one state, since nothing else gets its turn in between. What a consumer that takes row after
row (``Store.cdrs``) applies meanwhile is not among its rows. With neither threads nor waiting, what is done twice
happens twice in the same way: simulations in virtual time replay.

Nothing is durable, and only this process sees it. Otherwise the promises are those of :mod:`store.sqlite`, errors too.
"""

import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any, Self, TypeVar

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool

from store.errors import StoreUnavailableError
from store.operation import Operation
from store.sqlite_operations import OperationRunner
from store.writer import BulkAnswer, WriterStats

T = TypeVar("T")


class MemoryWriter:
    """Runs operations on one database in memory; a ``store.writer.Writer``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._operations = OperationRunner()
        self._commits = 0
        self._requests = 0

    async def apply(self, operation: Operation[T]) -> T:
        """Run an operation and answer what it returned.

        Raises:
            StoreUnavailableError: the database could not do it, or is closed.
            StoreError: what the operation itself raised; it changed nothing.
        """
        self._requests += 1
        try:
            answer = self._operations.run(self._connection, operation)
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"the store in memory could not be written ({error})") from error
        self._commits += 1
        return answer

    async def apply_bulk(self, operation: Operation[T]) -> BulkAnswer[T]:
        """Run an operation as :meth:`apply` does; there is nothing to flush and nobody else to wait."""
        return BulkAnswer(await self.apply(operation), held_s=0.0)

    def stats(self) -> WriterStats:
        """Answer the counters; nothing ever waits."""
        return WriterStats(self._commits, self._requests, waiting=0)

    async def close(self) -> None:
        """Let the database go, and all that is in it."""
        self._connection.close()


def new_database() -> sqlite3.Connection:
    """Make a database in memory with this version's schema and nothing in it."""
    connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
    _template().backup(connection)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def memory_engine(connection: sqlite3.Connection) -> AsyncEngine:
    """Answer an engine that reads ``connection`` and cannot write; it leaves it open."""

    async def reader() -> Any:
        return _Connection(connection)

    return create_async_engine("sqlite+aiosqlite://", async_creator=reader, poolclass=StaticPool)


@cache
def _template() -> sqlite3.Connection:
    """Answer a database that all migrations have made, once; copying it takes a millisecond."""
    from store.schema_changes import run_missing  # noqa: PLC0415  # loads Alembic, which a store in a file does not need

    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)  # any thread copies it
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    with engine.begin() as migrating:
        run_missing(migrating)
    return connection


class _Cursor:
    """A cursor with the methods of one of aiosqlite; the rows are there as soon as it has executed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Self:
        """Execute a statement that changes nothing and fetch all of its rows."""
        if statement.startswith("SELECT "):
            self._fetch(statement, parameters)
            return self
        # A SELECT changes nothing. All else is kept from it, at a price: this pragma makes SQLite compile every
        # statement anew that it has prepared.
        self._connection.execute("PRAGMA query_only = ON")
        try:
            self._fetch(statement, parameters)
        finally:
            self._connection.execute("PRAGMA query_only = OFF")
        return self

    def _fetch(self, statement: str, parameters: Sequence[Any]) -> None:
        cursor = self._connection.execute(statement, parameters)
        self.description = cursor.description
        self._rows = cursor.fetchall()[::-1]

    async def fetchone(self) -> Any:
        """Answer the next row, None behind the last."""
        return self._rows.pop() if self._rows else None

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Answer the next ``size`` rows."""
        return [self._rows.pop() for _ in range(min(size or self.arraysize, len(self._rows)))]

    async def fetchall(self) -> list[Any]:
        """Answer the rows that are left."""
        return await self.fetchmany(len(self._rows) or 1)

    async def close(self) -> None:
        """Forget the rows."""
        self._rows = []


class _Connection:
    """A connection with the methods of one of aiosqlite that SQLAlchemy uses; many share one database.

    A reader has no transaction: it could only be the writer's, and its end that of the writer's.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def cursor(self) -> _Cursor:
        """Make a cursor."""
        return _Cursor(self._connection)

    async def create_function(self, *args: Any, **options: Any) -> None:
        """Add a function to SQL, as SQLAlchemy does for regular expressions."""
        self._connection.create_function(*args, **options)

    async def commit(self) -> None:
        """End a transaction that is none."""

    async def rollback(self) -> None:
        """End a transaction that is none."""

    async def close(self) -> None:
        """Leave the database to its writer."""

    def stop(self) -> None:
        """Leave the database to its writer."""
