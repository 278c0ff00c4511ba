"""The destination of a row: its name, of one column or of country and place in two."""

from collections.abc import Callable, Sequence
from operator import itemgetter

from rating.deck_import.errors import CellError
from rating.deck_import.fields import Field
from rating.deck_import.layout import Layout
from rating.deck_import.model import UNNAMED, Cell, shown

_MOST_KNOWN = 200_000
"""Names that are remembered; beyond that they are forgotten and read again."""
_LONGEST = 200
_ERRORS = frozenset({"#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"})


class Names:
    """Reads destinations' names; each is read, and kept in memory, once."""

    def __init__(self, layout: Layout) -> None:
        self._destination = layout.columns.get(Field.DESTINATION)
        self._country = layout.columns.get(Field.COUNTRY)
        columns = [column for column in (self._country, self._destination) if column is not None]
        self._column = columns[-1] if columns else None
        self._pick: Callable[[Sequence[Cell]], object] = itemgetter(*columns) if columns else _nothing
        self._known: dict[object, str] = {}

    def of(self, cells: Sequence[Cell]) -> str:
        """Return the name of a row.

        Raises:
            CellError: it has none that can be used.
        """
        key = self._pick(cells)
        name = self._known.get(key)
        return self._learn(key, cells) if name is None else name

    def of_all(self, rows: Sequence[Sequence[Cell]]) -> list[str]:
        """Return the names of rows, much quicker than one by one where they are known.

        Raises:
            CellError: one has none that can be used.
        """
        try:
            return list(map(self._known.__getitem__, map(self._pick, rows)))
        except KeyError:
            return list(map(self.of, rows))

    def _learn(self, key: object, cells: Sequence[Cell]) -> str:
        land, place = (
            "" if column is None else shown(cells[column]).strip() for column in (self._country, self._destination)
        )
        if self._column is None:
            land = UNNAMED
        # "Spain" and "Spain mobile" are "Spain mobile"; "Spain" and "mobile" are too.
        name = place if land.casefold() in place.casefold() else f"{land} {place}".strip()
        if not name or land in _ERRORS or place in _ERRORS:
            raise CellError(self._column, place, "a destination needs a name")
        if len(name) > _LONGEST:
            raise CellError(self._column, place, f"a name has at most {_LONGEST} characters")
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[key] = name
        return name


def _nothing(_cells: Sequence[Cell]) -> None:
    """Pick no cell of a row."""
