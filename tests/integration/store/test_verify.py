"""``verify`` finds each kind of damage; the damage is done behind the store's back."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from charging.cdr import EndSource
from store.expiry import expire_lots
from store.lost_calls import charge_provisionally
from store.provisional import take_back
from store.verify import Check
from tests.integration.store.office import EUR, T0_MS, Office, make_cdr, open_office

DROP_GUARDS = """
    DROP TRIGGER journal_refuse_update;
    DROP TRIGGER journal_refuse_delete;
    DROP TRIGGER lot_use_refuse_update;
    DROP TRIGGER lot_use_refuse_delete;
    PRAGMA ignore_check_constraints = ON;
"""

RECORD_TWICE = """
    CREATE TABLE copy AS SELECT * FROM cdr;
    DROP TABLE cdr;
    ALTER TABLE copy RENAME TO cdr;
    INSERT INTO cdr SELECT * FROM cdr WHERE call_id = 'a';
    UPDATE cdr SET charged_micros = 20000 WHERE call_id = 'a';
"""

# What is damaged (call "a" is settled at 40 000, "b" holds 100 000), and all the checks that see it.
DAMAGE = {
    "a balance is raised": (
        "UPDATE account SET available_micros = available_micros + 5",
        {(Check.AVAILABLE, "1", 860_000, 860_005), (Check.LOTS, "1", 960_005, 960_000)},
    ),
    "a hold is forgotten": (
        "UPDATE account SET reserved_micros = 0",
        {
            (Check.RESERVED, "1", 100_000, 0),
            (Check.LOTS, "1", 860_000, 960_000),
            (Check.SESSIONS, "1", 0, 100_000),
        },
    ),
    "a session is lost": (
        "DELETE FROM session",
        {(Check.SESSIONS, "1", 100_000, 0), (Check.CALL_HOLD, "b", 100_000, 0)},
    ),
    "a lot is larger than its purchase": (
        "UPDATE lot SET amount_micros = amount_micros + 7, remaining_micros = remaining_micros + 7",
        {(Check.LOTS, "1", 960_000, 960_007), (Check.LOT_AMOUNT, "start", 1_000_000, 1_000_007)},
    ),
    "a lot lost money": (
        "UPDATE lot SET remaining_micros = remaining_micros - 1",
        {(Check.LOTS, "1", 960_000, 959_999), (Check.LOT, "start", 960_000, 959_999)},
    ),
    "a record charges less": (
        "UPDATE cdr SET charged_micros = 39999 WHERE call_id = 'a'",
        {
            (Check.SPENT, "1", 40_000, 39_999),
            (Check.CALL_CHARGE, "a", 40_000, 39_999),
            (Check.SPEND_EXTENSION, "101", 39_999, 40_000),
            (Check.SPEND, "101 on 2026-11-02", 39_999, 40_000),
            (Check.PRICE, "a", 40_000, 39_999),
        },
    ),
    "a record is lost": (
        "DELETE FROM cdr WHERE call_id = 'a'",
        {
            (Check.SPENT, "1", 40_000, 0),
            (Check.CALL_CHARGE, "a", 40_000, 0),
            (Check.SPEND_EXTENSION, "101", 0, 40_000),
            (Check.SPEND, "101 on 2026-11-02", 0, 40_000),
            (Check.NO_RECORD, "a", 1, 0),
        },
    ),
    "a hold's key names another call": (
        "UPDATE journal SET key = 'c:slice:1' WHERE key = 'b:slice:1'",
        {(Check.KEY, "c:slice:1", "hold", None)},
    ),
    "a charge's key names no leg": (
        "UPDATE journal SET key = 'a:charge' WHERE kind = 'charge'",
        {(Check.KEY, "a:charge", "charge", None)},
    ),
    "a purchase has no reference": (
        "UPDATE journal SET reference = NULL WHERE kind = 'fund'",
        {(Check.KEY, "account:1:ref:start", "fund", None)},
    ),
    "a release names another call": (
        "UPDATE journal SET call_id = 'b' WHERE kind = 'release'",
        {
            (Check.KEY, "a:release", "release", None),
            (Check.CALL_HOLD, "a", 60_000, 0),
            (Check.CALL_HOLD, "b", 40_000, 100_000),
            (Check.NO_RECORD, "b", 1, 0),
        },
    ),
    "a leg is recorded twice": (
        RECORD_TWICE,
        {(Check.CDR, "a", 1, 2), (Check.PRICE, "a", 40_000, 20_000)},
    ),
    "a record has more free seconds than seconds": (
        "UPDATE cdr SET allowance_s = 7 WHERE call_id = 'a'",
        {(Check.CDR, "a", 0, -3), (Check.CALL_ALLOWANCE, "a", 0, 7)},
    ),
    "what a charge took from a lot is forgotten": (
        "DELETE FROM lot_use",
        {(Check.LOT, "start", 1_000_000, 960_000), (Check.LOT_USE, "a:leg:1:charge", 40_000, 0)},
    ),
    "a lot lost what nobody took": (
        "INSERT INTO lot_use SELECT 1, id, 5 FROM journal WHERE kind = 'release'",
        {(Check.LOT, "start", 959_995, 960_000), (Check.LOT_USE, "a:release", 0, 5)},
    ),
    "a use is of an entry that is not there": (
        "UPDATE lot_use SET journal_id = 99",
        {(Check.LOT_USE, "a:leg:1:charge", 40_000, 0), (Check.LOT_USE, "99", 0, 40_000)},
    ),
    "an entry is no transfer": (
        "UPDATE journal SET debit_bucket = 'expired' WHERE key = 'b:slice:1'",
        {
            (Check.ENTRY, "b:slice:1", None, "hold of 100000 from expired to reserved"),
            (Check.AVAILABLE, "1", 960_000, 860_000),
            (Check.RESERVED, "1", 0, 100_000),
            (Check.CALL_HOLD, "b", 0, 100_000),
        },
    ),
    "a day's spend of the extension is raised": (
        "UPDATE spend SET spent_micros = 40001 WHERE extension = '101'",
        {
            (Check.SPEND_EXTENSION, "101", 40_000, 40_001),
            (Check.SPEND, "101 on 2026-11-02", 40_000, 40_001),
            (Check.SPEND_DAY, "2026-11-02", 40_001, 40_000),
        },
    ),
    "a day's spend of the account is lost": (
        "DELETE FROM spend WHERE extension = ''",
        {(Check.SPEND_ACCOUNT, "1", 40_000, 0), (Check.SPEND_DAY, "2026-11-02", 40_000, 0)},
    ),
    "an account's spend is on another day": (
        "UPDATE spend SET day = '2026-11-03' WHERE extension = ''",
        {(Check.SPEND_DAY, "2026-11-02", 40_000, 0), (Check.SPEND_DAY, "2026-11-03", 0, 40_000)},
    ),
    "an answered call's days hold less than it": (
        """UPDATE session SET paid_until_ms = 1793610010000, held_by_day = '{"2026-11-02":60000,"2026-11-03":39999}'""",
        {(Check.HELD_BY_DAY, "b", 100_000, 99_999)},
    ),
    "a ringing call's days hold less than it": (
        """UPDATE session SET held_by_day = '{"2026-11-02":100000,"2026-11-03":1}'""",
        {(Check.HELD_BY_DAY, "b", 100_000, 100_001)},
    ),
    "a session claims a provisional charge": (
        "UPDATE session SET provisional_micros = 7",
        {(Check.CALL_PROVISIONAL, "b", 0, 7)},
    ),
}


# Call "b" is lost and charged 100 000 provisionally, "c" was and holds it again, 400 000 of the lot "old" have expired.
DAMAGE_OF_LOST_CALLS = {
    "a provisional record is lost": (
        "DELETE FROM cdr WHERE provisional",
        {
            (Check.SPENT, "1", 100_000, 0),
            (Check.SPEND_EXTENSION, "101", 0, 100_000),
            (Check.SPEND, "101 on 2026-11-02", 0, 100_000),
            (Check.CALL_CHARGE, "b", 100_000, 0),
            (Check.CALL_PROVISIONAL, "b", 0, 100_000),
        },
    ),
    "a provisional record became final": (
        "UPDATE cdr SET provisional = false",
        {(Check.CALL_PROVISIONAL, "b", 0, 100_000)},
    ),
    "a session forgot its provisional charge": (
        "UPDATE session SET provisional_micros = 0 WHERE call_id = 'b'",
        {(Check.CALL_PROVISIONAL, "b", 100_000, 0), (Check.HELD_BY_DAY, "b", 0, 100_000)},
    ),
    "a refund gave nothing back": (
        "DELETE FROM lot_use WHERE journal_id = (SELECT id FROM journal WHERE kind = 'refund')",
        {(Check.LOT_USE, "c:provisional:1:refund", 100_000, 0), (Check.LOT, "start", 800_000, 900_000)},
    ),
    "a refund is another call's": (
        "UPDATE journal SET call_id = 'b' WHERE kind = 'refund'",
        {
            (Check.KEY, "c:provisional:1:refund", "refund", None),
            (Check.CALL_CHARGE, "b", 0, 100_000),
            (Check.CALL_CHARGE, "c", 100_000, 0),
        },
    ),
    "an expired lot has money": (
        "UPDATE lot SET remaining_micros = 5 WHERE reference = 'old'",
        {(Check.LOTS, "1", 900_000, 900_005), (Check.LOT, "old", 0, 5)},
    ),
    "an expiry names another lot": (
        "UPDATE journal SET lot_id = 1 WHERE kind = 'expire'",
        {(Check.KEY, f"lot:2:expire:{n}", "expire", None) for n in (1, 2)},
    ),
    "an expiry took from another lot": (
        "UPDATE lot_use SET lot_id = 1 WHERE lot_id = 2",
        {(Check.LOT, "start", 500_000, 900_000), (Check.LOT, "old", 400_000, 0)},
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_verify_after_damage_names_the_place(tmp_path: Path, damage: str) -> None:
    statements, expected = DAMAGE[damage]
    async with open_office(tmp_path, funds_micros=EUR) as office:
        await office.open("a")
        await office.settle("a", 40_000)
        await office.open("b")
        assert await _found(office, tmp_path, statements) == expected


@pytest.mark.parametrize("damage", DAMAGE_OF_LOST_CALLS)
async def test_verify_after_damage_of_a_lost_call_or_an_expiry_names_the_place(tmp_path: Path, damage: str) -> None:
    statements, expected = DAMAGE_OF_LOST_CALLS[damage]
    async with open_office(tmp_path, funds_micros=EUR) as office:
        for call_id in ("b", "c"):
            await office.open(call_id)
            await _lose(office, call_id)
        await office.store.apply(take_back(call_id="c", at_ms=T0_MS + 600_000))
        await office.fund(400_000, "old", expires_at_ms=T0_MS + 1)
        await office.store.apply(expire_lots(account_id=office.account_id, at_ms=T0_MS + 2))
        # What a call holds does not expire before it has ended.
        await office.settle("c", 0)
        assert await _found(office, tmp_path, statements) == expected


async def _lose(office: Office, call_id: str) -> None:
    cdr = make_cdr(call_id, account_id=office.account_id, charged_micros=100_000)
    lost = replace(cdr, provisional=True, end_source=EndSource.LAST_SEEN)
    assert await office.store.apply(charge_provisionally(cdr=lost, seen_at_ms=None, at_ms=T0_MS + 300_000))


async def _found(office: Office, folder: Path, statements: str) -> set[tuple[Check, str, object, object]]:
    """Answer what is found once the statements were run; the store is mended again, since its own end looks too."""
    path, clean = folder / "tollgate.db", folder / "clean.db"
    assert await office.store.verify() == []
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("VACUUM INTO ?", (str(clean),))
        connection.executescript(DROP_GUARDS + statements)
    differences = await office.store.verify()
    with closing(sqlite3.connect(path)) as connection, closing(sqlite3.connect(clean)) as source:
        source.backup(connection)
    assert all(each.account_id in (1, None) for each in differences)
    return {(each.check, each.subject, each.expected, each.found) for each in differences}
