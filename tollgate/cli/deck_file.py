"""A file of prices, read twice: once to see that all of it is good, once to import it.

So that a million rows never have to be in memory, and nothing is written before all of it was read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rating.deck import BadRow, Rate, parse_deck_csv
from tollgate.cli.bad_lines import BadLine
from tollgate.cli.errors import BadInputError
from tollgate.cli.files import open_text


@dataclass(frozen=True, slots=True)
class Checked:
    """What a first reading found: how many rates, and every bad row."""

    rates: int
    bad_rows: tuple[BadLine, ...]

    def is_usable(self, *, skip_bad: bool) -> bool:
        """Whether it may be imported: there are rates, and nothing else or nothing that counts."""
        return self.rates > 0 and (skip_bad or not self.bad_rows)


def check_deck(file: Path) -> Checked:
    """Read a whole file without keeping its rates.

    Raises:
        BadInputError: it cannot be read.
    """
    rates = 0
    bad_rows: list[BadLine] = []
    with open_text(file) as lines:
        for row in parse_deck_csv(lines):
            if isinstance(row, BadRow):
                bad_rows.append(BadLine(row.line, row.column, row.value, row.reason))
            else:
                rates += 1
    return Checked(rates, tuple(bad_rows))


def read_rates(file: Path, *, skip_bad: bool) -> Iterator[Rate]:
    """Yield the rates of a file that was checked.

    Raises:
        BadInputError: it has changed since, and a row is bad now.
    """
    with open_text(file) as lines:
        for row in parse_deck_csv(lines):
            if isinstance(row, Rate):
                yield row
            elif not skip_bad:
                raise BadInputError(f"{file} changed while it was read", "import it again once it is complete")
