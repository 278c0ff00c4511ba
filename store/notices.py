"""Notices: what an account's administrators are to be told, each recorded once.

A notice's key names the occasion, so whoever finds the same occasion again, on this node or another, records nothing.

================ =================================== ================================================================
kind             key                                 detail
================ =================================== ================================================================
``lot_expires``  ``lot:<id>:expires:<days>``         ``reference``, ``remaining_micros``, ``expires_at_ms``, ``days``
``lot_expired``  ``lot:<id>:expired:<n>``            ``reference``, ``expired_micros``, ``expires_at_ms``
================ =================================== ================================================================
"""

import json
from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import bindparam, insert, select

from store import schema
from store.operation import Operation, Sql

_NOTICE = schema.notice.c

SELECT_NOTICE = Sql(select(_NOTICE.id).where(_NOTICE.key == bindparam("of_key")))
INSERT_NOTICE = Sql(
    insert(schema.notice).values(
        account_id=bindparam("account_id"),
        key=bindparam("key"),
        kind=bindparam("kind"),
        detail=bindparam("detail"),
        at_ms=bindparam("at_ms"),
    )
)


class NoticeKind(StrEnum):
    """What a notice is about."""

    LOT_EXPIRES = "lot_expires"
    """A lot with money in it expires soon."""
    LOT_EXPIRED = "lot_expired"
    """The unspent rest of a lot, or a part that calls held until now, has expired."""


def lot_expires_key(lot_id: int, days: int) -> str:
    """Name the warning so many days before a lot expires."""
    return f"lot:{lot_id}:expires:{days}"


def lot_expired_key(lot_id: int, n: int) -> str:
    """Name the notice of a lot's ``n``-th expiry."""
    return f"lot:{lot_id}:expired:{n}"


def record_notice(
    *, account_id: int, key: str, kind: NoticeKind, detail: Mapping[str, int | str], at_ms: int
) -> Operation[bool]:
    """Record a notice, and answer whether it is new."""
    if (yield SELECT_NOTICE(of_key=key)):
        return False
    yield INSERT_NOTICE(account_id=account_id, key=key, kind=kind.value, detail=json.dumps(detail), at_ms=at_ms)
    return True
