"""The writer on SQLite's files: what is flushed when, and what happens when the file does not play along."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from store.errors import StoreUnavailableError
from store.operation import Operation, Sql
from store.sqlite import SqliteWriter
from tests.integration.store.writing import COUNT_ACCOUNTS, Database, account, count_accounts, run, taken
from tests.sqlite import fresh_file, url_of

FLUSHES = Sql(text("PRAGMA synchronous"))  # of the connection that is asked: 1 is NORMAL, 2 is FULL
FORBID_GROWTH = Sql(text("PRAGMA max_page_count = 1"))  # for the connection that says so


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated database."""
    fresh_file(tmp_path)
    return tmp_path / "tollgate.db"


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[SqliteWriter]:
    """A writer as the service has it."""
    made = SqliteWriter(path)
    yield made
    await made.close()


async def test_bulk_work_alone_is_not_flushed_and_everything_else_is(path: Path, writer: SqliteWriter) -> None:
    assert (await writer.apply_bulk(run(FLUSHES))).value == [(1,)]
    assert await writer.apply(run(FLUSHES)) == [(2,)]
    assert (await writer.apply_bulk(run(FLUSHES))).value == [(1,)]
    async with Database(url_of(path.parent)).in_other_hands():
        first = asyncio.create_task(writer.apply_bulk(count_accounts()))
        await taken(writer)
        bulk = asyncio.create_task(writer.apply_bulk(run(FLUSHES)))
        call = asyncio.create_task(writer.apply(run(FLUSHES)))
        await asyncio.sleep(0)
    await first
    assert ((await bulk).value, await call) == ([(2,)], [(2,)])


async def test_flushing_is_right_on_a_new_connection_too(path: Path) -> None:
    writer = SqliteWriter(path, busy_timeout_ms=1000)
    await writer.apply_bulk(count_accounts())
    async with Database(url_of(path.parent)).in_other_hands():
        with pytest.raises(StoreUnavailableError):
            await writer.apply_bulk(count_accounts())
    assert await writer.apply(run(FLUSHES)) == [(2,)]
    assert (await writer.apply_bulk(run(FLUSHES))).value == [(1,)]
    await writer.close()


async def test_bulk_answer_tells_how_long_the_database_was_held(writer: SqliteWriter) -> None:
    def slow() -> Operation[int]:
        yield COUNT_ACCOUNTS()
        time.sleep(0.02)
        return 7

    answer = await writer.apply_bulk(slow())
    assert answer.value == 7
    assert answer.held_s >= 0.02


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
