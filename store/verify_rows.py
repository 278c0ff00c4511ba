"""How ``verify`` reads: whole tables, a page at a time, in whatever order the database likes, counting as it goes."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Select, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.verify_report import Progress

_PAGE_ROWS = 10_000
"""Some megabytes of Python, and some milliseconds between two looks at the event loop."""

Page = Sequence[Any]


class Reader:
    """Reads from one connection, whose transaction sees one state of the store."""

    def __init__(self, connection: AsyncConnection, progress: Progress | None) -> None:
        self._connection = connection
        self._progress = progress
        self._done_rows = 0
        self._total_rows = 0

    async def count(self, table: Table) -> int:
        """Answer how many rows a table has."""
        counted = await self._connection.scalar(select(func.count()).select_from(table))
        return int(counted or 0)

    def expect(self, rows: int) -> None:
        """Say that so many more rows will be read."""
        self._total_rows += rows

    async def pages(self, query: Select[Any]) -> AsyncIterator[Page]:
        """Answer the query's rows, page after page; they count as progress."""
        result = await self._connection.stream(query, execution_options={"yield_per": _PAGE_ROWS})
        async for page in result.partitions():
            yield page
            self._done_rows += len(page)
            if self._progress is not None:
                self._progress(self._done_rows, self._total_rows)

    async def few(self, query: Select[Any]) -> Page:
        """Answer the rows of a query that has few."""
        page: Page = (await self._connection.execute(query)).all()
        return page
