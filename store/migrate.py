"""The schema's version: bring a database up to date, or say that it is not.

Migrations are an Alembic tree inside the package (``store/migrations``), found by the package's own path so
that they run from an installed wheel. All that are missing run in one transaction; several processes may try
at once.
"""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from store.errors import StoreSchemaError, StoreUnavailableError
from store.location import database_path
from store.reads import MEND

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Create the database where there is none, and run the migrations that it lacks.

    Raises:
        StoreUnavailableError: the file can not be opened or written, or stays locked.
        StoreSchemaError: it is the database of a later version, or of something else.
    """
    path = database_path(url)
    _prepare_file(path)
    engine = _engine(path)
    try:
        with engine.begin() as connection:
            _refuse_unknown_revision(connection)
            command.upgrade(alembic_config(connection), "head")
    except DatabaseError as error:
        raise StoreUnavailableError(f"{path} could not be migrated: {error.orig}; {MEND}") from error
    finally:
        engine.dispose()


def ensure_current(url: str) -> None:
    """Check that the database has the schema of this version.

    Raises:
        StoreUnavailableError: there is no database, or it can not be read.
        StoreSchemaError: its schema is older or newer.
    """
    path = database_path(url)
    if not path.is_file():
        raise StoreUnavailableError(f"there is no store at {path}; run `tollgate init`")
    engine = _engine(path)
    try:
        with engine.connect() as connection:
            found = _refuse_unknown_revision(connection)
    except DatabaseError as error:
        raise StoreUnavailableError(f"{path} could not be read: {error.orig}; {MEND}") from error
    finally:
        engine.dispose()
    if found != head_revision():
        raise StoreSchemaError(f"the store at {path} has schema {found or 'none'}; run `tollgate migrate`")


def alembic_config(connection: Connection | None = None) -> Config:
    """Answer Alembic's configuration for our migrations, run on ``connection`` if there is one."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def head_revision() -> str:
    """Answer the revision of this version's schema."""
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    assert head is not None, "the package carries at least one migration"
    return head


def _refuse_unknown_revision(connection: Connection) -> str | None:
    """Answer the database's revision, None for an empty one; raise where it is none of ours."""
    found = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()}
    if found is not None and found not in known:
        raise StoreSchemaError(f"the store has schema {found}, which this version does not know; update Tollgate")
    return found


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


def _engine(path: Path) -> Engine:
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
