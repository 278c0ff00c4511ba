"""Reading what pays for calls: balances with their lots, the journal, and what is gone of allowances."""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from store import schema
from store.caps import Hold, Spent
from store.journal import EntryKind
from store.lot_expiries import expiries_of
from store.reads import Reads, whole_sum
from store.records import Account, AllowanceUse, Balance, JournalEntry, Lot

_ACCOUNT = schema.account.c
_LOT = schema.lot.c
_JOURNAL = schema.journal.c
_POOL = schema.allowance_pool.c
_SPEND = schema.spend.c
_SESSION = schema.session.c
LONGEST_PAGE = 1000


def _select_lots(which: ColumnElement[bool]) -> Select[Any]:
    """Select lots with what has expired of each."""
    expiries = expiries_of(which)
    expired = (
        select(expiries.c.lot_id, whole_sum(expiries.c.amount_micros).label("expired_micros"))
        .group_by(expiries.c.lot_id)
        .subquery()
    )
    return (
        select(schema.lot, func.coalesce(expired.c.expired_micros, 0).label("expired_micros"))
        .select_from(schema.lot.outerjoin(expired, expired.c.lot_id == _LOT.id))
        .where(which)
    )


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
                _select_lots((_LOT.account_id == account_id) & (_LOT.remaining_micros > 0)).order_by(
                    _LOT.expires_at_ms.is_(None), _LOT.expires_at_ms, _LOT.id
                )
            )
            expiries = expiries_of(_LOT.account_id == account_id)
            expired_micros = await connection.scalar(select(whole_sum(expiries.c.amount_micros)))
            return Balance(
                account=Account(**row),
                lots=tuple(Lot(**lot) for lot in lots.mappings()),
                expired_micros=int(expired_micros or 0),
            )

    async def lots(self, account_id: int) -> list[Lot]:
        """Answer all lots of an account in the order of their purchase, spent ones too."""
        async with self._reading() as connection:
            rows = await connection.execute(
                _select_lots(_LOT.account_id == account_id).order_by(_LOT.purchased_at_ms, _LOT.id)
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

    async def spend(self, account_id: int, from_day: str, to_day: str) -> tuple[list[Spent], list[Hold]]:
        """Answer what counts against caps, of one instant.

        First what ended calls cost on each local day of [``from_day``, ``to_day``), ISO dates: a row for each
        extension, and one without for the account. Then what each running call holds.
        """
        spent = (
            select(_SPEND.extension, _SPEND.day, _SPEND.spent_micros)
            .where(_SPEND.account_id == account_id, _SPEND.day >= from_day, _SPEND.day < to_day)
            .order_by(_SPEND.extension, _SPEND.day)
        )
        holds = (
            select(_SESSION.extension, _SESSION.held_by_day, _SESSION.paid_until_ms)
            .where(_SESSION.account_id == account_id, _SESSION.held_micros > 0)
            .order_by(_SESSION.call_id)
        )
        async with self._reading() as connection:
            spent_rows = [Spent(*row) for row in await connection.execute(spent)]
            return spent_rows, [Hold.of_row(*row) for row in await connection.execute(holds)]

    async def adjustments(self, account_id: int) -> list[JournalEntry]:
        """Answer all adjustments of an account, oldest first."""
        query = (
            select(schema.journal)
            .where(_JOURNAL.account_id == account_id, _JOURNAL.kind == EntryKind.ADJUST.value)
            .order_by(_JOURNAL.id)
        )
        async with self._reading() as connection:
            return [JournalEntry(**row) for row in (await connection.execute(query)).mappings()]

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
