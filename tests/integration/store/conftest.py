"""Fixtures of the store's tests: a fresh store each, on a real file and on a real server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.store.office import EUR, Office, open_office, url_of
from tests.postgres import fresh_database

ONLY_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For a test of what is SQLite's own."""
ONLY_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a place for a store: an empty folder, or a database with an empty store."""
    if request.param == "sqlite":
        yield url_of(tmp_path)
    else:
        with fresh_database() as url:
            yield url


@pytest.fixture
async def office(database: str) -> AsyncIterator[Office]:
    """A store with an account that has 1 EUR; it must be clean at the end."""
    async with open_office(database, funds_micros=EUR) as made:
        yield made
