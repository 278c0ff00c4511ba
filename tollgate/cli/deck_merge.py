"""What an import makes of a deck: its changes, and the rates that it has afterwards.

The deck in force is read from the store as a stream, beside the file's prefixes in the same order, so that only
the file is in memory.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass

from rating.deck import Rate, SharedRate
from rating.deck_import import NewRates, PriceChange, PriceChanges, Withdrawal, merge
from store.store import Store
from tollgate.cli.errors import RefusedError
from tollgate.cli.streams import closing


@dataclass(frozen=True, slots=True)
class DeckMerge:
    """A file that goes into a deck. ``generation`` is the deck's in force, 0 where there is none yet.

    With ``replace`` the file is the whole deck afterwards; without, what it does not name stays as it is.
    """

    deck: str
    generation: int
    new: NewRates
    replace: bool

    async def changes(
        self, store: Store, now_ms: int, on_change: Callable[[PriceChange], None] | None = None
    ) -> PriceChanges:
        """Count what becomes of the prices in force; nothing is changed. ``on_change`` is told of each one."""
        changes = PriceChanges(now_ms, on_change)
        if not self.generation and self.new.has_one_each and not changes.is_telling:
            changes.count_all_new(self.new)
            return changes
        async for in_force, items in self._beside(store):
            changes.count(in_force, items, self._after(in_force, items))
        return changes

    def rates(self, store: Store) -> Iterator[Rate | SharedRate] | AsyncIterator[Rate]:
        """Return the rates afterwards, by prefix and beginning."""
        if self.generation and not self.replace:
            return self._merged(store)
        return self.new.each_rate() if self.new.has_one_each else self._from_file()

    def _after(self, in_force: Sequence[Rate], items: Sequence[Rate | Withdrawal]) -> Sequence[Rate]:
        return merge(() if self.replace else in_force, items)

    def _from_file(self) -> Iterator[Rate]:
        for prefix in self.new.prefixes():
            yield from merge((), self.new.of(prefix))

    async def _merged(self, store: Store) -> AsyncIterator[Rate]:
        async for in_force, items in self._beside(store):
            for rate in self._after(in_force, items):
                yield rate
        now = await store.deck(self.deck)
        if now is None or now.generation != self.generation:
            raise RefusedError(f"deck {self.deck} was changed meanwhile", "import again")

    async def _beside(self, store: Store) -> AsyncIterator[tuple[list[Rate], list[Rate | Withdrawal]]]:
        """Yield for each prefix, in order, its rates in force and what the file says of it."""
        waiting = iter(self.new.prefixes())
        own = next(waiting, None)
        async with closing(_by_prefix(store, self.deck)) as groups:
            async for in_force in groups:
                prefix = in_force[0].prefix
                while own is not None and own < prefix:
                    yield [], self.new.of(own)
                    own = next(waiting, None)
                yield in_force, self.new.of(prefix)
                if own == prefix:
                    own = next(waiting, None)
        while own is not None:
            yield [], self.new.of(own)
            own = next(waiting, None)


async def _by_prefix(store: Store, deck: str) -> AsyncIterator[list[Rate]]:
    group: list[Rate] = []
    async with closing(store.deck_rates(deck)) as rates:
        async for rate in rates:
            if group and group[0].prefix != rate.prefix:
                yield group
                group = []
            group.append(rate)
    if group:
        yield group
