"""Rates with validity and periods in the store, and decks that go live while calls run."""

import asyncio
import queue
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import func, select, update

from rating.decision import DenyReason
from rating.deck import Deck, DeckRows, PricedHours, Rate
from rating.dialled import DialRules
from rating.hours import parse_hours
from store import deck_memory, schema
from store.catalog import put_plan
from store.decks import add_rates, begin_deck_import, delete_imported_rates, row_maker
from store.errors import StoreConstraintError, StoreUnavailableError
from store.extensions import ExtensionSettings, add_extension
from store.location import Location, locate
from store.operation import Operation, Sql
from store.payers import Catalog, decide_for, empty_catalog, load_catalog, load_catalog_for
from tests.integration.store.conftest import ON_DISK, ONLY_SQLITE
from tests.integration.store.office import T0_MS, Office

UK = Rate(prefix="44", destination="United Kingdom", per_minute_micros=100, initial_increment_s=1, increment_s=1)
PEAK = PricedHours("peak", parse_hours("mon-fri 08:00-20:00"), 200_000)
NIGHT = PricedHours("night", parse_hours("mon-sun 22:00-06:00"), 50_000)
PLAN = 'name = "office"\ntitle = "Office"\nhome_region = "FR"\ndeck = "example"\n'
RULES = DialRules(home_region="FR")
IN_ORDER = [
    replace(UK, prefix="33", periods=(PEAK, NIGHT)),
    replace(UK, effective_until_ms=1000),
    replace(UK, effective_from_ms=1000, effective_until_ms=2000, periods=(PEAK,)),
    replace(UK, effective_from_ms=3000, periods=(replace(PEAK, per_minute_micros=7),)),
    replace(UK, prefix="447", destination="Île de Man", barred=True, effective_from_ms=0),
    replace(UK, prefix="FR:3", periods=(PEAK, NIGHT)),
]


async def load(office: Office, rates: Sequence[Rate], *, currency: str = "EUR") -> int:
    return await office.store.import_deck(name="example", currency=currency, rates=rates, at_ms=T0_MS)


async def in_force(office: Office) -> list[Rate]:
    return [rate async for rate in office.store.deck_rates("example")]


async def extension_under_the_plan(office: Office) -> None:
    await office.store.apply(put_plan(name="office", toml=PLAN, at_ms=T0_MS))
    phone = ExtensionSettings(number="101", account_id=office.account_id, endpoint="PJSIP/101", plan="office")
    await office.store.apply(add_extension(phone, at_ms=T0_MS))


async def catalog_of(office: Office) -> Catalog:
    return await load_catalog(office.store, empty_catalog(RULES))


async def test_rates_come_back_as_they_went_in_by_prefix_and_begin(office: Office) -> None:
    assert await load(office, list(reversed(IN_ORDER))) == len(IN_ORDER)
    assert await in_force(office) == IN_ORDER


async def test_the_same_hours_are_written_once(office: Office) -> None:
    await load(office, IN_ORDER)
    await load(office, IN_ORDER)
    async with office.store._reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(schema.period_list)) == 2


@pytest.mark.parametrize(
    "other",
    [
        replace(UK, effective_from_ms=1500),
        replace(UK, effective_from_ms=500, effective_until_ms=1001),
        UK,
    ],
)
async def test_two_prices_of_a_prefix_at_the_same_time_leave_the_deck_as_it_was(office: Office, other: Rate) -> None:
    await load(office, [UK])
    with pytest.raises(StoreConstraintError, match="prefix 44 has two prices"):
        await load(office, [replace(UK, effective_from_ms=1000), other])
    assert await in_force(office) == [UK]
    async with office.store._reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(schema.rate)) == 1


async def test_rates_are_deleted_chunk_by_chunk_without_touching_others(office: Office) -> None:
    await load(office, [UK])
    given_up = await office.store.apply(begin_deck_import(name="example", currency="EUR", at_ms=T0_MS))
    maker = row_maker(given_up)
    await office.store.apply(add_rates(maker, [replace(UK, prefix=str(10_000 + n)) for n in range(200)]))
    await office.store.apply(add_rates(maker, [replace(UK, prefix="9")]))
    deleted = [await office.store.apply(delete_imported_rates(given_up, at_most=150)) for _ in range(3)]
    assert deleted == [150, 51, 0]
    assert await in_force(office) == [UK]


async def test_deck_that_went_live_is_in_the_next_catalog_and_the_running_one_stays(office: Office) -> None:
    await extension_under_the_plan(office)
    await load(office, [UK])
    before = await catalog_of(office)
    await load(office, [replace(UK, per_minute_micros=999, effective_from_ms=T0_MS)])
    after = await load_catalog(office.store, before)
    assert await load_catalog(office.store, after) is after
    prices = [
        rate and rate.per_minute_micros
        for catalog in (before, after)
        for at_ms in (T0_MS - 1, T0_MS)
        for rate in [catalog.decks["example"].lookup("+441234567890", at_ms)]
    ]
    assert prices == [100, 100, None, 999]


async def test_deck_in_memory_is_that_of_its_rates_over_many_pages(office: Office) -> None:
    many = [replace(UK, prefix=str(50_000 + n), per_minute_micros=n, increment_s=1 + n % 70) for n in range(1_234)]
    await load(office, [*IN_ORDER, *many])
    deck = Deck.of_rows("example", "EUR", await office.store.deck_rows("example"))
    expected = Deck("example", "EUR", [*IN_ORDER, *many])
    numbers = [f"+{rate.prefix}0" for rate in many] + ["+44", "+4471", "+331", "FR:31", "+9"]
    assert [deck.lookup(number, 1500) for number in numbers] == [expected.lookup(number, 1500) for number in numbers]
    assert len(await office.store.deck_rows("another")) == 0


@ON_DISK
async def test_reading_a_deck_that_is_given_up_ends_with_its_page(office: Office, database: str) -> None:
    await load(office, IN_ORDER)
    given_up = threading.Event()
    given_up.set()
    with pytest.raises(StoreUnavailableError, match="given up"):
        await asyncio.to_thread(deck_memory._read, locate(database), "example", given_up)


@ON_DISK
async def test_cancelling_the_reading_of_a_deck_gives_it_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), queue.SimpleQueue[bool]()

    def read(location: Location, deck: str, given_up: threading.Event) -> DeckRows:
        begun.set()
        ended.put(given_up.wait(10))
        return DeckRows()

    monkeypatch.setattr(deck_memory, "_read", read)
    reading = asyncio.create_task(office.store.deck_rows("example"))
    await asyncio.sleep(0)
    assert await asyncio.to_thread(begun.wait, 10)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await asyncio.to_thread(ended.get, timeout=10)


@pytest.mark.parametrize("place", ["sqlite:////nowhere/none.db", "postgresql://u:p@127.0.0.1:1/none"])
async def test_deck_of_a_database_that_cannot_be_read_is_an_error_of_the_store(place: str) -> None:
    with pytest.raises(StoreUnavailableError, match=r"could not be read|cannot be used"):
        await deck_memory.read_deck_rows(locate(place), "example")


async def test_deck_that_did_not_change_is_kept_when_the_catalog_does(office: Office) -> None:
    await load(office, IN_ORDER)
    before = await catalog_of(office)
    await extension_under_the_plan(office)
    after = await load_catalog(office.store, before)
    assert after.version > before.version
    assert after.decks["example"] is before.decks["example"]


async def test_deck_in_another_currency_than_the_account_refuses_paid_calls(office: Office) -> None:
    await extension_under_the_plan(office)
    await load(office, [UK], currency="USD")
    catalog = await catalog_of(office)
    payer = catalog.payer_at("PJSIP/101")
    assert payer is not None
    assert payer.fault == "deck example is in USD, account main in EUR"
    decision = decide_for(payer, "00441234567890", catalog, T0_MS)
    assert not decision.admitted
    assert (decision.deny_reason, decision.deny_rule) == (DenyReason.NO_RATE, payer.fault)
    assert decide_for(payer, "112", catalog, T0_MS).admitted


def damage(**values: object) -> Operation[None]:
    """Write what no import writes."""
    yield Sql(update(schema.rate).where(schema.rate.c.prefix == "447").values(values))()


DAMAGES: list[dict[str, object]] = [
    {"period_micros": "["},
    {"per_minute_micros": 10**18 + 1},
    {"increment_s": 90_000},
    {"prefix": "0447"},
    {"prefix": "447\n"},
]
# PostgreSQL takes nothing of another type.
UNTYPED_DAMAGES: list[dict[str, object]] = [
    {"per_minute_micros": 0.5},
    {"destination": b"UK"},
    {"effective_from_ms": "soon", "effective_until_ms": None},
]


@ONLY_SQLITE
@pytest.mark.parametrize("values", UNTYPED_DAMAGES)
async def test_deck_with_a_value_of_another_type_is_left_out(office: Office, values: dict[str, object]) -> None:
    await extension_under_the_plan(office)
    await load(office, [replace(UK, prefix="447", periods=(PEAK,))])
    await office.store.apply(damage(**values))
    assert (await catalog_of(office)).decks == {}


@pytest.mark.parametrize("values", DAMAGES)
async def test_deck_with_a_row_that_is_no_rate_is_left_out_and_refuses_paid_calls(
    office: Office, values: dict[str, object]
) -> None:
    await extension_under_the_plan(office)
    await load(office, [UK, replace(UK, prefix="447", periods=(PEAK,))])
    await office.store.apply(damage(**values))
    for _ in range(5):  # more often than there are connections to read with: none is kept
        catalog = await catalog_of(office)
        assert catalog.decks == {}
    payer = catalog.payer_at("PJSIP/101")
    assert payer is not None
    assert "cannot be read" in (payer.fault or "")
    assert not decide_for(payer, "00441234567890", catalog, T0_MS).admitted
    await load(office, [UK])
    mended = await load_catalog(office.store, catalog)
    assert decide_for(mended.payer_at("PJSIP/101"), "00441234567890", mended, T0_MS).admitted


@pytest.mark.parametrize("number", ["+441234567890", "447100", "+331", "FR:31", "FR:3", "+9", "", "+4"])
async def test_rates_of_a_number_are_those_that_may_price_it(office: Office, number: str) -> None:
    await load(office, IN_ORDER)
    bare = number.removeprefix("+")
    found = await office.store.rates_of("example", number)
    assert found == [rate for rate in IN_ORDER if bare.startswith(rate.prefix)]
    whole, few = Deck("example", "EUR", IN_ORDER), Deck("example", "EUR", found)
    assert all(few.lookup(number, at_ms) == whole.lookup(number, at_ms) for at_ms in (0, 1000, 1500, T0_MS))
    assert await office.store.rates_of("another", number) == []


@pytest.mark.parametrize("dialled", ["00441234567890", "0033123456789", "3631", "101", "abc", ""])
async def test_catalog_for_one_number_decides_on_it_as_the_whole_one(office: Office, dialled: str) -> None:
    await extension_under_the_plan(office)
    await load(office, IN_ORDER)
    whole, narrow = await catalog_of(office), await load_catalog_for(office.store, RULES, dialled)
    assert (narrow.version, narrow.rules, narrow.deck_generations) == (
        whole.version,
        whole.rules,
        whole.deck_generations,
    )
    decisions = [
        decide_for(catalog.payer("101"), dialled, catalog, at_ms)
        for catalog in (whole, narrow)
        for at_ms in (0, 1000, 1500, T0_MS)
    ]
    assert decisions[:4] == decisions[4:]
