"""The records that the ledger's state machine settles its calls by."""

from dataclasses import dataclass, replace
from datetime import timedelta

from charging.cdr import Cdr, EndSource
from tests.integration.store.office import make_cdr
from tests.property.store.ledger_model import SECOND_MICROS, ModelCall, moment


@dataclass
class Leg:
    """A leg that is settled for good: its charge, and the seconds of an allowance before it."""

    call_id: str
    number: int
    account_id: int
    extension: str
    answered_ms: int
    charged_micros: int = 0
    used_s: int = 0


def leg_record(leg: Leg, *, more_micros: int = 0) -> Cdr:
    """Answer a leg's record, or one of another charge for the same leg."""
    charged_micros = leg.charged_micros + more_micros
    return _record(leg, charged_micros, leg.used_s + charged_micros // SECOND_MICROS)


def lost_record(call_id: str, call: ModelCall, number: int, answered_ms: int) -> Cdr:
    """Answer the provisional record of a call: charged all that it holds."""
    leg = Leg(call_id, number, call.account.id, call.extension, answered_ms, used_s=call.allowance_s)
    record = _record(leg, call.held_micros, call.paid_s)
    return replace(record, provisional=True, end_source=EndSource.LAST_SEEN)


def _record(leg: Leg, charged_micros: int, billable_s: int) -> Cdr:
    answered_at = moment(leg.answered_ms)
    record = make_cdr(
        leg.call_id,
        account_id=leg.account_id,
        leg=leg.number,
        charged_micros=charged_micros,
        started_at=answered_at,
        extension=leg.extension,
    )
    return replace(
        record, billable_s=billable_s, allowance_s=leg.used_s, ended_at=answered_at + timedelta(seconds=billable_s)
    )
