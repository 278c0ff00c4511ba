"""Calls whose saved state cannot be read: their session's columns are enough to charge what they hold.

Such a call keeps its hold as long as it may talk for it. When that is past it is treated as a lost one
(:mod:`store.lost_calls`), whichever node it is of: its service cannot go on with it, and nobody can price its seconds,
since the price is in the state. It is charged all that it held, and its record names no price.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from charging.cdr import Cdr, Disposition, EndSource
from charging.lost import CLOCK_MARGIN
from charging.policy import MeteringPolicy
from charging.saved import SavedSessionError, load_session
from rating.decision import FUNDED_BY_ACCOUNT, FUNDED_BY_ALLOWANCE
from store.cdr_rows import from_ms
from store.records import OpenSession

_MOST_TRUNKS = 10
"""How many trunks a call may have tried before one answered: the state would tell."""


def is_damaged(row: OpenSession) -> bool:
    """Tell whether a session's saved state cannot be read."""
    try:
        load_session(row.state)
    except SavedSessionError:
        return True
    return False


def damaged_record(row: OpenSession, policy: MeteringPolicy, *, at: datetime) -> Cdr | None:
    """Return the provisional record of a call by its session's columns, or None while it may still talk for its hold.

    Args:
        row: The session; its ``state`` tells no more than what was dialled, if even that.
        at: The present moment.
    """
    paid = timedelta(seconds=row.paid_s)
    answered_at = _latest_answer_at(row, policy)
    if at < answered_at + paid + CLOCK_MARGIN:
        return None
    is_metered = bool(row.held_micros or row.paid_s)
    told = _told(row.state)
    return Cdr(
        call_id=row.call_id,
        leg=1 if is_metered else 0,
        node=row.node,
        account_id=row.account_id,
        extension=row.extension,
        endpoint=told.get("endpoint", ""),
        dialled=told.get("dialled", ""),
        e164=told.get("e164"),
        destination_class=None,
        deck=None,
        rate=None,
        started_at=from_ms(row.opened_at_ms),
        answered_at=answered_at if is_metered else None,
        ended_at=answered_at + paid,
        billable_s=row.paid_s,
        allowance_s=row.allowance_s,
        charged_micros=row.held_micros,
        funded_by=(
            *((FUNDED_BY_ALLOWANCE,) if row.allowance_s else ()),
            *((FUNDED_BY_ACCOUNT,) if row.held_micros else ()),
        ),
        disposition=Disposition.ANSWERED if is_metered else Disposition.NO_ANSWER,
        end_source=EndSource.LAST_SEEN,
        provisional=True,
    )


def _latest_answer_at(row: OpenSession, policy: MeteringPolicy) -> datetime:
    """Return when the call was answered, or the last moment at which it can have been."""
    if row.paid_until_ms is not None:
        return from_ms(row.paid_until_ms) - timedelta(seconds=row.paid_s)
    return from_ms(max(row.opened_at_ms, row.updated_at_ms)) + policy.ring_limit(_MOST_TRUNKS) + policy.gate_limit


def _told(state: str) -> dict[str, str]:
    """Return what a damaged state still tells of the call: its texts by name."""
    try:
        document: Any = json.loads(state)
    except ValueError:
        return {}
    call = document.get("call") if isinstance(document, dict) else None
    return {name: text for name, text in call.items() if isinstance(text, str)} if isinstance(call, dict) else {}
