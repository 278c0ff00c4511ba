"""``verify`` finds each kind of damage; the damage is done behind the store's back."""

import sqlite3
from pathlib import Path

import pytest

from store.verify import Check
from tests.integration.store.office import EUR, open_office

DROP_GUARDS = "DROP TRIGGER journal_refuse_update; DROP TRIGGER journal_refuse_delete;"

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
    "a lot lost money": (
        "UPDATE lot SET remaining_micros = remaining_micros - 1",
        {(Check.LOTS, "1", 960_000, 959_999), (Check.LOT, "1", 960_000, 959_999)},
    ),
    "a record charges less": (
        "UPDATE cdr SET charged_micros = 39999 WHERE call_id = 'a'",
        {(Check.SPENT, "1", 40_000, 39_999), (Check.CALL_CHARGE, "a", 40_000, 39_999)},
    ),
    "a record is lost": (
        "DELETE FROM cdr WHERE call_id = 'a'",
        {(Check.SPENT, "1", 40_000, 0), (Check.CALL_CHARGE, "a", 40_000, 0)},
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
        },
    ),
    "a leg is recorded twice": (
        RECORD_TWICE,
        {(Check.CDR, "a", 1, 2)},
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_verify_after_damage_names_the_place(tmp_path: Path, damage: str) -> None:
    statements, expected = DAMAGE[damage]
    path = tmp_path / "tollgate.db"
    clean = tmp_path / "clean.db"
    async with open_office(tmp_path, funds_micros=EUR) as office:
        await office.open("a")
        await office.settle("a", 40_000)
        await office.open("b")
        assert await office.store.verify() == []
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("VACUUM INTO ?", (str(clean),))
        connection.executescript(DROP_GUARDS + statements)
        connection.close()
        differences = await office.store.verify()
        found = {(each.check, each.subject, each.expected, each.found) for each in differences}
        connection = sqlite3.connect(path)
        source = sqlite3.connect(clean)
        source.backup(connection)  # the office looks for differences when it closes
        source.close()
        connection.close()
    assert found == expected
