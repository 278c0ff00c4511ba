"""What the people of one call are going to do: scripts, drawn before the call begins."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What becomes of an attempt on a trunk."""

    ANSWER = "answer"
    BUSY = "busy"
    CONGESTION = "congestion"
    """The carrier fails: the dialplan tries the next trunk."""
    SILENCE = "silence"
    """It rings until somebody gives up."""


CAUSES = {Outcome.BUSY: 17, Outcome.CONGESTION: 34}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One leg: it rings for ``ring_s``, then this is its outcome."""

    ring_s: float
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CallScript:
    """One call as its people mean it."""

    endpoint: str
    dialled: str
    attempts: tuple[Attempt, ...]
    """One for each trunk, in order."""
    patience_s: float
    """The caller gives up where nobody has answered by then."""
    talk_s: float
    caller_ends: bool
    """Who hangs up first."""
    transfer_after_s: float | None = None
    """The caller transfers the far end away then and is gone; the leg lives on."""
    twin: bool = False
    """A second leg of the call is answered too, a moment after the first."""
