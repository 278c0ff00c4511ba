"""The promises of rating, over anything that can be dialled and any price that can be written."""

import re
from datetime import UTC, datetime
from pathlib import Path

import phonenumbers
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rating.decision import DenyReason, decide, explain
from rating.deck import Deck, Rate
from rating.deck_import import parse_deck_csv
from rating.destination import DestinationClass
from rating.dialled import Dialled, DialRules, read_dialled
from rating.emergency import emergency_numbers
from rating.funding import quote_funds
from rating.money import format_money, parse_money
from rating.numbering import locate, split_country_code
from rating.patterns import compile_pattern
from rating.plan import parse_plan
from rating.price import (
    LONGEST_PAID_S,
    affordable_s,
    aligned_s,
    billable_s,
    charge_micros,
    first_hold_s,
    grow_s,
)
from tests.effort import EFFORT

MOMENT = datetime(2026, 11, 2, 10, tzinfo=UTC)
DATA = Path(__file__).parents[3] / "tollgate" / "data"
FRENCH_OFFICE = parse_plan((DATA / "plan-fr-office.toml").read_text(encoding="utf-8"))
EXAMPLE_DECK = Deck(
    "example",
    "EUR",
    [
        row
        for row in parse_deck_csv((DATA / "example-deck.csv").read_text(encoding="utf-8").splitlines())
        if isinstance(row, Rate)
    ],
)

amounts_micros = st.integers(min_value=0, max_value=10_000_000)
increments_s = st.sampled_from([1, 6, 7, 10, 30, 60]) | st.integers(min_value=1, max_value=300)
rates = st.builds(
    Rate,
    prefix=st.just("44"),
    destination=st.just("Anywhere"),
    per_minute_micros=amounts_micros,
    connect_fee_micros=st.just(0) | amounts_micros,
    initial_increment_s=increments_s,
    increment_s=increments_s,
    minimum_charge_micros=st.just(0) | amounts_micros,
)
seconds = st.integers(min_value=0, max_value=100_000)

dialable = st.text(alphabet="0123456789+*#", max_size=24)
phone_like = st.builds(
    str.__add__,
    st.sampled_from(["", "0", "00", "+", "+33", "0033", "9", "011", "*67", "3651", "1010288", "06", "+1", "+44"]),
    st.text(alphabet="0123456789", max_size=12),
)
well_formed = st.from_regex(
    r"(\+|00|9\+)(33|0033|49|521?|39|1|44|262|7|870)0?[1-9][0-9]{8,9}|90?0?[1-9][0-9]{8,9}|0[1-9][0-9]{8,9}",
    fullmatch=True,
)
anything = st.text(max_size=45) | dialable | phone_like
rules = st.builds(
    DialRules,
    home_region=st.sampled_from(["FR", "ES", "MX", "US", "GB", "DE", "IT", "CN", "RU", "AR", "BR", "HU", "JE"]),
    outside_line=st.sampled_from(["", "0", "9"]),
    extensions=st.just(frozenset({"101", "2001"})),
)


@given(rate=rates, funds_micros=st.integers(min_value=0, max_value=100_000_000))
def test_affordable_seconds_priced_back_fit_the_funds_and_one_more_increment_does_not(
    rate: Rate, funds_micros: int
) -> None:
    paid_s = affordable_s(rate, funds_micros)
    assert 0 <= paid_s <= LONGEST_PAID_S
    assert charge_micros(rate, paid_s) <= funds_micros
    next_s = grow_s(rate, paid_s, 1)
    assert paid_s in {0, aligned_s(rate, paid_s)}
    assert next_s > LONGEST_PAID_S or charge_micros(rate, next_s) > funds_micros


@given(rate=rates, earlier_s=seconds, later_s=seconds)
def test_charge_never_falls_with_time(rate: Rate, earlier_s: int, later_s: int) -> None:
    assume(earlier_s <= later_s)
    assert charge_micros(rate, earlier_s) <= charge_micros(rate, later_s)
    assert billable_s(rate, earlier_s) <= billable_s(rate, later_s)


@given(rate=rates, duration_ms=st.integers(min_value=-1_000, max_value=100_000_000))
def test_billable_seconds_cover_the_call_by_less_than_an_increment(rate: Rate, duration_ms: int) -> None:
    billed_s = billable_s(rate, duration_ms)
    assert billed_s * 1000 >= duration_ms
    assert billed_s >= rate.initial_increment_s
    assert billed_s == rate.initial_increment_s or (billed_s - rate.increment_s) * 1000 < duration_ms
    assert aligned_s(rate, billed_s) == billed_s


@given(rate=rates, paid_s=seconds, want_s=seconds)
def test_holds_are_aligned_and_cover_what_was_asked(rate: Rate, paid_s: int, want_s: int) -> None:
    grown_s = grow_s(rate, paid_s, want_s)
    assert grown_s >= paid_s + want_s
    assert grown_s == aligned_s(rate, grown_s)
    first_s = first_hold_s(rate)
    assert first_s >= max(10, rate.initial_increment_s)
    assert charge_micros(rate, first_s) >= max(rate.minimum_charge_micros, rate.connect_fee_micros)


@given(micros=st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1))
def test_money_written_and_read_back_is_the_same(micros: int) -> None:
    text = format_money(micros)
    assert parse_money(text) == micros
    assert re.fullmatch(r"-?[0-9]+\.[0-9]{2,6}", text)


@given(raw=anything, rules=rules, prepaid=st.booleans(), available_micros=amounts_micros)
def test_decide_anything_has_one_explained_answer(
    raw: str, rules: DialRules, prepaid: bool, available_micros: int
) -> None:
    decision = decide(raw, rules=rules, plan=FRENCH_OFFICE, deck=EXAMPLE_DECK, prepaid=prepaid, at_ms=0)
    assert decision.dialled == raw
    assert len(explain(decision.steps)) >= 2
    assert (decision.deny_reason is None) != (decision.deny_rule is not None)
    verdict = quote_funds(decision, available_micros, 0, MOMENT)
    assert verdict.admitted == (verdict.deny_reason is None)
    if "account" in decision.funded_by:
        assert prepaid
        assert decision.rate is not None
        assert not decision.rate.barred
    if verdict.admitted:
        assert decision.number
        assert re.fullmatch(r"\+?[0-9]+", decision.number)
        assert verdict.first_hold_micros <= available_micros


@settings(max_examples=300 * EFFORT)
@given(raw=well_formed, rules=rules)
def test_reading_a_number_again_changes_nothing(raw: str, rules: DialRules) -> None:
    dialled = read_dialled(raw, rules)
    if not isinstance(dialled, Dialled) or dialled.e164 is None:
        return
    again = read_dialled(dialled.number, rules)
    assert isinstance(again, Dialled)
    assert (again.number, again.line) == (dialled.number, dialled.line)


@settings(max_examples=300 * EFFORT)
@given(country_code=st.sampled_from([1, 7, 33, 34, 39, 44, 49, 52, 61, 262, 590, 870]), digits=st.data())
def test_region_and_type_are_the_library_s(country_code: int, digits: st.DataObject) -> None:
    national = digits.draw(st.text(alphabet="0123456789", min_size=6, max_size=10))
    number = phonenumbers.PhoneNumber(
        country_code=country_code,
        national_number=int(national),
        italian_leading_zero=national.startswith("0"),
        number_of_leading_zeros=max(1, len(national) - len(national.lstrip("0"))),
    )
    assume(national.strip("0"))
    location = locate(country_code, national)
    assert location.region == phonenumbers.region_code_for_number(number)
    assert location.library_type == phonenumbers.number_type(number)
    assert split_country_code(f"{country_code}{national}") == (country_code, national)


@pytest.mark.parametrize("region", sorted(phonenumbers.SUPPORTED_REGIONS))
@pytest.mark.parametrize("outside_line", ["", "9"])
def test_emergency_always_admitted_in_every_region(region: str, outside_line: str) -> None:
    rules = DialRules(home_region=region, outside_line=outside_line, extensions=emergency_numbers(region))
    for number in emergency_numbers(region):
        for raw in (number, outside_line + number, f"*67{number}", f"{outside_line}#31#{number}"):
            decision = decide(raw, rules=rules, plan=None, deck=None, prepaid=False, at_ms=0)
            assert decision.destination_class is DestinationClass.EMERGENCY
            assert quote_funds(decision, 0, 0, MOMENT).admitted


AWAY_EXCLUDED = [compile_pattern(pattern) for pattern in FRENCH_OFFICE.away_excluded]


@settings(max_examples=60 * EFFORT)
@given(digits=st.data())
@pytest.mark.parametrize("pattern", FRENCH_OFFICE.away_patterns)
def test_what_may_ring_while_the_service_is_away_is_included(pattern: str, digits: st.DataObject) -> None:
    raw = digits.draw(st.from_regex(compile_pattern(pattern), fullmatch=True))
    assume(not any(excluded.fullmatch(raw) for excluded in AWAY_EXCLUDED))
    rules = DialRules(home_region="FR")
    decision = decide(raw, rules=rules, plan=FRENCH_OFFICE, deck=EXAMPLE_DECK, prepaid=False, at_ms=0)
    assert decision.destination_class is DestinationClass.INCLUDED, decision


@pytest.mark.parametrize("pattern", FRENCH_OFFICE.away_excluded)
def test_what_is_excluded_while_the_service_is_away_is_covered_by_a_pattern(pattern: str) -> None:
    dialled = pattern.replace("X", "0")
    assert any(compile_pattern(covering).fullmatch(dialled) for covering in FRENCH_OFFICE.away_patterns)


@given(raw=st.from_regex(r"0(26[239]|508|590|594|596|639|69[0-467]|976)[0-9]{6}", fullmatch=True))
def test_overseas_france_is_never_included(raw: str) -> None:
    for written in (raw, f"+33{raw[1:]}", f"0033{raw[1:]}"):
        decision = decide(
            written, rules=DialRules(home_region="FR"), plan=FRENCH_OFFICE, deck=EXAMPLE_DECK, prepaid=True, at_ms=0
        )
        assert decision.destination_class in {DestinationClass.INTERNATIONAL, None}
        assert decision.destination_class or decision.deny_reason is DenyReason.INVALID_NUMBER
