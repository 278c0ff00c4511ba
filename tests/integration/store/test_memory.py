"""The store in memory: what is its own. The ledger's contract is in the other files, for all places alike."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from rating.deck import Rate
from store import schema
from store.catalog import put_plan
from store.errors import KeyConflictError, StoreConstraintError, StoreUnavailableError
from store.operation import Operation, Sql
from store.store import Store
from store.writer import WriterStats
from tests.integration.store.office import EUR, MEMORY, T0_MS, Office, open_office

INSERT_PLAN = Sql(schema.plan.insert())


@pytest.fixture
async def memory_office() -> AsyncIterator[Office]:
    """An account with 1 EUR in memory."""
    async with open_office(MEMORY, funds_micros=EUR) as office:
        yield office


async def test_operations_asked_for_at_once_are_done_in_their_order(memory_office: Office) -> None:
    answers = await asyncio.gather(*(memory_office.fund(n, f"r{n}") for n in range(1, 21)))
    assert [answer.lot_id for answer in answers] == list(range(2, 22))


async def test_operation_that_raises_midway_changes_nothing(memory_office: Office) -> None:
    def fail_after_a_change() -> Operation[None]:
        yield from put_plan(name="half", toml="", at_ms=T0_MS)
        raise KeyConflictError("on purpose")

    with pytest.raises(KeyConflictError, match="on purpose"):
        await memory_office.store.apply(fail_after_a_change())
    assert "half" not in await memory_office.store.plans()


async def test_change_that_a_constraint_forbids_changes_nothing(memory_office: Office) -> None:
    def insert_twice() -> Operation[None]:
        for _ in range(2):
            yield INSERT_PLAN(name="twice", toml="", updated_at_ms=T0_MS)

    with pytest.raises(StoreConstraintError):
        await memory_office.store.apply(insert_twice())
    assert "twice" not in await memory_office.store.plans()


async def test_foreign_keys_hold(memory_office: Office) -> None:
    with pytest.raises(StoreConstraintError):
        await memory_office.store.apply(_record_of_no_account())


def _record_of_no_account() -> Operation[None]:
    yield Sql(schema.spend.insert())(account_id=99, extension="", day="2026-11-02", spent_micros=1)


async def test_reader_can_not_write(memory_office: Office) -> None:
    with pytest.raises(StoreUnavailableError, match="readonly"):
        async with memory_office.store._reading() as connection:
            await connection.execute(text("DELETE FROM lot"))
    assert await memory_office.money() == (EUR, 0)


async def test_records_that_come_while_others_are_read_are_not_among_them(memory_office: Office) -> None:
    for n in range(3):
        await memory_office.settle(f"call{n}", 0)
    seen = []
    async for record in memory_office.store.cdrs():
        seen.append(record.call_id)
        await memory_office.settle(f"late{record.call_id}", 0)
    assert seen == ["call0", "call1", "call2"]


async def test_two_stores_know_nothing_of_each_other(memory_office: Office) -> None:
    async with Store.in_memory() as other:
        assert await other.accounts() == []
    assert await memory_office.money() == (EUR, 0)


async def test_deck_is_imported_and_read(memory_office: Office) -> None:
    store = memory_office.store
    rates = [
        Rate(prefix=str(n), destination="X", per_minute_micros=n, initial_increment_s=1, increment_s=1)
        for n in range(1, 1_200)
    ]
    assert await store.import_deck(name="d", currency="EUR", rates=rates, at_ms=T0_MS) == 1_199
    assert len(await store.deck_rows("d")) == 1_199


async def test_there_is_no_thread_and_nothing_waits() -> None:
    before = threading.active_count()
    async with open_office(MEMORY, funds_micros=EUR) as office:
        await office.open("a")
        assert office.store.writer_stats() == WriterStats(commits=3, requests=3, waiting=0)
        assert threading.active_count() == before
        await office.settle("a", 50_000)


async def test_closed_store_says_so() -> None:
    store = Store.in_memory()
    await store.close()
    with pytest.raises(StoreUnavailableError):
        await store.apply(put_plan(name="p", toml="", at_ms=T0_MS))
    with pytest.raises(StoreUnavailableError):
        await store.accounts()
    with pytest.raises(StoreUnavailableError):
        await store.deck_rows("d")
