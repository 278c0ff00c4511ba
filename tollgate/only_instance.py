"""One service for each node: a second one with the same store and name gives way at its start.

On SQLite the lock is on a file beside the database, on PostgreSQL the server keeps it. Either ends with its process.
"""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

import structlog

from ari_app.errors import AsteriskError
from store.errors import StoreUnavailableError
from store.location import PostgresLocation, SqliteLocation, locate
from store.node_lock import NodeLock
from tollgate.settings import Settings

log = structlog.get_logger(__name__)

_RETAKE_EVERY_S = 5.0


class AlreadyServedError(AsteriskError):
    """A service with this store and this node's name runs already."""


@asynccontextmanager
async def only_instance(settings: Settings) -> AsyncIterator[None]:
    """Hold the lock of this store and node: the newcomer gives way, so that no call is left by the one that talks.

    Raises:
        AlreadyServedError: the lock is held.
        StoreError: the store's place cannot be written, or its server cannot be reached.
    """
    location = locate(settings.database_url)
    if isinstance(location, SqliteLocation):
        with _file_lock(location.path, settings.node):
            yield
        return
    async with _server_lock(location, settings.node):
        yield


@contextmanager
def _file_lock(path: Path, node: str) -> Iterator[None]:
    try:
        lock = path.with_name(f"{path.name}.{quote(node, safe='')}.lock").open("w")
    except OSError as error:
        raise StoreUnavailableError(f"{path.parent} cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _already_served(str(path), node) from error
        yield


@asynccontextmanager
async def _server_lock(location: PostgresLocation, node: str) -> AsyncIterator[None]:
    lock, lost = NodeLock(location, node), asyncio.Event()
    if not await lock.take(lost.set):
        raise _already_served(location.shown, node)
    keeping = asyncio.create_task(_keep(lock, lost, node))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping
        lock.give_up()


async def _keep(lock: NodeLock, lost: asyncio.Event, node: str) -> NoReturn:
    """Take the lock again after each loss: a server that was away has forgotten it. Calls go on meanwhile."""
    while True:
        await lost.wait()
        lost.clear()
        while not await _taken_again(lock, lost):
            log.warning("node_lock_lost", node=node)
            await asyncio.sleep(_RETAKE_EVERY_S)


async def _taken_again(lock: NodeLock, lost: asyncio.Event) -> bool:
    try:
        return await lock.take(lost.set)
    except StoreUnavailableError:
        return False


def _already_served(place: str, node: str) -> AlreadyServedError:
    return AlreadyServedError(f"a service runs already with the store {place} as node {node}; stop it first")
