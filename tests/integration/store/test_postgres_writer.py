"""The writer on a server: what is put off and flushed, nodes that hang or race, a server that crashes."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import asyncpg
import pytest
from sqlalchemy import bindparam, delete, insert, text

from store import schema
from store.answers import Held
from store.catalog import put_plan
from store.errors import StoreConstraintError, StoreError, StoreUnavailableError
from store.location import PostgresLocation, locate
from store.migrate import upgrade
from store.operation import Operation, Rows, Sql
from store.postgres import PostgresWriter
from store.store import Store
from tests.integration.store.office import EUR, T0_MS, Office, open_office
from tests.integration.store.writing import ALL_PLANS, Database, account, account_then, count_accounts, run
from tests.postgres import Cluster, fresh_database, running_cluster

FORGET_JOURNAL = Sql(delete(schema.journal))
FLUSHES = Sql(text("SHOW synchronous_commit"))
INSERT_NEW_PLAN = Sql(insert(schema.plan).values(name=bindparam("name"), toml=bindparam("toml"), updated_at_ms=0))


def forget_journal() -> Operation[None]:
    yield FORGET_JOURNAL()


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
    """A writer as the service has it."""
    made = PostgresWriter(location_of(url))
    yield made
    await made.close()


@pytest.mark.parametrize("fail", [forget_journal, write_zero])
async def test_what_a_server_alone_refuses_fails_alone(
    url: str, writer: PostgresWriter, fail: Callable[[], Operation[None]]
) -> None:
    async with Database(url).in_other_hands():
        before = asyncio.create_task(writer.apply(account("before")))
        failing = asyncio.create_task(writer.apply(account_then("failing", fail)))
        after = asyncio.create_task(writer.apply(account("after")))
        await asyncio.sleep(0)
    with pytest.raises(StoreConstraintError):
        await failing
    await asyncio.gather(before, after)
    assert await writer.apply(count_accounts()) == 2
    assert writer.stats().commits == 2


async def test_a_change_that_is_put_off_is_seen_by_what_asks_for_it(writer: PostgresWriter) -> None:
    def two() -> Operation[Rows]:
        yield INSERT_NEW_PLAN(name="a", toml="1")
        yield INSERT_NEW_PLAN(name="b", toml="2")
        return (yield ALL_PLANS())

    assert await writer.apply(two()) == [("a", "1", 0), ("b", "2", 0)]


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
        await asyncio.to_thread(upgrade, url)
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
