"""Why a call is refused, as values: the reason, the rule behind it, and the step that says so."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class DenyReason(StrEnum):
    """Why a call was refused. The values are part of the command line's contract."""

    NO_FUNDS = "no_funds"
    NO_RATE = "no_rate"
    BARRED = "barred"
    INVALID_NUMBER = "invalid_number"
    PREPAID_OFF = "prepaid_off"
    CAP_REACHED = "cap_reached"
    TOO_MANY_CALLS = "too_many_calls"
    RATE_TOO_HIGH = "rate_too_high"
    DESTINATION_DENIED = "destination_denied"
    OUTSIDE_HOURS = "outside_hours"
    UNKNOWN_EXTENSION = "unknown_extension"
    OVERLOAD = "overload"
    GATE_LATE = "gate_late"
    GATE_HUNG = "gate_hung"
    STORE_DOWN = "store_down"


class Denial(NamedTuple):
    """Why a call, or money for it, is refused."""

    reason: DenyReason
    rule: str


class Step(NamedTuple):
    """One step of a decision: a key of :mod:`rating.sentences` and the values of its sentence."""

    key: str
    values: Mapping[str, str | int]


class Refusal(NamedTuple):
    """A denial, and the step that says so."""

    denial: Denial
    step: Step
