"""Limits on spending: caps per local day and per month of the account, and how many calls may pay at a time.

A cap is an extension's, or an account's for all of its calls. What running calls hold counts as spent, so that a cap
is never passed, only reached.
"""

from enum import StrEnum
from typing import NamedTuple

from rating.decision import DenyReason
from rating.money import format_money


class CapScope(StrEnum):
    """Whose spend a cap limits."""

    EXTENSION = "extension"
    ACCOUNT = "account"


class CapSpan(StrEnum):
    """For how long spend adds up: a local day, or a month of the account."""

    DAILY = "daily"
    MONTHLY = "monthly"


class Caps(NamedTuple):
    """The caps of an extension or of an account in micro-units; None is no cap."""

    daily_micros: int | None = None
    monthly_micros: int | None = None


NO_CAPS = Caps()


class CapUse(NamedTuple):
    """One cap, and what is spent and held of it."""

    scope: CapScope
    span: CapSpan
    cap_micros: int
    used_micros: int

    reason: DenyReason = DenyReason.CAP_REACHED

    @property
    def left_micros(self) -> int:
        """What may still be held; 0 where the cap was lowered below what is spent."""
        return max(0, self.cap_micros - self.used_micros)

    def rule(self, extension: str, account: str) -> str:
        """Return the rule in words, such as ``extension 101: daily cap 5.00, 4.80 is spent or held``."""
        whose = f"extension {extension}" if self.scope is CapScope.EXTENSION else f"account {account}"
        cap, used = format_money(self.cap_micros), format_money(self.used_micros)
        return f"{whose}: {self.span} cap {cap}, {used} is spent or held"


class TooManyCalls(NamedTuple):
    """As many calls of an extension hold money as may."""

    max_calls: int
    reason: DenyReason = DenyReason.TOO_MANY_CALLS

    def rule(self, extension: str, account: str) -> str:  # noqa: ARG002  # as a cap's
        """Return the rule in words, such as ``extension 101: 2 paid calls at a time``."""
        return f"extension {extension}: {self.max_calls} paid calls at a time"


SpendLimit = CapUse | TooManyCalls
"""A limit that kept money from being held."""
