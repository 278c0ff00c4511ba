"""The schema's version: bring a database up to date, or say that it is not.

Migrations are an Alembic tree inside the package (``store/migrations``), found by the package's own path so
that they run from an installed wheel. All that are missing run in one transaction; several processes may try
at once, on PostgreSQL from several machines.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from store.errors import StoreSchemaError, StoreUnavailableError
from store.location import Location, PostgresLocation, SqliteLocation, locate
from store.postgres_connection import CONNECTION_ERRORS, WRITER_LOCK, connect, unavailable
from store.reads import MEND

T = TypeVar("T")

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def upgrade(url: str) -> None:
    """Bring the schema up to date; a SQLite file is created where there is none, a server's database is not.

    Blocks; not to be called in an event loop's thread.

    Raises:
        StoreUnavailableError: the database can not be opened or written, or stays locked.
        StoreSchemaError: it is the database of a later version or of something else, or a server's that is not UTF8.
    """
    location = locate(url)
    if isinstance(location, SqliteLocation):
        _prepare_file(location.path)
    _in_transaction(location, _upgrade)


def ensure_current(url: str) -> None:
    """Check that the database has the schema of this version. Blocks, as :func:`upgrade` does.

    Raises:
        StoreUnavailableError: there is no database, or it can not be read.
        StoreSchemaError: its schema is older or newer.
    """
    location = locate(url)
    found = found_revision(location)
    if found == head_revision():
        return
    if found is None and isinstance(location, PostgresLocation):
        raise StoreSchemaError(f"the {location.shown} has no store; run `tollgate init`, or `tollgate migrate`")
    raise StoreSchemaError(f"the store at {location.shown} has schema {found or 'none'}; run `tollgate migrate`")


def encoding_fault(location: Location) -> str | None:
    """Say why names and reasons could not be written in this database; None where they can. Blocks.

    Raises:
        StoreUnavailableError: it can not be read.
    """
    return None if isinstance(location, SqliteLocation) else _in_transaction(location, _encoding_fault)


def found_revision(location: Location) -> str | None:
    """Answer the revision of the database's schema, None where it is empty.

    Raises:
        StoreUnavailableError, StoreSchemaError: as :func:`ensure_current` does.
    """
    if isinstance(location, SqliteLocation) and not location.path.is_file():
        raise StoreUnavailableError(f"there is no store at {location.path}; run `tollgate init`")
    return _in_transaction(location, _refuse_unknown_revision)


@cache
def head_revision() -> str:
    """Answer the revision of this version's schema."""
    return max(_known_revisions())


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":  # SQLite's transaction has locked everybody out already
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
        fault = _encoding_fault(connection)
        if fault is not None:
            raise StoreSchemaError(fault)
    if _refuse_unknown_revision(connection) != head_revision():
        from store.schema_changes import run_missing  # noqa: PLC0415  # loads Alembic, which few commands need

        run_missing(connection)


def _encoding_fault(connection: Connection) -> str | None:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding == "UTF8":
        return None
    name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
    return (
        f"the database {name} has the encoding {encoding}, which cannot hold every name; "
        "make another by `createdb --encoding UTF8 --template template0 NAME` and name that in the database URL"
    )


def _refuse_unknown_revision(connection: Connection) -> str | None:
    """Answer the database's revision, None for an empty one; raise where it is none of ours."""
    found = _version(connection)
    if found is not None and found not in _known_revisions():
        raise StoreSchemaError(f"the store has schema {found}, which this version does not know; update Tollgate")
    return found


def _version(connection: Connection) -> str | None:
    """Answer what Alembic wrote down, None where it never did."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one_or_none()
    return found


@cache
def _known_revisions() -> frozenset[str]:
    """Answer this version's revisions: the numbers that the migrations' files begin with."""
    return frozenset(file.name.partition("_")[0] for file in _VERSIONS.glob("[0-9]*_*.py"))


def _in_transaction(location: Location, work: Callable[[Connection], T]) -> T:
    """Do ``work`` in one transaction."""
    if isinstance(location, SqliteLocation):
        return _in_file_transaction(location.path, work)
    return asyncio.run(_in_server_transaction(location, work))


def _in_file_transaction(path: Path, work: Callable[[Connection], T]) -> T:
    engine = _file_engine(path)
    try:
        with engine.begin() as connection:
            return work(connection)
    except DatabaseError as error:
        raise StoreUnavailableError(f"{path} could not be used: {error.orig}; {MEND}") from error
    finally:
        engine.dispose()


async def _in_server_transaction(location: PostgresLocation, work: Callable[[Connection], T]) -> T:
    engine = server_engine(location, role="migration")
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    except DBAPIError as error:
        raise unavailable(location, _driver_error(error)) from error
    except CONNECTION_ERRORS as error:
        raise unavailable(location, error) from error
    finally:
        await engine.dispose()


def _driver_error(error: DBAPIError) -> BaseException:
    """Answer asyncpg's own error; SQLAlchemy has one of its own around it."""
    outer = error.orig
    inner = None if outer is None else outer.__cause__
    return inner or outer or error


def server_engine(location: PostgresLocation, *, role: str) -> AsyncEngine:
    """Answer an engine whose transactions may change everything: for migrations and moves, not for calls."""

    async def open_connection() -> Any:
        return await connect(location, role=role)

    return create_async_engine("postgresql+asyncpg://", async_creator=open_connection, poolclass=NullPool)


def _prepare_file(path: Path) -> None:
    """Make the file if need be and switch it to WAL: the file keeps that, and no transaction can do it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # who called whom is nobody else's business
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailableError(f"{path} could not be opened: {error}; check the folder and its owner") from error


def _file_engine(path: Path) -> Engine:
    """Answer an engine whose transactions are real from their first statement on, DDL included.

    Python's sqlite3 by itself begins a transaction only before a change of rows.
    """
    engine = create_engine(f"sqlite:///{path}")

    def leave_transactions_to_us(dbapi_connection: sqlite3.Connection, _record: object) -> None:
        dbapi_connection.isolation_level = None

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(engine, "connect", leave_transactions_to_us)
    event.listen(engine, "begin", begin)
    return engine
