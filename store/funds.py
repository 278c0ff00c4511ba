"""Funds: purchases and adjustments, each named by a reference that is unique on its account."""

from sqlalchemy import bindparam, select

from rating.money import format_money
from store import schema
from store.answers import Adjusted, Denied, Funded
from store.balances import CREDIT, DEBIT, read_available
from store.errors import BalanceLimitError, KeyConflictError, LedgerInconsistentError
from store.expiry import read_usable
from store.journal import Bucket, EntryKind, reference_key, write_adjustment, write_purchase
from store.lots import consume_lots, make_lot
from store.operation import Operation, Row, Sql

HIGHEST_BALANCE_MICROS = 10**18
"""A million millions of any currency: balances, and sums of a few of them, stay within 64 bits."""

_JOURNAL = schema.journal.c
_LOT = schema.lot.c

SELECT_ENTRY = Sql(
    select(_JOURNAL.kind, _JOURNAL.debit_bucket, _JOURNAL.amount_micros, _JOURNAL.at_ms, _JOURNAL.reason).where(
        _JOURNAL.key == bindparam("of_key")
    )
)
SELECT_LOT = Sql(
    select(_LOT.id, _LOT.amount_micros, _LOT.purchased_at_ms, _LOT.expires_at_ms).where(
        _LOT.account_id == bindparam("of_account_id"), _LOT.reference == bindparam("of_reference")
    )
)


def add_funds(
    *, account_id: int, amount_micros: int, reference: str, at_ms: int, expires_at_ms: int | None
) -> Operation[Funded]:
    """Add a purchase of funds as a lot of its own; the same reference and amount again answers the first.

    Args:
        amount_micros: More than 0.
        reference: The purchase's name, unique on the account, adjustments included.
        expires_at_ms: When the unspent rest lapses; None is never.

    Raises:
        ValueError: the amount is not positive.
        KeyConflictError: the reference stands for another amount, or for an adjustment.
        UnknownAccountError: there is no such account.
        BalanceLimitError: the balance would be above :data:`HIGHEST_BALANCE_MICROS`.
    """
    if amount_micros <= 0:
        raise ValueError("funds are added in amounts above zero; adjust_funds corrects downwards")
    recorded = yield SELECT_ENTRY(of_key=reference_key(account_id, reference))
    if recorded:
        _check_same(recorded[0], EntryKind.FUND, amount_micros, account_id, reference)
        lots = yield SELECT_LOT(of_account_id=account_id, of_reference=reference)
        return Funded(*lots[0])
    lot_id = yield from _credit_lot(
        account_id=account_id,
        amount_micros=amount_micros,
        reference=reference,
        at_ms=at_ms,
        expires_at_ms=expires_at_ms,
    )
    yield from write_purchase(
        account_id=account_id, reference=reference, amount_micros=amount_micros, lot_id=lot_id, at_ms=at_ms
    )
    return Funded(lot_id, amount_micros, at_ms, expires_at_ms)


def adjust_funds(
    *,
    account_id: int,
    amount_micros: int,
    reference: str,
    reason: str,
    at_ms: int,
    expires_at_ms: int | None = None,
) -> Operation[Adjusted | Denied]:
    """Correct a balance by a signed amount; the same reference and amount again answers the first.

    Upwards makes a lot that ends at ``expires_at_ms`` (None is never). Downwards takes from the lots, first
    to expire first, and only from what is available and has not expired: ``Denied`` where that is less.

    Raises:
        ValueError: the amount is zero.
        KeyConflictError: the reference stands for another amount or reason, or for a purchase of funds.
        UnknownAccountError: there is no such account.
        BalanceLimitError: the balance would be above :data:`HIGHEST_BALANCE_MICROS`.
    """
    if not amount_micros:
        raise ValueError("an adjustment by zero adjusts nothing")
    recorded = yield SELECT_ENTRY(of_key=reference_key(account_id, reference))
    if recorded:
        _check_same(recorded[0], EntryKind.ADJUST, amount_micros, account_id, reference)
        if recorded[0][4] != reason:
            raise KeyConflictError(f"reference {reference} of account {account_id} was made for another reason")
        return Adjusted(amount_micros, recorded[0][3], already_there=True)
    usable_micros = yield from read_usable(account_id, at_ms)  # what has expired is not there to be taken
    if usable_micros + amount_micros < 0:
        return Denied(usable_micros)
    if amount_micros < 0 and not (yield DEBIT(account_id=account_id, amount_micros=-amount_micros)):
        raise LedgerInconsistentError(f"account {account_id}: its balance changed while it was locked")
    lot_id = None
    if amount_micros > 0:
        lot_id = yield from _credit_lot(
            account_id=account_id,
            amount_micros=amount_micros,
            reference=reference,
            at_ms=at_ms,
            expires_at_ms=expires_at_ms,
        )
    journal_id = yield from write_adjustment(
        account_id=account_id,
        reference=reference,
        amount_micros=amount_micros,
        reason=reason,
        lot_id=lot_id,
        at_ms=at_ms,
    )
    yield from consume_lots(account_id=account_id, journal_id=journal_id, amount_micros=max(0, -amount_micros))
    return Adjusted(amount_micros, at_ms)


def _check_same(recorded: Row, kind: EntryKind, amount_micros: int, account_id: int, reference: str) -> None:
    was_kind, debit_bucket, was_micros, *_ = recorded
    was_signed_micros = -was_micros if debit_bucket == Bucket.AVAILABLE else was_micros
    if (was_kind, was_signed_micros) != (kind.value, amount_micros):
        raise KeyConflictError(
            f"reference {reference} of account {account_id} stands for {was_kind} {was_signed_micros}, "
            f"now for {kind.value} {amount_micros}; use another reference"
        )


def _credit_lot(
    *, account_id: int, amount_micros: int, reference: str, at_ms: int, expires_at_ms: int | None
) -> Operation[int]:
    # Looked at first: SQLite would go on with a floating-point number where 64 bits are too few.
    if (yield from read_available(account_id)) + amount_micros > HIGHEST_BALANCE_MICROS:
        raise BalanceLimitError(f"a balance is at most {format_money(HIGHEST_BALANCE_MICROS)}; add less")
    yield CREDIT(account_id=account_id, amount_micros=amount_micros)
    return (
        yield from make_lot(
            account_id=account_id,
            reference=reference,
            amount_micros=amount_micros,
            purchased_at_ms=at_ms,
            expires_at_ms=expires_at_ms,
        )
    )
