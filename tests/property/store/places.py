"""Where state machines keep their stores: a copy of a template each, which has an account and nothing else.

A store in memory is made empty instead; :func:`open_store` gives it its account.
"""

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path

from store.catalog import create_account
from store.store import Store
from tests.integration.store.office import MEMORY, T0_MS, open_office
from tests.postgres import lent_database, migrated_template, shared_cluster
from tests.sqlite import fresh_file, url_of

Place = Callable[[], AbstractContextManager[str]]
"""Lends a store for one example and answers its URL."""


async def open_store(place: str) -> Store:
    """Open the store of a place that was lent, with its account."""
    if place != MEMORY:
        return await Store.open(place)
    store = Store.in_memory()
    await store.apply(create_account(name="main", currency="EUR", timezone="Europe/Paris", at_ms=T0_MS))
    return store


@contextmanager
def memory_store() -> Iterator[str]:
    """Lend nothing but a name: the store is this process's own."""
    yield MEMORY


@contextmanager
def sqlite_store() -> Iterator[str]:
    """Lend a SQLite file."""
    folder = Path(tempfile.mkdtemp(prefix="tollgate-machine-"))
    shutil.copy(template(), folder)
    yield url_of(folder)
    shutil.rmtree(folder)


@contextmanager
def postgres_store() -> Iterator[str]:
    """Lend a database of the tests' own server."""
    with lent_database(_server_template()) as name:
        yield shared_cluster().url(name)


@cache
def template() -> Path:
    """Answer a SQLite store with an empty account, made once and copied for each example."""
    folder = Path(tempfile.mkdtemp(prefix="tollgate-template-"))
    atexit.register(shutil.rmtree, folder)
    asyncio.run(_make_account(fresh_file(folder)))
    return folder / "tollgate.db"


@cache
def _server_template() -> str:
    name = shared_cluster().create_database(migrated_template())
    asyncio.run(_make_account(shared_cluster().url(name)))
    return name


async def _make_account(url: str) -> None:
    async with open_office(url):
        pass
