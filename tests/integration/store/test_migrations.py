"""The schema's versions: what migrations make is what the code expects, append-only included."""

import io
import re
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from rating.deck import Rate
from store.errors import StoreSchemaError, StoreUnavailableError
from store.migrate import ensure_current, head_revision, upgrade
from store.schema import metadata
from store.schema_changes import alembic_config
from store.store import Store
from tests.sqlite import url_of

INSERT_ACCOUNT = (
    "INSERT INTO account (name, currency, timezone, available_micros, reserved_micros, created_at_ms) VALUES"
)
INSERT_ENTRY = "INSERT INTO journal (key, account_id, kind, debit_bucket, credit_bucket, amount_micros, at_ms) VALUES"
INSERT_LOT = "INSERT INTO lot (account_id, reference, amount_micros, remaining_micros, purchased_at_ms) VALUES"


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A store's URL, migrated."""
    upgrade(url_of(tmp_path))
    return url_of(tmp_path)


def connect(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "tollgate.db", isolation_level=None)


def test_migrated_schema_is_the_one_of_the_code(url: str) -> None:
    engine = create_engine(url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_migrated_checks_are_those_of_the_code(url: str, tmp_path: Path) -> None:
    """Alembic does not compare CHECK constraints: compare them with a schema made from the code."""
    migrated = create_engine(url)
    made = create_engine(f"sqlite:///{tmp_path / 'made.db'}")
    metadata.create_all(made)
    for table in metadata.tables:
        ours, theirs = (
            {check["name"]: check["sqltext"] for check in inspect(engine).get_check_constraints(table)}
            for engine in (migrated, made)
        )
        assert ours == theirs
    migrated.dispose()
    made.dispose()


def test_upgrade_again_changes_nothing(url: str) -> None:
    upgrade(url)
    ensure_current(url)


def test_upgrade_makes_folders_and_a_wal_database(tmp_path: Path) -> None:
    path = tmp_path / "new" / "tollgate.db"
    upgrade(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_upgrade_where_nothing_can_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailableError, match="could not be opened"):
        upgrade(f"sqlite:///{tmp_path / 'file' / 'tollgate.db'}")


def test_upgrade_of_something_else_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "tollgate.db"
    path.write_text("this is a letter, not a database, and it is long enough to be seen as one" * 20)
    with pytest.raises(StoreUnavailableError):
        upgrade(url_of(tmp_path))
    with pytest.raises(StoreUnavailableError):
        ensure_current(url_of(tmp_path))


def test_missing_store_is_unavailable_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError, match="tollgate init"):
        ensure_current(url_of(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_store_without_schema_says_migrate(tmp_path: Path) -> None:
    connect(tmp_path).close()
    with pytest.raises(StoreSchemaError, match="run `tollgate migrate`"):
        ensure_current(url_of(tmp_path))


def test_store_of_a_later_version_says_update(url: str, tmp_path: Path) -> None:
    connection = connect(tmp_path)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    for check in (ensure_current, upgrade):
        with pytest.raises(StoreSchemaError, match="update Tollgate"):
            check(url)


def test_revisions_are_those_that_alembic_finds() -> None:
    found = ScriptDirectory.from_config(alembic_config())
    assert head_revision() == found.get_current_head()
    for script in found.walk_revisions():
        assert Path(script.path).name.startswith(f"{script.revision}_")


async def test_open_needs_the_current_schema(tmp_path: Path) -> None:
    connect(tmp_path).close()
    with pytest.raises(StoreSchemaError):
        await Store.open(url_of(tmp_path))


@pytest.mark.parametrize("statement", ["UPDATE journal SET amount_micros = 2", "DELETE FROM journal"])
def test_journal_refuses_changes(url: str, tmp_path: Path, statement: str) -> None:
    connection = connect(tmp_path)
    connection.execute(f"{INSERT_ACCOUNT} ('main', 'EUR', 'UTC', 1, 0, 0)")
    connection.execute(f"{INSERT_ENTRY} ('k', 1, 'fund', 'funding', 'available', 1, 0)")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET available_micros = -1",
        "UPDATE account SET reserved_micros = -1",
        "UPDATE catalog_version SET id = 2",
        f"{INSERT_ENTRY} ('k', 1, 'fund', 'available', 'spent', 1, 0)",
        f"{INSERT_ENTRY} ('k', 1, 'fund', 'funding', 'available', 0, 0)",
        f"{INSERT_LOT} (1, 'r', 1, 2, 0)",
    ],
)
def test_database_itself_refuses_what_must_not_be(url: str, tmp_path: Path, statement: str) -> None:
    connection = connect(tmp_path)
    connection.execute(f"{INSERT_ACCOUNT} ('main', 'EUR', 'UTC', 0, 0, 0)")
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        connection.execute(statement)
    connection.close()


async def test_upgrade_of_the_first_schema_keeps_its_rates_in_force(tmp_path: Path) -> None:
    path = tmp_path / "tollgate.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0001")
    engine.dispose()
    old = connect(tmp_path)
    old.execute("INSERT INTO deck VALUES (1, 'carrier', 'EUR', 2, 2, 0)")
    old.execute("INSERT INTO rate VALUES (1, 2, '44', 'United Kingdom', 20000, 5, 30, 6, 7, 0)")
    old.execute("INSERT INTO rate VALUES (1, 2, '447', 'UK mobile', 90000, 0, 1, 1, 0, 1)")
    old.close()
    upgrade(url_of(tmp_path))
    async with await Store.open(url_of(tmp_path)) as store:
        assert [rate async for rate in store.deck_rates("carrier")] == [
            Rate(
                prefix="44",
                destination="United Kingdom",
                per_minute_micros=20_000,
                connect_fee_micros=5,
                initial_increment_s=30,
                increment_s=6,
                minimum_charge_micros=7,
            ),
            Rate(
                prefix="447",
                destination="UK mobile",
                per_minute_micros=90_000,
                initial_increment_s=1,
                increment_s=1,
                barred=True,
            ),
        ]
        later = Rate(
            prefix="33",
            destination="France",
            per_minute_micros=1,
            initial_increment_s=1,
            increment_s=1,
            effective_from_ms=5,
        )
        await store.import_deck(name="carrier", currency="EUR", rates=[later], at_ms=0)
        assert [rate async for rate in store.deck_rates("carrier")] == [later]


def test_upgrade_counts_what_calls_cost_before_caps_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "tollgate.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0003")
    engine.dispose()
    old = connect(tmp_path)
    old.execute(f"{INSERT_ACCOUNT} ('main', 'EUR', 'Europe/Paris', 0, 0, 0)")
    evening_ms, night_ms = 1_793_658_600_000, 1_793_660_460_000  # 2 November 2026, 23:30, and the 3rd, 00:01, in Paris
    for call_id, extension, answered_ms, charged_micros in (
        ("a", "101", evening_ms, 5),
        ("b", "102", evening_ms, 7),
        ("c", "101", night_ms, 11),
        ("d", "101", night_ms, 13),
        ("e", "103", night_ms, 0),
    ):
        old.execute(
            "INSERT INTO cdr (call_id, leg, node, account_id, extension, endpoint, dialled, started_at_ms,"
            " answered_at_ms, ended_at_ms, billable_s, charged_micros, unfunded_micros, funded_by, disposition,"
            " end_source) VALUES (?, 1, 'pbx', 1, ?, '', '', ?, ?, 0, 1, ?, 0, '[]', 'ANSWERED', 'event')",
            (call_id, extension, answered_ms - 10_000, answered_ms, charged_micros),
        )
    old.close()
    upgrade(url_of(tmp_path))
    new = connect(tmp_path)
    assert new.execute("SELECT extension, day, spent_micros FROM spend ORDER BY extension, day").fetchall() == [
        ("", "2026-11-02", 12),
        ("", "2026-11-03", 24),
        ("101", "2026-11-02", 5),
        ("101", "2026-11-03", 24),
        ("102", "2026-11-02", 7),
    ]
    new.close()


@pytest.mark.parametrize(
    "columns",
    [
        "effective_from_ms = -2",
        "effective_from_ms = 5, effective_until_ms = 5",
        "period_micros = '[1]'",
        "increment_s = 0",
        "per_minute_micros = -1",
    ],
)
def test_database_itself_refuses_rates_that_are_none(url: str, tmp_path: Path, columns: str) -> None:
    connection = connect(tmp_path)
    connection.execute("INSERT INTO deck VALUES (1, 'carrier', 'EUR', 1, 1, 0)")
    connection.execute(
        "INSERT INTO rate (deck_id, generation, prefix, destination, per_minute_micros, connect_fee_micros,"
        " initial_increment_s, increment_s, minimum_charge_micros, barred) VALUES (1, 1, '44', 'UK', 1, 0, 1, 1, 0, 0)"
    )
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        connection.execute(f"UPDATE rate SET {columns}")
    connection.close()


def test_migrations_can_be_written_out_for_postgresql() -> None:
    config = alembic_config()
    config.set_main_option("sqlalchemy.url", "postgresql+asyncpg://")
    config.output_buffer = io.StringIO()
    command.upgrade(config, "head", sql=True)
    sql = config.output_buffer.getvalue()
    assert re.search(r"CREATE TABLE account \(\s+id BIGSERIAL NOT NULL", sql)
    assert "CREATE TRIGGER journal_refuse_truncate BEFORE truncate ON journal" in sql
    assert f"SET version_num='{head_revision()}'" in sql
    assert "PRIMARY KEY (deck_id, generation, prefix, effective_from_ms)" in sql
