"""Tables in memory, and what an import makes of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rating.deck import Rate
from rating.deck_import import BadRow, Cell, DeckReader, ImportOptions, NewRates, NumberedRow, Withdrawal

HEADER = ("prefix", "destination", "price")


@dataclass(frozen=True, slots=True)
class Rows:
    """A table of rows in memory, numbered from 1."""

    cells: Sequence[Sequence[Cell]]

    def rows(self) -> Iterator[NumberedRow]:
        """Yield them."""
        yield from enumerate(self.cells, start=1)


@dataclass(frozen=True, slots=True)
class Read:
    """What was read."""

    items: list[Rate | Withdrawal]
    bad: list[BadRow]
    reader: DeckReader

    @property
    def rates(self) -> list[Rate]:
        """The rates alone."""
        return [item for item in self.items if isinstance(item, Rate)]


def read(*cells: Sequence[Cell], options: ImportOptions | None = None) -> Read:
    """Import a table."""
    reader = DeckReader(Rows(cells), options or ImportOptions())
    new = NewRates(reader)
    return Read([item for prefix in new.prefixes() for item in new.of(prefix)], reader.bad_rows, reader)


def rate(
    prefix: str, destination: str = "Test", micros: int = 100_000, *, begin: int | None = None, end: int | None = None
) -> Rate:
    """Return a rate."""
    return Rate(
        prefix=prefix,
        destination=destination,
        per_minute_micros=micros,
        initial_increment_s=1,
        increment_s=1,
        effective_from_ms=begin,
        effective_until_ms=end,
    )
