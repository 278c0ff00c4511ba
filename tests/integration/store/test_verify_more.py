"""``verify`` names what no constraint forbids and no sum of an account shows: days, accounts, prices, numbers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from charging.cdr import EndSource
from charging.saved import dump_session
from charging.session import begin
from rating.deck import PricedHours, Rate
from rating.hours import parse_hours
from store.catalog import create_account, set_account
from store.cdr_rows import to_ms
from store.expiry import expire_lots
from store.lost_calls import charge_provisionally
from store.provisional import take_back
from store.sessions import save_session
from store.settlement import settle_leg
from store.verify import Check, find_differences
from tests.integration.store.conftest import ON_DISK
from tests.integration.store.office import EUR, PER_SECOND, T0, T0_MS, Office, make_cdr, open_office
from tests.unit.charging.story import POLICY, paid_call

Found = set[tuple[Check, str, object, object, int | None]]
# Half of it from midnight to eight.
AT_NIGHT = replace(PER_SECOND, periods=(PricedHours("night", parse_hours("mon-sun 00:00-08:00"), 300_000),))

# Call "a" was charged 40 000 by extension 101, "b" 20 000 by 102, "c" 0; "d" is lost and charged 100 000 provisionally,
# "e" was and holds it again, "f" talks with 100 000 held; 400 000 of the lot "old" expired in three parts.
DAMAGE = {
    "an extension's and its account's spend are on another day": (
        ["UPDATE spend SET day = '2026-11-03' WHERE extension = ''", "UPDATE spend SET day = '2026-11-03'"],
        {
            (Check.SPEND, f"{extension} on {day}", expected, found, 1)
            for extension, micros in (("101", 140_000), ("102", 20_000))
            for day, expected, found in (("2026-11-02", micros, 0), ("2026-11-03", 0, micros))
        },
    ),
    "two extensions' spend are swapped": (
        [
            "UPDATE spend SET spent_micros = spent_micros - 20000 WHERE extension = '101'",
            "UPDATE spend SET spent_micros = spent_micros + 20000 WHERE extension = '102'",
        ],
        {
            (Check.SPEND, "101 on 2026-11-02", 140_000, 120_000, 1),
            (Check.SPEND, "102 on 2026-11-02", 20_000, 40_000, 1),
            (Check.SPEND_EXTENSION, "101", 140_000, 120_000, 1),
            (Check.SPEND_EXTENSION, "102", 20_000, 40_000, 1),
        },
    ),
    "a lost call's session is on another account": (
        ["UPDATE session SET account_id = 2 WHERE call_id = 'd'"],
        {(Check.CALL_PROVISIONAL, "d", 100_000, 0, 1), (Check.CALL_PROVISIONAL, "d", 0, 100_000, 2)},
    ),
    "a talking call's session is on another account": (
        ["UPDATE session SET account_id = 2 WHERE call_id = 'f'"],
        {
            (Check.CALL_HOLD, "f", 100_000, 0, 1),
            (Check.CALL_HOLD, "f", 0, 100_000, 2),
            (Check.SESSIONS, "1", 200_000, 100_000, 1),
            (Check.SESSIONS, "2", 0, 100_000, 2),
        },
    ),
    "a record that charged nothing is lost": (
        ["DELETE FROM cdr WHERE call_id = 'c'"],
        {(Check.NO_RECORD, "c", 1, 0, 1)},
    ),
    "a record that charged nothing became provisional": (
        ["UPDATE cdr SET provisional = true WHERE call_id = 'c'"],
        {(Check.PROVISIONAL, "c", None, "provisional", 1)},
    ),
    "a lost call's end was seen": (
        ["UPDATE cdr SET end_source = 'event' WHERE call_id = 'd'"],
        {(Check.PROVISIONAL, "d", None, "provisional", 1)},
    ),
    "a record's unpaid part is more than its time can have cost": (
        ["UPDATE cdr SET unfunded_micros = 999999 WHERE call_id = 'a'"],
        {(Check.PRICE, "a", 40_000, 1_039_999, 1)},
    ),
    "a record has fewer seconds than it charges": (
        ["UPDATE cdr SET billable_s = 3, ended_at_ms = answered_at_ms + 2500 WHERE call_id = 'a'"],
        {(Check.PRICE, "a", 30_000, 40_000, 1)},
    ),
    "a record's rate cannot be read": (
        ["UPDATE cdr SET rate = 'none' WHERE call_id = 'a'"],
        {(Check.PRICE, "a", "a rate", "none", 1)},
    ),
    "an expiry is missing among a lot's": (
        ["UPDATE journal SET key = 'lot:2:expire:9' WHERE key = 'lot:2:expire:2'"],
        {
            (Check.GAP, "lot:2:expire:9", "lot:2:expire:8", None, 1),
            (Check.GAP, "lot:2:expire:3", "lot:2:expire:2", None, 1),
        },
    ),
    "a provisional charge is numbered as the third": (
        ["UPDATE journal SET key = 'd:provisional:3' WHERE key = 'd:provisional:1'"],
        {(Check.GAP, "d:provisional:3", "d:provisional:2:refund", None, 1)},
    ),
    "a refund is of a charge that is not there": (
        ["UPDATE journal SET key = 'e:provisional:2:refund' WHERE kind = 'refund'"],
        {
            (Check.GAP, "e:provisional:2:refund", "e:provisional:2", None, 1),
            (Check.GAP, "e:provisional:1:hold", "e:provisional:1:refund", None, 1),
        },
    ),
    "a slice has no number": (
        ["UPDATE journal SET key = 'f:slice:01' WHERE key = 'f:slice:1'"],
        {(Check.KEY, "f:slice:01", "hold", None, 1)},
    ),
    "a call is paid until later than any answer": (
        ["UPDATE session SET paid_until_ms = paid_until_ms + 3600000 WHERE call_id = 'f'"],
        {(Check.PAID_TIME, "f", "2026-11-02T09:01:13+00:00", "2026-11-02T10:00:13+00:00", 1)},
    ),
    "a call is paid for more seconds than it holds": (
        ["UPDATE session SET paid_s = 40, paid_until_ms = paid_until_ms + 30000 WHERE call_id = 'f'"],
        {(Check.PAID_TIME, "f", 10, 40, 1)},
    ),
    "a call is paid for longer than any calendar": (
        ["UPDATE session SET paid_s = 9000000000000000000 WHERE call_id = 'f'"],
        {(Check.CELL, "session.paid_s", 0, 1, None)},
    ),
    "a record has more seconds than any calendar": (
        ["UPDATE cdr SET billable_s = 900000000000, allowance_s = 900000000000 WHERE call_id = 'a'"],
        {(Check.CELL, "cdr.billable_s", 0, 1, None), (Check.CELL, "cdr.allowance_s", 0, 1, None)},
    ),
    "a record has the most seconds that can be": (
        ["UPDATE cdr SET billable_s = 9999999999 WHERE call_id = 'a'"],
        {(Check.PRICE, "a", 99_999_999_990_000, 40_000, 1)},
    ),
    "moments of a call are none": (
        ["UPDATE session SET opened_at_ms = -1, updated_at_ms = 9000000000000000000 WHERE call_id = 'f'"],
        {(Check.CELL, "session.opened_at_ms", 0, 1, None), (Check.CELL, "session.updated_at_ms", 0, 1, None)},
    ),
    "the days of a call's hold cannot be read": (
        ["UPDATE session SET held_by_day = '[7' WHERE call_id = 'f'"],
        {(Check.HELD_BY_DAY, "f", 100_000, "[7", 1)},
    ),
    "a day of a call's hold is none": (
        ["""UPDATE session SET held_by_day = '{"monday":100000}' WHERE call_id = 'f'"""],
        {(Check.HELD_BY_DAY, "f", 100_000, '{"monday":100000}', 1)},
    ),
    "a day of a call's hold has no amount": (
        ["""UPDATE session SET held_by_day = '{"2026-11-02":1e400}' WHERE call_id = 'f'"""],
        {(Check.HELD_BY_DAY, "f", 100_000, '{"2026-11-02":1e400}', 1)},
    ),
    "an account's time zone is none": (
        ["UPDATE account SET timezone = 'Mars/Olympus' WHERE id = 1"],
        {(Check.CELL, "account.timezone", 0, 1, None)},
    ),
}


@asynccontextmanager
async def busy_office(database: str) -> AsyncIterator[Office]:
    """Everything that the damage needs; clean at the end."""
    async with open_office(database, funds_micros=EUR) as office:
        await office.store.apply(create_account(name="o", currency="EUR", timezone="UTC", at_ms=T0_MS))
        for call_id, extension, charged_micros in (("a", "101", 40_000), ("b", "102", 20_000), ("c", "101", 0)):
            await office.open(call_id)
            cdr = make_cdr(call_id, account_id=office.account_id, extension=extension, charged_micros=charged_micros)
            await office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS + 60_000))
        await office.fund(400_000, "old", expires_at_ms=T0_MS + 600_000)
        for call_id in ("d", "e"):
            await office.open(call_id)
            await lose(office, call_id)
        await office.store.apply(take_back(call_id="e", at_ms=T0_MS + 300_000))
        await expire_in_parts(office)
        await talk(office)
        assert await office.store.verify() == []
        yield office


async def lose(office: Office, call_id: str) -> None:
    cdr = make_cdr(call_id, account_id=office.account_id, charged_micros=100_000)
    lost = replace(cdr, provisional=True, end_source=EndSource.LAST_SEEN)
    assert await office.store.apply(charge_provisionally(cdr=lost, seen_at_ms=None, at_ms=T0_MS + 200_000))


async def expire_in_parts(office: Office) -> None:
    """Let the lot "old" expire while "e" and another two calls hold money; these give up in turn what they hold."""
    for call_id in ("x", "y"):
        await office.open(call_id, held_micros=50_000, paid_s=5)
    await office.store.apply(expire_lots(account_id=office.account_id, at_ms=T0_MS + 600_000))
    for call_id in ("x", "y"):
        cdr = make_cdr(call_id, account_id=office.account_id)
        await office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS + 600_001))


async def talk(office: Office) -> None:
    """Open a call of 10 s for 100 000, answered 3 s later, with the state that a service would save."""
    call = replace(paid_call(call_id="f", started_at=T0), account_id=office.account_id, rate=PER_SECOND)
    session, _ = begin(call, POLICY)
    await office.open("f")
    await office.store.apply(
        save_session(call_id="f", state=dump_session(session), at_ms=T0_MS + 3_000, paid_until_ms=T0_MS + 13_000)
    )


@ON_DISK
async def test_verify_after_damage_names_account_lot_or_call(database: str) -> None:
    async with busy_office(database) as office:
        found = {damage: await found_after(database, statements) for damage, (statements, _) in DAMAGE.items()}
        assert found == {damage: expected for damage, (_, expected) in DAMAGE.items()}
        assert await office.store.verify() == []


async def found_after(database: str, statements: list[str]) -> Found:
    """Answer what is found in a transaction that does the damage and is rolled back."""
    async with damaging(database) as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
        differences = await find_differences(connection)
    return {(each.check, each.subject, each.expected, each.found, each.account_id) for each in differences}


@asynccontextmanager
async def damaging(database: str) -> AsyncIterator[AsyncConnection]:
    """Open a transaction without the store's guards that comes to nothing."""
    name, _, rest = database.partition(":")
    is_file = name == "sqlite"
    engine = create_async_engine(f"{'sqlite+aiosqlite' if is_file else 'postgresql+asyncpg'}:{rest}")
    async with engine.connect() as connection:
        if is_file:  # its driver would begin a transaction too late to take the guards back
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.exec_driver_sql("BEGIN")
        await connection.exec_driver_sql(f"DROP TRIGGER journal_refuse_update{'' if is_file else ' ON journal'}")
        yield connection
        if is_file:
            await connection.exec_driver_sql("ROLLBACK")
        else:
            await connection.rollback()
    await engine.dispose()


# --- days and prices that depend on the account's time zone --------------------------------------------------------

MIDNIGHT = T0.replace(hour=23)
"""In Paris."""


async def settle_at(office: Office, call_id: str, answered_at: datetime, rate: Rate, charged_micros: int) -> None:
    """Settle a call of two minutes."""
    await office.open(call_id, held_micros=charged_micros, paid_s=120)
    cdr = make_cdr(
        call_id, account_id=office.account_id, started_at=answered_at, rate=rate, charged_micros=charged_micros
    )
    cdr = replace(cdr, billable_s=120, ended_at=answered_at + timedelta(seconds=119.5))
    at_ms = to_ms(answered_at) + 119_500
    await office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=at_ms))


@ON_DISK
async def test_verify_of_a_call_over_midnight_at_two_prices_knows_days_and_price(database: str) -> None:
    async with open_office(database, funds_micros=10 * EUR) as office:
        await settle_at(office, "a", MIDNIGHT - timedelta(seconds=30), AT_NIGHT, 30 * 10_000 + 90 * 5_000)

        assert await office.store.verify() == []
        assert await found_after(database, ["UPDATE cdr SET rate = replace(rate, '300000', '300060')"]) == {
            (Check.PRICE, "a", 750_090, 750_000, 1)
        }
        earlier = "UPDATE cdr SET answered_at_ms = answered_at_ms - 10000, ended_at_ms = ended_at_ms - 10000"
        assert await found_after(database, [earlier]) == {
            (Check.PRICE, "a", 800_000, 750_000, 1),
            (Check.SPEND, "101 on 2026-11-02", 400_000, 300_000, 1),
            (Check.SPEND, "101 on 2026-11-03", 350_000, 450_000, 1),
        }


@ON_DISK
async def test_verify_after_a_change_of_the_time_zone_compares_the_days_since(database: str) -> None:
    async with open_office(database, funds_micros=10 * EUR) as office:
        await settle_at(office, "a", MIDNIGHT - timedelta(seconds=30), AT_NIGHT, 750_000)
        await office.store.apply(set_account(name="main", timezone="Pacific/Kiritimati"))
        await settle_at(office, "b", MIDNIGHT + timedelta(days=9), AT_NIGHT, 1_200_000)

        assert await office.store.verify() == []
        move = "UPDATE spend SET day = '{}' WHERE day = '{}'"
        assert await found_after(database, [move.format("2026-11-01", "2026-11-02")]) == set()
        assert await found_after(database, [move.format("2026-11-13", "2026-11-12")]) == {
            (Check.SPEND, "101 on 2026-11-12", 1_200_000, 0, 1),
            (Check.SPEND, "101 on 2026-11-13", 0, 1_200_000, 1),
        }


async def test_change_of_other_settings_leaves_the_time_zones_age(office: Office) -> None:
    await office.store.apply(set_account(name="main", month_day=3))
    account = await office.store.account_by_id(office.account_id)
    assert account is not None
    assert account.timezone_since_ms is None
    await office.store.apply(set_account(name="main", timezone="UTC"))
    await office.store.apply(set_account(name="main", month_day=4, timezone="UTC"))
    account = await office.store.account_by_id(office.account_id)
    assert account is not None
    assert account.timezone_since_ms == T0_MS
