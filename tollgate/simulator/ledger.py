"""The one store of an episode: a database in memory, with the store's own operations, watched by the books."""

import sqlite3
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from store.errors import StoreUnavailableError
from store.location import MemoryLocation
from store.memory import memory_engine, new_database
from store.operation import Operation
from store.sqlite_operations import OperationRunner
from tollgate.simulator.books import WATCHED, Books

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Database:
    """One database, and what knows its statements in compiled form: they cost more to make than many calls."""

    connection: sqlite3.Connection
    engine: AsyncEngine
    runner: OperationRunner


@cache
def _database() -> Database:
    """Return this process's database; each episode empties it."""
    connection = new_database()
    return Database(connection, memory_engine(connection), OperationRunner())


class Ledger:
    """Runs operations; the books see each row that a committed one changed, in order. A process has one at a time."""

    def __init__(self, books: Books) -> None:
        database = _database()
        fresh = new_database()
        fresh.backup(database.connection)
        fresh.close()
        self.connection = database.connection
        self.location = MemoryLocation(self.connection)
        self.engine = database.engine
        self.commits = 0
        self._books = books
        self._runner = database.runner
        self._changes: list[tuple[Any, ...]] = []
        self.connection.create_function("tg_changed", -1, self._changed)
        for name, (event, table, values) in WATCHED.items():
            self.connection.execute(
                f"CREATE TEMP TRIGGER IF NOT EXISTS {name} AFTER {event} ON main.{table} "
                f"BEGIN SELECT tg_changed('{name}', {values}); END"
            )

    def _changed(self, *change: Any) -> None:
        self._changes.append(change)

    def run(self, operation: Operation[T]) -> T:
        """Run an operation to its commit and have the books checked.

        Raises:
            StoreError: what the operation raised, or the database; it changed nothing.
        """
        self._changes.clear()
        try:
            answer = self._runner.run(self.connection, operation)
        except sqlite3.Error as error:
            raise StoreUnavailableError(f"the store in memory could not be written ({error})") from error
        self.commits += 1
        self._books.committed(self._changes)
        return answer

    def catalog_version(self) -> int:
        """Answer the catalog's version."""
        return int(self.connection.execute("SELECT version FROM catalog_version").fetchone()[0])
