"""A whole store moves to another database, both ways, and goes on there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from store import schema
from store.errors import OpenCallsError, StoreNotEmptyError, StoreUnavailableError
from store.location import locate
from store.move import move_store
from store.operation import Row
from store.store import Store
from tests.integration.store.office import EUR, PER_SECOND, T0_MS, Office, open_office
from tests.postgres import fresh_database
from tests.sqlite import fresh_file


@pytest.fixture(params=["to postgresql", "to sqlite"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A place to move from and one to move to, both with the current schema."""
    file = fresh_file(tmp_path)
    with fresh_database() as server:
        yield (file, server) if request.param == "to postgresql" else (server, file)


async def rows_of(store: Store) -> dict[str, list[Row]]:
    async with store._reading() as connection:
        return {
            name: sorted(map(tuple, await connection.execute(select(table))), key=repr)
            for name, table in schema.metadata.tables.items()
        }


async def fill(office: Office) -> None:
    """Leave a deck, a settled call and an open one behind."""
    await office.store.import_deck(name="example", currency="EUR", rates=[PER_SECOND], at_ms=T0_MS)
    await office.open("a")
    await office.settle("a", 40_000)
    await office.open("b")


async def test_every_row_moves_with_its_id_and_new_ones_follow(places: tuple[str, str]) -> None:
    source, target = places
    told: list[tuple[int, int]] = []
    async with open_office(source, funds_micros=EUR) as office:
        await fill(office)
        before = await rows_of(office.store)
        counts = await move_store(
            locate(source), locate(target), with_open_calls=True, progress=lambda *rows: told.append(rows)
        )
        assert await rows_of(office.store) == before
    assert counts == {name: len(rows) for name, rows in before.items()}
    assert told[-1] == (sum(counts.values()), sum(counts.values()))
    async with await Store.open(target) as store:
        assert await rows_of(store) == before
        assert await store.verify() == []
        moved = Office(store, office.account_id)
        await moved.settle("b", 10_000)
        await moved.fund(5, "after")
        assert len(await moved.keys()) == len(before["journal"]) + 3
        assert await store.verify() == []


async def test_open_calls_do_not_move_unless_told_so(places: tuple[str, str]) -> None:
    source, target = places
    async with open_office(source, funds_micros=EUR) as office:
        await office.open("a")
        with pytest.raises(OpenCallsError, match="1 calls are open"):
            await move_store(locate(source), locate(target), with_open_calls=False)
    async with await Store.open(target) as store:
        assert await store.accounts() == []
        assert await store.catalog_version() == 1


async def test_a_target_that_is_in_use_is_refused_and_stays_as_it_is(places: tuple[str, str]) -> None:
    source, target = places
    async with open_office(source, funds_micros=EUR), open_office(target, funds_micros=5) as used:
        before = await rows_of(used.store)
        with pytest.raises(StoreNotEmptyError):
            await move_store(locate(source), locate(target), with_open_calls=False)
        assert await rows_of(used.store) == before


async def test_a_server_that_is_away_is_an_error_of_the_store(tmp_path: Path) -> None:
    file = fresh_file(tmp_path)
    away = locate("postgresql://tollgate@127.0.0.1:1/tollgate")
    for source, target in ((away, locate(file)), (locate(file), away)):
        with pytest.raises(StoreUnavailableError):
            await move_store(source, target, with_open_calls=False)
