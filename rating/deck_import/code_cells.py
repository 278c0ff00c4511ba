"""The codes of a row: whole ones in one cell, or a country code and area codes in two."""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TypeVar

from rating.deck import is_prefix
from rating.deck_import.codes import CodeError, read_area_codes, read_codes, read_country_code
from rating.deck_import.errors import CellError
from rating.deck_import.fields import Field
from rating.deck_import.layout import Layout
from rating.deck_import.model import Cell, shown

T = TypeVar("T")

_PLAIN = re.compile("[1-9][0-9]{0,14}")


class CodeReader:
    """Reads the codes of a table's rows.

    Args:
        layout: Which columns have them.
        separator: What separates codes in a cell, where that was said.
    """

    def __init__(self, layout: Layout, separator: str | None) -> None:
        columns = layout.columns
        prefix, country = columns.get(Field.PREFIX), columns.get(Field.COUNTRY_CODE)
        self._pick_plain: Callable[[Sequence[Cell]], Cell] | None = None
        if prefix is None:
            self._read: Callable[[Sequence[Cell]], tuple[str, ...]] = _AreaCodes(
                columns[Field.COUNTRY_CODE], columns[Field.AREA_CODE], separator
            )
        else:
            self._read = _WholeCodes(prefix, country, separator)
            if country is None:
                self._pick_plain = itemgetter(prefix)

    def of(self, cells: Sequence[Cell]) -> tuple[str, ...]:
        """Return the prefixes of a row.

        Raises:
            CellError: it has none that can be used.
        """
        return self._read(cells)

    def plain(self, rows: Sequence[Sequence[Cell]]) -> Sequence[str] | None:
        """Return the code of each row where all of them are one cell as it stands, None where any is not."""
        if self._pick_plain is None:
            return None
        # A number of XLSX is as its text is: without decimals and exponent it has kept all digits.
        codes = list(map(str, map(self._pick_plain, rows)))
        return codes if all(map(_PLAIN.fullmatch, codes)) else None


class _WholeCodes:
    """Reads codes that begin with their country code; where that has a column too, they have to agree."""

    def __init__(self, column: int, country_column: int | None, separator: str | None) -> None:
        self._column = column
        self._country_column = country_column
        self._separator = separator

    def __call__(self, cells: Sequence[Cell]) -> tuple[str, ...]:
        cell = cells[self._column]
        if isinstance(cell, str) and 0 < len(cell) < 16 and cell.isdecimal() and cell.isascii() and cell[0] != "0":
            codes: tuple[str, ...] = (cell,)
        else:
            codes = _at(self._column, cell, lambda: read_codes(cell, self._separator))
        if self._country_column is not None:
            self._check_country(cells[self._country_column], codes, cell)
        return codes

    def _check_country(self, country: Cell, codes: tuple[str, ...], cell: Cell) -> None:
        text = shown(country).strip().removeprefix("+").removeprefix("00")
        if text.isdecimal() and not all(code.startswith(text) for code in codes):
            raise CellError(
                self._column,
                shown(cell),
                f'the code does not begin with its country code {text}; is it an area code? say --column area_code="…"',
            )


class _AreaCodes:
    """Reads a country code and area codes in two columns."""

    def __init__(self, country_column: int, area_column: int, separator: str | None) -> None:
        self._country_column = country_column
        self._area_column = area_column
        self._separator = separator

    def __call__(self, cells: Sequence[Cell]) -> tuple[str, ...]:
        country, area = cells[self._country_column], cells[self._area_column]
        country_code = _at(self._country_column, country, lambda: read_country_code(country))
        codes = _at(self._area_column, area, lambda: read_area_codes(area, country_code, self._separator))
        if not all(map(is_prefix, codes)):
            raise CellError(self._area_column, shown(area), "with its country code this is no E.164 prefix")
        return codes


def _at(column: int, cell: Cell, read: Callable[[], T]) -> T:
    try:
        return read()
    except CodeError as error:
        raise CellError(column, shown(cell), str(error)) from error
