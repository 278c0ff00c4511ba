"""What the tests of the writers share: a database to write to, its lock in other hands, operations that fail."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import bindparam, func, insert, select, update

from store import schema
from store.catalog import create_account
from store.location import PostgresLocation, SqliteLocation, locate
from store.operation import Operation, Rows, Sql
from store.postgres import PostgresWriter
from store.postgres_connection import WRITER_LOCK
from store.sqlite import SqliteWriter
from tests.integration.store.office import T0_MS

COUNT_ACCOUNTS = Sql(select(func.count()).select_from(schema.account))
OVERDRAW = Sql(update(schema.account).values(available_micros=-1))
NO_SUCH_FUNCTION = Sql(select(func.no_such_function()))
INSERT_PLAN_ROW = Sql(insert(schema.plan).values({name: bindparam(name) for name in ("name", "toml", "updated_at_ms")}))
ALL_PLANS = Sql(
    select(schema.plan.c.name, schema.plan.c.toml, schema.plan.c.updated_at_ms).order_by(schema.plan.c.name)
)

AnyWriter = SqliteWriter | PostgresWriter


@dataclass(frozen=True)
class Database:
    """A database with an empty store."""

    url: str

    def writer(self, *, lock_timeout_ms: int | None = None, **limits: int) -> AnyWriter:
        """Make a writer on it; without ``lock_timeout_ms`` it waits for its turn as long as the service does."""
        location = locate(self.url)
        if isinstance(location, PostgresLocation):
            timeout = {} if lock_timeout_ms is None else {"lock_timeout_ms": lock_timeout_ms}
            return PostgresWriter(location, **timeout, **limits)
        assert isinstance(location, SqliteLocation)
        timeout = {} if lock_timeout_ms is None else {"busy_timeout_ms": lock_timeout_ms}
        return SqliteWriter(location.path, **timeout, **limits)

    @asynccontextmanager
    async def in_other_hands(self) -> AsyncIterator[None]:
        """Another process's or node's write transaction, for as long as the block lasts."""
        location = locate(self.url)
        if isinstance(location, SqliteLocation):
            with closing(sqlite3.connect(location.path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                yield
            return
        connection = await asyncpg.connect(self.url)
        await connection.execute(f"BEGIN; SELECT pg_advisory_xact_lock({WRITER_LOCK})")
        try:
            yield
        finally:
            await connection.close()


async def taken(writer: AnyWriter) -> None:
    """Wait until the writer has taken all that was asked, and waits for the lock with it."""
    await asyncio.sleep(0)
    while writer.stats().waiting:  # noqa: ASYNC110  # it takes requests without telling anybody
        await asyncio.sleep(0.001)


def count_accounts() -> Operation[int]:
    rows = yield COUNT_ACCOUNTS()
    return int(rows[0][0])


def account(name: str) -> Operation[int]:
    return create_account(name=name, currency="EUR", timezone="UTC", at_ms=T0_MS)


def account_then(name: str, fail: Callable[[], Operation[Any]]) -> Operation[None]:
    """Write an account, then fail."""
    yield from account(name)
    yield from fail()


def run(sql: Sql) -> Operation[Rows]:
    return (yield sql())


def overdraw() -> Operation[None]:
    """Fail by a change that nobody asks the outcome of: a server's writer puts it off to the operation's end."""
    yield OVERDRAW()


def stumble() -> Operation[None]:
    yield NO_SUCH_FUNCTION()


def crash() -> Operation[None]:
    yield COUNT_ACCOUNTS()
    raise ZeroDivisionError
