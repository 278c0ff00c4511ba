"""Call detail records as rows: ``charging.cdr.Cdr`` to columns and back.

Instants are cut to milliseconds. The rate is kept as it was used, as JSON, since decks change.
"""

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from sqlalchemy import RowMapping

from charging.cdr import Cdr, Disposition, EndSource, HangupSide
from rating.decision import DenyReason
from rating.destination import DestinationClass
from store.operation import SqlValue
from store.rate_rows import rate_from_json, rate_json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_Word = TypeVar("_Word", bound=StrEnum)
_AS_THEY_ARE = (
    "call_id",
    "leg",
    "node",
    "account_id",
    "extension",
    "endpoint",
    "dialled",
    "e164",
    "deck",
    "billable_s",
    "allowance_s",
    "charged_micros",
    "unfunded_micros",
    "deny_rule",
    "hangup_cause",
    "trunk",
)


def to_ms(at: datetime) -> int:
    """Answer an aware instant as UTC milliseconds since 1970, rounded down."""
    return (at - _EPOCH) // _MS


def from_ms(at_ms: int) -> datetime:
    """Answer UTC milliseconds since 1970 as an aware UTC instant."""
    return _EPOCH + at_ms * _MS


def cdr_params(cdr: Cdr) -> dict[str, SqlValue]:
    """Answer the record's column values by name."""
    return {
        "call_id": cdr.call_id,
        "leg": cdr.leg,
        "node": cdr.node,
        "account_id": cdr.account_id,
        "extension": cdr.extension,
        "endpoint": cdr.endpoint,
        "dialled": cdr.dialled,
        "e164": cdr.e164,
        "destination_class": _text(cdr.destination_class),
        "deck": cdr.deck,
        "rate": None if cdr.rate is None else rate_json(cdr.rate),
        "started_at_ms": to_ms(cdr.started_at),
        "answered_at_ms": None if cdr.answered_at is None else to_ms(cdr.answered_at),
        "ended_at_ms": to_ms(cdr.ended_at),
        "billable_s": cdr.billable_s,
        "allowance_s": cdr.allowance_s,
        "charged_micros": cdr.charged_micros,
        "unfunded_micros": cdr.unfunded_micros,
        "funded_by": json.dumps(cdr.funded_by),
        "disposition": cdr.disposition.value,
        "deny_reason": _text(cdr.deny_reason),
        "deny_rule": cdr.deny_rule,
        "hangup_side": _text(cdr.hangup_side),
        "hangup_cause": cdr.hangup_cause,
        "trunk": cdr.trunk,
        "end_source": cdr.end_source.value,
        "provisional": cdr.provisional,
        "ungated": cdr.ungated,
    }


def cdr_from_row(row: RowMapping) -> Cdr:
    """Answer the record that a row's columns, by name, were written from."""
    values = {name: row[name] for name in _AS_THEY_ARE}
    return Cdr(
        **values,
        destination_class=_word(DestinationClass, row["destination_class"]),
        rate=None if row["rate"] is None else rate_from_json(row["rate"]),
        started_at=from_ms(row["started_at_ms"]),
        answered_at=None if row["answered_at_ms"] is None else from_ms(row["answered_at_ms"]),
        ended_at=from_ms(row["ended_at_ms"]),
        funded_by=tuple(json.loads(row["funded_by"])),
        disposition=Disposition(row["disposition"]),
        deny_reason=_word(DenyReason, row["deny_reason"]),
        hangup_side=_word(HangupSide, row["hangup_side"]),
        end_source=EndSource(row["end_source"]),
        provisional=bool(row["provisional"]),
        ungated=bool(row["ungated"]),
    )


def _text(word: StrEnum | None) -> str | None:
    return None if word is None else word.value


def _word(kind: type[_Word], text: str | None) -> _Word | None:
    return None if text is None else kind(text)
