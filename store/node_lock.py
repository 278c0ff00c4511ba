"""The lock of a node's name on PostgreSQL: kept by the server for as long as its holder's connection lasts."""

from collections.abc import Callable
from typing import Any

from store.location import PostgresLocation
from store.postgres_connection import CONNECTION_ERRORS, connect, unavailable

_KIND = 0x746F6C6C
"""Sets nodes' locks ("toll") apart from whatever else is locked by two numbers in the same database."""
_TAKE = "SELECT pg_try_advisory_lock($1, hashtext($2))"


class NodeLock:
    """The lock of one node's name in one database; not taken before :meth:`take`."""

    def __init__(self, location: PostgresLocation, node: str) -> None:
        self._location = location
        self._node = node
        self._connection: Any = None

    async def take(self, on_loss: Callable[[], None]) -> bool:
        """Take the lock; False where another connection has it.

        Args:
            on_loss: Called once when the connection is lost, and the lock with it.

        Raises:
            StoreUnavailableError: the server cannot be reached.
        """
        connection = await connect(self._location, role=f"node {self._node}")
        try:
            taken = bool(await connection.fetchval(_TAKE, _KIND, self._node))
        except CONNECTION_ERRORS as error:
            connection.terminate()
            raise unavailable(self._location, error) from error
        if not taken:
            connection.terminate()
            return False
        connection.add_termination_listener(lambda _: on_loss())
        self._connection = connection
        return True

    def give_up(self) -> None:
        """Let the lock go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
