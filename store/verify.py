"""``verify``: every balance recomputed from the journal, and the invariants, by SQL sums.

All checks see one state of the store. Each check is a query that returns only what differs, so that its cost
in memory is the number of differences. The database's own constraints forbid some of it already; ``verify``
does not take their word for it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CTE,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from store import schema
from store.journal import Bucket, EntryKind

_ACCOUNT = schema.account.c
_LOT = schema.lot.c
_USE = schema.lot_use.c
_JOURNAL = schema.journal.c
_SESSION = schema.session.c
_CDR = schema.cdr.c
_POOL = schema.allowance_pool.c
_SLICE = schema.allowance_slice.c


class Check(StrEnum):
    """What was recomputed."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    LOTS = "lots"
    SESSIONS = "sessions"
    SPENT = "spent"
    LOT = "lot"
    CALL_HOLD = "call_hold"
    CALL_CHARGE = "call_charge"
    CDR = "cdr"
    KEY = "key"
    ALLOWANCE_USED = "allowance_used"
    ALLOWANCE_HELD = "allowance_held"
    ALLOWANCE_SLICE = "allowance_slice"
    CALL_ALLOWANCE = "call_allowance"
    CALL_ALLOWANCE_HOLD = "call_allowance_hold"


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two accounts of the same thing disagree.

    ``expected`` is what the journal or an allowance's slices say (or what a rule demands), ``found`` is what is
    stored. ``subject`` names the account's id, the lot's id, the call, the journal's key or the pool's id.
    """

    check: Check
    subject: str
    expected: int | str | None
    found: int | str | None


async def find_differences(connection: AsyncConnection) -> list[Difference]:
    """Run every check on ``connection``, whose transaction sees one state; an empty list is a clean store."""
    differences: list[Difference] = []
    for check, query in CHECKS:
        rows = await connection.execute(query)
        differences.extend(Difference(check, str(subject), expected, found) for subject, expected, found in rows)
    return differences


def _bucket_sum(bucket: Bucket) -> Any:
    """Sum what came into a bucket less what went out of it."""
    arrived = case(
        (_JOURNAL.credit_bucket == bucket.value, _JOURNAL.amount_micros),
        (_JOURNAL.debit_bucket == bucket.value, -_JOURNAL.amount_micros),
        else_=0,
    )
    return _whole(func.coalesce(func.sum(arrived), 0))


def _whole(expression: Any) -> Any:
    """Keep a sum an integer: PostgreSQL sums BIGINT to NUMERIC."""
    return cast(expression, schema.journal.c.amount_micros.type)


def _account_sums() -> CTE:
    """Sum the journal per account, in one pass."""
    return (
        select(
            _JOURNAL.account_id.label("account_id"),
            _bucket_sum(Bucket.AVAILABLE).label("available"),
            _bucket_sum(Bucket.RESERVED).label("reserved"),
            _bucket_sum(Bucket.SPENT).label("spent"),
        )
        .group_by(_JOURNAL.account_id)
        .cte("sums")
    )


def _differing(subject: Any, expected: Any, found: Any, source: Any) -> Select[Any]:
    """Select the rows of ``source`` where the two are not the same."""
    return select(subject, expected, found).select_from(source).where(expected.is_distinct_from(found))


def _balance_check(column: Any, name: str) -> Select[Any]:
    """Compare a balance of the account with the journal's sum."""
    sums = _account_sums()
    expected = func.coalesce(sums.c[name], 0)
    source = schema.account.outerjoin(sums, sums.c.account_id == _ACCOUNT.id)
    return _differing(_ACCOUNT.id, expected, column, source)


def _account_total_check(table: Any, amount: Any, expected: Any) -> Select[Any]:
    """Compare what an account has with the sum of the rows of ``table`` that stand for it."""
    totals = (
        select(table.c.account_id.label("account_id"), _whole(func.sum(amount)).label("total"))
        .group_by(table.c.account_id)
        .subquery()
    )
    source = schema.account.outerjoin(totals, totals.c.account_id == _ACCOUNT.id)
    return _differing(_ACCOUNT.id, expected, func.coalesce(totals.c.total, 0), source)


def _spent_check() -> Select[Any]:
    """Compare what an account spent, by the journal, with what its records charge."""
    sums = _account_sums()
    charged = (
        select(_CDR.account_id.label("account_id"), _whole(func.sum(_CDR.charged_micros)).label("total"))
        .group_by(_CDR.account_id)
        .subquery()
    )
    source = schema.account.outerjoin(sums, sums.c.account_id == _ACCOUNT.id).outerjoin(
        charged, charged.c.account_id == _ACCOUNT.id
    )
    return _differing(_ACCOUNT.id, func.coalesce(sums.c.spent, 0), func.coalesce(charged.c.total, 0), source)


def _lot_check() -> Select[Any]:
    """Compare each lot's rest with its amount less what the journal took from it."""
    uses = (
        select(_USE.lot_id.label("lot_id"), _whole(func.sum(_USE.amount_micros)).label("total"))
        .group_by(_USE.lot_id)
        .subquery()
    )
    expected = _LOT.amount_micros - func.coalesce(uses.c.total, 0)
    return _differing(_LOT.id, expected, _LOT.remaining_micros, schema.lot.outerjoin(uses, uses.c.lot_id == _LOT.id))


def _call_totals(parts: Any) -> Select[Any]:
    """Compare, call by call, two amounts that come from different tables."""
    both = parts.subquery()
    expected = _whole(func.sum(both.c.expected))
    found = _whole(func.sum(both.c.found))
    return select(both.c.call_id, expected, found).group_by(both.c.call_id).having(expected != found)


def _call_hold_check() -> Select[Any]:
    """Compare what a call still holds, by the journal, with its session; without one it holds nothing."""
    held = case(
        (_JOURNAL.credit_bucket == Bucket.RESERVED.value, _JOURNAL.amount_micros),
        (_JOURNAL.debit_bucket == Bucket.RESERVED.value, -_JOURNAL.amount_micros),
        else_=0,
    )
    by_journal = select(_JOURNAL.call_id.label("call_id"), held.label("expected"), literal(0).label("found")).where(
        _JOURNAL.call_id.is_not(None)
    )
    by_session = select(_SESSION.call_id, literal(0), _SESSION.held_micros)
    return _call_totals(union_all(by_journal, by_session))


def _call_charge_check() -> Select[Any]:
    """Compare what each call was charged, by the journal, with its records."""
    by_journal = select(
        _JOURNAL.call_id.label("call_id"), _JOURNAL.amount_micros.label("expected"), literal(0).label("found")
    ).where(_JOURNAL.kind == EntryKind.CHARGE.value)
    by_record = select(_CDR.call_id, literal(0), _CDR.charged_micros).where(_CDR.charged_micros != 0)
    return _call_totals(union_all(by_journal, by_record))


def _cdr_check() -> Select[Any]:
    """Find legs with more than one record, and records with an amount that is negative or more than its whole."""
    several = func.count()
    amounts = (
        _CDR.charged_micros,
        _CDR.unfunded_micros,
        _CDR.allowance_s,
        _CDR.billable_s - _CDR.allowance_s,
    )
    return (
        select(_CDR.call_id, literal(1), several)
        .group_by(_CDR.call_id, _CDR.leg)
        .having(or_(several != 1, *(func.min(amount) < 0 for amount in amounts)))
    )


def _key_check() -> Select[Any]:
    """Find journal rows whose key is not the one of what they record (see ``store.journal``)."""
    call = _JOURNAL.call_id
    account = literal("account:") + cast(_JOURNAL.account_id, String) + ":ref:" + _JOURNAL.reference
    ends_in_charge = func.substr(_JOURNAL.key, func.length(_JOURNAL.key) - 6) == ":charge"
    right = case(
        (_JOURNAL.kind.in_([EntryKind.FUND.value, EntryKind.ADJUST.value]), _JOURNAL.key == account),
        (_JOURNAL.kind == EntryKind.HOLD.value, _starts(call + ":slice:")),
        (_JOURNAL.kind == EntryKind.CHARGE.value, and_(_starts(call + ":leg:"), ends_in_charge)),
        (_JOURNAL.kind == EntryKind.RELEASE.value, _JOURNAL.key == call + ":release"),
        else_=literal(value=True),
    )
    return select(_JOURNAL.key, _JOURNAL.kind, type_coerce(null(), String)).where(or_(right.is_(None), not_(right)))


def _pool_check(of_slice: Any, of_pool: Any) -> Select[Any]:
    """Compare the seconds that are gone of a pool with the sum of its slices."""
    totals = (
        select(_SLICE.pool_id.label("pool_id"), _whole(func.sum(of_slice)).label("total"))
        .group_by(_SLICE.pool_id)
        .subquery()
    )
    source = schema.allowance_pool.outerjoin(totals, totals.c.pool_id == _POOL.id)
    return _differing(_POOL.id, func.coalesce(totals.c.total, 0), of_pool, source)


def _slice_check() -> Select[Any]:
    """Find slices without a pool, and slices of a call that another account's pool pays for."""
    payers = union_all(
        select(_SESSION.call_id.label("call_id"), _SESSION.account_id.label("account_id")),
        select(_CDR.call_id, _CDR.account_id),
    ).subquery()
    source = schema.allowance_slice.outerjoin(schema.allowance_pool, _POOL.id == _SLICE.pool_id).outerjoin(
        payers, payers.c.call_id == _SLICE.call_id
    )
    return (
        select(_SLICE.call_id, payers.c.account_id, _POOL.account_id)
        .select_from(source)
        .where(payers.c.account_id.is_distinct_from(_POOL.account_id))
        .distinct()
    )


def _call_allowance_check(of_slice: Any, call_id: Any, of_call: Any) -> Select[Any]:
    """Compare, call by call, the seconds of its slices with those that its session or its records name."""
    by_slice = select(_SLICE.call_id.label("call_id"), of_slice.label("expected"), literal(0).label("found"))
    by_call = select(call_id, literal(0), of_call).where(of_call != 0)
    return _call_totals(union_all(by_slice.where(of_slice != 0), by_call))


def _starts(text: Any) -> Any:
    """Compare a key's beginning; LIKE would take a call's own % and _ for wild cards."""
    return func.substr(_JOURNAL.key, 1, func.length(text)) == text


CHECKS: tuple[tuple[Check, Select[Any]], ...] = (
    (Check.AVAILABLE, _balance_check(_ACCOUNT.available_micros, "available")),
    (Check.RESERVED, _balance_check(_ACCOUNT.reserved_micros, "reserved")),
    (
        Check.LOTS,
        _account_total_check(schema.lot, _LOT.remaining_micros, _ACCOUNT.available_micros + _ACCOUNT.reserved_micros),
    ),
    (Check.SESSIONS, _account_total_check(schema.session, _SESSION.held_micros, _ACCOUNT.reserved_micros)),
    (Check.SPENT, _spent_check()),
    (Check.LOT, _lot_check()),
    (Check.CALL_HOLD, _call_hold_check()),
    (Check.CALL_CHARGE, _call_charge_check()),
    (Check.CDR, _cdr_check()),
    (Check.KEY, _key_check()),
    (Check.ALLOWANCE_USED, _pool_check(_SLICE.used_s, _POOL.used_s)),
    (Check.ALLOWANCE_HELD, _pool_check(_SLICE.held_s, _POOL.held_s)),
    (Check.ALLOWANCE_SLICE, _slice_check()),
    (Check.CALL_ALLOWANCE, _call_allowance_check(_SLICE.used_s, _CDR.call_id, _CDR.allowance_s)),
    (Check.CALL_ALLOWANCE_HOLD, _call_allowance_check(_SLICE.held_s, _SESSION.call_id, _SESSION.allowance_s)),
)
