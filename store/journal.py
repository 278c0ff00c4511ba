"""The journal: append-only double entry, each row a balanced transfer between two buckets of an account.

Each row carries a unique key, derived from what it is about, so that doing the same thing again is found out:

======== ==================================== =======================================
kind     key                                  transfer
======== ==================================== =======================================
fund     ``account:<id>:ref:<reference>``     funding → available
adjust   ``account:<id>:ref:<reference>``     adjustment → available, or the reverse
hold     ``<call>:slice:<n>``                 available → reserved
charge   ``<call>:leg:<leg>:charge``          reserved → spent
release  ``<call>:release``                   reserved → available
charge   ``<call>:provisional:<k>``           reserved → spent
refund   ``<call>:provisional:<k>:refund``    spent → available
hold     ``<call>:provisional:<k>:hold``      available → reserved
expire   ``lot:<id>:expire:<n>``              available → expired
======== ==================================== =======================================
"""

from enum import StrEnum

from sqlalchemy import Insert, bindparam, insert, literal_column

from store import schema
from store.operation import Operation, Sql


class Bucket(StrEnum):
    """Where money is: ``available`` and ``reserved`` are the account's balance, the rest is outside of it."""

    FUNDING = "funding"
    AVAILABLE = "available"
    RESERVED = "reserved"
    SPENT = "spent"
    EXPIRED = "expired"
    ADJUSTMENT = "adjustment"


class EntryKind(StrEnum):
    """What a journal row records."""

    FUND = "fund"
    HOLD = "hold"
    CHARGE = "charge"
    RELEASE = "release"
    REFUND = "refund"
    EXPIRE = "expire"
    ADJUST = "adjust"


_JOURNAL = schema.journal.c


def _call_transfer(kind: EntryKind, debit: Bucket, credit: Bucket) -> Insert:
    """Build the insertion of a call's transfer: its kind is in the text, calls are what happens most."""
    return insert(schema.journal).values(
        key=bindparam("key"),
        account_id=bindparam("account_id"),
        kind=literal_column(f"'{kind.value}'"),
        debit_bucket=literal_column(f"'{debit.value}'"),
        credit_bucket=literal_column(f"'{credit.value}'"),
        amount_micros=bindparam("amount_micros"),
        call_id=bindparam("call_id"),
        at_ms=bindparam("at_ms"),
    )


INSERT_HOLD = Sql(_call_transfer(EntryKind.HOLD, Bucket.AVAILABLE, Bucket.RESERVED))
INSERT_RELEASE = Sql(_call_transfer(EntryKind.RELEASE, Bucket.RESERVED, Bucket.AVAILABLE))
INSERT_REFUND = Sql(_call_transfer(EntryKind.REFUND, Bucket.SPENT, Bucket.AVAILABLE).returning(_JOURNAL.id))
INSERT_CHARGE = Sql(_call_transfer(EntryKind.CHARGE, Bucket.RESERVED, Bucket.SPENT).returning(_JOURNAL.id))
INSERT_FUNDS = Sql(
    insert(schema.journal)
    .values(
        key=bindparam("key"),
        account_id=bindparam("account_id"),
        kind=bindparam("kind"),
        debit_bucket=bindparam("debit_bucket"),
        credit_bucket=bindparam("credit_bucket"),
        amount_micros=bindparam("amount_micros"),
        lot_id=bindparam("lot_id"),
        reference=bindparam("reference"),
        reason=bindparam("reason"),
        at_ms=bindparam("at_ms"),
    )
    .returning(_JOURNAL.id)
)


def slice_key(call_id: str, n: int) -> str:
    """Name the hold of a call's slice ``n``, counted from 1."""
    return f"{call_id}:slice:{n}"


def charge_key(call_id: str, leg: int) -> str:
    """Name the charge of a trunk leg."""
    return f"{call_id}:leg:{leg}:charge"


def provisional_key(call_id: str, k: int) -> str:
    """Name the ``k``-th provisional charge of a call, counted from 1: its node can be lost more than once."""
    return f"{call_id}:provisional:{k}"


def release_key(call_id: str) -> str:
    """Name the release of what a call no longer needs: there is one, at its end."""
    return f"{call_id}:release"


def reference_key(account_id: int, reference: str) -> str:
    """Name a purchase of funds or an adjustment; the two share the account's references."""
    return f"account:{account_id}:ref:{reference}"


def expire_key(lot_id: int, n: int) -> str:
    """Name the ``n``-th expiry of a lot, counted from 1: what calls hold at its moment expires as they settle."""
    return f"lot:{lot_id}:expire:{n}"


def write_hold(*, call_id: str, n: int, account_id: int, amount_micros: int, at_ms: int) -> Operation[None]:
    """Append the hold of slice ``n``; the operation it is part of moves the balance."""
    yield INSERT_HOLD(
        key=slice_key(call_id, n),
        account_id=account_id,
        amount_micros=amount_micros,
        call_id=call_id,
        at_ms=at_ms,
    )


def write_release(*, call_id: str, account_id: int, amount_micros: int, at_ms: int) -> Operation[None]:
    """Append the release of the rest of a call's hold."""
    yield INSERT_RELEASE(
        key=release_key(call_id),
        account_id=account_id,
        amount_micros=amount_micros,
        call_id=call_id,
        at_ms=at_ms,
    )


def write_charge(*, call_id: str, leg: int, account_id: int, amount_micros: int, at_ms: int) -> Operation[int]:
    """Append the charge of a trunk leg and answer the row's id, which the lots it is taken from refer to."""
    rows = yield INSERT_CHARGE(
        key=charge_key(call_id, leg),
        account_id=account_id,
        amount_micros=amount_micros,
        call_id=call_id,
        at_ms=at_ms,
    )
    return int(rows[0][0])


def write_purchase(*, account_id: int, reference: str, amount_micros: int, lot_id: int, at_ms: int) -> Operation[None]:
    """Append a purchase of funds."""
    yield INSERT_FUNDS(
        key=reference_key(account_id, reference),
        account_id=account_id,
        kind=EntryKind.FUND.value,
        debit_bucket=Bucket.FUNDING.value,
        credit_bucket=Bucket.AVAILABLE.value,
        amount_micros=amount_micros,
        lot_id=lot_id,
        reference=reference,
        reason=None,
        at_ms=at_ms,
    )


def write_adjustment(
    *, account_id: int, reference: str, amount_micros: int, reason: str, lot_id: int | None, at_ms: int
) -> Operation[int]:
    """Append an adjustment by a signed amount and answer the row's id."""
    debit, credit = Bucket.ADJUSTMENT, Bucket.AVAILABLE
    if amount_micros < 0:
        debit, credit = credit, debit
    rows = yield INSERT_FUNDS(
        key=reference_key(account_id, reference),
        account_id=account_id,
        kind=EntryKind.ADJUST.value,
        debit_bucket=debit.value,
        credit_bucket=credit.value,
        amount_micros=abs(amount_micros),
        lot_id=lot_id,
        reference=reference,
        reason=reason,
        at_ms=at_ms,
    )
    return int(rows[0][0])


def write_expiry(*, account_id: int, lot_id: int, n: int, amount_micros: int, at_ms: int) -> Operation[int]:
    """Append the ``n``-th expiry of a lot and answer the row's id."""
    rows = yield INSERT_FUNDS(
        key=expire_key(lot_id, n),
        account_id=account_id,
        kind=EntryKind.EXPIRE.value,
        debit_bucket=Bucket.AVAILABLE.value,
        credit_bucket=Bucket.EXPIRED.value,
        amount_micros=amount_micros,
        lot_id=lot_id,
        reference=None,
        reason=None,
        at_ms=at_ms,
    )
    return int(rows[0][0])


def write_provisional_charge(
    *, call_id: str, k: int, account_id: int, amount_micros: int, at_ms: int
) -> Operation[int]:
    """Append the ``k``-th charge of all that a lost call holds, and answer the row's id."""
    rows = yield INSERT_CHARGE(
        key=provisional_key(call_id, k),
        account_id=account_id,
        amount_micros=amount_micros,
        call_id=call_id,
        at_ms=at_ms,
    )
    return int(rows[0][0])


def write_refund(*, call_id: str, k: int, account_id: int, amount_micros: int, at_ms: int) -> Operation[int]:
    """Append the refund of the ``k``-th provisional charge and its new hold; answer the refund's id."""
    key = provisional_key(call_id, k)
    rows = yield INSERT_REFUND(
        key=f"{key}:refund", account_id=account_id, amount_micros=amount_micros, call_id=call_id, at_ms=at_ms
    )
    yield INSERT_HOLD(
        key=f"{key}:hold", account_id=account_id, amount_micros=amount_micros, call_id=call_id, at_ms=at_ms
    )
    return int(rows[0][0])
