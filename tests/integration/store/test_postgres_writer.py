"""The writer on a real server: batches, isolation of requests, two nodes on one balance, a server that crashes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import bindparam, delete, func, insert, select, text, update

from store import schema
from store.answers import Held
from store.catalog import create_account, put_plan
from store.errors import (
    DuplicateNameError,
    StoreConstraintError,
    StoreError,
    StoreOverloadedError,
    StoreUnavailableError,
)
from store.location import PostgresLocation, locate
from store.operation import Operation, Rows, Sql
from store.postgres import LONGEST_BATCH, PostgresWriter
from store.postgres_connection import WRITER_LOCK
from store.store import Store
from tests.integration.store.office import EUR, T0_MS, Office, open_office
from tests.postgres import Cluster, fresh_database, running_cluster

COUNT_ACCOUNTS = Sql(select(func.count()).select_from(schema.account))
OVERDRAW = Sql(update(schema.account).values(available_micros=-1))
NO_SUCH_FUNCTION = Sql(select(func.no_such_function()))
FORGET_JOURNAL = Sql(delete(schema.journal))
FLUSHES = Sql(text("SHOW synchronous_commit"))
INSERT_PLAN_ROW = Sql(insert(schema.plan).values({name: bindparam(name) for name in ("name", "toml", "updated_at_ms")}))
INSERT_NEW_PLAN = Sql(insert(schema.plan).values(name=bindparam("name"), toml=bindparam("toml"), updated_at_ms=0))
ALL_PLANS = Sql(select(schema.plan.c.name, schema.plan.c.toml).order_by(schema.plan.c.name))


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
    """Fail by a change that nobody asks the outcome of: it is put off to the operation's end."""
    yield OVERDRAW()


def forget_journal() -> Operation[None]:
    yield FORGET_JOURNAL()


def stumble() -> Operation[None]:
    yield NO_SUCH_FUNCTION()


def crash() -> Operation[None]:
    yield COUNT_ACCOUNTS()
    raise ZeroDivisionError


def write_zero() -> Operation[None]:
    """Write a character that PostgreSQL's text cannot hold."""
    yield from put_plan(name="a\0b", toml="", at_ms=T0_MS)


@pytest.fixture
def url() -> Iterator[str]:
    """A migrated database."""
    with fresh_database() as lent:
        yield lent


def location_of(url: str) -> PostgresLocation:
    location = locate(url)
    assert isinstance(location, PostgresLocation)
    return location


@pytest.fixture
async def writer(url: str) -> AsyncIterator[PostgresWriter]:
    """A writer that does not wait long for a lock."""
    made = PostgresWriter(location_of(url), lock_timeout_ms=200)
    yield made
    await made.close()


@asynccontextmanager
async def other_writer(url: str) -> AsyncIterator[None]:
    """Another node's transaction, for as long as the block lasts."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"BEGIN; SELECT pg_advisory_xact_lock({WRITER_LOCK})")
    try:
        yield
    finally:
        await connection.close()


async def taken(writer: PostgresWriter) -> None:
    """Wait until the writer has taken all that was asked, and waits for the lock with it."""
    await asyncio.sleep(0)
    while writer.stats().waiting:  # noqa: ASYNC110  # it takes requests without telling anybody
        await asyncio.sleep(0.001)


async def test_waiting_requests_share_commits(url: str) -> None:
    writer = PostgresWriter(location_of(url))
    async with other_writer(url):
        first = asyncio.create_task(writer.apply(account("first")))
        await taken(writer)
        others = [asyncio.create_task(writer.apply(account(f"a{n}"))) for n in range(LONGEST_BATCH + 1)]
        await asyncio.sleep(0)
    ids = await asyncio.gather(first, *others)
    stats = writer.stats()
    assert ids == sorted(ids), "requests are decided in the order of their arrival"
    assert (stats.commits, stats.requests, stats.waiting) == (3, LONGEST_BATCH + 2, 0)
    await writer.close()


@pytest.mark.parametrize(
    ("fail", "error"),
    [
        (overdraw, StoreConstraintError),
        (forget_journal, StoreConstraintError),
        (write_zero, StoreConstraintError),
        (stumble, StoreUnavailableError),
        (crash, ZeroDivisionError),
    ],
)
async def test_a_failing_request_of_a_batch_fails_alone(
    url: str, writer: PostgresWriter, fail: Callable[[], Operation[None]], error: type[Exception]
) -> None:
    async with other_writer(url):
        before = asyncio.create_task(writer.apply(account("before")))
        failing = asyncio.create_task(writer.apply(account_then("failing", fail)))
        after = asyncio.create_task(writer.apply(account("after")))
        await asyncio.sleep(0)
    with pytest.raises(error):
        await failing
    await asyncio.gather(before, after)
    assert await writer.apply(count_accounts()) == 2
    assert writer.stats().commits == 2


async def test_a_change_that_is_put_off_is_seen_by_what_asks_for_it(writer: PostgresWriter) -> None:
    def two() -> Operation[Rows]:
        yield INSERT_NEW_PLAN(name="a", toml="1")
        yield INSERT_NEW_PLAN(name="b", toml="2")
        return (yield ALL_PLANS())

    assert await writer.apply(two()) == [("a", "1"), ("b", "2")]


async def test_insert_of_many_rows_writes_each_as_it_is(writer: PostgresWriter) -> None:
    written = [(f"plan {n:03}", "é\t\\N\n", 7) for n in range(120)]

    def many() -> Operation[Rows]:
        yield INSERT_PLAN_ROW.many(written)
        return (yield ALL_PLANS())

    assert await writer.apply(many()) == [(name, toml) for name, toml, _ in written]
    with pytest.raises(StoreConstraintError):
        await writer.apply(many())


async def test_an_operations_own_error_comes_back_as_it_is(writer: PostgresWriter) -> None:
    await writer.apply(account("main"))
    with pytest.raises(DuplicateNameError):
        await writer.apply(account("main"))


async def test_bulk_work_alone_is_not_flushed_and_everything_else_is() -> None:
    with fresh_database() as place:
        connection = await asyncpg.connect(place)
        database = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{database}" SET synchronous_commit = off')
        await connection.close()
        writer = PostgresWriter(location_of(place))
        assert (await writer.apply_bulk(run(FLUSHES))).value == [("off",)]
        assert await writer.apply(run(FLUSHES)) == [("on",)]
        await writer.close()


async def test_another_nodes_long_turn_is_unavailable_and_over_later(url: str, writer: PostgresWriter) -> None:
    async with other_writer(url):
        with pytest.raises(StoreUnavailableError, match="lock timeout"):
            await writer.apply(account("main"))
    await writer.apply(account("main"))


async def test_a_node_that_hangs_in_its_transaction_is_ended_by_the_server(url: str, writer: PostgresWriter) -> None:
    def hang() -> Operation[None]:
        yield from account("half done")
        time.sleep(0.3)  # the event loop stands still, as that of a node does that hangs

    hung = PostgresWriter(location_of(url), idle_timeout_ms=100)
    with pytest.raises(StoreUnavailableError):
        await hung.apply(hang())
    await writer.apply(account("of another node"))
    await hung.apply(account("later"))
    assert await writer.apply(count_accounts()) == 2
    await hung.close()


async def test_a_full_queue_refuses_at_once(url: str) -> None:
    writer = PostgresWriter(location_of(url), longest_queue=3)
    async with other_writer(url):
        first = asyncio.create_task(writer.apply(account("first")))
        await taken(writer)
        waiting = [asyncio.create_task(writer.apply(account(f"a{n}"))) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(StoreOverloadedError):
            await writer.apply(account("one too many"))
    await asyncio.gather(first, *waiting)
    assert await writer.apply(count_accounts()) == 4
    await writer.close()


async def test_cancelling_who_waits_does_not_cancel_the_work(url: str, writer: PostgresWriter) -> None:
    async with other_writer(url):
        request = asyncio.create_task(writer.apply(account("main")))
        await asyncio.sleep(0)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    assert await writer.apply(count_accounts()) == 1


async def test_close_finishes_what_is_queued(url: str) -> None:
    writer = PostgresWriter(location_of(url), longest_batch=4)
    requests = [asyncio.create_task(writer.apply(account(f"a{n}"))) for n in range(40)]
    await asyncio.sleep(0)
    await writer.close()
    assert len(set(await asyncio.gather(*requests))) == 40
    with pytest.raises(StoreUnavailableError, match="closed"):
        await writer.apply(count_accounts())


async def test_two_nodes_that_race_for_the_last_money_never_share_it(url: str) -> None:
    """Each call holds a tenth of what there is: ten of forty are held, on whichever node."""
    async with open_office(url, funds_micros=EUR) as one, await Store.open(url) as store:
        two = Office(store, one.account_id)
        answers = await asyncio.gather(*(node.open(f"{n}") for n in range(20) for node in (one, two)))
        repeated = [answers[at : at + 2] for at in range(0, 40, 2)]
        assert all(first == second for first, second in repeated if isinstance(first, Held))
        assert sum(isinstance(first, Held) for first, _ in repeated) == 10
        assert await two.money() == (0, EUR)


async def make_calls(office: Office, node: str, settled: list[str], refused: list[Exception]) -> None:
    """Open and settle calls, each until it is done, and write down what was answered."""
    for n in range(30):
        call_id = f"{node}-{n}"
        while call_id not in settled:
            try:
                assert isinstance(await office.open(call_id, held_micros=1_000), Held)
                await office.settle(call_id, 700)
            except StoreError as error:
                refused.append(error)
                await asyncio.sleep(0.02)
            else:
                settled.append(call_id)


async def test_a_server_that_crashes_in_mid_work_loses_no_answer_and_charges_nothing_twice() -> None:
    settled: list[str] = []
    refused: list[Exception] = []
    with running_cluster() as cluster:
        url = cluster.url(cluster.create_database())
        async with open_office(url, funds_micros=EUR) as office:
            calls = [asyncio.create_task(make_calls(office, f"task{n}", settled, refused)) for n in range(4)]
            await restart_when(cluster, lambda: len(settled) > 20)
            await asyncio.gather(*calls)
            assert refused
            assert all(isinstance(error, StoreUnavailableError) for error in refused)
            recorded = {cdr.call_id async for cdr in office.store.cdrs()}
            assert recorded == set(settled)
            assert await office.money() == (EUR - 120 * 700, 0)


async def restart_when(cluster: Cluster, is_time: Callable[[], bool]) -> None:
    while not is_time():  # noqa: ASYNC110  # the calls tell nobody
        await asyncio.sleep(0.005)
    await asyncio.to_thread(cluster.stop)
    await asyncio.sleep(0.2)
    await asyncio.to_thread(cluster.start)
