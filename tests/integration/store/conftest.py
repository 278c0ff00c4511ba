"""Fixtures of the store's tests: a fresh store each, in memory, on a real file and on a real server.

What the tests of the ledger say is the contract of all three.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.store.office import EUR, MEMORY, Office, open_office
from tests.postgres import fresh_database
from tests.sqlite import fresh_file

ONLY_SQLITE = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For a test of what is SQLite's own."""
ONLY_POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


ON_DISK = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
"""For a test that opens its store a second time, or reads it by a connection of its own."""


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place for a store: memory, or the URL of a file or of a server's database with an empty store in it."""
    if request.param == "memory":
        yield MEMORY
    elif request.param == "sqlite":
        yield fresh_file(tmp_path)
    else:
        with fresh_database() as url:
            yield url


@pytest.fixture
async def office(database: str) -> AsyncIterator[Office]:
    """A store with an account that has 1 EUR; it must be clean at the end."""
    async with open_office(database, funds_micros=EUR) as made:
        yield made
