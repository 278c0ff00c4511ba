"""The promises of reading what was dialled, over anything that can be typed."""

import re
from functools import cache

import phonenumbers
from hypothesis import given, settings
from hypothesis import strategies as st

from rating.destination import NumberFacts, describe
from rating.dialled import Dialled, DialledKind, DialRules, TakenOff, Unreadable, read_dialled
from rating.emergency import emergency_numbers
from rating.faults import Fault
from rating.overrides import NumberingTable
from tests.effort import EFFORT

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@cache
def rules_of(region: str, outside_line: str) -> DialRules:
    return DialRules(home_region=region, outside_line=outside_line, extensions=frozenset({"101", "2001"}))


rules = st.builds(rules_of, st.sampled_from(REGIONS), st.sampled_from(["", "0", "9", "88"]))
lone = st.builds(rules_of, st.sampled_from(REGIONS), st.just(""))
digits = st.text(alphabet="0123456789", max_size=16)
openings = st.sampled_from(
    [
        "",
        "",
        "0",
        "00",
        "+",
        "+33",
        "0033",
        "9",
        "011",
        "*67",
        "#31#",
        "3651",
        "067",
        "1010288",
        "16",
        "044",
        "+1",
        "+44",
        "8",
        "010",
        "+262",
        "0639",
        "+521",
    ]
)
digit_like = st.builds(lambda *parts: "".join(parts), openings, openings, digits, st.sampled_from(["", "#", "*", "+"]))
anything = st.text(max_size=45) | st.text(alphabet="0123456789+*# ;ext=\u0661\uff11", max_size=30) | digit_like


@settings(max_examples=500 * EFFORT)
@given(raw=anything, rules=rules)
def test_reading_anything_answers_or_refuses_and_never_raises(raw: str, rules: DialRules) -> None:
    read = read_dialled(raw, rules)
    assert read.raw == raw
    if isinstance(read, Unreadable):
        assert read.detail in set(Fault)
        return
    assert re.fullmatch(r"\+[1-9][0-9]{6,14}|[0-9]+", read.number)
    assert isinstance(describe(read, rules), NumberFacts)
    assert (read.e164 == read.number) is (read.kind is DialledKind.E164)
    codes = {TakenOff.WITHHOLDING_CODE, TakenOff.SHOWING_CODE} & {what for what, _ in read.taken_off}
    assert (read.withhold_caller_id is not None) is bool(codes)


@settings(max_examples=500 * EFFORT)
@given(raw=digit_like, rules=lone)
def test_reading_the_number_that_was_read_changes_nothing(raw: str, rules: DialRules) -> None:
    read = read_dialled(raw, rules)
    if isinstance(read, Unreadable):
        return
    again = read_dialled(read.number, rules)
    assert isinstance(again, Dialled)
    assert (again.number, again.kind, again.taken_off) == (read.number, read.kind, ())
    assert describe(again, rules) == describe(read, rules)


@given(raw=st.text(alphabet="0123456789", min_size=2, max_size=14), region=st.sampled_from(REGIONS))
def test_digits_are_an_emergency_only_where_they_are_one_to_the_digit(raw: str, region: str) -> None:
    rules = rules_of(region, "")
    read = read_dialled(raw, rules)
    if raw in emergency_numbers(region):
        assert isinstance(read, Dialled)
        assert (read.kind, read.number) == (DialledKind.EMERGENCY, raw)
    elif isinstance(read, Dialled) and read.kind is DialledKind.EMERGENCY:
        assert read.taken_off, "it stood behind a code"
        assert read.number in emergency_numbers(region)


@given(raw=digit_like, rules=lone)
def test_overrides_change_what_a_number_is_and_never_which_one_is_dialled(raw: str, rules: DialRules) -> None:
    codes = NumberingTable(
        shorts=rules.numbering.shorts,
        emergencies=rules.numbering.emergencies,
        caller_id_codes=rules.numbering.caller_id_codes,
        carrier_codes=rules.numbering.carrier_codes,
    )
    bare = DialRules(home_region=rules.home_region, extensions=rules.extensions, numbering=codes)
    assert read_dialled(raw, bare) == read_dialled(raw, rules)
