"""The facade: everything the service and the command line need of the store, on one URL."""

import asyncio
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from store import decks, migrate
from store.alerts import AlertReads
from store.call_reads import CallReads
from store.catalog_reads import CatalogReads
from store.deck_loading import DeckLoading, RateSource
from store.errors import StoreConstraintError, StoreOverloadedError
from store.location import Location, MemoryLocation, PostgresLocation, locate
from store.memory import MemoryWriter, memory_engine, new_database
from store.money_reads import MoneyReads
from store.nodes import NodeReads
from store.notice_reads import NoticeReads
from store.operation import Operation
from store.postgres import PostgresWriter
from store.reads import read_engine
from store.reconciliations import ReconciliationReads
from store.sqlite import SqliteWriter
from store.user_sessions import UserSessionReads
from store.users import UserReads
from store.verify import Difference, Progress, find_differences
from store.writer import LONGEST_QUEUE_FOR_NEW, Writer, WriterStats

T = TypeVar("T")


class Store(
    CatalogReads,
    MoneyReads,
    NoticeReads,
    CallReads,
    NodeReads,
    AlertReads,
    ReconciliationReads,
    UserReads,
    UserSessionReads,
):
    """An open store. Changes go through :meth:`apply`, one operation each; reads are methods.

    Any number of processes may have the same store open, on PostgreSQL of any number of machines. Close it, or use it
    in ``async with``.
    """

    def __init__(self, location: Location | MemoryLocation, writer: Writer, engine: AsyncEngine) -> None:
        self._location = location
        self._writer = writer
        self._engine = engine

    @classmethod
    async def open(cls, url: str) -> Self:
        """Open the store at ``url``, which must have this version's schema.

        Args:
            url: ``sqlite:///path`` or ``postgresql://user:password@host/database``, see ``store.location``.

        Raises:
            StoreError: the URL is not one of a store.
            StoreUnavailableError: there is no database, or it can not be read.
            StoreSchemaError: its schema is another version's.
        """
        await asyncio.to_thread(migrate.ensure_current, url)
        location = locate(url)
        return cls(location, _writer(location), read_engine(location))

    @classmethod
    async def create(cls, url: str) -> Self:
        """Make the store at ``url`` if it is not there, bring its schema up to date, and open it.

        A SQLite file is made; a server's database has to be there, empty or with a store.

        Raises:
            StoreError, StoreUnavailableError, StoreSchemaError: as :meth:`open` and ``migrate.upgrade`` do.
        """
        await asyncio.to_thread(migrate.upgrade, url)
        return await cls.open(url)

    @classmethod
    def in_memory(cls) -> Self:
        """Make an empty store that lives in this process's memory until it is closed: for simulations and tests.

        It has no file and no thread; see ``store.memory``.
        """
        connection = new_database()
        return cls(MemoryLocation(connection), MemoryWriter(connection), memory_engine(connection))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def apply(self, operation: Operation[T]) -> T:
        """Run an operation in a transaction; what it answers is durable.

        Cancelling the one who waits does not undo it: repeat it under the same key.

        Raises:
            StoreOverloadedError: too many requests wait already.
            StoreUnavailableError: the database could not be written.
            StoreError: what the operation itself raised; it changed nothing.
        """
        return await self._writer.apply(operation)

    async def apply_unless_busy(self, operation: Operation[T]) -> T:
        """Run an operation that begins something new, such as a call: it is refused before the store is at its limit.

        Raises:
            StoreOverloadedError: more requests wait than what begins may wait behind (``store.writer``).
            StoreUnavailableError, StoreError: as :meth:`apply` does.
        """
        if self.is_busy:
            operation.close()
            raise StoreOverloadedError(f"{self._writer.stats().waiting} requests wait for the store already; try later")
        return await self._writer.apply(operation)

    @property
    def is_busy(self) -> bool:
        """Whether so many requests wait that nothing new is to begin."""
        return self._writer.stats().waiting >= LONGEST_QUEUE_FOR_NEW

    async def apply_unflushed(self, operation: Operation[T]) -> T:
        """Run an operation that may be lost where the machine stops: its commit alone does not wait for the disk.

        A later :meth:`apply` makes it durable; others see it at once.

        Raises:
            StoreOverloadedError, StoreUnavailableError, StoreError: as :meth:`apply` does.
        """
        return (await self._writer.apply_bulk(operation)).value

    def writer_stats(self) -> WriterStats:
        """Answer how many requests were done in how many commits, and how many wait."""
        return self._writer.stats()

    async def import_deck(self, *, name: str, currency: str, rates: RateSource, at_ms: int) -> int:
        """Load a deck's rates and put them in force in one switch; answer how many there are.

        The rates go in chunks that calls pass between. Nothing is in force before all of it is: where
        ``rates`` raises or a rate is refused, what was written is deleted and the deck stays as it was.

        Raises:
            DeckCurrencyError: the deck is in another currency.
            DeckImportSupersededError: a later import went live first.
            StoreConstraintError: a prefix has two prices at the same time.
        """
        begun = await self.apply(decks.begin_deck_import(name=name, currency=currency, at_ms=at_ms))
        loading = DeckLoading(self._writer, begun)
        try:
            count = await loading.write(rates)
            if loading.may_overlap:
                await self._refuse_overlaps(begun)
            await self.apply(decks.activate_deck(begun, at_ms=at_ms))
        except Exception:
            await loading.delete_imported()
            raise
        await loading.delete_replaced()
        return count

    async def _refuse_overlaps(self, begun: decks.DeckImport) -> None:
        prefix = await self.overlapping_prefix(begun.deck_id, begun.generation)
        if prefix is not None:
            raise StoreConstraintError(f"prefix {prefix} has two prices at the same time; end one before the other")

    async def verify(self, progress: Progress | None = None) -> list[Difference]:
        """Recompute every balance from the journal; an empty list is a clean store.

        Args:
            progress: Told now and then how many rows have been read, and how many there are.
        """
        async with self._reading() as connection:
            return await find_differences(connection, progress)

    async def close(self) -> None:
        """Finish what was queued and close the database."""
        await self._writer.close()
        await self._engine.dispose()


def _writer(location: Location) -> Writer:
    return PostgresWriter(location) if isinstance(location, PostgresLocation) else SqliteWriter(location.path)
