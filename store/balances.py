"""The guarded changes of a balance: none can take it below zero, and the database forbids it too.

Those that hold money answer along when the first unspent lot expires (``store.expiry`` says what for).
"""

from typing import NamedTuple

from sqlalchemy import BigInteger, bindparam, select, update

from store import schema
from store.errors import UnknownAccountError
from store.lots import next_expiry_ms
from store.operation import Operation, Sql

_ACCOUNT = schema.account.c
_NEXT_EXPIRY_MS = next_expiry_ms(bindparam("account_id"))

# available → reserved, only where there is enough; no row comes back where there is not.
RESERVE = Sql(
    update(schema.account)
    .where(_ACCOUNT.id == bindparam("account_id"), _ACCOUNT.available_micros >= bindparam("amount_micros"))
    .values(
        available_micros=_ACCOUNT.available_micros - bindparam("amount_micros"),
        reserved_micros=_ACCOUNT.reserved_micros + bindparam("amount_micros"),
    )
    .returning(_ACCOUNT.available_micros, _NEXT_EXPIRY_MS)
)
# reserved → spent and reserved → available in one.
SETTLE = Sql(
    update(schema.account)
    .where(
        _ACCOUNT.id == bindparam("account_id"),
        # The types are named: PostgreSQL could not tell that of a sum of two parameters.
        _ACCOUNT.reserved_micros
        >= bindparam("charged_micros", type_=BigInteger) + bindparam("released_micros", type_=BigInteger),
    )
    .values(
        available_micros=_ACCOUNT.available_micros + bindparam("released_micros"),
        reserved_micros=_ACCOUNT.reserved_micros - bindparam("charged_micros") - bindparam("released_micros"),
    )
    .returning(_ACCOUNT.timezone)
)
# spent → available → reserved: a charge that is taken back is held again at once.
HOLD_AGAIN = Sql(
    update(schema.account)
    .where(_ACCOUNT.id == bindparam("account_id"))
    .values(reserved_micros=_ACCOUNT.reserved_micros + bindparam("amount_micros"))
)
CREDIT = Sql(
    update(schema.account)
    .where(_ACCOUNT.id == bindparam("account_id"))
    .values(available_micros=_ACCOUNT.available_micros + bindparam("amount_micros"))
    .returning(_ACCOUNT.available_micros)
)
DEBIT = Sql(
    update(schema.account)
    .where(_ACCOUNT.id == bindparam("account_id"), _ACCOUNT.available_micros >= bindparam("amount_micros"))
    .values(available_micros=_ACCOUNT.available_micros - bindparam("amount_micros"))
    .returning(_ACCOUNT.available_micros)
)
SELECT_AVAILABLE = Sql(
    select(_ACCOUNT.available_micros, _NEXT_EXPIRY_MS).where(_ACCOUNT.id == bindparam("account_id")).with_for_update()
)


class Available(NamedTuple):
    """What ``RESERVE`` and ``SELECT_AVAILABLE`` return."""

    available_micros: int
    next_expiry_ms: int | None


def read_available(account_id: int) -> Operation[int]:
    """Answer the account's available micro-units.

    Raises:
        UnknownAccountError: there is no such account.
    """
    return (yield from read_with_expiry(account_id)).available_micros


def read_with_expiry(account_id: int) -> Operation[Available]:
    """Answer the account's available micro-units, and when its first unspent lot expires.

    Raises:
        UnknownAccountError: there is no such account.
    """
    rows = yield SELECT_AVAILABLE(account_id=account_id)
    if not rows:
        raise UnknownAccountError(f"there is no account with id {account_id}; `tollgate account list` shows them")
    return Available(*rows[0])
