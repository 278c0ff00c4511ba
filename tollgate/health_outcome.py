"""What becomes of a connection that asks for health or metrics: one of the few values of a counter's label."""

from enum import StrEnum
from typing import Final, NamedTuple


class Outcome(StrEnum):
    """How a connection ended."""

    ANSWERED = "answered"
    """It was told what it asked for, be that good or bad."""
    STOPPED = "stopped"
    """The service did."""
    NOT_FOUND = "not_found"
    BAD_METHOD = "bad_method"
    MALFORMED = "malformed"
    """What came is no HTTP."""
    TOO_LARGE = "too_large"
    """The request, or what was sent behind it."""
    SILENT = "silent"
    """Closed without a byte: somebody looked whether the port is open."""
    INCOMPLETE = "incomplete"
    """Closed, or reset, before the request was whole."""
    SLOW = "slow"
    """The connection lasted too long."""
    GONE = "gone"
    """Reset before it was answered."""
    FAILED = "failed"
    """The fault is ours."""


EXPECTED: Final = frozenset({Outcome.ANSWERED, Outcome.STOPPED})
"""What is counted and not worth a line in the log."""


class Ending(NamedTuple):
    """How a connection ended, and why in words."""

    outcome: Outcome
    why: str = ""
    error: Exception | None = None
    """What went wrong in us."""
