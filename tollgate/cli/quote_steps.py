"""A quote's explanation: the decision's steps, and what payer, allowance, caps, funds and duration add to them."""

from rating.caps import CapScope, CapSpan, CapUse, TooManyCalls
from rating.decision import DenyReason, Step, reading_steps
from rating.price import LONGEST_PAID_S
from tollgate.cli.quoting import Quote


def quote_steps(quote: Quote) -> tuple[Step, ...]:
    """Return the decision's own steps, then what the payer, the allowance, the funds and the duration add."""
    if quote.payer is None and quote.verdict.deny_reason is DenyReason.UNKNOWN_EXTENSION:
        return (*reading_steps(quote.decision.steps), Step("unknown_extension", {"extension": quote.extension}))
    return (
        *quote.decision.steps,
        *_allowance_steps(quote),
        *_cap_steps(quote),
        *_funds_steps(quote),
        *_charge_steps(quote),
    )


def _allowance_steps(quote: Quote) -> list[Step]:
    if quote.decision.allowance is None:
        return []
    if quote.allowance_left_s:
        return [Step("allowance_left", {"left_s": quote.allowance_left_s})]
    return [Step("allowance_gone" if quote.decision.after_allowance is None else "allowance_gone_refused", {})]


def _cap_steps(quote: Quote) -> list[Step]:
    return [_cap_step(quote, use) for use in quote.cap_uses]


def _cap_step(quote: Quote, use: CapUse) -> Step:
    span = "day" if use.span is CapSpan.DAILY else "month"
    is_own = use.scope is CapScope.EXTENSION
    values: dict[str, str | int] = {
        use.scope: quote.extension if is_own else quote.account.name,
        "cap_micros": use.cap_micros,
        "left_micros": use.left_micros,
        "currency": quote.account.currency,
    }
    return Step(f"cap_{use.scope}_{span}", values)


def _funds_steps(quote: Quote) -> list[Step]:
    verdict = quote.verdict
    if quote.decision.rate is None or not quote.has_price:
        return []
    values: dict[str, str | int] = {
        "hold_micros": verdict.first_hold_micros,
        "available_micros": quote.account.available_micros,
        "currency": quote.account.currency,
        "max_duration_s": verdict.max_duration_s or 0,
    }
    if isinstance(verdict.limit, TooManyCalls) and not verdict.admitted:
        calls = {"open_calls": quote.open_calls, "most_calls": verdict.limit.max_calls}
        return [Step("too_many_calls", {"extension": quote.extension, **calls})]
    if not verdict.admitted:
        if verdict.limit is None:
            return [Step("not_held", {**values, "account": quote.account.name})]
        return [Step("cap_reached", values)]
    held = "held_later" if quote.allowance_left_s and not verdict.first_hold_micros else "held"
    if isinstance(verdict.limit, CapUse):
        return [Step(f"{held}_capped", values)]
    return [Step(f"{held}_limited" if _is_limited(quote) else held, values)]


def _is_limited(quote: Quote) -> bool:
    """Say whether a call ends by the longest time that it may take, and not because money ends."""
    rate, lasts_s = quote.decision.rate, quote.verdict.max_duration_s
    if rate is None or lasts_s is None:
        return False
    longest_s = quote.decision.longest_call_s or LONGEST_PAID_S
    # No increment begins that the limit would cut.
    return lasts_s == longest_s or lasts_s + rate.increment_s > LONGEST_PAID_S


def _charge_steps(quote: Quote) -> list[Step]:
    if quote.charge_micros is None or quote.decision.rate is None:
        return []
    values: dict[str, str | int] = {
        "duration_s": quote.duration_s or 0,
        "billable_s": quote.billable_s or 0,
        "charge_micros": quote.charge_micros,
        "currency": quote.account.currency,
    }
    if not quote.allowance_s:
        return [Step("charged" if quote.duration_s != quote.billable_s else "charged_even", values)]
    split: dict[str, str | int] = {"allowance_s": quote.allowance_s, "charged_s": quote.charged_s or 0}
    return [Step("charged_after_allowance", {**values, **split})]
