"""``verify`` on a journal of some 20 000 entries: healthy, and with one value corrupted, which is named exactly."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from store import verify_calls, verify_lots
from store.store import Store
from store.verify import Check, Difference
from tests.bench.big_journal import call_id, calls_of, corruptions, write_journal
from tests.postgres import fresh_database
from tests.sqlite import fresh_file

ENTRIES = 20_000
CALLS = calls_of(ENTRIES)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a healthy store, made once; who damages it mends it."""
    with _place(request.param, tmp_path_factory.mktemp("large")) as url:
        asyncio.run(_make(url))
        yield url


@contextmanager
def _place(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield fresh_file(folder)
    else:
        with fresh_database() as url:
            yield url


async def _make(url: str) -> None:
    engine = _engine(url)
    async with engine.begin() as connection:
        await write_journal(connection, ENTRIES)
        on_table = "" if url.startswith("sqlite") else " ON {table}"
        for table, event in (("journal", "update"), ("lot_use", "update")):
            await connection.exec_driver_sql(f"DROP TRIGGER {table}_refuse_{event}{on_table.format(table=table)}")
    await engine.dispose()


def _engine(url: str) -> AsyncEngine:
    name, _, rest = url.partition(":")
    return create_async_engine(f"{'sqlite+aiosqlite' if name == 'sqlite' else 'postgresql+asyncpg'}:{rest}")


async def _differences(url: str, damage: list[str], mend: list[str]) -> list[Difference]:
    """Verify the store with the damage done, and mend it."""
    await _run(url, damage)
    try:
        async with await Store.open(url) as store:
            return await store.verify()
    finally:
        await _run(url, mend)


async def _run(url: str, statements: list[str]) -> None:
    engine = _engine(url)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
    await engine.dispose()


async def test_verify_of_a_healthy_journal_finds_nothing_and_tells_how_far_it_is(large: str) -> None:
    told: list[tuple[int, int]] = []
    async with await Store.open(large) as store:
        assert await store.verify(lambda done_rows, total_rows: told.append((done_rows, total_rows))) == []
    assert told == sorted(told)
    assert len({total_rows for _, total_rows in told}) == 1
    assert told[-1][0] == told[-1][1] > ENTRIES


@pytest.mark.parametrize("name", ["account", "lot", "call"])
async def test_verify_after_one_corruption_names_the_place_and_no_other(large: str, name: str) -> None:
    (corruption,) = (each for each in corruptions(CALLS) if each.name == name)
    found = await _differences(large, [corruption.statement], [corruption.mend])
    assert {(each.check.value, each.subject) for each in found} == corruption.differences


async def test_verify_after_two_calls_swapped_a_cent_of_their_holds_names_both(large: str) -> None:
    first, second = call_id(1), call_id(1 + 1_000)
    swap = "UPDATE journal SET amount_micros = amount_micros {} 10000 WHERE key = '{}:slice:1'"
    found = await _differences(
        large,
        [swap.format("+", first), swap.format("-", second)],
        [swap.format("-", first), swap.format("+", second)],
    )
    assert found == [
        Difference(Check.CALL_HOLD, first, 10_000, 0, account_id=2),
        Difference(Check.CALL_HOLD, second, -10_000, 0, account_id=2),
    ]


async def test_verify_with_more_damage_than_it_keeps_names_some_and_counts_the_rest(
    large: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_calls, "_MOST_CALLS", 10)
    monkeypatch.setattr(verify_lots, "_MOST_ENTRIES", 10)
    found = await _differences(
        large,
        [
            "UPDATE cdr SET charged_micros = charged_micros + 1 WHERE id <= 100",
            "UPDATE lot_use SET amount_micros = amount_micros + 1 WHERE journal_id < 400",
        ],
        [
            "UPDATE cdr SET charged_micros = charged_micros - 1 WHERE id <= 100",
            "UPDATE lot_use SET amount_micros = amount_micros - 1 WHERE journal_id < 400",
        ],
    )
    counted = {each.subject: each.found for each in found if each.check is Check.MORE}
    named_calls = sum(each.check is Check.CALL_CHARGE for each in found)
    assert 10 <= named_calls < 20
    # Groups that differ are counted; now and then one has two calls in it.
    assert 95 <= named_calls + int(counted["calls"] or 0) <= 100
    assert 10 <= sum(each.check is Check.LOT_USE for each in found) < 20
    assert int(counted["lot uses"] or 0) > 10
