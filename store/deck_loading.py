"""Writing a deck's rates chunk by chunk, as quickly as calls allow.

While a chunk holds the store, this process does nothing else: the writer's thread would wait for Python's
interpreter lock with the store in its hands. The next chunk is made between two transactions, which is others' turn.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from itertools import islice
from operator import ge

from rating.deck import Rate, SharedRate
from store import decks
from store.operation import Operation
from store.pace import Pace
from store.writer import Writer

RateSource = Iterable[Rate | SharedRate] | AsyncIterable[Rate | SharedRate]
"""The rates of a deck, by prefix for the sake of speed, in any order otherwise."""


class DeckLoading:
    """One import: what it writes, and what it leaves behind to be deleted."""

    def __init__(self, writer: Writer, begun: decks.DeckImport) -> None:
        self._writer = writer
        self._begun = begun
        self._pace = Pace()
        self._last_prefix = ""
        self.may_overlap = False
        """Whether prices of one prefix may hold at the same time, so that the database has to look."""

    async def write(self, rates: RateSource) -> int:
        """Write chunk after chunk, and answer how many rates there were.

        Raises:
            StoreConstraintError: two rates of a prefix begin at the same time.
        """
        maker = decks.row_maker(self._begun)
        count = 0
        async for chunk in self._chunks(rates):
            await self._apply(decks.add_rates(maker, chunk), len(chunk))
            count += len(chunk)
        return count

    async def delete_imported(self) -> None:
        """Delete what was written: the import is given up."""
        while await self._apply(decks.delete_imported_rates(self._begun, at_most=self._pace.rows), self._pace.rows):
            pass

    async def delete_replaced(self) -> None:
        """Delete the generations before this one, which is in force now."""
        while await self._apply(decks.delete_replaced_rates(self._begun, at_most=self._pace.rows), self._pace.rows):
            pass

    async def _apply(self, operation: Operation[int] | Operation[None], rows: int) -> int | None:
        await self._pace.wait_for_turn()
        answer = await self._writer.apply_bulk(operation)
        self._pace.chunk_done(rows, answer.held_s)
        return answer.value

    async def _chunks(self, rates: RateSource) -> AsyncIterator[Sequence[Rate | SharedRate]]:
        """Yield rates in lists of what one transaction writes, and see whether each prefix comes once."""
        async for chunk in self._sync_chunks(rates) if isinstance(rates, Iterable) else self._async_chunks(rates):
            prefixes = [self._last_prefix, *(rate.prefix for rate in chunk)]
            self.may_overlap = self.may_overlap or any(map(ge, prefixes, prefixes[1:]))
            self._last_prefix = prefixes[-1]
            yield chunk

    async def _sync_chunks(self, rates: Iterable[Rate | SharedRate]) -> AsyncIterator[list[Rate | SharedRate]]:
        remaining = iter(rates)
        while chunk := list(islice(remaining, self._pace.rows)):
            yield chunk

    async def _async_chunks(self, rates: AsyncIterable[Rate | SharedRate]) -> AsyncIterator[list[Rate | SharedRate]]:
        chunk: list[Rate | SharedRate] = []
        async for rate in rates:
            chunk.append(rate)
            if len(chunk) >= self._pace.rows:
                yield chunk
                chunk = []
        if chunk:
            yield chunk
