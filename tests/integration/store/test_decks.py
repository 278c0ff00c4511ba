"""Loading decks: one switch, nothing of a failed import, nothing left of a replaced one."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from rating.deck import Rate
from store import schema
from store.decks import RATES_PER_CHUNK, DeckImport, activate_deck, add_rates, begin_deck_import
from store.errors import DeckCurrencyError, DeckImportSupersededError, StoreConstraintError
from store.store import Store
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


async def stored_rates(office: Office) -> int:
    async with office.store._reading() as connection:
        return int(await connection.scalar(select(func.count()).select_from(schema.rate)) or 0)


async def test_import_puts_all_rates_in_force(office: Office) -> None:
    version = await office.store.catalog_version()
    loaded = rates(RATES_PER_CHUNK + 3)
    assert await load(office.store, loaded) == len(loaded)
    assert await in_force(office.store) == loaded
    deck = await office.store.deck("example")
    assert deck is not None
    assert (deck.currency, deck.generation) == ("EUR", 1)
    assert await office.store.decks() == [deck]
    assert await office.store.deck("another") is None
    assert await office.store.catalog_version() == version + 1


async def test_import_again_replaces_and_deletes_the_old_rates(office: Office) -> None:
    await load(office.store, rates(RATES_PER_CHUNK * 2 + 1))
    await load(office.store, rates(2, per_minute_micros=7))
    assert await in_force(office.store) == rates(2, per_minute_micros=7)
    assert await stored_rates(office) == 2


async def test_import_with_a_prefix_twice_leaves_the_deck_as_it_was(office: Office) -> None:
    await load(office.store, rates(2))
    with pytest.raises(StoreConstraintError):
        await load(office.store, rates(RATES_PER_CHUNK) + rates(1))
    assert await in_force(office.store) == rates(2)
    assert await stored_rates(office) == 2


async def test_import_of_rates_that_break_off_leaves_the_deck_as_it_was(office: Office) -> None:
    def broken() -> Iterator[Rate]:
        yield from rates(RATES_PER_CHUNK)
        raise ValueError("line 1001 is no rate")

    with pytest.raises(ValueError, match="line 1001"):
        await office.store.import_deck(name="example", currency="EUR", rates=broken(), at_ms=T0_MS)
    assert await in_force(office.store) == []
    assert await stored_rates(office) == 0


async def test_import_in_another_currency_is_refused(office: Office) -> None:
    await load(office.store, rates(1))
    with pytest.raises(DeckCurrencyError, match="EUR"):
        await load(office.store, rates(1), currency="USD")


async def test_import_overtaken_by_a_later_one_does_not_go_live(office: Office) -> None:
    earlier, later = await begin(office), await begin(office)
    await office.store.apply(add_rates(later, rates(1)))
    await office.store.apply(activate_deck(later, at_ms=T0_MS))
    with pytest.raises(DeckImportSupersededError):
        await office.store.apply(activate_deck(earlier, at_ms=T0_MS))
    assert await in_force(office.store) == rates(1)


async def test_a_chunk_too_long_for_one_transaction_is_refused(office: Office) -> None:
    deck_import = await begin(office)
    with pytest.raises(ValueError, match="at most"):
        await office.store.apply(add_rates(deck_import, rates(RATES_PER_CHUNK + 1)))
