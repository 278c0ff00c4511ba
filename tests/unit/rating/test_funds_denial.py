"""The words of refusals for want of money: whom they are about, and how much."""

import pytest

from rating.caps import CapScope, CapSpan, CapUse, SpendLimit, TooManyCalls
from rating.funds_denial import PayerNames, first_hold_denial, renewal_denial
from rating.reasons import Denial, DenyReason

NAMES = PayerNames("101", "main")
OWN = CapUse(CapScope.EXTENSION, CapSpan.DAILY, 5_000_000, 4_900_000)
WHOLE = CapUse(CapScope.ACCOUNT, CapSpan.MONTHLY, 5_000_000, 4_900_000)
PREPAID_OFF = Denial(DenyReason.PREPAID_OFF, "extension 101: prepaid is off")


@pytest.mark.parametrize(
    ("limit", "allowance", "after", "reason", "rule"),
    [
        (None, False, None, "no_funds", "account main: the first hold is 0.19, 0.05 is available"),
        (
            None,
            True,
            None,
            "no_funds",
            "account main: the first hold is 0.19, 0.05 is available, the allowance is used up",
        ),
        (None, True, PREPAID_OFF, "prepaid_off", "the allowance is used up; extension 101: prepaid is off"),
        (
            OWN,
            False,
            None,
            "cap_reached",
            "extension 101: daily cap 5.00, 4.90 is spent or held; the first hold is 0.19",
        ),
        (
            WHOLE,
            False,
            None,
            "cap_reached",
            "account main: monthly cap 5.00, 4.90 is spent or held; the first hold is 0.19",
        ),
        (TooManyCalls(2), False, None, "too_many_calls", "extension 101: 2 paid calls at a time"),
    ],
)
def test_call_that_may_not_begin_is_told_whose_money_or_limit_it_is(
    limit: SpendLimit | None, allowance: bool, after: Denial | None, reason: str, rule: str
) -> None:
    denial = first_hold_denial(
        NAMES,
        hold_micros=190_000,
        available_micros=50_000,
        limit=limit,
        has_allowance=allowance,
        after_allowance=after,
    )
    assert denial == (reason, rule)


def test_call_that_is_not_renewed_is_told_why() -> None:
    def denial(limit: SpendLimit | None = None, after: Denial | None = None) -> Denial:
        return renewal_denial(NAMES, available_micros=50_000, limit=limit, after_allowance=after)

    not_enough = "account main: 0.05 is available, which is not enough for further seconds of the call"
    assert denial() == (DenyReason.NO_FUNDS, not_enough)
    assert denial(WHOLE).rule == "account main: monthly cap 5.00, 4.90 is spent or held"
    assert denial(None, PREPAID_OFF) == (DenyReason.PREPAID_OFF, f"the allowance is used up; {PREPAID_OFF.rule}")
