"""Reading what pays for calls: balances with their lots, the journal, and what is gone of allowances."""

from sqlalchemy import select

from store import schema
from store.reads import Reads
from store.records import Account, AllowanceUse, Balance, JournalEntry, Lot

_ACCOUNT = schema.account.c
_LOT = schema.lot.c
_JOURNAL = schema.journal.c
_POOL = schema.allowance_pool.c
LONGEST_PAGE = 1000


class MoneyReads(Reads):
    """Read methods of the ledger."""

    async def balance(self, account_id: int) -> Balance | None:
        """Answer an account and its lots with money left, of one instant; None for an unknown account."""
        async with self._reading() as connection:
            found = await connection.execute(select(schema.account).where(_ACCOUNT.id == account_id))
            row = found.mappings().first()
            if row is None:
                return None
            lots = await connection.execute(
                select(schema.lot)
                .where(_LOT.account_id == account_id, _LOT.remaining_micros > 0)
                .order_by(_LOT.expires_at_ms.is_(None), _LOT.expires_at_ms, _LOT.id)
            )
            return Balance(account=Account(**row), lots=tuple(Lot(**lot) for lot in lots.mappings()))

    async def lots(self, account_id: int) -> list[Lot]:
        """Answer all lots of an account in the order of their purchase, spent ones too."""
        async with self._reading() as connection:
            rows = await connection.execute(
                select(schema.lot).where(_LOT.account_id == account_id).order_by(_LOT.purchased_at_ms, _LOT.id)
            )
            return [Lot(**row) for row in rows.mappings()]

    async def allowance_uses(self, account_id: int, month: str) -> list[AllowanceUse]:
        """Answer what is gone of an account's allowances in the month that begins on that local date."""
        query = (
            select(_POOL.plan, _POOL.allowance, _POOL.extension, _POOL.month, _POOL.used_s, _POOL.held_s)
            .where(_POOL.account_id == account_id, _POOL.month == month)
            .order_by(_POOL.plan, _POOL.allowance, _POOL.extension)
        )
        async with self._reading() as connection:
            return [AllowanceUse(**row) for row in (await connection.execute(query)).mappings()]

    async def journal(self, account_id: int, *, after_id: int = 0, limit: int = LONGEST_PAGE) -> list[JournalEntry]:
        """Answer a page of an account's journal, oldest first: up to ``limit`` entries after ``after_id``."""
        query = (
            select(schema.journal)
            .where(_JOURNAL.account_id == account_id, _JOURNAL.id > after_id)
            .order_by(_JOURNAL.id)
            .limit(min(limit, LONGEST_PAGE))
        )
        async with self._reading() as connection:
            return [JournalEntry(**row) for row in (await connection.execute(query)).mappings()]
