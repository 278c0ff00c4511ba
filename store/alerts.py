"""Alerts: what those who run the PBX are to be told, each occasion recorded once.

An alert's key names the occasion, so whoever meets the same occasion again, before or after a restart, records nothing.

===================== ===================================== =====================================================
kind                  key                                   detail
===================== ===================================== =====================================================
``ungated_leg``       ``ungated:<node>/<channel>``          ``channel``, ``trunk``, ``number`` (its beginning),
                                                            ``extension`` and ``behind`` (the channel that began it)
                                                            where known, ``done`` (what became of it, and why)
``hangup_fails``      ``hangup:<node>/<channel>``           ``channel``, ``attempts``
``deadline_refused``  ``deadline:<node>/<channel>``         ``channel``, ``error``
``store_away``        ``store:<node>:<since ms>``           ``error``
``clock_jumped``      ``clock:<node>:<at ms>``              ``jump_ms``, positive where the clock was put forward
``session_damaged``   ``session:<call>``                    ``error``
``lost_call``         ``lost:<call>``                       ``charged_micros``
===================== ===================================== =====================================================
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import bindparam, insert, select

from store import schema
from store.operation import Operation, Sql
from store.reads import Reads

_ALERT = schema.alert.c
MOST_ALERTS = 1000

SELECT_ALERT = Sql(select(_ALERT.id).where(_ALERT.key == bindparam("of_key")))
INSERT_ALERT = Sql(
    insert(schema.alert).values(
        key=bindparam("key"),
        node=bindparam("node"),
        kind=bindparam("kind"),
        call_id=bindparam("call_id"),
        detail=bindparam("detail"),
        at_ms=bindparam("at_ms"),
    )
)

AlertDetail = Mapping[str, int | str | None]


class AlertKind(StrEnum):
    """What an alert is about."""

    UNGATED_LEG = "ungated_leg"
    """A leg towards a carrier was found that never passed the gate."""
    HANGUP_FAILS = "hangup_fails"
    """A leg that is to end does not: it is still tried, and billed as far as its call's hold goes."""
    DEADLINE_REFUSED = "deadline_refused"
    """Asterisk took no deadline for a paid leg; the service alone ends it in time."""
    STORE_AWAY = "store_away"
    """The store cannot be written: paid calls are refused, those that talk end with what they hold."""
    CLOCK_JUMPED = "clock_jumped"
    """The machine's clock was set: calls that talked then are counted by the steady clock."""
    SESSION_DAMAGED = "session_damaged"
    """The saved state of an open call cannot be read."""
    LOST_CALL = "lost_call"
    """A call's true end is not known to anybody: it was charged up to the last proof of life, or what it held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An alert as it is recorded; see the module for what ``detail`` holds."""

    id: int
    key: str
    node: str
    kind: str
    call_id: str | None
    detail: AlertDetail
    at_ms: int


def record_alert(
    *, key: str, node: str, kind: AlertKind, call_id: str | None, detail: AlertDetail, at_ms: int
) -> Operation[bool]:
    """Record an alert, and answer whether it is new."""
    if (yield SELECT_ALERT(of_key=key)):
        return False
    yield INSERT_ALERT(key=key, node=node, kind=kind.value, call_id=call_id, detail=json.dumps(detail), at_ms=at_ms)
    return True


class AlertReads(Reads):
    """Read methods of alerts."""

    async def alerts(
        self, *, node: str | None = None, since_ms: int | None = None, limit: int = MOST_ALERTS
    ) -> list[Alert]:
        """Answer the alerts of a node, or of all, newest first: at most ``limit``, and ``MOST_ALERTS``."""
        query = select(schema.alert).order_by(_ALERT.id.desc()).limit(min(limit, MOST_ALERTS))
        if node is not None:
            query = query.where(_ALERT.node == node)
        if since_ms is not None:
            query = query.where(_ALERT.at_ms >= since_ms)
        async with self._reading() as connection:
            rows = (await connection.execute(query)).mappings()
            return [Alert(**{**row, "detail": json.loads(row["detail"])}) for row in rows]
