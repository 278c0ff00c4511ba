"""Files of prices as rows of cells: CSV of any dialect, and XLSX.

What the rows mean is the business of :mod:`rating.deck_import`.
"""

from tollgate.deck_files.csv_table import CsvTable
from tollgate.deck_files.errors import DeckFileError
from tollgate.deck_files.open_file import open_tables
from tollgate.deck_files.xlsx_table import XlsxTable

__all__ = ["CsvTable", "DeckFileError", "XlsxTable", "open_tables"]
