"""Reading calls and money back: records, totals, pages, and one state of the store at a time."""

from datetime import timedelta

import pytest

from charging.cdr import Cdr, Disposition
from rating.destination import DestinationClass
from store.call_reads import CdrFilter
from store.cdr_rows import from_ms
from store.errors import StoreUnavailableError
from store.records import ExtensionTotals
from store.settlement import settle_leg
from tests.integration.store.conftest import ON_DISK
from tests.integration.store.office import T0_MS, Office, make_cdr

HOUR_MS = 3_600_000


async def write_records(office: Office) -> list[Cdr]:
    """Write four records an hour apart: two extensions, two classes, one call of two legs."""
    for call_id in ("a", "b"):
        await office.open(call_id)
    cdrs = [
        make_cdr("a", account_id=1, leg=1, charged_micros=20_000, started_at=from_ms(T0_MS)),
        make_cdr("a", account_id=1, leg=2, charged_micros=10_000, started_at=from_ms(T0_MS + HOUR_MS)),
        make_cdr(
            "b",
            account_id=1,
            charged_micros=40_000,
            started_at=from_ms(T0_MS + 2 * HOUR_MS),
            extension="102",
            destination_class=DestinationClass.PREMIUM,
        ),
        make_cdr(
            "c",
            account_id=None,
            leg=0,
            started_at=from_ms(T0_MS + 3 * HOUR_MS),
            destination_class=None,
            rate=None,
            disposition=Disposition.REFUSED,
        ),
    ]
    for cdr in cdrs:
        close = (cdr.call_id, cdr.leg) != ("a", 1)
        await office.store.apply(settle_leg(cdr=cdr, close=close, at_ms=T0_MS))
    return cdrs


async def test_records_come_back_as_they_were_written(office: Office) -> None:
    cdrs = await write_records(office)
    assert [cdr async for cdr in office.store.cdrs()] == cdrs


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (CdrFilter(extension="102"), ["b"]),
        (CdrFilter(destination_class=DestinationClass.PREMIUM), ["b"]),
        (CdrFilter(account_id=1), ["a", "a", "b"]),
        (CdrFilter(call_id="a"), ["a", "a"]),
        (CdrFilter(from_ms=T0_MS + HOUR_MS), ["a", "b", "c"]),
        (CdrFilter(to_ms=T0_MS + HOUR_MS), ["a"]),
        (CdrFilter(from_ms=T0_MS + HOUR_MS, to_ms=T0_MS + 2 * HOUR_MS, extension="101"), ["a"]),
    ],
)
async def test_records_are_filtered(office: Office, which: CdrFilter, expected: list[str]) -> None:
    await write_records(office)
    assert [cdr.call_id async for cdr in office.store.cdrs(which)] == expected


async def test_totals_count_a_call_of_two_legs_once(office: Office) -> None:
    await write_records(office)
    first, second = await office.store.extension_totals()
    assert first == ExtensionTotals(
        extension="101", calls=2, answered_calls=1, billable_s=3, charged_micros=30_000, unfunded_micros=0
    )
    assert (second.extension, second.charged_micros) == ("102", 40_000)
    assert await office.store.extension_totals(CdrFilter(extension="999")) == []


async def test_instants_are_cut_to_milliseconds(office: Office) -> None:
    cdr = make_cdr("a", account_id=None, started_at=from_ms(T0_MS) + timedelta(microseconds=1_999))
    await office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS))
    (read,) = [cdr async for cdr in office.store.cdrs()]
    assert read.started_at == from_ms(T0_MS + 1)


async def test_known_calls_are_those_open_or_recorded(office: Office) -> None:
    await write_records(office)
    await office.open("d")
    asked = ["a", "c", "d", "nobody", *(f"call-{n}" for n in range(1200))]
    assert await office.store.known_call_ids(asked) == {"a", "c", "d"}
    assert await office.store.known_call_ids([]) == set()
    await office.settle("d", 0)


async def test_journal_is_read_by_pages(office: Office) -> None:
    for n in range(5):
        await office.fund(1, f"r{n}")
    first = await office.store.journal(office.account_id, limit=4)
    rest = await office.store.journal(office.account_id, after_id=first[-1].id)
    assert [entry.reference for entry in first + rest] == ["start", "r0", "r1", "r2", "r3", "r4"]


@ON_DISK
async def test_a_transaction_sees_one_state(office: Office) -> None:
    async with office.store._reading() as connection:
        count = "SELECT count(*) FROM lot"
        before = (await connection.exec_driver_sql(count)).scalar()
        await office.fund(1, "meanwhile")
        assert (await connection.exec_driver_sql(count)).scalar() == before


async def test_reading_cannot_write(office: Office) -> None:
    with pytest.raises(StoreUnavailableError, match=r"read-?only"):
        async with office.store._reading() as connection:
            await connection.exec_driver_sql("DELETE FROM lot")
