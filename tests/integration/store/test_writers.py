"""What every writer that shares its database promises: batches, requests that fail alone, a bound, an end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from store.errors import (
    DuplicateNameError,
    StoreConstraintError,
    StoreOverloadedError,
    StoreUnavailableError,
)
from store.operation import Operation, Rows
from tests.integration.store.conftest import ON_DISK
from tests.integration.store.writing import (
    ALL_PLANS,
    INSERT_PLAN_ROW,
    AnyWriter,
    Database,
    account,
    account_then,
    count_accounts,
    crash,
    overdraw,
    stumble,
    taken,
)

pytestmark = ON_DISK


@pytest.fixture
def shared(database: str) -> Database:
    """A database with an empty store."""
    return Database(database)


@pytest.fixture
async def writer(shared: Database) -> AsyncIterator[AnyWriter]:
    """A writer as the service has it."""
    made = shared.writer()
    yield made
    await made.close()


async def test_waiting_requests_share_commits(shared: Database) -> None:
    writer = shared.writer(longest_batch=8)
    async with shared.in_other_hands():
        first = asyncio.create_task(writer.apply(account("first")))
        await taken(writer)
        others = [asyncio.create_task(writer.apply(account(f"a{n}"))) for n in range(9)]
        await asyncio.sleep(0)
    ids = await asyncio.gather(first, *others)
    stats = writer.stats()
    assert ids == sorted(ids), "requests are decided in the order of their arrival"
    assert (stats.commits, stats.requests, stats.waiting) == (3, 10, 0)
    await writer.close()


@pytest.mark.parametrize(
    ("fail", "error"),
    [(overdraw, StoreConstraintError), (stumble, StoreUnavailableError), (crash, ZeroDivisionError)],
)
async def test_a_failing_request_of_a_batch_fails_alone(
    shared: Database, writer: AnyWriter, fail: Callable[[], Operation[None]], error: type[Exception]
) -> None:
    async with shared.in_other_hands():
        first = asyncio.create_task(writer.apply(count_accounts()))
        await taken(writer)
        before = asyncio.create_task(writer.apply(account("before")))
        failing = asyncio.create_task(writer.apply(account_then("failing", fail)))
        after = asyncio.create_task(writer.apply(account("after")))
        await asyncio.sleep(0)
    with pytest.raises(error):
        await failing
    await asyncio.gather(first, before, after)
    assert await writer.apply(count_accounts()) == 2
    assert writer.stats().commits == 3


@pytest.mark.parametrize("toml", [("same",), ("a", "é\t\\N\n")])
@pytest.mark.parametrize("rows", [0, 1, 49, 50, 51, 120])
async def test_insert_of_many_rows_writes_each_as_it_is(writer: AnyWriter, rows: int, toml: Sequence[str]) -> None:
    written = [(f"plan {n:03}", toml[n % len(toml)], 7) for n in range(rows)]

    def many() -> Operation[Rows]:
        yield INSERT_PLAN_ROW.many(written)
        return (yield ALL_PLANS())

    assert await writer.apply(many()) == written


async def test_insert_of_many_equal_rows_is_refused_as_one_after_the_other(writer: AnyWriter) -> None:
    def many() -> Operation[None]:
        yield INSERT_PLAN_ROW.many([("plan", "x", 7)] * 50)

    with pytest.raises(StoreConstraintError, match=r"(?i)unique"):
        await writer.apply(many())


async def test_an_operations_own_error_comes_back_as_it_is(writer: AnyWriter) -> None:
    await writer.apply(account("main"))
    with pytest.raises(DuplicateNameError):
        await writer.apply(account("main"))


async def test_a_turn_that_does_not_come_is_unavailable_and_over_later(shared: Database) -> None:
    impatient = shared.writer(lock_timeout_ms=50)
    async with shared.in_other_hands():
        with pytest.raises(StoreUnavailableError, match="lock"):
            await impatient.apply(account("main"))
    await impatient.close()
    writer = shared.writer()
    await writer.apply(account("main"))
    await writer.close()


async def test_the_loop_goes_on_while_a_turn_is_waited_for(shared: Database, writer: AnyWriter) -> None:
    async with shared.in_other_hands():
        request = asyncio.create_task(writer.apply(account("main")))
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not request.done()
    assert await request == 1


async def test_a_full_queue_refuses_at_once(shared: Database) -> None:
    writer = shared.writer(longest_queue=3)
    async with shared.in_other_hands():
        first = asyncio.create_task(writer.apply(account("first")))
        await taken(writer)
        waiting = [asyncio.create_task(writer.apply(account(f"a{n}"))) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(StoreOverloadedError):
            await writer.apply(account("one too many"))
    await asyncio.gather(first, *waiting)
    assert await writer.apply(count_accounts()) == 4
    await writer.close()


async def test_cancelling_who_waits_does_not_cancel_the_work(shared: Database, writer: AnyWriter) -> None:
    async with shared.in_other_hands():
        request = asyncio.create_task(writer.apply(account("main")))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    assert await writer.apply(count_accounts()) == 1


async def test_close_finishes_what_is_queued(shared: Database) -> None:
    writer = shared.writer(longest_batch=4)
    requests = [asyncio.create_task(writer.apply(account(f"a{n}"))) for n in range(40)]
    await asyncio.sleep(0)
    await writer.close()
    assert len(set(await asyncio.gather(*requests))) == 40
    with pytest.raises(StoreUnavailableError, match="closed"):
        await writer.apply(count_accounts())
