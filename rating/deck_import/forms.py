"""How a file writes its amounts and dates, as told by all of its cells together.

``1.234`` and ``01/12/2026`` can be read in two ways; a cell of the same column that can be read in one way only
tells which. Such a cell may stand in any row, even in one that is refused for something else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rating.deck_import.dates import proven_orders
from rating.deck_import.fields import DATES, FEES, PRICES
from rating.deck_import.layout import Layout
from rating.deck_import.model import Cell
from rating.deck_import.numbers import proven_marks
from rating.deck_import.options import DateOrder, ImportOptions

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Forms:
    """How the cells of a file are written; None where nothing tells, or where cells do not agree."""

    marks: Mapping[int, str | None]
    """The decimal mark of each column of amounts."""
    date_order: DateOrder | None


class FormsSeen:
    """What the rows seen so far prove. It does not matter in which order rows are seen, or how often.

    Args:
        layout: Which columns are amounts and dates.
        options: What was said by the importing person, which decides whatever cells say.
    """

    def __init__(self, layout: Layout, options: ImportOptions) -> None:
        columns = layout.columns
        self._options = options
        self._marks: dict[int, set[str]] = {columns[meant]: set() for meant in PRICES + FEES if meant in columns}
        self._orders: dict[int, set[DateOrder]] = {columns[meant]: set() for meant in DATES if meant in columns}

    def see(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Learn from rows of any length what their cells prove."""
        for column, marks in self._marks.items():
            marks.update(proven_marks(_distinct(rows, column)))
        for column, orders in self._orders.items():
            orders.update(proven_orders(_distinct(rows, column)))

    def forms(self) -> Forms:
        """Return the forms as far as the rows seen decide them."""
        told_mark = self._options.decimal_mark and self._options.decimal_mark.character
        marks = {column: told_mark or _only(proven) for column, proven in self._marks.items()}
        # A column that contradicts itself proves nothing for the other one.
        orders = {_only(proven) for proven in self._orders.values()} - {None}
        return Forms(marks, self._options.date_order or _only(orders))


def _distinct(rows: Iterable[Sequence[Cell]], column: int) -> set[Cell]:
    return {cells[column] for cells in rows if len(cells) > column}


def _only(proven: set[T]) -> T | None:
    """Return what is proven, if it is one thing."""
    return next(iter(proven)) if len(proven) == 1 else None
