"""Whether what is there lets a call begin, and for how long it would last: allowance first, then money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rating.calendar import later
from rating.decision import RING_LIMIT_MS, Decision, DenyReason
from rating.deck import Rate
from rating.price import LEAST_FIRST_HOLD_S, affordable_s, aligned_s, charge_micros, dearest, first_hold_s

RING_LIMIT = timedelta(milliseconds=RING_LIMIT_MS)


@dataclass(frozen=True, slots=True)
class FundsVerdict:
    """Whether allowance and funds suffice for a decision.

    ``max_duration_s`` is None where nothing limits the call, 0 where it is refused. ``first_hold_micros`` is
    what must be held before it rings: 0 where the allowance covers the first slice.
    """

    admitted: bool
    max_duration_s: int | None
    first_hold_micros: int
    deny_reason: DenyReason | None


@dataclass(frozen=True, slots=True)
class FirstHold:
    """The money that the first slice needs, whenever the call is answered: ``micros`` for ``paid_s`` seconds."""

    paid_s: int
    micros: int


def first_hold(
    rates: Sequence[Rate], at: datetime, least_s: int = LEAST_FIRST_HOLD_S, ring_limit: timedelta = RING_LIMIT
) -> FirstHold:
    """Return what to hold before a call rings.

    The price is the one at the answer, which is not known yet: the dearest that may hold until then counts.

    Args:
        rates: the prices that may be in force at the answer, one or more.
        at: when the hold is made, in the account's time zone.
        least_s: the first slice covers at least these seconds.
        ring_limit: how long the call may ring, on all trunks together.
    """
    paid_s = max(first_hold_s(rate, least_s) for rate in rates)
    until = later(at, ring_limit + timedelta(seconds=paid_s))
    micros = max(charge_micros(dearest(rate, at, until), aligned_s(rate, paid_s)) for rate in rates)
    return FirstHold(paid_s, micros)


def quote_funds(
    decision: Decision,
    available_micros: int,
    allowance_left_s: int,
    at: datetime,
    *,
    least_s: int = LEAST_FIRST_HOLD_S,
    ring_limit: timedelta = RING_LIMIT,
) -> FundsVerdict:
    """Say whether a call may begin, and for how long it could last if it were answered at once.

    Args:
        decision: what was decided of the dialled digits.
        available_micros: what the account has and no running call holds.
        allowance_left_s: what is left of the decision's allowance; 0 where it has none.
        at: the moment, in the account's time zone.
        least_s, ring_limit: as :func:`first_hold` takes them.
    """
    if decision.deny_reason is not None:
        return FundsVerdict(False, 0, 0, decision.deny_reason)
    if decision.rate is None and decision.allowance is None:
        return FundsVerdict(True, decision.longest_call_s, 0, None)
    left_s = max(0, allowance_left_s)
    is_covered = decision.rate is None or left_s >= least_s
    held = 0 if is_covered else first_hold(_rates(decision), at, least_s, ring_limit).micros
    if not left_s and (decision.rate is None or held > available_micros):
        reason = DenyReason.NO_FUNDS if decision.after_allowance is None else decision.after_allowance.reason
        return FundsVerdict(False, 0, held, reason)
    lasts_s = left_s + _affordable_s(decision, available_micros, later(at, timedelta(seconds=left_s)))
    if decision.longest_call_s is not None:
        lasts_s = min(lasts_s, decision.longest_call_s)
    return FundsVerdict(True, lasts_s, held, None)


def _rates(decision: Decision) -> list[Rate]:
    """Return the prices one of which is in force at the answer."""
    return [rate for rate in (decision.rate, *(later for _, later in decision.later_rates)) if rate is not None]


def _affordable_s(decision: Decision, available_micros: int, starts_at: datetime) -> int:
    return 0 if decision.rate is None else affordable_s(decision.rate, available_micros, starts_at)
