"""``verify``: every balance recomputed from the journal, and the invariants that tie the tables together.

Theory of operation. All tables are read once, in one transaction that sees one state of the store, a page at a time
and in no particular order, so that the memory it takes depends on how many accounts, lots and extensions there are
but not on how many calls there were (see ``store.verify_fingerprint``), and nothing is sorted::

    journal ──┬─ sums per account ─────────────┬── account: available, reserved, spent
              ├─ fingerprints per call ──┐     ├── lots together, sessions together, records together
              └─ fingerprints per entry ─┼─┐   └── spend of the account
    cdr ──────┬─ fingerprints per call ──┤ │
              └─ sums per extension ─────┼─┼────── spend per extension
    session ──── fingerprints per call ──┤ │
    slices ───┬─ fingerprints per call ──┘ │
              └─ sums per pool ────────────┼────── allowance_pool
    lot_use ──┬─ fingerprints per entry ───┘
              └─ sums per lot ─────────────┴────── lot

Only where fingerprints differ are the tables read again, to name what differs. The database's own constraints forbid
some of it already; ``verify`` does not take their word for it. The service may write meanwhile: on SQLite its
write-ahead log grows until the reading has ended, and is used again from its beginning afterwards.
"""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.verify_allowances import AllowanceSums
from store.verify_calls import RECORDS, SESSIONS, SLICES, CallProof
from store.verify_journal import AVAILABLE, ENTRIES, RESERVED, SPENT, JournalSums
from store.verify_lots import USES, LotProof
from store.verify_records import RecordSums
from store.verify_report import Check, Difference, Progress, differing
from store.verify_rows import Reader
from store.verify_sessions import SessionSums
from store.verify_spend import SpendSums

__all__ = ["Check", "Difference", "Progress", "find_differences"]

_ACCOUNT = schema.account.c
_ACCOUNTS = select(_ACCOUNT.id, _ACCOUNT.available_micros, _ACCOUNT.reserved_micros)
_SMALL = (schema.account, schema.lot, schema.spend, schema.allowance_pool)


async def find_differences(connection: AsyncConnection, progress: Progress | None = None) -> list[Difference]:
    """Run every check on ``connection``, whose transaction sees one state; an empty list is a clean store.

    Args:
        progress: Told how far it is, after each page.
    """
    reader = Reader(connection, progress)
    sizes = await _count(reader)
    books = _Books()
    await books.read(reader)
    differences = await books.accounts_differ(reader)
    differences += books.spend.differences(books.records)
    differences += await books.journal.flaws(reader)
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
    )
    reader.expect(sizes.rows + sizes.uses)
    for table in _SMALL:
        reader.expect(await reader.count(table))
    return sizes


@dataclass
class _Books:
    """What one reading of all tables comes to."""

    journal: JournalSums = field(default_factory=JournalSums)
    calls: CallProof = field(default_factory=CallProof)
    lots: LotProof = field(default_factory=LotProof)
    records: RecordSums = field(default_factory=RecordSums)
    sessions: SessionSums = field(default_factory=SessionSums)
    spend: SpendSums = field(default_factory=SpendSums)
    allowances: AllowanceSums = field(default_factory=AllowanceSums)

    async def read(self, reader: Reader) -> None:
        """Read all tables but those of accounts, lots and pools, which are compared as they are read."""
        async for page in reader.pages(ENTRIES):
            self.journal.add(page)
            self.calls.add_entries(page)
            self.lots.add_entries(page)
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
        await self.spend.read(reader)

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
