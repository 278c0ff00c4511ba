"""Loading decks: one switch, nothing of a failed import, nothing left of a replaced one."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from rating.deck import Rate, SharedRate
from store import schema
from store.decks import DeckImport, activate_deck, add_rates, begin_deck_import, row_maker
from store.errors import DeckCurrencyError, DeckImportSupersededError, StoreConstraintError
from store.pace import FIRST_ROWS
from store.store import Store
from tests.integration.store.conftest import ONLY_SQLITE
from tests.integration.store.office import T0_MS, Office


def rates(count: int, per_minute_micros: int = 100_000) -> list[Rate]:
    return [
        Rate(
            prefix=str(10_000 + n),
            destination=f"place {n}",
            per_minute_micros=per_minute_micros,
            connect_fee_micros=n,
            initial_increment_s=30,
            increment_s=6,
            minimum_charge_micros=5,
            barred=n % 2 == 1,
        )
        for n in range(count)
    ]


async def load(store: Store, loaded: list[Rate], *, currency: str = "EUR") -> int:
    return await store.import_deck(name="example", currency=currency, rates=loaded, at_ms=T0_MS)


async def begin(office: Office) -> DeckImport:
    return await office.store.apply(begin_deck_import(name="example", currency="EUR", at_ms=T0_MS))


async def in_force(store: Store) -> list[Rate]:
    return [rate async for rate in store.deck_rates("example")]


async def count_rates(store: Store) -> int:
    async with store._reading() as connection:
        return int(await connection.scalar(select(func.count()).select_from(schema.rate)) or 0)


async def test_import_puts_all_rates_in_force(office: Office) -> None:
    version = await office.store.catalog_version()
    loaded = rates(FIRST_ROWS + 3)
    assert await load(office.store, loaded) == len(loaded)
    assert await in_force(office.store) == loaded
    deck = await office.store.deck("example")
    assert deck is not None
    assert (deck.currency, deck.generation) == ("EUR", 1)
    assert await office.store.decks() == [deck]
    assert await office.store.deck("another") is None
    assert await office.store.catalog_version() == version + 1


async def test_import_again_replaces_and_deletes_the_old_rates(office: Office) -> None:
    await load(office.store, rates(FIRST_ROWS * 2 + 1))
    await load(office.store, rates(2, per_minute_micros=7))
    assert await in_force(office.store) == rates(2, per_minute_micros=7)
    assert await count_rates(office.store) == 2


async def test_import_with_a_prefix_twice_leaves_the_deck_as_it_was(office: Office) -> None:
    await load(office.store, rates(2))
    with pytest.raises(StoreConstraintError):
        await load(office.store, rates(FIRST_ROWS) + rates(1))
    assert await in_force(office.store) == rates(2)
    assert await count_rates(office.store) == 2


async def test_import_of_rates_that_break_off_leaves_the_deck_as_it_was(office: Office) -> None:
    def broken() -> Iterator[Rate]:
        yield from rates(FIRST_ROWS)
        raise ValueError("line 1001 is no rate")

    with pytest.raises(ValueError, match="line 1001"):
        await office.store.import_deck(name="example", currency="EUR", rates=broken(), at_ms=T0_MS)
    assert await in_force(office.store) == []
    assert await count_rates(office.store) == 0


async def test_import_in_another_currency_is_refused(office: Office) -> None:
    await load(office.store, rates(1))
    with pytest.raises(DeckCurrencyError, match="EUR"):
        await load(office.store, rates(1), currency="USD")


async def test_import_overtaken_by_a_later_one_does_not_go_live(office: Office) -> None:
    earlier, later = await begin(office), await begin(office)
    await office.store.apply(add_rates(row_maker(later), rates(1)))
    await office.store.apply(activate_deck(later, at_ms=T0_MS))
    with pytest.raises(DeckImportSupersededError):
        await office.store.apply(activate_deck(earlier, at_ms=T0_MS))
    assert await in_force(office.store) == rates(1)


async def test_import_of_shared_terms_is_that_of_their_rates(office: Office) -> None:
    terms, others = replace(rates(1)[0], prefix="1", destination="nowhere"), rates(2)[1]
    shared = [SharedRate("33", "France", terms), SharedRate("34", "España", terms), SharedRate("44", "UK", others)]
    mixed: list[Rate | SharedRate] = [*shared, replace(others, prefix="49")]
    await office.store.import_deck(name="example", currency="EUR", rates=mixed, at_ms=T0_MS)
    assert await in_force(office.store) == [
        replace(terms, prefix="33", destination="France"),
        replace(terms, prefix="34", destination="España"),
        replace(others, prefix="44", destination="UK"),
        replace(others, prefix="49"),
    ]


def cut_off(database: Path, copy: Path, log_bytes: int) -> None:
    """Copy a database and the beginning of its log, as a disk has them where the rest was never flushed."""
    shutil.copy(database, copy)
    log = Path(f"{database}-wal").read_bytes()
    assert len(log) > log_bytes
    Path(f"{copy}-wal").write_bytes(log[:log_bytes])


def log_bytes_of(database: Path) -> int:
    return Path(f"{database}-wal").stat().st_size


@ONLY_SQLITE
async def test_import_cut_off_by_a_power_cut_does_no_harm_and_is_done_again(office: Office, tmp_path: Path) -> None:
    await load(office.store, rates(3))
    maker = row_maker(await begin(office))
    log_bytes = []
    for at in range(0, 400, 100):
        await office.store._writer.apply_bulk(add_rates(maker, rates(400)[at : at + 100]))
        log_bytes.append(log_bytes_of(tmp_path / "tollgate.db"))
    cut_off(tmp_path / "tollgate.db", tmp_path / "copy.db", log_bytes[1] + 5000)
    async with await Store.open(f"sqlite:///{tmp_path}/copy.db") as store:
        assert await in_force(store) == rates(3)
        assert await count_rates(store) == 3 + 200
        await load(store, rates(2))
        assert await in_force(store) == rates(2)
        assert await count_rates(store) == 2
