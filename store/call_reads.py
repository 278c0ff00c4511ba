"""Reading calls: open sessions, call detail records and their totals."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import ColumnElement, case, distinct, func, select

from charging.cdr import Cdr, Disposition
from rating.destination import DestinationClass
from store import schema
from store.cdr_rows import cdr_from_row
from store.nodes import IS_PROVISIONAL
from store.reads import Reads, whole_sum
from store.records import ExtensionTotals, OpenSession

_SESSION = schema.session.c
_CDR = schema.cdr.c
_CDRS_AT_ONCE = 500
_IDS_AT_ONCE = 500  # SQLite's limit of parameters was 999 for long

SELECT_SESSIONS = select(
    _SESSION.call_id,
    _SESSION.node,
    _SESSION.account_id,
    _SESSION.extension,
    _SESSION.per_minute_micros,
    _SESSION.held_micros,
    _SESSION.paid_s,
    _SESSION.allowance_s,
    _SESSION.paid_until_ms,
    _SESSION.slice_n,
    _SESSION.state,
    _SESSION.opened_at_ms,
    _SESSION.updated_at_ms,
    _SESSION.provisional_micros,
    IS_PROVISIONAL.label("is_lost"),
).order_by(_SESSION.opened_at_ms, _SESSION.call_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrFilter:
    """Which records: those that meet every condition given. The range is half-open, by ``started_at``."""

    account_id: int | None = None
    extension: str | None = None
    destination_class: DestinationClass | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    call_id: str | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Answer the conditions as SQL."""
        found: list[ColumnElement[bool]] = []
        if self.account_id is not None:
            found.append(_CDR.account_id == self.account_id)
        if self.extension is not None:
            found.append(_CDR.extension == self.extension)
        if self.destination_class is not None:
            found.append(_CDR.destination_class == self.destination_class.value)
        if self.from_ms is not None:
            found.append(_CDR.started_at_ms >= self.from_ms)
        if self.to_ms is not None:
            found.append(_CDR.started_at_ms < self.to_ms)
        if self.call_id is not None:
            found.append(_CDR.call_id == self.call_id)
        return found


EVERY_CDR = CdrFilter()


class CallReads(Reads):
    """Read methods of calls."""

    async def open_sessions(self, node: str | None = None, quiet_since_ms: int | None = None) -> list[OpenSession]:
        """Answer the open sessions of a node, or all, oldest first.

        Args:
            quiet_since_ms: Only those whose paid seconds were over by then or, before the answer and of free calls,
                that were not saved since.
        """
        query = SELECT_SESSIONS
        if node is not None:
            query = query.where(_SESSION.node == node)
        if quiet_since_ms is not None:
            query = query.where(func.coalesce(_SESSION.paid_until_ms, _SESSION.updated_at_ms) <= quiet_since_ms)
        async with self._reading() as connection:
            result = await connection.execute(query)
            names = tuple(result.keys())
            return [OpenSession(**dict(zip(names, row, strict=True))) for row in result]

    async def open_call_ids(self, node: str) -> list[str]:
        """Answer the ids of the calls of a node that have an open session."""
        async with self._reading() as connection:
            return list(await connection.scalars(select(_SESSION.call_id).where(_SESSION.node == node)))

    async def known_call_ids(self, call_ids: Collection[str]) -> set[str]:
        """Answer those of ``call_ids`` that have an open session or a record."""
        known: set[str] = set()
        waiting = iter(call_ids)
        async with self._reading() as connection:
            while some := list(islice(waiting, _IDS_AT_ONCE)):
                for column in (_SESSION.call_id, _CDR.call_id):
                    known.update(await connection.scalars(select(column).where(column.in_(some))))
        return known

    async def cdrs(self, which: CdrFilter = EVERY_CDR) -> AsyncIterator[Cdr]:
        """Yield records by ``started_at``, call and leg.

        Iterate to the end, or close the iterator: it holds a connection.
        """
        query = select(schema.cdr).where(*which.conditions()).order_by(_CDR.started_at_ms, _CDR.call_id, _CDR.leg)
        async with self._reading() as connection:
            rows = await connection.stream(query)
            async for part in rows.mappings().partitions(_CDRS_AT_ONCE):
                for row in part:
                    yield cdr_from_row(row)

    async def extension_totals(self, which: CdrFilter = EVERY_CDR) -> list[ExtensionTotals]:
        """Answer the sums of the records of each extension, by its number."""
        answered_call = case((_CDR.disposition == Disposition.ANSWERED.value, _CDR.call_id))
        query = (
            select(
                _CDR.extension,
                func.count(distinct(_CDR.call_id)).label("calls"),
                func.count(distinct(answered_call)).label("answered_calls"),
                whole_sum(_CDR.billable_s).label("billable_s"),
                whole_sum(_CDR.charged_micros).label("charged_micros"),
                whole_sum(_CDR.unfunded_micros).label("unfunded_micros"),
            )
            .where(*which.conditions())
            .group_by(_CDR.extension)
            .order_by(_CDR.extension)
        )
        async with self._reading() as connection:
            return [ExtensionTotals(**row) for row in (await connection.execute(query)).mappings()]
