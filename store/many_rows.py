"""Inserting many rows into SQLite at a third of what one statement a row costs.

Most of that cost is binding values. Of a deck's rates many columns have one value throughout a chunk: it is bound once
for fifty rows, and only the columns that differ are bound for each::

    INSERT INTO rate (…) SELECT ?, ?, column1, ?, column2, … FROM (VALUES (?, ?), (?, ?), …)
"""

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, compress

from store.operation import Row

ROWS_AT_ONCE = 50
"""More are hardly quicker; 50 rows of any table stay below SQLite's 32766 values for a statement."""


def insert_rows(connection: sqlite3.Connection, insert_one: str, rows: Sequence[Row]) -> None:
    """Insert rows in their order.

    Args:
        connection: In a transaction.
        insert_one: ``INSERT INTO table (…) VALUES (?, …)``, a placeholder for each value and nothing behind them.
        rows: The values of each, in the order of the placeholders.
    """
    whole = len(rows) - len(rows) % ROWS_AT_ONCE
    columns = list(zip(*rows[:whole], strict=True))
    differs = tuple(column.count(column[0]) < whole for column in columns)
    if not any(differs):  # fewer than fifty, or all the same
        connection.executemany(insert_one, rows)
        return
    shared = [column[0] for column, own in zip(columns, differs, strict=True) if not own]
    own_values = list(zip(*compress(columns, differs), strict=True))
    insert_many = _insert_many(insert_one, differs)
    for at in range(0, whole, ROWS_AT_ONCE):
        connection.execute(insert_many, [*shared, *chain.from_iterable(own_values[at : at + ROWS_AT_ONCE])])
    connection.executemany(insert_one, rows[whole:])


@lru_cache(maxsize=64)
def _insert_many(insert_one: str, differs: Sequence[bool]) -> str:
    """Return the statement for fifty rows whose values differ in these columns."""
    places = [f"column{sum(differs[: n + 1])}" if own else "?" for n, own in enumerate(differs)]
    own_values = f"({', '.join('?' * sum(differs))})"
    head = insert_one[: insert_one.rindex("VALUES")]
    return f"{head}SELECT {', '.join(places)} FROM (VALUES {', '.join([own_values] * ROWS_AT_ONCE)})"  # noqa: S608  # all text is ours
