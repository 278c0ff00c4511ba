"""Limits as options and cells have them."""

import pytest

from store.records import Extension
from tollgate.cli.bad_field import BadFieldError
from tollgate.cli.limits import LIMIT_FIELDS, limit_cell, limit_documents, limits_summary, read_caps, read_limits

PHONE = Extension(
    id=1,
    account_id=1,
    number="101",
    endpoint="PJSIP/101",
    plan=None,
    prepaid=True,
    language="en",
    display_name=None,
    created_at_ms=0,
)


@pytest.mark.parametrize(
    ("field", "text", "column", "value"),
    [
        ("daily_cap", "5", "daily_cap_micros", 5_000_000),
        ("daily_cap", "0", "daily_cap_micros", 0),
        ("monthly_cap", " 49.99 ", "monthly_cap_micros", 49_990_000),
        ("max_calls", "2", "max_calls", 2),
        ("max_calls", "0", "max_calls", 0),
        ("max_rate", "0.015", "max_rate_micros", 15_000),
        ("longest_call_s", "600", "longest_call_s", 600),
        ("longest_call_s", "90s", "longest_call_s", 90),
        ("longest_call_s", "10m", "longest_call_s", 600),
        ("longest_call_s", "2H", "longest_call_s", 7_200),
        ("allow", "premium,gb", "allow_list", "GB,premium"),
        ("deny", "001", "deny_list", "001"),
        ("hours", "Mon-Fri 08:00-19:00;sat", "hours", "mon-fri 08:00-19:00; sat 00:00-24:00"),
    ],
)
def test_limit_is_read_as_its_column(field: str, text: str, column: str, value: int | str) -> None:
    assert read_limits({field: text}) == {column: value}
    assert read_limits({field: "none"}) == {column: None}
    assert read_limits({field: "NONE"}) == {column: None}
    assert read_limits({field: None}) == {}


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("daily_cap", "5 EUR", "'5 EUR' is not an amount of money"),
        ("daily_cap", "-5", "--daily-cap: '-5' cannot be used; write a decimal number such as 5 or 4.99, or none"),
        ("monthly_cap", "", "is not an amount of money"),
        ("max_calls", "two", "--max-calls: 'two' cannot be used; write a whole number of calls"),
        ("max_calls", "-1", "--max-calls: '-1' cannot be used"),
        ("max_calls", "1.5", "cannot be used"),
        ("max_rate", "1,5", "'1,5' is not an amount of money"),
        ("longest_call_s", "0", "--longest-call: '0' cannot be used; write seconds, or a time such as 90s, 10m or 2h"),
        ("longest_call_s", "10 m", "cannot be used"),
        ("longest_call_s", "1d", "cannot be used"),
        ("allow", "UK", "did you mean GB?"),
        ("deny", "emergency", "emergency calls always go through"),
        ("deny", "", "names no destination"),
        ("hours", "mon 8-19", "--hours: '8-19' are no times; write them as 08:00-20:00"),
    ],
)
def test_limit_that_cannot_be_read_says_what_to_write(field: str, text: str, words: str) -> None:
    with pytest.raises(BadFieldError) as raised:
        read_limits({field: text})
    assert words in str(raised.value)
    assert raised.value.field == field
    assert "none" in raised.value.hint


def test_caps_that_are_not_given_stay() -> None:
    assert read_caps(None, None) == {}
    assert read_caps("3", None) == {"daily_cap_micros": 3_000_000}
    assert read_caps(None, "none") == {"monthly_cap_micros": None}
    assert read_caps("none", "0") == {"daily_cap_micros": None, "monthly_cap_micros": 0}
    with pytest.raises(BadFieldError):
        read_caps("x", None)


def test_extension_without_limits_has_none() -> None:
    document = limit_documents(PHONE)
    assert document == dict.fromkeys(LIMIT_FIELDS)
    assert limits_summary(document) == ""
    assert limit_cell(None) == "none"


def test_limits_are_told_in_one_line() -> None:
    document = {"daily_cap": "5.00", "longest_call_s": 600, "deny": ["GB", "premium"], "hours": None}
    assert limits_summary(document) == "daily cap 5.00; longest call s 600; deny GB,premium"
