"""The PostgreSQL writer: one connection, many operations in each commit, one writer at a time among all nodes.

Theory of operation. Requests queue up while a transaction runs; then all that wait (up to ``LONGEST_BATCH``) go into
the next one::

    BEGIN   SELECT pg_advisory_xact_lock(…)   SAVEPOINT request     one question to the server
      … the operation's statements …
    RELEASE request   SAVEPOINT request                             one question, where the operation changed something
      … the next one's, in the order of arrival …
    COMMIT                                                          then all of them are answered

The lock is everybody's who writes, of all nodes (docs/adr/0007-one-writer-at-a-time.md): an operation sees what was
committed before it and no change beside its own, as on SQLite. PostgreSQL gives it in the order of asking.

Every answer is given after its commit. An operation that raises is rolled back to its savepoint and answered with its
error; the others are not touched. Where the transaction itself fails (server gone, lock not had in time), all of its
requests fail with ``StoreUnavailableError``, and the next batch starts on a new connection. A commit that failed may
still have happened: requests are repeated under the same key.

A node that dies or stands still in a transaction must not hold up the others: the server ends a transaction that
waits for its node for ``IDLE_TIMEOUT_MS``, and notices a machine that is gone. Waiting for the lock has a limit too.

Cancelling the one who waits does not cancel the request. The queue is bounded; a full one refuses at once.

Bulk work (a deck's rates, which nobody reads before the switch) is committed with ``synchronous_commit = off``: what a
crash of the server leaves of it is all up to some commit, never one in the middle is missing, and the next commit of
anything else makes all before it durable (postgresql.org/docs/current/wal-async-commit.html).
"""

import asyncio
import time
from typing import Any, TypeVar

import asyncpg

from store.errors import StoreConstraintError, StoreUnavailableError
from store.location import PostgresLocation
from store.operation import ManyStatement, Operation, Rows, Sql, SqlValue, Statement
from store.postgres_connection import CONNECTION_ERRORS, WRITER_LOCK, connect, reason
from store.postgres_sql import Copy, ServerSql, copy_of, server_sql, together
from store.writer import LONGEST_QUEUE, QueuedWriter, Request

LONGEST_BATCH = 64
"""A statement costs a question to the server: more requests would keep other nodes waiting for too long."""
LOCK_TIMEOUT_MS = 5_000
"""How long the others' turns may last before a batch fails; ours are far shorter."""
IDLE_TIMEOUT_MS = 3_000
"""How long the server waits for a node in the middle of a transaction, all others with it."""
STATEMENT_TIMEOUT_MS = 10_000
_BATCH_TIMEOUT_S = 20.0
"""For a server that has become silent: the network is gone, or the machine."""
_MOST_PREPARED = 1_000

T = TypeVar("T")

_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {durability}"
    f"SELECT pg_advisory_xact_lock({WRITER_LOCK}); SAVEPOINT request"
)
_BEGIN_DURABLE = _BEGIN.format(durability="")
_BEGIN_BULK = _BEGIN.format(durability="SET LOCAL synchronous_commit = off; ")
_NEXT_SAVEPOINT = "RELEASE SAVEPOINT request; SAVEPOINT request"
_UNDO_REQUEST = "ROLLBACK TO SAVEPOINT request"
# Whoever set "off" for the whole server did not mean money. Stronger settings, for standby servers, are kept.
_DURABLE_COMMITS = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)


class PostgresWriter(QueuedWriter):
    """Runs operations on one PostgreSQL database; belongs to the event loop it was made in."""

    def __init__(
        self,
        location: PostgresLocation,
        *,
        lock_timeout_ms: int = LOCK_TIMEOUT_MS,
        idle_timeout_ms: int = IDLE_TIMEOUT_MS,
        longest_queue: int = LONGEST_QUEUE,
        longest_batch: int = LONGEST_BATCH,
    ) -> None:
        super().__init__(longest_queue, longest_batch)
        self._connection = _Connection(location, lock_timeout_ms=lock_timeout_ms, idle_timeout_ms=idle_timeout_ms)
        self._changed = asyncio.Event()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="store-writer")

    async def close(self) -> None:
        """Finish everything that is queued, then end the connection."""
        self._closing = True
        self._changed.set()
        await asyncio.shield(self._task)

    def _submit(self, request: Request) -> None:
        if self._task.done():
            raise StoreUnavailableError("the store is closed")
        self._put(request)
        self._changed.set()

    async def _run(self) -> None:
        batch: list[Request] = []
        try:
            while batch := await self._next_batch():
                await self._serve(batch)
                for request in batch:
                    request.answer()
        finally:  # the loop ends under us: nobody may wait for ever
            self._closing = True
            for request in (*batch, *self._queue):
                request.error = StoreUnavailableError("the store was closed; nothing is promised")
                request.answer()
            await self._connection.close()

    async def _next_batch(self) -> list[Request]:
        """Wait for requests and take them; an empty list says that the writer is closed and drained."""
        while not self._queue and not self._closing:
            self._changed.clear()
            await self._changed.wait()
        return self._take()

    async def _serve(self, batch: list[Request]) -> None:
        failure = None
        try:
            async with asyncio.timeout(_BATCH_TIMEOUT_S):
                await self._connection.commit(batch)
        except Exception as error:  # noqa: BLE001  # whatever it is, somebody waits for an answer
            failure = _batch_failed(error)
            failure.__cause__ = error
            self._connection.abandon()
        self._count(batch, failure)


class _Connection:
    """The connection, and the transactions on it."""

    def __init__(self, location: PostgresLocation, *, lock_timeout_ms: int, idle_timeout_ms: int) -> None:
        self._location = location
        self._settings = {
            "lock_timeout": str(lock_timeout_ms),
            "idle_in_transaction_session_timeout": str(idle_timeout_ms),
            "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            "plan_cache_mode": "force_generic_plan",  # every statement finds its rows by key, whatever the values
        }
        self._driver: Any = None
        self._known: dict[Sql, ServerSql] = {}
        self._copies: dict[Sql, Copy | None] = {}
        self._prepared: dict[tuple[Sql, ...], Any] = {}
        self._put_off: list[Statement] = []
        """Changes that the operation was told are done, see ``store.postgres_sql``."""
        self._put_off_tables: set[str] = set()
        self._is_changed = False
        """Whether the savepoint no longer stands for what the next operation begins with."""

    async def commit(self, batch: list[Request]) -> None:
        """Run a batch in one transaction; raises where the transaction as a whole failed."""
        await self._connect()
        await self._driver.execute(_BEGIN_BULK if all(request.is_bulk for request in batch) else _BEGIN_DURABLE)
        began_s = time.monotonic()
        self._is_changed = False
        for request in batch:
            await self._run_one(request)
        held_s = time.monotonic() - began_s
        if await self._driver.execute("COMMIT") != "COMMIT":
            raise StoreUnavailableError("the server rolled the transaction back")
        for request in batch:
            request.held_s = held_s

    def abandon(self) -> None:
        """Drop the connection, which rolls an open transaction back; the next batch opens another."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.terminate()

    async def close(self) -> None:
        """End the connection, with a good-bye where it can be had."""
        driver, self._driver = self._driver, None
        if driver is not None:
            try:
                await driver.close(timeout=1.0)
            except CONNECTION_ERRORS:
                driver.terminate()

    async def _connect(self) -> None:
        if self._driver is not None and not self._driver.is_closed():
            return
        self._prepared.clear()
        self._driver = await connect(self._location, role="writer", settings=self._settings)
        await self._driver.execute(_DURABLE_COMMITS)

    async def _run_one(self, request: Request) -> None:
        if self._is_changed:
            await self._driver.execute(_NEXT_SAVEPOINT)
            self._is_changed = False
        try:
            request.result = await self._drive(request.operation)
        except Exception as error:
            if self._driver.is_closed() or isinstance(error, asyncpg.InvalidCachedStatementError):
                raise  # the whole transaction is lost
            request.error = _as_ours(error)
            await self._undo()

    async def _undo(self) -> None:
        self._put_off.clear()
        self._put_off_tables.clear()
        await self._driver.execute(_UNDO_REQUEST)
        self._is_changed = False

    async def _drive(self, operation: Operation[T]) -> T:
        try:
            statement = next(operation)
            while True:
                rows = await self._execute(statement)
                statement = operation.send(rows)
        except StopIteration as stop:
            answer: T = stop.value
        if self._put_off:
            await self._ask()
        return answer

    async def _execute(self, statement: Statement | ManyStatement) -> Rows:
        if isinstance(statement, ManyStatement):
            await self._execute_many(statement)
            return []
        sql = self._sql(statement.sql)
        if self._put_off and (sql.tables is None or not self._put_off_tables.isdisjoint(sql.tables)):
            await self._ask()
        if sql.can_wait:
            self._put_off.append(statement)
            self._put_off_tables.update(sql.tables or ())
            return []
        return await self._ask(statement)

    async def _execute_many(self, statement: ManyStatement) -> None:
        if self._put_off:
            await self._ask()
        self._is_changed = True
        sql = statement.sql
        if sql not in self._copies:
            self._copies[sql] = copy_of(sql)
        copy = self._copies[sql]
        if copy is None:
            await self._driver.executemany(self._sql(sql).compiled.text, statement.rows)
        else:
            await self._driver.copy_records_to_table(copy.table, records=statement.rows, columns=copy.columns)

    async def _ask(self, last: Statement | None = None) -> Rows:
        """Do what was put off, and with it ``last``, whose rows are answered."""
        statements = self._put_off if last is None else [*self._put_off, last]
        parts = [self._sql(statement.sql) for statement in statements]
        arguments: list[SqlValue] = []
        for part, statement in zip(parts, statements, strict=True):
            arguments.extend(part.arguments(statement))
        key = tuple(statement.sql for statement in statements)
        self._put_off = []
        self._put_off_tables.clear()
        self._is_changed = self._is_changed or any(part.changes for part in parts)
        prepared = self._prepared.get(key)
        if prepared is None:
            prepared = await self._prepare(key, together(parts))
        return [tuple(record) for record in await prepared.fetch(*arguments)]

    async def _prepare(self, key: tuple[Sql, ...], text: str) -> Any:
        if len(self._prepared) >= _MOST_PREPARED:
            self._prepared.clear()
        prepared = self._prepared[key] = await self._driver.prepare(text)
        return prepared

    def _sql(self, sql: Sql) -> ServerSql:
        known = self._known.get(sql)
        if known is None:
            known = self._known[sql] = server_sql(sql)
        return known


def _as_ours(error: Exception) -> Exception:
    """Answer what the one who asked is told; an operation's own error is told as it is."""
    translated: Exception
    if isinstance(error, (asyncpg.IntegrityConstraintViolationError, asyncpg.RaiseError, asyncpg.DataError)):
        translated = StoreConstraintError(f"the database refused the change: {reason(error)}")
    elif isinstance(error, CONNECTION_ERRORS):
        translated = StoreUnavailableError(f"the database could not do it: {reason(error)}")
    else:
        return error
    translated.__cause__ = error
    return translated


def _batch_failed(error: Exception) -> StoreUnavailableError:
    text = str(error) if isinstance(error, StoreUnavailableError) else reason(error)
    return StoreUnavailableError(f"the database could not be written ({text}); nothing is promised")
