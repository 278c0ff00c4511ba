"""What the writers of all databases share: their interface, a request, and the answers' forms.

A writer takes operations one by one, runs many in each transaction, and answers each after the commit.
"""

import asyncio
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from store.operation import Operation

T = TypeVar("T")


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
