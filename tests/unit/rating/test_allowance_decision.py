"""What an allowance covers: minutes first, then money, or the end where money may not pay."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from rating.decision import (
    RING_LIMIT_MS,
    Decision,
    Denial,
    DenyReason,
    Step,
    decide,
    explain,
    without_money,
)
from rating.deck import Deck, PricedHours, Rate
from rating.destination import DestinationClass, NumberType
from rating.dialled import DialRules
from rating.funding import FundsVerdict, first_hold, quote_funds
from rating.hours import parse_hours
from rating.plan import Allowance, AllowanceScope, Plan

RULES = DialRules(home_region="FR")
PARIS = ZoneInfo("Europe/Paris")
MONDAY_TEN = datetime(2026, 11, 2, 10, tzinfo=PARIS)
FIXED = Allowance(name="domestic", minutes=120, scope=AllowanceScope.SEAT, covers=frozenset({("FR", NumberType.FIXED)}))
PLAN = Plan(name="minutes", title="Minutes", home_region="FR", deck="test", allowances=(FIXED,), longest_call_s=7_200)


def rate(prefix: str, per_minute_micros: int = 600_000, **changes: object) -> Rate:
    values: dict[str, object] = {
        "destination": "Somewhere",
        "per_minute_micros": per_minute_micros,
        "initial_increment_s": 1,
        "increment_s": 1,
    }
    return Rate(prefix=prefix, **{**values, **changes})  # type: ignore[arg-type]


DECK = Deck("test", "EUR", [rate("33"), rate("44")])


def decided(
    raw: str = "0142685300",
    *,
    plan: Plan = PLAN,
    deck: Deck | None = DECK,
    prepaid: bool = True,
    at_ms: int = 0,
) -> Decision:
    return decide(raw, rules=RULES, plan=plan, deck=deck, prepaid=prepaid, at_ms=at_ms)


def test_covered_number_uses_the_allowance_then_the_account() -> None:
    decision = decided()
    assert decision.admitted
    assert decision.destination_class is DestinationClass.NATIONAL
    assert (decision.allowance, decision.after_allowance) == (FIXED, None)
    assert decision.rate is not None
    assert decision.funded_by == ("allowance", "account")
    assert decision.longest_call_s == 7_200
    assert "120 minutes a month for each extension" in explain(decision.steps)[2]


@pytest.mark.parametrize("scope", AllowanceScope)
def test_explanation_says_whose_minutes_they_are(scope: AllowanceScope) -> None:
    allowance = Allowance(name="a", minutes=7, scope=scope, covers=FIXED.covers)
    plan = Plan(name="p", title="P", home_region="FR", deck="test", allowances=(allowance,))
    for language in ("en", "es", "fr"):
        assert any("7" in text for text in explain(decided(plan=plan).steps, language))


def test_number_that_no_allowance_covers_is_paid() -> None:
    decision = decided("0612345678")
    assert (decision.allowance, decision.funded_by) == (None, ("account",))


def test_first_allowance_that_covers_a_number_counts() -> None:
    more = Allowance(name="more", minutes=1, scope=AllowanceScope.ACCOUNT, covers=FIXED.covers)
    plan = Plan(name="p", title="P", home_region="FR", deck="test", allowances=(more, FIXED))
    assert decided(plan=plan).allowance is more


@pytest.mark.parametrize(
    ("changes", "reason", "key"),
    [
        ({"prepaid": False}, DenyReason.PREPAID_OFF, "only_allowance_prepaid_off"),
        ({"deck": None}, DenyReason.NO_RATE, "only_allowance_no_deck"),
        ({"deck": Deck("empty", "EUR", [])}, DenyReason.NO_RATE, "only_allowance_no_rate"),
        (
            {
                "plan": Plan(
                    name="p",
                    title="P",
                    home_region="FR",
                    deck="test",
                    allowances=(FIXED,),
                    refused=frozenset({DestinationClass.NATIONAL}),
                )
            },
            DenyReason.DESTINATION_DENIED,
            "only_allowance_plan_refuses",
        ),
    ],
)
def test_what_would_refuse_money_leaves_the_allowance(changes: dict[str, object], reason: DenyReason, key: str) -> None:
    decision = decided(**changes)  # type: ignore[arg-type]
    assert decision.admitted
    assert decision.rate is None
    assert decision.after_allowance is not None
    assert decision.after_allowance.reason is reason
    assert decision.funded_by == ("allowance",)
    assert decision.steps[-1].key == key
    assert quote_funds(decision, 10**9, 30, MONDAY_TEN) == FundsVerdict(True, 30, 0, None)
    assert quote_funds(decision, 10**9, 0, MONDAY_TEN) == FundsVerdict(False, 0, 0, reason)


def test_barred_prefix_bars_what_an_allowance_covers() -> None:
    assert decided(deck=Deck("bars", "EUR", [rate("33", barred=True)])).deny_reason is DenyReason.BARRED


@pytest.mark.parametrize(
    ("available_micros", "left_s", "verdict"),
    [
        (0, 0, FundsVerdict(False, 0, 100_000, DenyReason.NO_FUNDS)),
        (0, 4, FundsVerdict(True, 4, 100_000, None)),
        (50_000, 4, FundsVerdict(True, 9, 100_000, None)),
        (0, 60, FundsVerdict(True, 60, 0, None)),
        (600_000, 60, FundsVerdict(True, 120, 0, None)),
        (600_000, 0, FundsVerdict(True, 60, 100_000, None)),
        (10**9, 60, FundsVerdict(True, 7_200, 0, None)),
        (0, -5, FundsVerdict(False, 0, 100_000, DenyReason.NO_FUNDS)),
    ],
)
def test_funds_last_after_the_allowance(available_micros: int, left_s: int, verdict: FundsVerdict) -> None:
    assert quote_funds(decided(), available_micros, left_s, MONDAY_TEN) == verdict


def test_money_that_may_not_pay_after_all_leaves_the_allowance_or_refuses() -> None:
    denial = Denial(DenyReason.NO_RATE, "deck test is in MXN, account main in EUR")
    step = Step("payer_fault", {"fault": denial.rule})
    covered = without_money(decided(), denial, step)
    assert covered.admitted
    assert (covered.rate, covered.after_allowance, covered.funded_by) == (None, denial, ("allowance",))
    assert "it ends with the allowance" in explain(covered.steps)[-1]
    paid = without_money(decided("00442079460018"), denial, step)
    assert (paid.deny_reason, paid.deny_rule, paid.funded_by) == (DenyReason.NO_RATE, denial.rule, ())
    assert paid.rate is not None
    assert "the call is refused" in explain(paid.steps)[-1]


def test_prices_that_begin_while_it_may_ring_are_told() -> None:
    deck = Deck(
        "test",
        "EUR",
        [
            rate("44", 1, effective_until_ms=1_000),
            rate("44", 2, effective_from_ms=1_000, effective_until_ms=2_000),
            rate("44", 3, effective_from_ms=2_000, effective_until_ms=RING_LIMIT_MS),
            rate("49", 5, effective_from_ms=1_500),
            rate("4420", 6, effective_from_ms=RING_LIMIT_MS + 500, barred=True),
            rate("44", 7, effective_from_ms=RING_LIMIT_MS + 900),
        ],
    )
    decision = decided("00442079460018", deck=deck)
    assert decision.rate is not None
    assert decision.rate.per_minute_micros == 1
    assert [(at_ms, each.per_minute_micros) for at_ms, each in decision.later_rates] == [(1_000, 2), (2_000, 3)]
    # Where a price ends and none follows, or a bar does, the one the call was let through at stays.
    late = decided("00442079460018", deck=deck, at_ms=RING_LIMIT_MS - 1)
    assert [at_ms for at_ms, _ in late.later_rates] == []
    assert decided("00442079460018", deck=deck, at_ms=RING_LIMIT_MS).deny_reason is DenyReason.NO_RATE


def test_first_hold_is_the_dearest_that_may_be_due() -> None:
    dear = PricedHours("dear", parse_hours("mon 10:05-12:00"), 6_000_000)
    rates = [rate("44", periods=(dear,)), rate("44", 300_000, initial_increment_s=60, increment_s=60)]
    assert first_hold(rates[:1], MONDAY_TEN).micros == 1_000_000
    hold = first_hold(rates, MONDAY_TEN)
    assert (hold.paid_s, hold.micros) == (60, 6_000_000)
    assert first_hold([rate("44")], MONDAY_TEN).micros == 100_000


def test_explanation_names_the_hours_that_cost_otherwise() -> None:
    dear = PricedHours("peak", parse_hours("mon-fri 08:00-20:00"), 900_000)
    decision = decided("00442079460018", deck=Deck("test", "EUR", [rate("44", periods=(dear,))]))
    assert "In the hours mon-fri 08:00-20:00 (peak) a minute costs 0.90 EUR." in explain(decision.steps)
