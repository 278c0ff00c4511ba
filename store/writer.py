"""What the writers of all databases share: their interface, a request, and the answers' forms.

A writer takes operations one by one, runs many in each transaction, and answers each after the commit.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from store.errors import StoreOverloadedError, StoreUnavailableError
from store.operation import Operation

T = TypeVar("T")

LONGEST_QUEUE = 4096
"""Requests that may wait for a writer; one more is refused at once."""
LONGEST_QUEUE_FOR_NEW = 256
"""Behind so many the requests that begin something new are refused. What is left of the queue is kept for calls that
talk: they never find it full of those that only want to begin, and wait behind no more than so many of them."""


@dataclass(frozen=True, slots=True)
class WriterStats:
    """What the writer did since it started, committed transactions and requests answered, and what waits."""

    commits: int
    requests: int
    waiting: int


@dataclass(frozen=True, slots=True)
class BulkAnswer(Generic[T]):
    """What a bulk operation answered, and the seconds for which its transaction kept other processes waiting."""

    value: T
    held_s: float


class Writer(Protocol):
    """Runs operations on one database; belongs to the event loop it was made in."""

    async def apply(self, operation: Operation[T]) -> T:
        """Run an operation and answer what it returned, once that is durable.

        Raises:
            StoreOverloadedError: the queue is full; nothing was queued.
            StoreUnavailableError: the transaction failed, or the writer is closed.
            StoreError: what the operation itself raised; it changed nothing.
        """
        ...

    async def apply_bulk(self, operation: Operation[T]) -> BulkAnswer[T]:
        """Run an operation that may be lost where the machine stops, though never one before it alone.

        A later :meth:`apply` makes it durable.

        Raises:
            StoreOverloadedError, StoreUnavailableError, StoreError: as :meth:`apply` does.
        """
        ...

    def stats(self) -> WriterStats:
        """Answer the counters."""
        ...

    async def close(self) -> None:
        """Finish everything that is queued, then let the database go."""
        ...


class Request:
    """One operation, the one who waits for it, and what became of it."""

    __slots__ = ("error", "future", "held_s", "is_bulk", "operation", "result")

    def __init__(self, operation: Operation[Any], future: asyncio.Future[Any], *, is_bulk: bool) -> None:
        self.operation = operation
        self.future = future
        self.is_bulk = is_bulk
        """Whether its commit may be lost in a power cut, until a later one is durable."""
        self.held_s = 0.0
        """How long its transaction had held the database when it was committed."""
        self.result: Any = None
        self.error: Exception | None = None

    def answer(self) -> None:
        """Wake the one who waits, unless it was cancelled meanwhile."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class QueuedWriter:
    """What the writers of files and servers share: a bounded queue, batches, and the answers' way back.

    Args:
        longest_queue: Requests that may wait; one more is refused at once.
        longest_batch: Requests of one transaction.
    """

    def __init__(self, longest_queue: int, longest_batch: int) -> None:
        self._longest_queue = longest_queue
        self._longest_batch = longest_batch
        self._queue: deque[Request] = deque()
        self._closing = False
        self._commits = 0
        self._requests = 0

    async def apply(self, operation: Operation[T]) -> T:
        """Run an operation and answer what it returned, once that is durable; see :class:`Writer`."""
        return (await self._done(operation, is_bulk=False)).value

    async def apply_bulk(self, operation: Operation[T]) -> BulkAnswer[T]:
        """Run an operation that may be lost where the machine stops; see :class:`Writer`, and the writer's module."""
        return await self._done(operation, is_bulk=True)

    def stats(self) -> WriterStats:
        """Answer the counters."""
        return WriterStats(self._commits, self._requests, len(self._queue))

    async def _done(self, operation: Operation[T], *, is_bulk: bool) -> BulkAnswer[T]:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        request = Request(operation, future, is_bulk=is_bulk)
        self._submit(request)
        return BulkAnswer(await future, request.held_s)

    def _submit(self, request: Request) -> None:
        """Queue a request, by :meth:`_put`, and wake who serves the queue."""
        raise NotImplementedError

    def _put(self, request: Request) -> None:
        if self._closing:
            raise StoreUnavailableError("the store is closed")
        if len(self._queue) >= self._longest_queue:
            raise StoreOverloadedError(f"{self._longest_queue} requests wait for the store already; try later")
        self._queue.append(request)

    def _take(self) -> list[Request]:
        """Answer the next batch, oldest first; empty where nothing waits."""
        return [self._queue.popleft() for _ in range(min(len(self._queue), self._longest_batch))]

    def _count(self, batch: list[Request], failure: StoreUnavailableError | None) -> None:
        """Count a batch; one that failed as a whole has failed for each of its requests."""
        if failure is None:
            self._commits += 1
        else:
            for request in batch:
                request.error = failure
        self._requests += len(batch)
