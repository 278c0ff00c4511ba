"""The call detail record: what is written down about one call, per extension.

A call that was never answered has one record, with ``leg`` 0. Each trunk leg that answered has a record of
its own, numbered from 1 in the order of the answers; it alone carries a charge.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rating.decision import DenyReason
from rating.deck import Rate
from rating.destination import DestinationClass


class Disposition(StrEnum):
    """How a call ended."""

    ANSWERED = "ANSWERED"
    NO_ANSWER = "NO ANSWER"
    BUSY = "BUSY"
    FAILED = "FAILED"
    CONGESTION = "CONGESTION"
    REFUSED = "REFUSED"


class HangupSide(StrEnum):
    """Who ended the call: the office phone, the far end, or Tollgate because the paid time was over.

    A side whose media Asterisk missed for too long (``rtp_timeout``) ended it by its silence.
    """

    CALLER = "caller"
    CALLEE = "callee"
    TOLLGATE = "tollgate"


class EndSource(StrEnum):
    """How the end of a call is known, best first."""

    EVENT = "event"
    HANDLER = "handler"
    ASTERISK_CDR = "asterisk_cdr"
    LAST_SEEN = "last_seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cdr:
    """One record; money in micro-units of the account's currency, times aware UTC.

    ``billable_s`` are the seconds that were charged (or, on a free call, talked, rounded up); ``allowance_s`` of
    them, the first ones, were an allowance's, and the charge is the price of the rest.
    ``charged_micros`` never exceeds what was held for the call; what a leg cost beyond it is
    ``unfunded_micros``, written down but not debited.
    """

    call_id: str
    leg: int
    node: str
    account_id: int | None
    """None where the caller could not be matched to an extension."""
    extension: str
    endpoint: str
    dialled: str
    e164: str | None
    destination_class: DestinationClass | None
    """None where the digits could not be read."""
    deck: str | None
    rate: Rate | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime
    billable_s: int
    allowance_s: int = 0
    charged_micros: int
    unfunded_micros: int = 0
    funded_by: tuple[str, ...] = ()
    disposition: Disposition
    deny_reason: DenyReason | None = None
    deny_rule: str | None = None
    hangup_side: HangupSide | None = None
    hangup_cause: int | None = None
    trunk: str | None = None
    end_source: EndSource = EndSource.EVENT
    provisional: bool = False
    """The call's end is not known: its hold was charged, and is refunded in part once the end is known."""
    ungated: bool = False
    """The leg never passed the gate: it was found on a trunk, and what could be held for it was charged."""
