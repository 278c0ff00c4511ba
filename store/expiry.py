"""Expiry: the unspent rest of a lot goes when its moment has come, and never what calls hold.

Theory of operation. A hold does not say which lot's money it holds, and charges take from the lot that expires first.
So of the money E in lots whose moment has come, as much stays as the account's calls hold, H: what expires is
``max(0, E - H)``, first to expire first. It is never more than what is available, since E + (money in other lots) =
available + H. As calls settle H falls, and what they leave of E expires in the same transaction.

That is exact only while nothing is held after a lot's moment with E still above H: such a hold would shelter money
that is gone. So whoever holds money does it through :func:`hold_money`, or asks :func:`read_usable` first; both look
at the account's next expiry, which comes along with the statements they need anyhow, and expire first what is due.
The service's housekeeping is what makes the expiry happen on time where nobody calls.

No operation expires more than ``MOST_LOTS`` lots, so that none keeps the store from the others. Where more are due at
once, what of them is left is counted as gone already: nothing is held that only they could pay for. A call that is held
in that moment, before the next operation has expired the rest, shelters as much of it as it holds.

Everything here is idempotent: what has expired is no longer in its lot, so a repetition finds nothing to do.
"""

from sqlalchemy import BigInteger, bindparam, cast, func, literal_column, select

from store import schema
from store.answers import Expired
from store.balances import DEBIT, RESERVE, SETTLE, Available, read_with_expiry
from store.errors import LedgerInconsistentError, UnknownAccountError
from store.journal import write_expiry
from store.lot_expiries import COUNT_EXPIRIES
from store.lots import take_from_lot
from store.notices import NoticeKind, lot_expired_key, record_notice
from store.operation import Operation, Sql

MOST_LOTS = 50
"""Lots of one operation: some hundred statements, so that no call waits longer than for another call."""

_ACCOUNT = schema.account.c
_LOT = schema.lot.c
_DUE = (
    (_LOT.account_id == bindparam("account_id"))
    & (_LOT.remaining_micros > literal_column("0"))
    & (_LOT.expires_at_ms <= bindparam("at_ms"))
)

SELECT_DUE_MONEY = Sql(
    select(
        _ACCOUNT.reserved_micros,
        select(cast(func.coalesce(func.sum(_LOT.remaining_micros), literal_column("0")), BigInteger))
        .where(_DUE)
        .scalar_subquery(),
    )
    .where(_ACCOUNT.id == bindparam("account_id"))
    .with_for_update()
)
SELECT_DUE_LOTS = Sql(
    select(_LOT.id, _LOT.reference, _LOT.remaining_micros, _LOT.expires_at_ms)
    .where(_DUE)
    .order_by(_LOT.expires_at_ms, _LOT.id)
    .limit(MOST_LOTS)
    .with_for_update()
)


def expire_lots(*, account_id: int, at_ms: int) -> Operation[Expired]:
    """Expire what is due of an account's lots at ``at_ms``, never what its calls hold.

    At most ``MOST_LOTS`` lots at once: where the answer says that some is overdue, come again.

    Raises:
        UnknownAccountError: there is no such account.
        LedgerInconsistentError: lots and balance disagree.
    """
    rows = yield SELECT_DUE_MONEY(account_id=account_id, at_ms=at_ms)
    if not rows:
        raise UnknownAccountError(f"there is no account with id {account_id}; `tollgate account list` shows them")
    reserved_micros, due_micros = rows[0]
    wanted_micros = due_micros - reserved_micros
    if wanted_micros <= 0:
        return Expired(0)
    lots = yield SELECT_DUE_LOTS(account_id=account_id, at_ms=at_ms)
    expired_micros = min(wanted_micros, sum(remaining_micros for _, _, remaining_micros, _ in lots))
    if not (yield DEBIT(account_id=account_id, amount_micros=expired_micros)):
        raise LedgerInconsistentError(
            f"account {account_id}: {expired_micros} micro-units of its lots are due to expire, less is available; "
            "run `tollgate verify`"
        )
    left_micros = expired_micros
    for lot_id, reference, remaining_micros, expires_at_ms in lots:
        amount_micros = min(left_micros, remaining_micros)
        if not amount_micros:
            break
        left_micros -= amount_micros
        yield from _expire_lot(account_id, lot_id, amount_micros, reference, expires_at_ms, at_ms)
    return Expired(expired_micros, wanted_micros - expired_micros)


def _expire_lot(
    account_id: int, lot_id: int, amount_micros: int, reference: str, expires_at_ms: int, at_ms: int
) -> Operation[None]:
    """Take ``amount_micros`` out of a lot, and record it in the journal and for its administrators."""
    counted = yield COUNT_EXPIRIES(of_lot_id=lot_id)
    n = counted[0][0] + 1
    journal_id = yield from write_expiry(
        account_id=account_id, lot_id=lot_id, n=n, amount_micros=amount_micros, at_ms=at_ms
    )
    yield from take_from_lot(lot_id=lot_id, journal_id=journal_id, amount_micros=amount_micros)
    yield from record_notice(
        account_id=account_id,
        key=lot_expired_key(lot_id, n),
        kind=NoticeKind.LOT_EXPIRED,
        detail={"reference": reference, "expired_micros": amount_micros, "expires_at_ms": expires_at_ms},
        at_ms=at_ms,
    )


def expire_due(account_id: int, next_expiry_ms: int | None, at_ms: int) -> Operation[int | None]:
    """Expire what is due, where ``next_expiry_ms`` says that a lot's moment has come; at most ``MOST_LOTS`` lots.

    ``next_expiry_ms`` is what the balance's statements answer. It has come as well where calls hold what is left.
    Answers the micro-units that are still to expire, and None where no moment has come.
    """
    if next_expiry_ms is None or next_expiry_ms > at_ms:
        return None
    return (yield from expire_lots(account_id=account_id, at_ms=at_ms)).overdue_micros


def hold_money(*, account_id: int, amount_micros: int, at_ms: int) -> Operation[bool]:
    """Move money that has not expired from available to reserved, and answer whether there was enough.

    It costs one statement but where a lot's moment has come: the hold is then undone, what is due expires, and the
    money is asked for again.
    """
    rows = yield RESERVE(account_id=account_id, amount_micros=amount_micros)
    if not rows:
        return False
    next_expiry_ms = Available(*rows[0]).next_expiry_ms
    if next_expiry_ms is None or next_expiry_ms > at_ms:
        return True
    yield SETTLE(account_id=account_id, charged_micros=0, released_micros=amount_micros)
    if (yield from read_usable(account_id, at_ms)) < amount_micros:
        return False
    return bool((yield RESERVE(account_id=account_id, amount_micros=amount_micros)))


def read_usable(account_id: int, at_ms: int) -> Operation[int]:
    """Answer the account's available micro-units once all that is due has expired, or is counted as expired.

    Raises:
        UnknownAccountError: there is no such account.
    """
    available_micros, next_expiry_ms = yield from read_with_expiry(account_id)
    overdue_micros = yield from expire_due(account_id, next_expiry_ms, at_ms)
    if overdue_micros is None:
        return available_micros
    available_micros, _ = yield from read_with_expiry(account_id)
    return available_micros - overdue_micros
