"""Reports of reconciliations: what comparing live channels with open sessions found, and the money that it moved.

One is kept for each start and each reconnect, and for a comparison in between that found something. The newest
``KEPT`` of each node stay.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import islice

from sqlalchemy import ColumnElement, RowMapping, bindparam, case, delete, func, insert, select

from store import schema
from store.journal import EntryKind
from store.operation import Operation, Sql
from store.reads import Reads, whole_sum

_REPORT = schema.reconciliation.c
_JOURNAL = schema.journal.c
_CALLS_AT_ONCE = 500  # SQLite's limit of parameters was 999 for long
KEPT = 1000

INSERT_REPORT = Sql(
    insert(schema.reconciliation).values(
        node=bindparam("node"),
        cause=bindparam("cause"),
        at_ms=bindparam("at_ms"),
        alive=bindparam("alive"),
        ended=bindparam("ended"),
        unknown=bindparam("unknown"),
        money=bindparam("money"),
    )
)
SELECT_REPORT = Sql(
    select(_REPORT.id).where(
        _REPORT.node == bindparam("of_node"),
        _REPORT.cause == bindparam("of_cause"),
        _REPORT.at_ms == bindparam("of_ms"),
    )
)
SELECT_OLDEST_KEPT = Sql(
    select(_REPORT.id)
    .where(_REPORT.node == bindparam("of_node"))
    .order_by(_REPORT.id.desc())
    .limit(1)
    .offset(bindparam("kept"))
)
DELETE_OLD = Sql(
    delete(schema.reconciliation).where(_REPORT.node == bindparam("of_node"), _REPORT.id <= bindparam("last_id"))
)


class ReconciliationCause(StrEnum):
    """Why channels and sessions were compared."""

    START = "start"
    ARI_RECONNECT = "ari_reconnect"
    AMI_RECONNECT = "ami_reconnect"
    SWEEP = "sweep"
    """The comparison that is made every half minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyMoved:
    """What a reconciliation moved on one account, in micro-units of its currency."""

    charged_micros: int = 0
    released_micros: int = 0
    refunded_micros: int = 0

    def __add__(self, other: "MoneyMoved") -> "MoneyMoved":
        """Return both together."""
        return MoneyMoved(
            charged_micros=self.charged_micros + other.charged_micros,
            released_micros=self.released_micros + other.released_micros,
            refunded_micros=self.refunded_micros + other.refunded_micros,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMoney:
    """What was moved for one call on its account."""

    call_id: str
    account_id: int
    moved: MoneyMoved


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """A report."""

    node: str
    cause: ReconciliationCause
    at_ms: int
    alive: int
    """Calls that go on."""
    ended: int
    """Calls that had ended, and were settled by the best that is known of their end."""
    unknown: int
    """Lost calls of which nothing was left, sessions that cannot be read, and legs that no call answers for."""
    money: Mapping[int, MoneyMoved]
    """By account."""


def record_reconciliation(report: Reconciliation) -> Operation[None]:
    """Keep a report, and let the node's oldest go; the same one again changes nothing."""
    if (yield SELECT_REPORT(of_node=report.node, of_cause=report.cause.value, of_ms=report.at_ms)):
        return
    yield INSERT_REPORT(
        node=report.node,
        cause=report.cause.value,
        at_ms=report.at_ms,
        alive=report.alive,
        ended=report.ended,
        unknown=report.unknown,
        money=json.dumps({account_id: asdict(moved) for account_id, moved in report.money.items()}),
    )
    old = yield SELECT_OLDEST_KEPT(of_node=report.node, kept=KEPT)
    if old:
        yield DELETE_OLD(of_node=report.node, last_id=old[0][0])


class ReconciliationReads(Reads):
    """Read methods of reports."""

    async def reconciliations(
        self,
        node: str | None = None,
        *,
        cause: ReconciliationCause | None = None,
        skip: int = 0,
        limit: int = KEPT,
    ) -> list[Reconciliation]:
        """Answer the reports of a node, or of all, newest first: at most ``limit``, and ``KEPT``.

        Args:
            node: Only this one's.
            cause: Only those that were made because of it.
            skip: So many of the newest are left out.
            limit: At most so many.
        """
        query = select(schema.reconciliation).order_by(_REPORT.id.desc()).offset(skip).limit(min(limit, KEPT))
        if node is not None:
            query = query.where(_REPORT.node == node)
        if cause is not None:
            query = query.where(_REPORT.cause == cause.value)
        async with self._reading() as connection:
            rows = (await connection.execute(query)).mappings()
            return [_report(row) for row in rows]

    async def newest_reconciliations(self) -> list[Reconciliation]:
        """Answer the newest report of each node, by the node's name."""
        newest = select(func.max(_REPORT.id)).group_by(_REPORT.node)
        query = select(schema.reconciliation).where(_REPORT.id.in_(newest)).order_by(_REPORT.node)
        async with self._reading() as connection:
            rows = (await connection.execute(query)).mappings()
            return [_report(row) for row in rows]

    async def last_entry(self) -> int:
        """Answer the id of the journal's newest entry, 0 where there is none: what comes after has a greater one."""
        async with self._reading() as connection:
            return int(await connection.scalar(select(func.max(_JOURNAL.id))) or 0)

    async def moved_since(self, last_entry: int, call_ids: Iterable[str]) -> list[CallMoney]:
        """Answer what was charged, released and refunded of these calls after an entry of the journal.

        Args:
            last_entry: As :meth:`last_entry` answered it.
        """
        found: list[CallMoney] = []
        waiting = iter(call_ids)
        async with self._reading() as connection:
            while some := list(islice(waiting, _CALLS_AT_ONCE)):
                query = (
                    select(
                        _JOURNAL.call_id,
                        _JOURNAL.account_id,
                        *(_sum_of(kind) for kind in (EntryKind.CHARGE, EntryKind.RELEASE, EntryKind.REFUND)),
                    )
                    .where(_JOURNAL.id > last_entry, _JOURNAL.call_id.in_(some))
                    .group_by(_JOURNAL.call_id, _JOURNAL.account_id)
                )
                found += [
                    CallMoney(call_id=call_id, account_id=account_id, moved=_moved(*sums))
                    for call_id, account_id, *sums in await connection.execute(query)
                ]
        return found


def _sum_of(kind: EntryKind) -> ColumnElement[int]:
    return whole_sum(case((_JOURNAL.kind == kind.value, _JOURNAL.amount_micros), else_=0))


def _moved(charged_micros: int, released_micros: int, refunded_micros: int) -> MoneyMoved:
    return MoneyMoved(charged_micros=charged_micros, released_micros=released_micros, refunded_micros=refunded_micros)


def _report(row: RowMapping) -> Reconciliation:
    money = json.loads(row["money"])
    return Reconciliation(
        node=row["node"],
        cause=ReconciliationCause(row["cause"]),
        at_ms=row["at_ms"],
        alive=row["alive"],
        ended=row["ended"],
        unknown=row["unknown"],
        money={int(account_id): MoneyMoved(**moved) for account_id, moved in money.items()},
    )
