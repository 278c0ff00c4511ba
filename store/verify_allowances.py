"""Allowances: each pool as against its slices, each slice as against its pool and its call."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Select, func, or_, select

from store import schema
from store.verify_report import MOST_NAMED, Check, Difference, differing
from store.verify_rows import Page, Reader

_SESSION = schema.session.c
_CDR = schema.cdr.c
_POOL = schema.allowance_pool.c
_SLICE = schema.allowance_slice.c

_POOLS = select(_POOL.id, _POOL.account_id, _POOL.used_s, _POOL.held_s)


class AllowanceSums:
    """The seconds of the slices of each pool."""

    def __init__(self) -> None:
        self._used_s: dict[int, int] = defaultdict(int)
        self._held_s: dict[int, int] = defaultdict(int)

    def add(self, page: Page) -> None:
        """Add a page of ``verify_calls.SLICES``."""
        for _, used_s, held_s, pool_id in page:
            self._used_s[pool_id] += used_s
            self._held_s[pool_id] += held_s

    async def differences(self, reader: Reader) -> list[Difference]:
        """Compare each pool with its slices, and name the slices that are in the wrong pool."""
        found: list[Difference] = []
        async for page in reader.pages(_POOLS):
            for pool_id, account_id, used_s, held_s in page:
                found += differing(Check.ALLOWANCE_USED, pool_id, self._used_s.get(pool_id, 0), used_s, account_id)
                found += differing(Check.ALLOWANCE_HELD, pool_id, self._held_s.get(pool_id, 0), held_s, account_id)
        for call_id, payer_id, owner_id in await reader.few(_strays()):
            found.append(Difference(Check.ALLOWANCE_SLICE, call_id, payer_id, owner_id, payer_id))
        return found


def _strays() -> Select[Any]:
    """Find slices without a pool, without a call, and of a call that another account's pool pays for.

    A slice's session and records are looked up by their keys, so that nothing is sorted or kept.
    """
    of_session = select(_SESSION.account_id).where(_SESSION.call_id == _SLICE.call_id).scalar_subquery()
    of_records = select(func.min(_CDR.account_id)).where(_CDR.call_id == _SLICE.call_id).scalar_subquery()
    payer = func.coalesce(of_session, of_records)
    other_record = select(_CDR.id).where(_CDR.call_id == _SLICE.call_id, _CDR.account_id != _POOL.account_id).exists()
    return (
        select(_SLICE.call_id, payer, _POOL.account_id)
        .select_from(schema.allowance_slice.outerjoin(schema.allowance_pool, _POOL.id == _SLICE.pool_id))
        .where(or_(payer.is_distinct_from(_POOL.account_id), other_record))
        .distinct()
        .limit(MOST_NAMED)
    )
