"""How long a call lasts within caps, as its explanation without a call says it."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rating.caps import CapScope, CapSpan, CapUse, TooManyCalls
from rating.decision import Decision, DenyReason
from rating.deck import Rate
from rating.destination import NumberType
from rating.funding import CapWindow, FundsVerdict, quote_funds
from rating.plan import Allowance, AllowanceScope

PARIS = ZoneInfo("Europe/Paris")
TEN = datetime(2026, 11, 2, 10, tzinfo=PARIS)
NEAR_MIDNIGHT = datetime(2026, 11, 2, 23, 59, tzinfo=PARIS)
TODAY, TOMORROW = date(2026, 11, 2), date(2026, 11, 3)
DAY = timedelta(days=1)
PLENTY = 10**12
ALLOWANCE = Allowance(name="a", minutes=1, scope=AllowanceScope.ACCOUNT, covers=frozenset({("DE", NumberType.FIXED)}))
RING = timedelta(seconds=30)


def paid(*, increment_s: int = 1, longest_call_s: int | None = None, allowance: Allowance | None = None) -> Decision:
    """A call at 0.60 a minute, a cent a second."""
    rate = Rate(
        prefix="44",
        destination="UK",
        per_minute_micros=600_000,
        initial_increment_s=increment_s,
        increment_s=increment_s,
    )
    return Decision(dialled="44", number="+44", rate=rate, longest_call_s=longest_call_s, allowance=allowance)


def cap(left_micros: int, day: date = TODAY, span: CapSpan = CapSpan.DAILY) -> CapWindow:
    use = CapUse(CapScope.EXTENSION, span, left_micros, 0)
    return CapWindow(use, day, day + (DAY if span is CapSpan.DAILY else 30 * DAY))


def verdict(
    decision: Decision, caps: list[CapWindow], *, at: datetime = TEN, left_s: int = 0, available: int = PLENTY
) -> FundsVerdict:
    return quote_funds(decision, available, left_s, at, ring_limit=RING, caps=caps)


@pytest.mark.parametrize(("left_micros", "lasts_s"), [(100_000, 10), (109_999, 10), (110_000, 11), (6_000_000, 600)])
def test_call_within_a_cap_ends_at_the_cap_to_the_second(left_micros: int, lasts_s: int) -> None:
    caps = [cap(left_micros)]
    assert verdict(paid(), caps) == FundsVerdict(True, lasts_s, 100_000, None, caps[0].use)


def test_call_within_a_cap_takes_whole_increments() -> None:
    assert verdict(paid(increment_s=60), [cap(1_799_999)]).max_duration_s == 120


def test_first_hold_above_what_a_cap_leaves_is_refused_by_the_tightest() -> None:
    loose, tight = cap(99_999), cap(50_000, span=CapSpan.MONTHLY)
    expected = FundsVerdict(False, 0, 100_000, DenyReason.CAP_REACHED, tight.use)
    assert verdict(paid(), [loose, tight]) == expected
    # A limit is told where there is one, funds or not: as the ledger does.
    assert verdict(paid(), [loose, tight], available=0) == expected
    assert verdict(paid(), [cap(100_000)], available=0).deny_reason is DenyReason.NO_FUNDS


def test_cap_that_does_not_shorten_the_call_is_not_named() -> None:
    assert verdict(paid(), [cap(PLENTY)], available=600_000) == FundsVerdict(True, 60, 100_000, None)
    assert verdict(paid(longest_call_s=30), [cap(600_000)]) == FundsVerdict(True, 30, 100_000, None)
    assert verdict(paid(longest_call_s=60), [cap(600_000)]) == FundsVerdict(True, 60, 100_000, None)


def test_next_day_has_its_own_cap() -> None:
    caps = [cap(600_000), cap(300_000, TOMORROW)]
    # 60 s of today, then 30 s of tomorrow.
    assert verdict(paid(), caps, at=NEAR_MIDNIGHT) == FundsVerdict(True, 90, 100_000, None, caps[1].use)
    assert verdict(paid(), [cap(590_000), cap(300_000, TOMORROW)], at=NEAR_MIDNIGHT).max_duration_s == 59


def test_cap_of_tomorrow_refuses_where_the_answer_may_come_then() -> None:
    late = NEAR_MIDNIGHT + timedelta(seconds=40)
    assert verdict(paid(), [cap(PLENTY), cap(0, TOMORROW)], at=late).deny_reason is DenyReason.CAP_REACHED
    assert verdict(paid(), [cap(PLENTY), cap(0, TOMORROW)], at=NEAR_MIDNIGHT).max_duration_s == 60


def test_allowance_goes_before_caps() -> None:
    decision = paid(allowance=ALLOWANCE)
    # The allowance covers the first slice: nothing is held, and the cap counts for what follows.
    assert verdict(decision, [cap(0)], left_s=60) == FundsVerdict(True, 60, 0, None, cap(0).use)
    assert verdict(decision, [cap(600_000)], left_s=60).max_duration_s == 120
    # It covers a part of it: the rest would need money that the cap does not leave.
    assert verdict(decision, [cap(0)], left_s=4) == FundsVerdict(True, 4, 100_000, None, cap(0).use)
    assert verdict(decision, [cap(0)]).deny_reason is DenyReason.CAP_REACHED


def test_too_many_calls_refuse_what_needs_money() -> None:
    full = TooManyCalls(2)

    def asked(decision: Decision, left_s: int) -> FundsVerdict:
        return quote_funds(decision, PLENTY, left_s, TEN, too_many=full)

    assert asked(paid(), 0) == FundsVerdict(False, 0, 100_000, DenyReason.TOO_MANY_CALLS, full)
    assert asked(paid(allowance=ALLOWANCE), 60) == FundsVerdict(True, 60, 0, None, full)
    free = Decision(dialled="1", number="1")
    assert asked(free, 0) == FundsVerdict(True, None, 0, None)
    alone = Decision(dialled="1", number="1", allowance=ALLOWANCE)
    assert asked(alone, 60) == FundsVerdict(True, 60, 0, None)


def test_free_rate_needs_no_room() -> None:
    rate = Rate(prefix="44", destination="UK", per_minute_micros=0, initial_increment_s=1, increment_s=1)
    decision = Decision(dialled="44", number="+44", rate=rate)
    assert quote_funds(decision, 0, 0, TEN, caps=[cap(0)], too_many=None).max_duration_s == 86_400


def test_money_that_is_gone_after_the_allowance_is_no_cap_s_doing() -> None:
    decision = paid(allowance=ALLOWANCE)
    assert verdict(decision, [cap(600_000)], left_s=60, available=9_999) == FundsVerdict(True, 60, 0, None)
