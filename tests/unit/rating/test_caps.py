"""Limits on spending say what they leave, and name themselves."""

import pytest

from rating.caps import CapScope, CapSpan, CapUse, TooManyCalls
from rating.decision import DenyReason


@pytest.mark.parametrize(
    ("use", "left_micros", "rule"),
    [
        (
            CapUse(CapScope.EXTENSION, CapSpan.DAILY, 5_000_000, 4_800_000),
            200_000,
            "extension 101: daily cap 5.00, 4.80 is spent or held",
        ),
        (
            CapUse(CapScope.ACCOUNT, CapSpan.MONTHLY, 50_000_000, 60_000_000),
            0,
            "account main: monthly cap 50.00, 60.00 is spent or held",
        ),
    ],
)
def test_cap_says_what_it_leaves_and_names_itself(use: CapUse, left_micros: int, rule: str) -> None:
    assert use.left_micros == left_micros
    assert use.rule("101", "main") == rule
    assert use.reason is DenyReason.CAP_REACHED


def test_number_of_calls_names_itself() -> None:
    limit = TooManyCalls(2)
    assert limit.rule("101", "main") == "extension 101: 2 paid calls at a time"
    assert limit.reason is DenyReason.TOO_MANY_CALLS
