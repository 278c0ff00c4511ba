"""Reading a deck into memory, in a thread of its own beside the calls.

A million rates take seconds, most of them in Python. In the event loop they would be slices of some milliseconds in
front of the calls' own work; in a thread calls wait for the interpreter lock at most, which the thread gives away
after every page. It reads by a connection of its own, in one statement: a switch meanwhile cannot mix two decks. Of
PostgreSQL's rows a cursor on the server gives out a page at a time, so that they are never in memory all at once.

Rates were checked when they were imported. A damaged row must not become a price all the same: the terms that many
rates share are made into a rate, and so checked, once; what is a rate's own is checked by ``DeckRows.extend``.
"""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import bindparam

from rating.deck import DeckRows
from store import schema
from store.errors import StoreUnavailableError
from store.location import Location, MemoryLocation, PostgresLocation
from store.operation import Row, Sql, compile_sql
from store.postgres_connection import CONNECTION_ERRORS, connect, unavailable
from store.postgres_sql import DIALECT as POSTGRESQL
from store.rate_rows import SELECT_RATES, rate_from_row
from store.reads import BUSY_TIMEOUT_S, MEND
from store.sqlite_operations import DIALECT as SQLITE

_PAGE_ROWS = 250
"""Rates at a time: about a millisecond of the interpreter lock."""
_REST_S = 0.00005
"""After each page, so that the event loop gets the lock; to give it up for no time at all would not wake it."""
_MOST_KNOWN = 65_536

_RATE = schema.rate.c
_OWN = (_RATE.prefix, _RATE.destination, _RATE.per_minute_micros)
"""What is a rate's own; all the other columns are terms."""
_TERMS = (
    _RATE.effective_from_ms,
    _RATE.effective_until_ms,
    _RATE.connect_fee_micros,
    _RATE.initial_increment_s,
    _RATE.increment_s,
    _RATE.minimum_charge_micros,
    _RATE.barred,
    schema.period_list.c.hours,
    _RATE.period_micros,
)
SELECT_OWN_AND_TERMS = Sql(
    SELECT_RATES.with_only_columns(*_OWN, *_TERMS, maintain_column_froms=True).where(
        schema.deck.c.name == bindparam("of_name")
    )
)


async def read_deck_rows(location: Location | MemoryLocation, deck: str) -> DeckRows:
    """Answer the rows of a deck, all of the generation in force; none for an unknown deck.

    Where this is cancelled the thread ends with its page. A store in memory has one thread only, and is read in it.

    Raises:
        StoreUnavailableError: the database cannot be read.
        RatingError, ValueError, TypeError: what is stored is no deck.
    """
    given_up = threading.Event()
    if isinstance(location, MemoryLocation):
        with _translated_errors():
            return _read_rows(location.connection, deck, given_up)
    try:
        return await asyncio.to_thread(_read, location, deck, given_up)
    finally:
        given_up.set()


def _read(location: Location, deck: str, given_up: threading.Event) -> DeckRows:
    if isinstance(location, PostgresLocation):
        # In an event loop of the thread's own: the service's has no part in it.
        return asyncio.run(_read_server(location, deck, given_up))
    return _read_file(location.path, deck, given_up)


def _read_file(path: Path, deck: str, given_up: threading.Event) -> DeckRows:
    with _translated_errors(), closing(_open_file(path)) as connection:
        return _read_rows(connection, deck, given_up)


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnavailableError(f"the database could not be read: {error}; {MEND}") from error


def _read_rows(connection: sqlite3.Connection, deck: str, given_up: threading.Event) -> DeckRows:
    pages = _Pages(given_up)
    select = compile_sql(SELECT_OWN_AND_TERMS, SQLITE)
    cursor = connection.execute(select.text, select.arguments({"of_name": deck}))
    while page := cursor.fetchmany(_PAGE_ROWS):
        pages.add(page)
    return pages.rows


def _open_file(path: Path) -> sqlite3.Connection:
    uri = path.absolute().as_uri() + "?mode=rw"  # "ro" could not open the log's index where no writer has it open
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S)
    connection.execute("PRAGMA query_only = ON")
    return connection


async def _read_server(location: PostgresLocation, deck: str, given_up: threading.Event) -> DeckRows:
    pages = _Pages(given_up)
    select = compile_sql(SELECT_OWN_AND_TERMS, POSTGRESQL)
    connection = await connect(location, role="deck")
    try:
        async with connection.transaction(readonly=True):
            cursor = await connection.cursor(select.text, *select.arguments({"of_name": deck}))
            while page := await cursor.fetch(_PAGE_ROWS):
                pages.add(page)
    except CONNECTION_ERRORS as error:
        raise unavailable(location, error) from error
    finally:
        connection.terminate()
    return pages.rows


class _Pages:
    """Puts pages of a deck together; terms that are known already cost a look-up."""

    def __init__(self, given_up: threading.Event) -> None:
        self.rows = DeckRows()
        self._given_up = given_up
        self._known: dict[Row, int] = {}

    def add(self, page: Sequence[Row]) -> None:
        """Add rows as :data:`SELECT_OWN_AND_TERMS` gives them, by columns rather than one by one; then rest.

        Raises:
            StoreUnavailableError: nobody waits for the deck any more.
        """
        prefixes, destinations, prices_micros, *terms_columns = zip(*page, strict=True)
        all_terms = list(zip(*terms_columns, strict=True))
        numbers = [number for number in map(self._known.get, all_terms) if number is not None]
        if len(numbers) < len(page):
            numbers = list(map(self._number, page, all_terms))
        self.rows.extend(prefixes, destinations, prices_micros, numbers)
        if self._given_up.is_set():
            raise StoreUnavailableError("reading the deck was given up; load it again")
        time.sleep(_REST_S)

    def _number(self, row: Row, terms: Row) -> int:
        """Answer the number of a row's terms, which are checked where they are new."""
        number = self._known.get(terms)
        if number is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            prefix, destination, price = row[: len(_OWN)]
            from_ms, until_ms, *rest = terms
            rate = rate_from_row((prefix, from_ms, until_ms, destination, price, *rest))
            self._known[terms] = number = self.rows.add_terms(rate)
        return number
