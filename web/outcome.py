"""What becomes of a request: each has one outcome, which is counted, and a problem that is shown has a page."""

from enum import StrEnum
from http import HTTPStatus
from typing import Final


class Outcome(StrEnum):
    """The values of the counter's label."""

    ANSWERED = "answered"
    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    NOT_SIGNED_IN = "not_signed_in"
    """Somebody without a session was sent to the page where one begins."""
    NOT_FOUND = "not_found"
    BAD_QUERY = "bad_query"
    BAD_METHOD = "bad_method"
    SIGN_IN_REFUSED = "sign_in_refused"
    """The name or the password was wrong, or the user is disabled."""
    SIGN_IN_LIMITED = "sign_in_limited"
    """There were too many failed attempts before."""
    FORBIDDEN_HOST = "forbidden_host"
    FORBIDDEN_ORIGIN = "forbidden_origin"
    FORBIDDEN_FORM = "forbidden_form"
    """A form that we did not give to this browser, or that is out of date."""
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    SILENT = "silent"
    """A connection on which nothing was sent: browsers open some in advance."""
    INCOMPLETE = "incomplete"
    """The client left before its request was whole."""
    GONE = "gone"
    """The client left, or the service ended, while its request was worked on."""
    SLOW = "slow"
    """The connection was cut: it lasted too long."""
    BUSY = "busy"
    STORE_AWAY = "store_away"
    OVERTIME = "overtime"
    """We took too long."""
    FAILED = "failed"
    """A fault of ours."""


EXPECTED: Final = frozenset(
    {
        Outcome.ANSWERED,
        Outcome.SIGNED_IN,
        Outcome.SIGNED_OUT,
        Outcome.NOT_SIGNED_IN,
        Outcome.NOT_FOUND,
        Outcome.SILENT,
        Outcome.GONE,
    }
)
"""Those that are worth no line in the log."""


class PortalError(Exception):
    """Root of the portal's errors."""


class RefusedError(PortalError):
    """A request that is answered with a problem's page; what it says is worded in ``templates/problem.html``."""

    def __init__(self, status: HTTPStatus, outcome: Outcome, *, retry_after_s: int | None = None) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome
        self.retry_after_s = retry_after_s
