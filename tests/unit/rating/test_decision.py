"""Decisions: the order of the questions, funds, and the explanation in words."""

from dataclasses import replace
from datetime import UTC, datetime
from string import Formatter

import pytest

from rating.decision import Decision, DenyReason, Step, decide, explain, reading_steps
from rating.deck import Deck, Rate
from rating.destination import DestinationClass, NumberType
from rating.dialled import DialRules, TakenOff
from rating.faults import Fault
from rating.funding import FundsVerdict, quote_funds
from rating.plan import Plan
from rating.sentences import SENTENCES

MOMENT = datetime(2026, 11, 2, 10, tzinfo=UTC)
RULES = DialRules(home_region="FR", extensions=frozenset({"101"}))


def rate(prefix: str, *, connect_fee_micros: int = 0, barred: bool = False) -> Rate:
    return Rate(
        prefix=prefix,
        destination=f"To {prefix}",
        per_minute_micros=600_000,
        connect_fee_micros=connect_fee_micros,
        initial_increment_s=1,
        increment_s=1,
        barred=barred,
    )


DECK = Deck("test", "EUR", [rate("44"), rate("447", connect_fee_micros=100_000), rate("336393", barred=True)])
PLAN = Plan(
    name="office",
    title="Office",
    home_region="FR",
    deck="test",
    included=frozenset({("FR", NumberType.FIXED), ("FR", NumberType.MOBILE)}),
    refused=frozenset({DestinationClass.PREMIUM}),
    longest_call_s=7_200,
)


def decided(raw: str, *, plan: Plan | None = PLAN, deck: Deck | None = DECK, prepaid: bool = True) -> Decision:
    return decide(raw, rules=RULES, plan=plan, deck=deck, prepaid=prepaid, at_ms=0)


@pytest.mark.parametrize("prepaid", [True, False])
@pytest.mark.parametrize("plan", [PLAN, None])
@pytest.mark.parametrize("deck", [DECK, Deck("bars", "EUR", [rate("FR:1", barred=True)]), None])
def test_decide_emergency_whatever_is_missing_admitted(plan: Plan | None, deck: Deck | None, prepaid: bool) -> None:
    decision = decided("112", plan=plan, deck=deck, prepaid=prepaid)
    assert decision.admitted
    assert decision.destination_class is DestinationClass.EMERGENCY
    assert (decision.rate, decision.funded_by, decision.longest_call_s) == (None, (), None)
    assert quote_funds(decision, 0, 0, MOMENT) == FundsVerdict(True, None, 0, None)


def test_decide_internal_needs_neither_plan_nor_deck() -> None:
    decision = decided("101", plan=None, deck=None, prepaid=False)
    assert decision.admitted
    assert decision.destination_class is DestinationClass.INTERNAL
    assert quote_funds(decision, 0, 0, MOMENT).admitted


def test_decide_included_admitted_with_nothing_and_limited_by_the_plan() -> None:
    decision = decided("0612345678", deck=None, prepaid=False)
    assert decision.admitted
    assert decision.destination_class is DestinationClass.INCLUDED
    assert (decision.rate, decision.funded_by) == (None, ("plan",))
    assert quote_funds(decision, 0, 0, MOMENT) == FundsVerdict(True, 7_200, 0, None)


def test_decide_paid_names_rate_and_payer() -> None:
    decision = decided("00442079460018")
    assert decision.admitted
    assert decision.destination_class is DestinationClass.INTERNATIONAL
    assert decision.rate is not None
    assert decision.rate.prefix == "44"
    assert decision.funded_by == ("account",)
    assert (decision.number, decision.e164, decision.region) == ("+442079460018", "+442079460018", "GB")


@pytest.mark.parametrize(
    ("raw", "changes", "destination_class", "reason", "rule"),
    [
        ("06 12", {}, None, DenyReason.INVALID_NUMBER, "reading: characters"),
        ("0639300000", {}, DestinationClass.INTERNATIONAL, DenyReason.NO_RATE, "deck test: no prefix matches"),
        ("0899123456", {}, DestinationClass.PREMIUM, DenyReason.DESTINATION_DENIED, "office: premium is refused"),
        ("00442079460018", {"prepaid": False}, "international", DenyReason.PREPAID_OFF, "prepaid is off"),
        ("004930901820", {}, "international", DenyReason.NO_RATE, "deck test: no prefix matches"),
        ("004930901820", {"deck": None}, "international", DenyReason.NO_RATE, "plan: no deck"),
        ("0612345678", {"plan": None}, "national", DenyReason.NO_RATE, "deck test: no prefix matches"),
    ],
)
def test_decide_refused_names_reason_and_rule(
    raw: str,
    changes: dict[str, bool | None],
    destination_class: DestinationClass | str | None,
    reason: DenyReason,
    rule: str,
) -> None:
    decision = decided(raw, **changes)  # type: ignore[arg-type]  # each change fits its argument
    assert not decision.admitted
    assert decision.destination_class == destination_class
    assert decision.deny_reason is reason
    assert rule in (decision.deny_rule or "")
    assert decision.funded_by == ()
    assert quote_funds(decision, 10**12, 0, MOMENT) == FundsVerdict(False, 0, 0, reason)


def test_decide_barred_prefix_bars_even_what_the_plan_includes() -> None:
    deck = Deck("test", "EUR", [rate("33612", barred=True)])
    decision = decided("0612345678", deck=deck)
    assert decision.destination_class is DestinationClass.BARRED
    assert decision.deny_reason is DenyReason.BARRED
    assert decision.deny_rule == "deck test: prefix 33612 is barred"


def test_decide_short_number_is_priced_in_its_own_namespace() -> None:
    deck = Deck("test", "EUR", [rate("363"), rate("FR:36")])
    plan = Plan(name="bare", title="Bare", home_region="FR", deck="test")
    decision = decided("3631", plan=plan, deck=deck)
    assert decision.rate is not None
    assert decision.rate.prefix == "FR:36"
    assert (decision.number, decision.e164) == ("3631", None)


@pytest.mark.parametrize(
    ("available_micros", "verdict"),
    [
        (199_999, FundsVerdict(False, 0, 200_000, DenyReason.NO_FUNDS)),
        (200_000, FundsVerdict(True, 10, 200_000, None)),
        (700_000, FundsVerdict(True, 60, 200_000, None)),
        (10**12, FundsVerdict(True, 7_200, 200_000, None)),
    ],
)
def test_quote_funds_holds_ten_seconds_and_the_connect_fee(available_micros: int, verdict: FundsVerdict) -> None:
    assert quote_funds(decided("00447400123456"), available_micros, 0, MOMENT) == verdict


def test_quote_funds_without_plan_limit_counts_the_funds_only() -> None:
    plan = Plan(name="bare", title="Bare", home_region="FR", deck="test")
    assert quote_funds(decided("00442079460018", plan=plan), 6_000_000, 0, MOMENT).max_duration_s == 600
    assert quote_funds(decided("00442079460018", plan=None), 6_000_000, 0, MOMENT).max_duration_s == 600


def test_quote_of_the_documentation(french_office: Plan, example_deck: Deck) -> None:
    decision = decided("00447797123456", plan=french_office, deck=example_deck)
    assert (decision.e164, decision.region, decision.number_type) == ("+447797123456", "JE", NumberType.MOBILE)
    assert quote_funds(decision, 10_000_000, 0, MOMENT) == FundsVerdict(True, 3_157, 31_667, None)
    assert explain(decision.steps) == [
        "00447797123456 was dialled.",
        "It reads as +447797123456: region JE, type mobile.",
        "The plan fr-office does not include it: it is a paid call, class international.",
        "The deck example prices it by prefix 447797 (Jersey mobile): 0.19 EUR a minute, by the second.",
    ]


@pytest.mark.parametrize(
    ("raw", "changes", "sentence"),
    [
        ("112", {}, "It is the emergency number 112 of FR."),
        ("112", {}, "Emergency calls always go through and cost nothing."),
        ("101", {}, "It is extension 101 of this office."),
        ("101", {}, "Calls inside the office cost nothing."),
        ("*670612345678", {}, "*67 withholds the caller's number for this call"),
        ("0612345678", {}, "The plan office includes it: it costs nothing."),
        ("0612345678", {"plan": None}, "No plan applies: it is a paid call, class national."),
        ("0612345678", {"plan": None}, "The deck test has no price for it: the call is refused."),
        ("3631", {}, "It is the short number 3631 of FR."),
        ("3631", {}, "The plan office does not allow premium calls: the call is refused."),
        ("00447400123456", {}, "Each answered call costs a connect fee of 0.10 EUR."),
        ("00447400123456", {"prepaid": False}, "Prepaid calls are switched off for extension "),
        ("00447400123456", {"deck": None}, "There is no deck to price it: the call is refused."),
        ("06 12", {}, "Only the digits 0-9, +, * and # can be dialled: the call is refused."),
    ],
)
def test_explain_says_what_decided(raw: str, changes: dict[str, bool | None], sentence: str) -> None:
    decision = decided(raw, **changes)  # type: ignore[arg-type]  # each change fits its argument
    assert any(sentence in told for told in explain(decision.steps))


def test_explain_barred_and_minimum_charge() -> None:
    steps = (
        Step("barred", {"deck": "test", "prefix": "882", "destination": "Satellite"}),
        Step("minimum_charge", {"minimum_charge_micros": 500_000, "currency": "EUR"}),
    )
    assert explain(steps) == [
        "The deck test bars prefix 882 (Satellite): the call is refused.",
        "An answered call costs at least 0.50 EUR.",
    ]


def test_explain_minimum_charge_of_a_paid_call(example_deck: Deck) -> None:
    plan = Plan(name="bare", title="Bare", home_region="FR", deck="example")
    told = explain(decided("0899123456", plan=plan, deck=example_deck).steps)
    assert told[-1] == "An answered call costs at least 0.50 EUR."


@pytest.mark.parametrize(
    ("raw", "keys"),
    [
        ("*670899123456", ["dialled", "withholding_code", "read_e164"]),
        ("112", ["dialled", "read_emergency"]),
        ("abc", ["dialled", "unreadable_characters"]),
        ("", ["dialled_nothing", "unreadable_empty"]),
    ],
)
def test_reading_steps_end_with_the_reading(raw: str, keys: list[str]) -> None:
    assert [step.key for step in reading_steps(decided(raw).steps)] == keys


@pytest.mark.parametrize(
    ("increments", "words"),
    [
        ((1, 1), "0.60 EUR a minute, by the second."),
        ((60, 60), "0.60 EUR a minute, every 60 s."),
        ((30, 6), "0.60 EUR a minute, 30 s at first and then every 6 s."),
    ],
)
def test_explain_says_equal_increments_once(increments: tuple[int, int], words: str) -> None:
    initial_s, further_s = increments
    priced = replace(rate("44"), initial_increment_s=initial_s, increment_s=further_s)
    told = explain(decided("00442079460018", deck=Deck("test", "EUR", [priced])).steps)
    assert told[-1].endswith(words)


def test_explain_unknown_range_names_the_country_code_and_its_region() -> None:
    told = explain(decided("+447700900123").steps)
    assert told[-1].startswith("It is a number of GB or of a region that shares its country code +44, but no number")


def test_explain_language_that_is_not_there_in_english() -> None:
    assert explain((Step("internal", {}),), "tlh") == [SENTENCES["en"]["internal"]]


def test_sentences_every_fault_and_everything_taken_off_has_words() -> None:
    keys = {f"unreadable_{fault}" for fault in Fault} | set(TakenOff)
    for sentences in SENTENCES.values():
        assert keys <= sentences.keys()
        assert sentences.keys() == SENTENCES["en"].keys()


def test_sentences_every_language_names_the_same_values() -> None:
    def names(sentence: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(sentence) if name}

    for sentences in SENTENCES.values():
        assert {key: names(words) for key, words in sentences.items()} == {
            key: names(words) for key, words in SENTENCES["en"].items()
        }
