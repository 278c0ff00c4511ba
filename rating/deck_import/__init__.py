"""Price lists of carriers as rates: pure, rows of cells in, rates or bad rows out.

How a table becomes a deck, and which module does it::

    rows of cells ─▶ layout     the header, what each column means (fields, units)
                  ─▶ forms      how amounts and dates are written, as all rows together tell (numbers, dates)
                  ─▶ terms      prices, increments, dates, once for each combination (numbers, dates, words)
                  ─▶ reader     each row: its codes (code_cells, codes), its name (names), its terms
                  ─▶ collect    all of them; no prefix twice at once; read puts these together
                  ─▶ changes    what becomes of the prices in force (comparison)
                  ─▶ merge      the rates of a prefix afterwards

Whatever could be read in two ways is refused, with the option that tells.
"""

from rating.deck_import.changes import PriceChange, PriceChanges
from rating.deck_import.collect import NewRates
from rating.deck_import.comparison import Change
from rating.deck_import.errors import DeckImportError
from rating.deck_import.fields import Field
from rating.deck_import.layout import Layout, NoHeaderError
from rating.deck_import.merge import merge
from rating.deck_import.model import BadRow, BrokenLine, Cell, NumberedRow, Table, Withdrawal
from rating.deck_import.options import DateOrder, DecimalMark, FeeUnit, ImportOptions
from rating.deck_import.own_csv import COLUMNS, csv_cells, parse_deck_csv
from rating.deck_import.read import DeckReading, read_deck
from rating.deck_import.units import PriceUnit, parse_price_unit

__all__ = [
    "COLUMNS",
    "BadRow",
    "BrokenLine",
    "Cell",
    "Change",
    "DateOrder",
    "DecimalMark",
    "DeckImportError",
    "DeckReading",
    "FeeUnit",
    "Field",
    "ImportOptions",
    "Layout",
    "NewRates",
    "NoHeaderError",
    "NumberedRow",
    "PriceChange",
    "PriceChanges",
    "PriceUnit",
    "Table",
    "Withdrawal",
    "csv_cells",
    "merge",
    "parse_deck_csv",
    "parse_price_unit",
    "read_deck",
]
