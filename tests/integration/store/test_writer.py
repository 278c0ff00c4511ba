"""The writer on real files: batches, isolation of requests, and what happens when the database does not play along."""

import asyncio
import shutil
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import bindparam, func, insert, select, text, update

from store import schema
from store.catalog import create_account
from store.errors import (
    DuplicateNameError,
    StoreConstraintError,
    StoreOverloadedError,
    StoreUnavailableError,
)
from store.migrate import upgrade
from store.operation import Operation, Rows, Sql
from store.sqlite import LONGEST_BATCH, SqliteWriter
from tests.integration.store.office import T0_MS, url_of

COUNT_ACCOUNTS = Sql(select(func.count()).select_from(schema.account))
OVERDRAW = Sql(update(schema.account).values(available_micros=-1))
NO_SUCH_FUNCTION = Sql(select(func.no_such_function()))
INSERT_PLAN_ROW = Sql(insert(schema.plan).values({name: bindparam(name) for name in ("name", "toml", "updated_at_ms")}))
ALL_PLANS = Sql(
    select(schema.plan.c.name, schema.plan.c.toml, schema.plan.c.updated_at_ms).order_by(schema.plan.c.name)
)
FLUSHES = Sql(text("PRAGMA synchronous"))  # of the connection that is asked: 1 is NORMAL, 2 is FULL
FORBID_GROWTH = Sql(text("PRAGMA max_page_count = 1"))  # for the connection that says so


def count_accounts() -> Operation[int]:
    rows = yield COUNT_ACCOUNTS()
    return int(rows[0][0])


def account(name: str) -> Operation[int]:
    return create_account(name=name, currency="EUR", timezone="UTC", at_ms=T0_MS)


def account_then(name: str, fail: Callable[[], Operation[None]]) -> Operation[None]:
    """Write an account, then fail."""
    yield from account(name)
    yield from fail()


def run(sql: Sql) -> Operation[Rows]:
    return (yield sql())


def overdraw() -> Operation[None]:
    yield OVERDRAW()


def stumble() -> Operation[None]:
    yield NO_SUCH_FUNCTION()


def crash() -> Operation[None]:
    yield COUNT_ACCOUNTS()
    raise ZeroDivisionError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated database."""
    upgrade(url_of(tmp_path))
    return tmp_path / "tollgate.db"


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[SqliteWriter]:
    """A writer that does not wait long for a lock."""
    made = SqliteWriter(path, busy_timeout_ms=50)
    yield made
    await made.close()


class Lock:
    """Another process's write transaction on the same file."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("BEGIN IMMEDIATE")

    def release(self) -> None:
        """End it."""
        self._connection.execute("ROLLBACK")
        self._connection.close()


async def taken(writer: SqliteWriter) -> None:
    """Wait until the writer's thread has taken all that was asked, and sits at the lock with it."""
    await asyncio.sleep(0)
    while writer.stats().waiting:  # noqa: ASYNC110  # the thread takes requests without telling anybody
        await asyncio.sleep(0.001)


async def test_waiting_requests_share_commits(path: Path) -> None:
    writer = SqliteWriter(path)
    lock = Lock(path)
    first = asyncio.create_task(writer.apply(account("first")))
    await taken(writer)
    others = [asyncio.create_task(writer.apply(account(f"a{n}"))) for n in range(LONGEST_BATCH + 1)]
    await asyncio.sleep(0)
    lock.release()
    ids = await asyncio.gather(first, *others)
    stats = writer.stats()
    assert ids == sorted(ids), "requests are decided in the order of their arrival"
    assert (stats.commits, stats.requests, stats.waiting) == (3, LONGEST_BATCH + 2, 0)
    await writer.close()


@pytest.mark.parametrize(
    ("fail", "error"),
    [(overdraw, StoreConstraintError), (stumble, StoreUnavailableError), (crash, ZeroDivisionError)],
)
async def test_a_failing_request_of_a_batch_fails_alone(
    path: Path, writer: SqliteWriter, fail: Callable[[], Operation[None]], error: type[Exception]
) -> None:
    lock = Lock(path)
    before = asyncio.create_task(writer.apply(account("before")))
    failing = asyncio.create_task(writer.apply(account_then("failing", fail)))
    after = asyncio.create_task(writer.apply(account("after")))
    await asyncio.sleep(0)
    lock.release()
    with pytest.raises(error):
        await failing
    await asyncio.gather(before, after)
    assert await writer.apply(count_accounts()) == 2


async def test_bulk_work_alone_is_not_flushed_and_everything_else_is(path: Path, writer: SqliteWriter) -> None:
    assert (await writer.apply_bulk(run(FLUSHES))).value == [(1,)]
    assert await writer.apply(run(FLUSHES)) == [(2,)]
    assert (await writer.apply_bulk(run(FLUSHES))).value == [(1,)]
    lock = Lock(path)
    first = asyncio.create_task(writer.apply_bulk(count_accounts()))
    await taken(writer)
    bulk, call = asyncio.create_task(writer.apply_bulk(run(FLUSHES))), asyncio.create_task(writer.apply(run(FLUSHES)))
    await asyncio.sleep(0)
    lock.release()
    await first
    assert ((await bulk).value, await call) == ([(2,)], [(2,)])


async def test_flushing_is_right_on_a_new_connection_too(path: Path, writer: SqliteWriter) -> None:
    await writer.apply_bulk(count_accounts())
    lock = Lock(path)
    with pytest.raises(StoreUnavailableError):
        await writer.apply_bulk(count_accounts())
    lock.release()
    assert await writer.apply(run(FLUSHES)) == [(2,)]
    assert (await writer.apply_bulk(run(FLUSHES))).value == [(1,)]


async def test_bulk_answer_tells_how_long_the_database_was_held(writer: SqliteWriter) -> None:
    def slow() -> Operation[int]:
        yield COUNT_ACCOUNTS()
        time.sleep(0.02)
        return 7

    answer = await writer.apply_bulk(slow())
    assert answer.value == 7
    assert answer.held_s >= 0.02


@pytest.mark.parametrize("toml", [("same",), ("a", "b")])
@pytest.mark.parametrize("rows", [0, 1, 49, 50, 51, 120])
async def test_insert_of_many_rows_writes_each_as_it_is(writer: SqliteWriter, rows: int, toml: Sequence[str]) -> None:
    written = [(f"plan {n:03}", toml[n % len(toml)], 7) for n in range(rows)]

    def many() -> Operation[Rows]:
        yield INSERT_PLAN_ROW.many(written)
        return (yield ALL_PLANS())

    assert await writer.apply(many()) == written


async def test_insert_of_many_equal_rows_is_refused_as_one_after_the_other(writer: SqliteWriter) -> None:
    def many() -> Operation[None]:
        yield INSERT_PLAN_ROW.many([("plan", "x", 7)] * 50)

    with pytest.raises(StoreConstraintError, match="UNIQUE"):
        await writer.apply(many())


async def test_an_operations_own_error_comes_back_as_it_is(writer: SqliteWriter) -> None:
    await writer.apply(account("main"))
    with pytest.raises(DuplicateNameError):
        await writer.apply(account("main"))


async def test_a_locked_database_is_unavailable_and_the_loop_goes_on(path: Path, writer: SqliteWriter) -> None:
    lock = Lock(path)
    request = asyncio.create_task(writer.apply(account("main")))
    turns = 0
    while not request.done():
        await asyncio.sleep(0.001)
        turns += 1
    with pytest.raises(StoreUnavailableError, match="locked"):
        await request
    assert turns > 5
    lock.release()
    await writer.apply(account("main"))


async def test_a_full_queue_refuses_at_once(path: Path) -> None:
    writer = SqliteWriter(path, longest_queue=3)
    lock = Lock(path)
    first = asyncio.create_task(writer.apply(account("first")))
    await taken(writer)
    waiting = [asyncio.create_task(writer.apply(account(f"a{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(StoreOverloadedError):
        await writer.apply(account("one too many"))
    lock.release()
    await asyncio.gather(first, *waiting)
    assert await writer.apply(count_accounts()) == 4
    await writer.close()


async def test_cancelling_who_waits_does_not_cancel_the_work(path: Path, writer: SqliteWriter) -> None:
    lock = Lock(path)
    request = asyncio.create_task(writer.apply(account("main")))
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    lock.release()
    assert await writer.apply(count_accounts()) == 1


async def test_close_finishes_what_is_queued(path: Path) -> None:
    writer = SqliteWriter(path, longest_batch=4)
    requests = [asyncio.create_task(writer.apply(account(f"a{n}"))) for n in range(40)]
    await asyncio.sleep(0)
    await writer.close()
    assert len(set(await asyncio.gather(*requests))) == 40
    with pytest.raises(StoreUnavailableError, match="closed"):
        await writer.apply(count_accounts())


async def test_a_missing_database_is_unavailable_until_it_is_back(path: Path, writer: SqliteWriter) -> None:
    await writer.apply(account("main"))
    await writer.close()
    away = f"{path}.away"
    await asyncio.to_thread(shutil.move, path, away)
    again = SqliteWriter(path)
    with pytest.raises(StoreUnavailableError):
        await again.apply(count_accounts())
    await asyncio.to_thread(shutil.move, away, path)
    assert await again.apply(count_accounts()) == 1
    await again.close()


async def test_a_full_disk_is_unavailable_and_loses_nothing(writer: SqliteWriter) -> None:
    """SQLite gives up the whole transaction when it can not grow: none of its requests is half done."""
    await writer.apply(account("main"))
    await writer.apply(run(FORBID_GROWTH))

    def fill() -> Operation[None]:
        for n in range(10_000):
            yield from account("x" * 1000 + str(n))

    with pytest.raises(StoreUnavailableError, match="full"):
        await writer.apply(fill())
    assert await writer.apply(count_accounts()) == 1


async def test_commits_are_flushed_and_foreign_keys_hold(writer: SqliteWriter) -> None:
    assert await writer.apply(run(Sql(text("PRAGMA synchronous")))) == [(2,)]
    assert await writer.apply(run(Sql(text("PRAGMA foreign_keys")))) == [(1,)]
    assert await writer.apply(run(Sql(text("PRAGMA journal_mode")))) == [("wal",)]
