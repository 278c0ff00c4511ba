"""Tables in memory, and what an import makes of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rating.deck import Rate
from rating.deck_import import BadRow, Cell, DeckReading, ImportOptions, NumberedRow, Withdrawal, read_deck

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

    reading: DeckReading

    @property
    def items(self) -> list[Rate | Withdrawal]:
        """What it says, by prefix."""
        return [item for prefix in self.reading.new.prefixes() for item in self.reading.new.of(prefix)]

    @property
    def bad(self) -> list[BadRow]:
        """Its bad rows."""
        return self.reading.bad_rows

    @property
    def rates(self) -> list[Rate]:
        """The rates alone."""
        return [item for item in self.items if isinstance(item, Rate)]


def read(*cells: Sequence[Cell], options: ImportOptions | None = None) -> Read:
    """Import a table."""
    return Read(read_deck(Rows(cells), options or ImportOptions()))


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
