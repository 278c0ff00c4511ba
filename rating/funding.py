"""Whether what is there lets a call begin, and for how long it would last: allowance first, then money.

Caps count as the ledger counts them: an increment on the local day in which it starts, a first hold on each day on
which the call may be answered.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from rating.calendar import later
from rating.caps import CapUse, SpendLimit, TooManyCalls
from rating.daily import charges_by_day
from rating.decision import RING_LIMIT_MS, Decision, DenyReason
from rating.deck import Rate
from rating.price import LEAST_FIRST_HOLD_S, affordable_s, aligned_s, charge_micros, dearest, first_hold_s

RING_LIMIT = timedelta(milliseconds=RING_LIMIT_MS)


@dataclass(frozen=True, slots=True)
class FundsVerdict:
    """Whether allowance, funds and caps suffice for a decision.

    ``max_duration_s`` is None where nothing limits the call, 0 where it is refused. ``first_hold_micros`` is
    what must be held before it rings: 0 where the allowance covers the first slice. ``limit`` is the cap that refuses
    the call or ends it, or the calls that are too many; None where it is another reason.
    """

    admitted: bool
    max_duration_s: int | None
    first_hold_micros: int
    deny_reason: DenyReason | None
    limit: SpendLimit | None = None


class CapWindow(NamedTuple):
    """What a cap leaves for the local days [``from_day``, ``to_day``)."""

    use: CapUse
    from_day: date
    to_day: date

    def fits(self, micros_by_day: Iterable[tuple[date, int]]) -> bool:
        """Say whether so much on these days is within the cap."""
        return (
            sum(micros for day, micros in micros_by_day if self.from_day <= day < self.to_day) <= self.use.left_micros
        )


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
    caps: Sequence[CapWindow] = (),
    too_many: TooManyCalls | None = None,
) -> FundsVerdict:
    """Say whether a call may begin, and for how long it could last if it were answered at once.

    Args:
        decision: what was decided of the dialled digits.
        available_micros: what the account has and no running call holds.
        allowance_left_s: what is left of the decision's allowance; 0 where it has none.
        at: the moment, in the account's time zone.
        least_s, ring_limit: as :func:`first_hold` takes them.
        caps: what the extension's and the account's caps leave on the days that the call may touch.
        too_many: set where as many of the extension's calls hold money as may.
    """
    if decision.deny_reason is not None:
        return FundsVerdict(False, 0, 0, decision.deny_reason)
    if decision.rate is None and decision.allowance is None:
        return FundsVerdict(True, decision.longest_call_s, 0, None)
    left_s = max(0, allowance_left_s)
    is_covered = decision.rate is None or left_s >= least_s
    held = 0 if is_covered else first_hold(_rates(decision), at, least_s, ring_limit).micros
    limit = (too_many or _blocking(caps, held, at, ring_limit)) if held else None
    if not left_s and limit is not None:
        return FundsVerdict(False, 0, held, limit.reason, limit)
    if not left_s and (decision.rate is None or held > available_micros):
        reason = DenyReason.NO_FUNDS if decision.after_allowance is None else decision.after_allowance.reason
        return FundsVerdict(False, 0, held, reason)
    return _admitted(decision, available_micros, left_s, at, held, caps, too_many)


def _admitted(
    decision: Decision,
    available_micros: int,
    left_s: int,
    at: datetime,
    held_micros: int,
    caps: Sequence[CapWindow],
    too_many: TooManyCalls | None,
) -> FundsVerdict:
    """Return how long an admitted call lasts, and the limit that ends it."""
    paid_s, limit = _paid_s(decision.rate, available_micros, later(at, timedelta(seconds=left_s)), caps, too_many)
    lasts_s = left_s + paid_s
    if decision.longest_call_s is not None and decision.longest_call_s <= lasts_s:
        return FundsVerdict(True, decision.longest_call_s, held_micros, None)
    return FundsVerdict(True, lasts_s, held_micros, None, limit)


def _rates(decision: Decision) -> list[Rate]:
    """Return the prices one of which is in force at the answer."""
    return [rate for rate in (decision.rate, *(later for _, later in decision.later_rates)) if rate is not None]


def _blocking(caps: Sequence[CapWindow], held_micros: int, at: datetime, ring_limit: timedelta) -> CapUse | None:
    """Return the tightest cap that leaves less than the first hold on a day on which the call may be answered."""
    first_day, last_day = at.date(), later(at, ring_limit).date()
    uses = [cap.use for cap in caps if cap.from_day <= last_day and first_day < cap.to_day]
    return min((use for use in uses if use.left_micros < held_micros), key=_left, default=None)


def _left(use: CapUse) -> int:
    return use.left_micros


def _paid_s(
    rate: Rate | None,
    available_micros: int,
    starts_at: datetime,
    caps: Sequence[CapWindow],
    too_many: TooManyCalls | None,
) -> tuple[int, SpendLimit | None]:
    """Return the seconds that money pays for from ``starts_at`` on, and the limit, if one makes them fewer."""
    if rate is None or too_many is not None:
        return 0, too_many if rate is not None else None
    by_funds_s = affordable_s(rate, available_micros, starts_at)
    by_caps = [(_within_s(rate, by_funds_s, starts_at, cap), cap.use) for cap in caps]
    paid_s, use = min(by_caps, key=_seconds, default=(by_funds_s, None))
    return paid_s, use if paid_s < by_funds_s else None


def _seconds(by_cap: tuple[int, CapUse]) -> int:
    return by_cap[0]


def _within_s(rate: Rate, most_s: int, starts_at: datetime, cap: CapWindow) -> int:
    """Return the most paid seconds, aligned and no more than ``most_s``, whose charge is within a cap."""
    if not most_s:
        return 0
    # The charge on the cap's days never falls with the increments: halve between some that fit and some that do not.
    fitting, beyond = -1, (most_s - rate.initial_increment_s) // rate.increment_s + 1
    while beyond - fitting > 1:
        middle = (fitting + beyond) // 2
        billable_s = rate.initial_increment_s + middle * rate.increment_s
        if cap.fits(charges_by_day(rate, billable_s, starts_at).items()):
            fitting = middle
        else:
            beyond = middle
    return 0 if fitting < 0 else rate.initial_increment_s + fitting * rate.increment_s
