"""What a call wants done: the output of :func:`charging.session.step`. Every command is safe to repeat."""

from dataclasses import dataclass
from datetime import datetime

from charging.cdr import Cdr
from charging.state import Session
from rating.decision import DenyReason


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Hold the first slice and save the session in one transaction.

    ``allowance_want_s`` seconds of the call's allowance first; ``held_micros`` for ``paid_s`` seconds where it has
    fewer left.
    """

    held_micros: int
    paid_s: int
    allowance_want_s: int = 0


@dataclass(frozen=True, slots=True)
class AdmitCaller:
    """Hand the caller back to the dialplan with leave to dial; ``slice_ms`` is None on a free call."""

    slice_ms: int | None
    is_in_store: bool = True
    """Whether the store has the session; else the call's leg has to tell a successor of the call."""


@dataclass(frozen=True, slots=True)
class RefuseCaller:
    """End the caller's attempt with the cause that belongs to the reason."""

    reason: DenyReason


@dataclass(frozen=True, slots=True)
class RenewSlice:
    """Hold ``want_s`` further seconds, or fewer where money is scarce."""

    slice_no: int
    want_s: int


@dataclass(frozen=True, slots=True)
class SaveSession:
    """Keep the session's present state in the store.

    ``answered_at`` is told at the answer that the hold pays for: the hold counts on that day from then on.
    """

    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckDeadline:
    """Read Asterisk's deadline on this leg back, and set it where it is missing or later than ``cut_at``."""

    channel_id: str
    cut_at: datetime


@dataclass(frozen=True, slots=True)
class ArmDeadline:
    """Have Asterisk end this leg at ``cut_at``, and read it back."""

    channel_id: str
    cut_at: datetime


@dataclass(frozen=True, slots=True)
class ClearDeadline:
    """Take away Asterisk's deadline on this leg."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class HangUpLeg:
    """End this leg now."""

    channel_id: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Write this record, charge it, and where it is the last one release what is still held."""

    cdr: Cdr
    close: bool


Command = (
    OpenSession
    | AdmitCaller
    | RefuseCaller
    | RenewSlice
    | SaveSession
    | CheckDeadline
    | ArmDeadline
    | ClearDeadline
    | HangUpLeg
    | Settle
)

Transition = tuple[Session, tuple[Command, ...]]
"""What an event makes of a session, and what is to be done about it."""
