"""The database URL as a place."""

from pathlib import Path

import pytest

from store.errors import StoreError
from store.location import PostgresLocation, SqliteLocation, locate, shown_url

SECRET = "f%40ce"


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///tollgate.db", "tollgate.db"), ("sqlite:////var/lib/tollgate.db", "/var/lib/tollgate.db")],
)
def test_sqlite_url_names_a_file(url: str, path: str) -> None:
    assert locate(url) == SqliteLocation(Path(path))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://pbx:{SECRET}@db.example:5433/tollgate", "database tollgate on db.example:5433"),
        (f"postgres://pbx:{SECRET}@db.example/tollgate?sslmode=verify-full", "database tollgate on db.example"),
        (f"postgresql:///tollgate?host=/run/postgresql&password={SECRET}", "database tollgate on /run/postgresql"),
        ("postgresql:///tollgate", "database tollgate on localhost"),
    ],
)
def test_postgresql_url_names_a_database_and_is_shown_without_its_password(url: str, shown: str) -> None:
    location = locate(url)
    assert isinstance(location, PostgresLocation)
    assert location.shown == shown
    assert location.dsn.startswith("postgresql://")
    assert SECRET not in repr(location) + shown_url(url)
    assert "f@ce" not in repr(location) + shown_url(url)


def test_postgresql_url_is_handed_on_whole() -> None:
    location = locate(f"postgres://pbx:{SECRET}@db:5433/tollgate?sslmode=require")
    assert isinstance(location, PostgresLocation)
    assert location.dsn == f"postgresql://pbx:{SECRET}@db:5433/tollgate?sslmode=require"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://pbx:f@SECRET@db/tollgate",
        "postgresql://pbx:f@SECRET/SECRET#SECRET@db/tollgate",
        "postgresql://pbx:f@SECRET?SECRET@db/tollgate",
        "postgresql://pbx:f?SECRET@SECRET/SECRET",
        "postgres://db:5432/tollgate?password=f@SECRET",
        "postgresql://pbx:f#SECRET/tollgate",
        "postgresql://pbx:f/SECRET:SECRET",
    ],
)
def test_password_that_is_not_encoded_is_refused_and_no_part_of_it_shown(url: str) -> None:
    with pytest.raises(StoreError) as raised:
        locate(url)
    assert "SECRET" not in str(raised.value)
    assert "percent-encoded: @ as %40" in str(raised.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://pbx/tollgate", "mysql is not supported; write sqlite:///path or postgresql://"),
        ("sqlite+aiosqlite:///tollgate.db", "is not supported; write sqlite:///path"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        (f"postgresql://pbx:{SECRET}@db", "of db names no database"),
        (f"postgresql://pbx:{SECRET}@db:port/tollgate", "cannot be read"),
        ("tollgate.db", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_other_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as raised:
        locate(url)
    assert SECRET not in str(raised.value)
