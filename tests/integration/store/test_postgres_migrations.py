"""Migrations on a server: the schema is the code's, append-only included, and what is wrong with a server is said."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from store.errors import StoreError, StoreSchemaError, StoreUnavailableError
from store.location import PostgresLocation, locate
from store.migrate import ensure_current, found_revision, head_revision, server_engine, upgrade
from store.postgres_sql import server_sql
from store.schema import metadata
from store.store import Store
from tests.postgres import PASSWORD, fresh_database, shared_cluster
from tests.unit.store.test_operation import statements

INSERT_ACCOUNT = (
    "INSERT INTO account (name, currency, timezone, month_day, available_micros, reserved_micros, created_at_ms)"
    " VALUES ('main', 'EUR', 'UTC', 1, 1, 0, 0)"
)
INSERT_ENTRY = "INSERT INTO journal (key, account_id, kind, debit_bucket, credit_bucket, amount_micros, at_ms) VALUES"


@pytest.fixture
def url() -> Iterator[str]:
    """A database with an empty store."""
    with fresh_database() as lent:
        yield lent


@pytest.fixture
def empty_url() -> Iterator[str]:
    """A database with nothing in it."""
    with fresh_database(migrated=False) as lent:
        yield lent


def location_of(url: str) -> PostgresLocation:
    location = locate(url)
    assert isinstance(location, PostgresLocation)
    return location


async def test_migrated_schema_is_the_one_of_the_code(url: str) -> None:
    def differences(connection: Connection) -> object:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    def checks(connection: Connection) -> dict[str, set[str | None]]:
        found = inspect(connection)
        return {table: {check["name"] for check in found.get_check_constraints(table)} for table in metadata.tables}

    engine = server_engine(location_of(url), role="test")
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        migrated = await connection.run_sync(checks)
    await engine.dispose()
    with fresh_database(migrated=False) as made_url:
        engine = server_engine(location_of(made_url), role="test")
        async with engine.connect() as connection:
            await connection.run_sync(metadata.create_all)
            assert await connection.run_sync(checks) == migrated
        await engine.dispose()


async def test_all_text_is_compared_byte_by_byte(url: str) -> None:
    connection = await asyncpg.connect(url)
    query = (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
    )
    assert await connection.fetch(query) == []
    await connection.close()


@pytest.mark.parametrize(
    "statement", ["UPDATE journal SET reason = 'x'", "DELETE FROM journal", "TRUNCATE journal CASCADE"]
)
async def test_journal_refuses_changes(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(INSERT_ACCOUNT)
    await connection.execute(f"{INSERT_ENTRY} ('k', 1, 'fund', 'funding', 'available', 1, 0)")
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await connection.execute(statement)
    await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE account SET available_micros = -1",
        "UPDATE account SET reserved_micros = -1",
        f"{INSERT_ENTRY} ('k', 1, 'fund', 'available', 'spent', 1, 0)",
    ],
)
async def test_database_itself_refuses_what_must_not_be(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(INSERT_ACCOUNT)
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(statement)
    await connection.close()


async def test_every_statement_of_an_operation_can_be_prepared(url: str) -> None:
    connection = await asyncpg.connect(url)
    failed = []
    for name, sql in statements():
        try:
            await connection.prepare(server_sql(sql).compiled.text)
        except asyncpg.PostgresError as error:
            failed.append((name, str(error)))
    await connection.close()
    assert failed == []


def test_every_change_names_its_tables() -> None:
    """What is not understood is asked for alone, which is right but slow."""
    assert [name for name, sql in statements() if server_sql(sql).tables is None] == []


async def test_several_nodes_migrate_at_once(empty_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(upgrade, empty_url) for _ in range(3)))
    assert await asyncio.to_thread(found_revision, locate(empty_url)) == head_revision()


def test_database_without_a_store_says_init(empty_url: str) -> None:
    with pytest.raises(StoreSchemaError, match="has no store; run `tollgate init`"):
        ensure_current(empty_url)


async def test_missing_database_wrong_password_and_refused_connection_say_what_to_do(url: str) -> None:
    cluster = shared_cluster()
    wrong = {
        cluster.url("nosuch"): "create it",
        cluster.url("postgres", password="forgotten!", host="127.0.0.1"): "check user and password",
        "postgresql://tollgate:forgotten!@127.0.0.1:1/tollgate": "check that PostgreSQL runs there",
    }
    for place, mend in wrong.items():
        with pytest.raises(StoreUnavailableError, match=mend) as raised:
            await Store.open(place)
        assert "forgotten!" not in str(raised.value)
        assert PASSWORD not in str(raised.value)


async def test_password_is_sent_as_it_is_written_in_the_url() -> None:
    cluster = shared_cluster()
    with pytest.raises(StoreError, match="has no store"):
        await Store.open(cluster.url("postgres", host="127.0.0.1"))
