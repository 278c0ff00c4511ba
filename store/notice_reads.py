"""Reading what is about to happen to an account's money, and what its administrators were told of it."""

import json
from collections.abc import Collection
from itertools import islice

from sqlalchemy import ColumnElement, literal_column, select

from store import schema
from store.reads import Reads
from store.records import ExpiringLot, Notice

_ACCOUNT = schema.account.c
_LOT = schema.lot.c
_NOTICE = schema.notice.c
_NONE: ColumnElement[int] = literal_column("0")  # spelled out, as the condition of the index of unspent lots is
_KEYS_AT_ONCE = 500  # SQLite's limit of parameters was 999 for long
MOST_NOTICES = 1000


class NoticeReads(Reads):
    """Read methods of expiring lots and of notices."""

    async def expiring_lots(self, before_ms: int, account_id: int | None = None) -> list[ExpiringLot]:
        """Answer the unspent lots of an account, or of all, that expire before that instant, first to expire first.

        Lots whose moment has come are among them, as long as calls hold what is in them.
        """
        query = (
            select(
                _LOT.id,
                _LOT.account_id,
                _ACCOUNT.timezone,
                _ACCOUNT.reserved_micros,
                _LOT.reference,
                _LOT.remaining_micros,
                _LOT.purchased_at_ms,
                _LOT.expires_at_ms,
            )
            .select_from(schema.lot.join(schema.account, _ACCOUNT.id == _LOT.account_id))
            .where(_LOT.remaining_micros > _NONE, _LOT.expires_at_ms < before_ms)
            .order_by(_LOT.expires_at_ms, _LOT.id)
        )
        if account_id is not None:
            query = query.where(_LOT.account_id == account_id)
        async with self._reading() as connection:
            return [ExpiringLot(**row) for row in (await connection.execute(query)).mappings()]

    async def recorded_notices(self, keys: Collection[str]) -> set[str]:
        """Answer those of ``keys`` under which a notice is recorded."""
        recorded: set[str] = set()
        waiting = iter(keys)
        async with self._reading() as connection:
            while some := list(islice(waiting, _KEYS_AT_ONCE)):
                recorded.update(await connection.scalars(select(_NOTICE.key).where(_NOTICE.key.in_(some))))
        return recorded

    async def notices(self, account_id: int | None = None, *, limit: int = MOST_NOTICES) -> list[Notice]:
        """Answer the notices of an account, or of all, newest first: at most ``limit``, and ``MOST_NOTICES``."""
        query = select(schema.notice).order_by(_NOTICE.id.desc()).limit(min(limit, MOST_NOTICES))
        if account_id is not None:
            query = query.where(_NOTICE.account_id == account_id)
        async with self._reading() as connection:
            rows = (await connection.execute(query)).mappings()
            return [Notice(**{**row, "detail": json.loads(row["detail"])}) for row in rows]
