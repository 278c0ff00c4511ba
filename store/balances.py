"""The guarded changes of a balance: none can take it below zero, and the database forbids it too."""

from sqlalchemy import bindparam, select, update

from store import schema
from store.errors import UnknownAccountError
from store.operation import Operation, Sql

_ACCOUNT = schema.account.c

# available → reserved, only where there is enough; no row comes back where there is not.
RESERVE = Sql(
    update(schema.account)
    .where(_ACCOUNT.id == bindparam("account_id"), _ACCOUNT.available_micros >= bindparam("amount_micros"))
    .values(
        available_micros=_ACCOUNT.available_micros - bindparam("amount_micros"),
        reserved_micros=_ACCOUNT.reserved_micros + bindparam("amount_micros"),
    )
    .returning(_ACCOUNT.available_micros)
)
# reserved → spent and reserved → available in one.
SETTLE = Sql(
    update(schema.account)
    .where(
        _ACCOUNT.id == bindparam("account_id"),
        _ACCOUNT.reserved_micros >= bindparam("charged_micros") + bindparam("released_micros"),
    )
    .values(
        available_micros=_ACCOUNT.available_micros + bindparam("released_micros"),
        reserved_micros=_ACCOUNT.reserved_micros - bindparam("charged_micros") - bindparam("released_micros"),
    )
    .returning(_ACCOUNT.available_micros)
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
    select(_ACCOUNT.available_micros).where(_ACCOUNT.id == bindparam("account_id")).with_for_update()
)


def read_available(account_id: int) -> Operation[int]:
    """Answer the account's available micro-units.

    Raises:
        UnknownAccountError: there is no such account.
    """
    rows = yield SELECT_AVAILABLE(account_id=account_id)
    if not rows:
        raise UnknownAccountError(f"there is no account with id {account_id}; `tollgate account list` shows them")
    return int(rows[0][0])
