"""``verify``: every balance recomputed from the journal, and the invariants that tie the tables together.

Theory of operation. All tables are read once, in one transaction that sees one state of the store, a page at a time
and in no particular order, so that the memory it takes depends on how many accounts, lots and extensions there are
but not on how many calls there were (see ``store.verify_fingerprint``), and nothing is sorted::

    journal ──┬─ sums per account ─────────────┬── account: available, reserved, spent
              ├─ fingerprints per call ──┐     ├── lots together, sessions together, records together
              └─ fingerprints per entry ─┼─┐   └── spend of the account
    cdr ──────┬─ fingerprints per call ──┤ │
              ├─ sums per extension ─────┼─┼────── spend per extension
              ├─ fingerprints per day ───┼─┼────── spend per extension and day
              └─ each one's price        │ │
    session ──┬─ fingerprints per call ──┤ │
              └─ each one's paid time    │ │
    slices ───┬─ fingerprints per call ──┘ │
              └─ sums per pool ────────────┼────── allowance_pool
    lot_use ──┬─ fingerprints per entry ───┘
              └─ sums per lot ─────────────┴────── lot

Only where fingerprints differ are the tables read again, to name what differs. The database's own constraints forbid
some of it already; ``verify`` does not take their word for it. The service may write meanwhile: on SQLite its
write-ahead log grows until the reading has ended, and is used again from its beginning afterwards.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.verify_allowances import AllowanceSums
from store.verify_calendars import Calendar, read_calendars
from store.verify_calls import SESSIONS, SLICES, CallProof
from store.verify_cells import strange_cells
from store.verify_days import SPENT as SPENT_DAYS
from store.verify_journal import AVAILABLE, RESERVED, SPENT, JournalSums
from store.verify_lots import USES, LotProof
from store.verify_records import RECORDS, RecordSums
from store.verify_report import Check, Difference, Progress, differing
from store.verify_rows import Reader
from store.verify_sessions import SessionSums
from store.verify_spend import SpendSums

__all__ = ["Check", "Difference", "Progress", "find_differences"]

_ACCOUNT = schema.account.c
_ACCOUNTS = select(_ACCOUNT.id, _ACCOUNT.available_micros, _ACCOUNT.reserved_micros)
_SMALL = (schema.account, schema.lot, schema.allowance_pool)


async def find_differences(connection: AsyncConnection, progress: Progress | None = None) -> list[Difference]:
    """Run every check on ``connection``, whose transaction sees one state; an empty list is a clean store.

    Args:
        progress: Told how far it is, after each page.
    """
    if strange := await strange_cells(connection):
        return strange
    reader = Reader(connection, progress)
    sizes = await _count(reader)
    books = _Books(await read_calendars(reader))
    await books.read(reader)
    differences = await books.accounts_differ(reader)
    differences += books.spend.differences(books.records)
    differences += await books.records.days.differences(reader, records=sizes.records, days=sizes.days)
    differences += books.journal.flaws
    differences += await books.calls.differences(reader, rows=sizes.rows, calls=sizes.records)
    differences += books.sessions.differences
    differences += await books.records.flaws(reader)
    differences += await books.lots.uses(reader, entries=sizes.entries, uses=sizes.uses)
    differences += await books.allowances.differences(reader)
    return differences


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How many rows the large tables have."""

    entries: int
    records: int
    uses: int
    sessions: int
    slices: int
    days: int

    @property
    def rows(self) -> int:
        """Answer how many rows say something of a call."""
        return self.entries + self.records + self.sessions + self.slices


async def _count(reader: Reader) -> _Sizes:
    sizes = _Sizes(
        entries=await reader.count(schema.journal),
        records=await reader.count(schema.cdr),
        uses=await reader.count(schema.lot_use),
        sessions=await reader.count(schema.session),
        slices=await reader.count(schema.allowance_slice),
        days=await reader.count(schema.spend),
    )
    reader.expect(sizes.rows + sizes.uses + sizes.days)
    for table in _SMALL:
        reader.expect(await reader.count(table))
    return sizes


class _Books:
    """What one reading of all tables comes to."""

    def __init__(self, calendars: Mapping[int, Calendar]) -> None:
        self.journal = JournalSums()
        self.calls = CallProof()
        self.lots = LotProof()
        self.records = RecordSums(calendars)
        self.sessions = SessionSums()
        self.spend = SpendSums()
        self.allowances = AllowanceSums()

    async def read(self, reader: Reader) -> None:
        """Read all tables but those of accounts, lots and pools, which are compared as they are read."""
        async for entries in self.journal.read(reader):
            self.calls.add_entries(entries)
            self.lots.add_entries(entries)
        async for page in reader.pages(RECORDS):
            self.records.add(page)
            self.calls.add_records(page)
        async for page in reader.pages(SESSIONS):
            self.sessions.add(page)
            self.calls.add_sessions(page)
        async for page in reader.pages(SLICES):
            self.allowances.add(page)
            self.calls.add_slices(page)
        async for page in reader.pages(USES):
            self.lots.add_uses(page)
        async for page in reader.pages(SPENT_DAYS):
            self.spend.add(page)
            self.records.days.add_spent(page)

    async def accounts_differ(self, reader: Reader) -> list[Difference]:
        """Compare each account with its journal, lots, sessions, records and spend; and each lot with its uses."""
        of_lots = await self.lots.lots(reader)
        of_accounts: list[Difference] = []
        async for page in reader.pages(_ACCOUNTS):
            for account_id, available_micros, reserved_micros in page:
                of_accounts += self._account_differs(account_id, available_micros, reserved_micros)
        return [*of_accounts, *of_lots]

    def _account_differs(self, account_id: int, available_micros: int, reserved_micros: int) -> list[Difference]:
        spent_micros = self.journal.total(account_id, SPENT)
        compared = (
            (Check.AVAILABLE, self.journal.total(account_id, AVAILABLE), available_micros),
            (Check.RESERVED, self.journal.total(account_id, RESERVED), reserved_micros),
            (Check.LOTS, available_micros + reserved_micros, self.lots.rest_micros(account_id)),
            (Check.SESSIONS, reserved_micros, self.sessions.held_micros(account_id)),
            (Check.SPENT, spent_micros, self.records.account_micros(account_id)),
            (Check.SPEND_ACCOUNT, spent_micros, self.spend.account_micros(account_id)),
        )
        return [
            difference
            for check, expected, found in compared
            for difference in differing(check, account_id, expected, found, account_id)
        ]
