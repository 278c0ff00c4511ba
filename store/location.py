"""Where the store is: the database URL of the settings, as a file or as a server's database.

A URL may hold a password. It is never part of a message: what is shown is :attr:`PostgresLocation.shown`.
"""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from store.errors import StoreError

HOW_TO_WRITE = "write sqlite:///path or postgresql://user:password@host/database"
HOW_TO_ENCODE = "write what is in user, password or options percent-encoded: @ as %40, / as %2F, # as %23, ? as %3F"
_POSTGRESQL = ("postgresql", "postgres")


@dataclass(frozen=True, slots=True)
class SqliteLocation:
    """A SQLite file."""

    path: Path

    @property
    def shown(self) -> str:
        """The place as a message names it."""
        return str(self.path)


@dataclass(frozen=True, slots=True)
class PostgresLocation:
    """A database of a PostgreSQL server."""

    dsn: str = field(repr=False)
    """The whole URL as the driver takes it, password included."""
    shown: str
    """The place as a message names it."""


@dataclass(frozen=True, slots=True)
class MemoryLocation:
    """A store in this process's memory; no URL names it."""

    connection: sqlite3.Connection
    shown: str = "memory"
    """The place as a message names it."""


Location = SqliteLocation | PostgresLocation


def locate(url: str) -> Location:
    """Answer the place that a database URL names.

    ``sqlite:///path`` is a file (three slashes: relative, four: absolute). ``postgresql://`` takes what PostgreSQL's
    own programs take, ``?host=/socket/folder`` and ``?sslmode=verify-full`` included
    (postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS).

    Raises:
        StoreError: it is no database URL, another kind of database, or one that names no database.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StoreError(f"the database URL cannot be read; {HOW_TO_WRITE}; {HOW_TO_ENCODE}") from error
    if parsed.drivername in _POSTGRESQL:
        _refuse_ambiguous(url)
        return _on_server(parsed)
    if parsed.drivername != "sqlite":
        raise StoreError(f"{parsed.drivername} is not supported; {HOW_TO_WRITE}")
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError(f"{url!r} names no file: calls and money need one; write sqlite:///path")
    return SqliteLocation(Path(parsed.database))


def _refuse_ambiguous(url: str) -> None:
    """Refuse a URL whose password may reach beyond the first ``@``: the rest of it would be shown as host or database.

    Raises:
        StoreError: it is one; the message has nothing of it.
    """
    before, _, after = url.partition("://")[2].partition("@")
    if after and ("@" in after or "?" in before):
        raise StoreError(f"the database URL has an @ that does not stand before its host; {HOW_TO_ENCODE}")


def shown_url(url: str) -> str:
    """Answer a database URL as it may be shown: without a password, wherever that stands in it."""
    parsed = make_url(url)
    query = {name: value for name, value in parsed.query.items() if name != "password"}
    return parsed.set(query=query).render_as_string(hide_password=True)


def _on_server(parsed: URL) -> PostgresLocation:
    host = parsed.host or _text(parsed, "host") or "localhost"
    port = parsed.port or _text(parsed, "port")
    place = f"{host}:{port}" if port else host
    if not parsed.database:
        raise StoreError(f"the database URL of {place} names no database; {HOW_TO_WRITE}")
    dsn = parsed.set(drivername="postgresql").render_as_string(hide_password=False)
    return PostgresLocation(dsn, f"database {parsed.database} on {place}")


def _text(parsed: URL, name: str) -> str | None:
    value = parsed.query.get(name)
    return value if value is None or isinstance(value, str) else ",".join(value)
