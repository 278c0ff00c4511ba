"""One process's way to the store, which is real: requests are committed in order, late, not at all, or unheard of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from store.errors import StoreError, StoreOverloadedError, StoreUnavailableError
from store.operation import Operation
from store.store import Store
from store.writer import BulkAnswer, WriterStats
from tollgate.simulator.ledger import Ledger
from tollgate.simulator.process import Process
from tollgate.simulator.world import World

T = TypeVar("T")
COMMIT_S = (0.0005, 0.004)
SLOW_COMMIT_S = (0.5, 4.0)


class WriterLine:
    """A ``store.writer.Writer`` of one process: a queue in order, in front of the one ledger of all processes."""

    def __init__(self, world: World, ledger: Ledger, process: Process) -> None:
        self._world = world
        self._ledger = ledger
        self._process = process
        self._last_at_s = 0.0
        self._requests = 0
        self.is_away = False
        """Whether this process cannot reach the store."""

    async def apply(self, operation: Operation[T]) -> T:
        """Have an operation done.

        Raises:
            StoreUnavailableError: the store is away, or refused, or its answer was lost.
            StoreError: what the operation itself raised.
        """
        world, rates = self._world, self._world.rates
        self._process.check()
        self._requests += 1
        roll = world.dice.random()
        if self.is_away or roll < rates.store_refused:
            world.trace.note("store refused", "", self._process.name)
            await asyncio.sleep(world.between(*COMMIT_S))
            self._process.check()
            raise (StoreUnavailableError if roll < 0.5 or self.is_away else StoreOverloadedError)("simulated")
        is_slow = roll > 1.0 - rates.store_slow
        if is_slow:
            world.trace.note("store slow", "", self._process.name)
        now_s = world.loop.time()
        self._last_at_s = max(self._last_at_s, now_s + world.between(*(SLOW_COMMIT_S if is_slow else COMMIT_S)))
        answer: asyncio.Future[T] = world.loop.create_future()
        world.loop.call_at(self._last_at_s, self._commit, operation, answer)
        result = await answer
        self._process.check()
        return result

    def _commit(self, operation: Operation[T], answer: asyncio.Future[T]) -> None:
        """Do it, whether or not the one who asked waits still; a dead process's queue is gone with it."""
        world, rates = self._world, self._world.rates
        if not self._process.is_alive:
            operation.close()
            return
        if self.is_away:
            operation.close()
            _fail(answer, StoreUnavailableError("simulated: it went away"))
            return
        if world.chance(rates.killed_before_commit):
            operation.close()
            self._process.kill("before a commit")
            return
        try:
            result = self._ledger.run(operation)
        except StoreError as error:
            _fail(answer, error)
            return
        if world.chance(rates.killed_after_commit):
            self._process.kill("after a commit")
        elif world.chance(rates.store_answer_lost):
            world.trace.note("answer lost", "", "of a commit")
            _fail(answer, StoreUnavailableError("simulated: the connection broke"))
        elif not answer.done():
            answer.set_result(result)

    async def apply_bulk(self, operation: Operation[T]) -> BulkAnswer[T]:
        """Have an operation done as :meth:`apply` does."""
        return BulkAnswer(await self.apply(operation), held_s=0.0)

    def stats(self) -> WriterStats:
        """Answer the counters."""
        return WriterStats(self._requests, self._requests, waiting=0)

    async def close(self) -> None:
        """Leave the ledger to the other processes."""


def _fail(answer: asyncio.Future[T], error: StoreError) -> None:
    if not answer.done():
        answer.set_exception(error)


class StoreLine(Store):
    """The store as one process has it."""

    def __init__(self, world: World, ledger: Ledger, process: Process) -> None:
        self.line = WriterLine(world, ledger, process)
        super().__init__(ledger.location, self.line, ledger.engine)
        self._ledger = ledger
        self._process = process

    async def catalog_version(self) -> int:
        """Answer the catalog's version without SQLAlchemy: it is asked for each second.

        Raises:
            StoreUnavailableError: the store is away.
        """
        self._look()
        return self._ledger.catalog_version()

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        self._look()
        async with super()._reading() as connection:
            yield connection

    def _look(self) -> None:
        self._process.check()
        if self.line.is_away:
            raise StoreUnavailableError("simulated: the store is away")
