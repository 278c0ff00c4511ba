"""Allowances: seconds of a monthly pool, taken by running calls and used when they end.

A pool is one allowance of a plan in one month of an account, shared by its extensions or one extension's own. What
running calls hold of it and what ended calls used never come to more than its limit: a second is not spent twice.
Each slice that a call takes is a row of its own, which stays with what was used of it, so that a pool can be proved.
"""

from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, delete, insert, literal_column, select, update

from store import schema
from store.balances import read_available
from store.errors import LedgerInconsistentError
from store.operation import Operation, Sql, SqlValue

_POOL = schema.allowance_pool.c
_SLICE = schema.allowance_slice.c
_ZERO: ColumnElement[int] = literal_column("0")

SELECT_POOL = Sql(
    select(_POOL.id, _POOL.used_s, _POOL.held_s)
    .where(
        _POOL.account_id == bindparam("account_id"),
        _POOL.plan == bindparam("plan"),
        _POOL.allowance == bindparam("allowance"),
        _POOL.extension == bindparam("extension"),
        _POOL.month == bindparam("month"),
    )
    .with_for_update()
)
INSERT_POOL = Sql(
    insert(schema.allowance_pool)
    .values(
        account_id=bindparam("account_id"),
        plan=bindparam("plan"),
        allowance=bindparam("allowance"),
        extension=bindparam("extension"),
        month=bindparam("month"),
        used_s=_ZERO,
        held_s=_ZERO,
    )
    .returning(_POOL.id)
)
HOLD_SECONDS = Sql(
    update(schema.allowance_pool)
    .where(
        _POOL.id == bindparam("pool_id"),
        _POOL.used_s + _POOL.held_s + bindparam("seconds") <= bindparam("limit_s"),
    )
    .values(held_s=_POOL.held_s + bindparam("seconds"))
    .returning(_POOL.id)
)
INSERT_SLICE = Sql(
    insert(schema.allowance_slice).values(
        call_id=bindparam("call_id"),
        n=bindparam("n"),
        pool_id=bindparam("pool_id"),
        held_s=bindparam("seconds"),
        used_s=_ZERO,
    )
)
SELECT_HELD = Sql(
    select(_SLICE.n, _SLICE.pool_id, _SLICE.held_s)
    .where(_SLICE.call_id == bindparam("of_call_id"), _SLICE.held_s > _ZERO)
    .order_by(_SLICE.n)
)
USE_SECONDS = Sql(
    update(schema.allowance_pool)
    .where(_POOL.id == bindparam("pool_id"), _POOL.held_s >= bindparam("held"))
    .values(held_s=_POOL.held_s - bindparam("held"), used_s=_POOL.used_s + bindparam("used"))
    .returning(_POOL.id)
)
CLOSE_SLICE = Sql(
    update(schema.allowance_slice)
    .where(_SLICE.call_id == bindparam("of_call_id"), _SLICE.n == bindparam("of_n"))
    .values(held_s=_ZERO, used_s=bindparam("used"))
)
DELETE_UNUSED = Sql(
    delete(schema.allowance_slice).where(_SLICE.call_id == bindparam("of_call_id"), _SLICE.used_s == _ZERO)
)

SELECT_USED = Sql(
    select(_SLICE.n, _SLICE.pool_id, _SLICE.used_s)
    .where(_SLICE.call_id == bindparam("of_call_id"), _SLICE.used_s > _ZERO)
    .order_by(_SLICE.n.desc())
)
HOLD_AGAIN = Sql(
    update(schema.allowance_pool)
    .where(_POOL.id == bindparam("pool_id"), _POOL.used_s >= bindparam("seconds"))
    .values(used_s=_POOL.used_s - bindparam("seconds"), held_s=_POOL.held_s + bindparam("seconds"))
    .returning(_POOL.id)
)
REOPEN_SLICE = Sql(
    update(schema.allowance_slice)
    .where(_SLICE.call_id == bindparam("of_call_id"), _SLICE.n == bindparam("of_n"))
    .values(held_s=bindparam("seconds"), used_s=_ZERO)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceRequest:
    """What a call asks of its allowance: ``want_s`` seconds, of at most ``limit_s`` that the pool has a month."""

    plan: str
    allowance: str
    extension: str
    """Whose pool it is; empty where the account's extensions under the plan share one."""
    month: str
    """The local date on which the account's month begins, as ISO text."""
    limit_s: int
    want_s: int

    def __str__(self) -> str:
        """Return the request as text, to tell a repetition from another request."""
        return f"{self.plan}/{self.allowance}/{self.extension} {self.month} {self.limit_s} {self.want_s}"


class Pool(NamedTuple):
    """The columns of ``SELECT_POOL``, in its order."""

    id: int
    used_s: int
    held_s: int


def take_seconds(call_id: str, n: int, account_id: int, request: AllowanceRequest) -> Operation[int]:
    """Hold seconds of the pool for the call's slice ``n``; answer how many, 0 where none are left."""
    if request.want_s <= 0:
        return 0
    yield from read_available(account_id)  # locks the account: two first calls of a month make one pool
    key: dict[str, SqlValue] = {
        "account_id": account_id,
        "plan": request.plan,
        "allowance": request.allowance,
        "extension": request.extension,
        "month": request.month,
    }
    rows = yield SELECT_POOL(**key)
    if not rows:
        rows = [((yield INSERT_POOL(**key))[0][0], 0, 0)]
    pool = Pool(*rows[0])
    seconds = min(request.want_s, request.limit_s - pool.used_s - pool.held_s)
    if seconds <= 0:
        return 0
    if not (yield HOLD_SECONDS(pool_id=pool.id, seconds=seconds, limit_s=request.limit_s)):
        raise LedgerInconsistentError(f"allowance pool {pool.id} changed while its account was locked")
    yield INSERT_SLICE(call_id=call_id, n=n, pool_id=pool.id, seconds=seconds)
    return seconds


def use_seconds(call_id: str, used_s: int) -> Operation[None]:
    """Count ``used_s`` of the call's held seconds as used, the first slices first, and give the rest back.

    Raises:
        LedgerInconsistentError: the call holds fewer seconds, or a pool fewer than its calls.
    """
    slices = yield SELECT_HELD(of_call_id=call_id)
    left_s = used_s
    for n, pool_id, held_s in slices:
        slice_used_s = min(left_s, held_s)
        left_s -= slice_used_s
        if not (yield USE_SECONDS(pool_id=pool_id, held=held_s, used=slice_used_s)):
            raise LedgerInconsistentError(
                f"allowance pool {pool_id} has less held than its calls; run `tollgate verify`"
            )
        yield CLOSE_SLICE(of_call_id=call_id, of_n=n, used=slice_used_s)
    if left_s:
        raise LedgerInconsistentError(f"call {call_id} used {left_s} s more of its allowance than it held")
    if slices:
        yield DELETE_UNUSED(of_call_id=call_id)


def hold_seconds_again(call_id: str, used_s: int) -> Operation[None]:
    """Make the last ``used_s`` seconds that the call used held ones again: the slices that one record used whole.

    Raises:
        LedgerInconsistentError: these are not whole slices, or a pool has fewer used than its calls.
    """
    slices = yield SELECT_USED(of_call_id=call_id)
    left_s = used_s
    for n, pool_id, seconds in slices:
        if not left_s:
            return
        left_s -= seconds
        if left_s < 0 or not (yield HOLD_AGAIN(pool_id=pool_id, seconds=seconds)):
            break
        yield REOPEN_SLICE(of_call_id=call_id, of_n=n, seconds=seconds)
    if left_s:
        raise LedgerInconsistentError(f"call {call_id} did not use {used_s} s of its allowance; run `tollgate verify`")
