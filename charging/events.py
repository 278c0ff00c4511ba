"""What can happen to a call, each with the moment it happened: the input of :func:`charging.session.step`.

Times are aware UTC; events of Asterisk carry Asterisk's own timestamp.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from charging.cdr import EndSource
from rating.decision import DenyReason


class Slice(NamedTuple):
    """What a call may talk: ``paid_s`` seconds, the first ``allowance_s`` of them free; the hold is for the others."""

    paid_s: int
    held_micros: int
    allowance_s: int


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """The store committed the session and its first slice; ``slice`` None: what was asked for in money."""

    at: datetime
    slice: "Slice | None" = None


@dataclass(frozen=True, slots=True)
class SessionDenied:
    """The store did not open the session: no funds, or the store itself failed."""

    at: datetime
    reason: DenyReason
    rule: str


@dataclass(frozen=True, slots=True)
class CallerAdmitted:
    """Asterisk took the verdict: the caller is back in the dialplan, which dials."""

    at: datetime


@dataclass(frozen=True, slots=True)
class AdmissionMissed:
    """Asterisk did not take the verdict: the caller had left, or the dialplan's guard had fired."""

    at: datetime


@dataclass(frozen=True, slots=True)
class LegSeen:
    """A trunk leg of this call exists (it rings, or was found when the service started)."""

    at: datetime
    channel_id: str
    trunk: str


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """A trunk leg was answered: from here on it costs money."""

    at: datetime
    channel_id: str
    trunk: str


@dataclass(frozen=True, slots=True)
class LegHangupRequested:
    """The far end of a trunk leg hung up."""

    at: datetime
    channel_id: str


@dataclass(frozen=True, slots=True)
class LegEnded:
    """A trunk leg is gone. ``answered_at`` tells of an answer that had gone unseen."""

    at: datetime
    channel_id: str
    trunk: str
    cause: int | None
    source: EndSource = EndSource.EVENT
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LegExempted:
    """This leg's far end is the caller of an emergency call now: nothing may cut it any more."""

    at: datetime
    channel_id: str


@dataclass(frozen=True, slots=True)
class CallerHangupRequested:
    """The caller hung up."""

    at: datetime


@dataclass(frozen=True, slots=True)
class CallerGone:
    """The caller's channel is gone: hung up, or transferred its far end away."""

    at: datetime


@dataclass(frozen=True, slots=True)
class SliceGranted:
    """The store committed a further slice; the other numbers are the call's totals, as in :class:`Slice`."""

    at: datetime
    slice_no: int
    paid_s: int
    held_micros: int
    allowance_s: int = 0


@dataclass(frozen=True, slots=True)
class SliceDenied:
    """The store granted no further slice: no funds, a limit on spending, or the store itself failed."""

    at: datetime
    slice_no: int
    reason: DenyReason
    rule: str


@dataclass(frozen=True, slots=True)
class DeadlineArmed:
    """Asterisk holds a deadline on this leg at or before the cut-off that was asked for, read back."""

    at: datetime
    channel_id: str
    cut_at: datetime


@dataclass(frozen=True, slots=True)
class DeadlineFailed:
    """Asterisk's deadline on this leg could not be read or set. An earlier one may still be in force."""

    at: datetime
    channel_id: str


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The machine's clock was set: Asterisk counts deadlines by it, so those that it holds mean nothing any more."""

    at: datetime


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A successor goes on with the session as the store had it: what its predecessor settled may not have arrived."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Woke:
    """The moment that :func:`charging.session.next_wake_at` named has come."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """The store committed the record; where it was the last one the session is closed."""

    at: datetime
    leg: int


Event = (
    SessionOpened
    | SessionDenied
    | CallerAdmitted
    | AdmissionMissed
    | LegSeen
    | LegAnswered
    | LegHangupRequested
    | LegEnded
    | LegExempted
    | CallerHangupRequested
    | CallerGone
    | SliceGranted
    | SliceDenied
    | DeadlineArmed
    | DeadlineFailed
    | ClockSet
    | TakenOver
    | Woke
    | Settled
)
