"""The words of a refusal for want of money: the same in a quote and in the record of a call.

Each names whom it is about: the extension where the limit is its own, else the account.
"""

from typing import NamedTuple

from rating.caps import CapUse, SpendLimit
from rating.money import format_money
from rating.reasons import Denial, DenyReason


class PayerNames(NamedTuple):
    """Who calls, and the account that pays."""

    extension: str
    account: str


def first_hold_denial(
    names: PayerNames,
    *,
    hold_micros: int,
    available_micros: int,
    limit: SpendLimit | None,
    has_allowance: bool,
    after_allowance: Denial | None,
) -> Denial:
    """Say why a call may not begin.

    Args:
        names: Whose call it is.
        hold_micros: What must be held before it rings.
        available_micros: What the account has and no running call holds.
        limit: The cap, or the number of calls, that keeps money from being held; None where it is the funds.
        has_allowance: Whether an allowance would have paid first: it is used up.
        after_allowance: Why no money may follow the allowance; None where it may.
    """
    first_hold = f"the first hold is {format_money(hold_micros)}"
    if limit is not None:
        rule = limit.rule(names.extension, names.account)
        return Denial(limit.reason, f"{rule}; {first_hold}" if isinstance(limit, CapUse) else rule)
    if after_allowance is not None:
        return _after_allowance(after_allowance)
    used_up = ", the allowance is used up" if has_allowance else ""
    available = f"{format_money(available_micros)} is available"
    return Denial(DenyReason.NO_FUNDS, f"account {names.account}: {first_hold}, {available}{used_up}")


def renewal_denial(
    names: PayerNames, *, available_micros: int, limit: SpendLimit | None, after_allowance: Denial | None
) -> Denial:
    """Say why a call gets no further slice; the arguments are those of :func:`first_hold_denial`."""
    if limit is not None:
        return Denial(limit.reason, limit.rule(names.extension, names.account))
    if after_allowance is not None:
        return _after_allowance(after_allowance)
    available = f"{format_money(available_micros)} is available"
    rule = f"account {names.account}: {available}, which is not enough for further seconds of the call"
    return Denial(DenyReason.NO_FUNDS, rule)


def _after_allowance(denial: Denial) -> Denial:
    return Denial(denial.reason, f"the allowance is used up; {denial.rule}")
