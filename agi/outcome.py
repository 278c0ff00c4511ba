"""What becomes of a session: one of the few values of a counter's label, and what the session's end is raised as."""

from enum import StrEnum


class Outcome(StrEnum):
    """How a session ended."""

    HANDLED = "handled"
    HUNG_UP = "hung_up"
    """The caller left meanwhile."""
    STOPPED = "stopped"
    """The service did."""
    UNKNOWN_EXTENSION = "unknown_extension"
    """Nobody was found who may ask."""
    UNAVAILABLE = "unavailable"
    """The store or Asterisk did not tell in time what had to be known."""
    REFUSED = "refused"
    """So many connections were open already."""
    REFUSED_ADDRESS = "refused_address"
    """So many from this address."""
    SILENT = "silent"
    """Closed without a byte: somebody looked whether the port is open."""
    INCOMPLETE = "incomplete"
    """Closed, or reset, before the header was whole."""
    SLOW = "slow"
    """The header was not whole in time."""
    TOO_LARGE = "too_large"
    """A line, the lines or the bytes were more than any Asterisk sends."""
    MALFORMED = "malformed"
    """The header is none."""
    UNKNOWN_PATH = "unknown_path"
    GONE = "gone"
    """Closed, or reset, before a command was answered."""
    NO_ANSWER = "no_answer"
    """None came in time."""
    BAD_ANSWER = "bad_answer"
    """What came was none."""
    NOT_DONE = "not_done"
    """Asterisk would not do what it was told."""
    OVERTIME = "overtime"
    """The session as a whole took too long."""
    FAILED = "failed"
    """The fault is ours."""


EXPECTED = frozenset({Outcome.HANDLED, Outcome.HUNG_UP, Outcome.STOPPED})
"""What is counted and not worth a line in the log."""


class AgiError(Exception):
    """Root of this package's errors."""


class SessionOverError(AgiError):
    """The session cannot go on: close it."""

    def __init__(self, outcome: Outcome, detail: str) -> None:
        """Say what became of it, and why in words."""
        super().__init__(detail)
        self.outcome = outcome
