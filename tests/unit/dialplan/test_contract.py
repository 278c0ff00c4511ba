"""The words that the dialplan and the service share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialplan.contract import (
    LegMark,
    MarkKind,
    call_id_of,
    call_prefix,
    caller_channel_of,
    endpoint_of,
    entry_of,
    number_variable,
    parse_leg_variable,
)
from dialplan.trunks import DialFormat, international_prefix, national_prefix, trunk_number


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        ("PJSIP/101-0000001f", "PJSIP/101"),
        ("PJSIP/sales-desk-0000001f", "PJSIP/sales-desk"),
        ("Local/101@phones-00000001;1", ""),
        ("PJSIP/101", ""),
        ("101", ""),
        ("", ""),
        ("Surrogate/x", ""),
    ],
)
def test_endpoint_of_a_channel_name(name: str, endpoint: str) -> None:
    assert endpoint_of(name) == endpoint


def test_leg_variable_of_an_authorised_leg_is_its_call() -> None:
    assert parse_leg_variable("1793610000.7-1") == "1793610000.7-1"
    assert call_id_of("1793610000.7-1") == "1793610000.7-1"
    assert caller_channel_of("1793610000.7-12") == "1793610000.7"
    assert caller_channel_of("paris/1793610000.7-12") == "1793610000.7"
    assert caller_channel_of("paris-2/sys-1793610000.7-12") == "sys-1793610000.7"
    assert entry_of("paris/1793610000.7-12") == 12
    assert call_prefix("paris") + "1793610000.7-12" == "paris/1793610000.7-12"
    assert call_prefix("") == ""


def test_leg_variable_of_a_leg_that_the_dialplan_let_through_is_a_mark() -> None:
    value = "emergency|1793610000.7-1|PJSIP/101-0000001f|112"

    assert parse_leg_variable(value) == LegMark(MarkKind.EMERGENCY, "1793610000.7-1", "PJSIP/101-0000001f", "112")
    assert call_id_of(value) == "1793610000.7-1"


def test_mark_of_an_emergency_is_one_whatever_its_caller_is_called() -> None:
    mark = parse_leg_variable("emergency|1793610000.7-1|PJSIP/a|b-0000001f|112")

    assert mark == LegMark(MarkKind.EMERGENCY, "1793610000.7-1", "PJSIP/a|b-0000001f", "112")


@given(st.text() | st.lists(st.text(alphabet="ab|-."), max_size=6).map("|".join))
def test_leg_variable_of_any_text_is_read_without_an_error(value: str) -> None:
    call_id_of(value)
    caller_channel_of(value)
    endpoint_of(value)


@pytest.mark.parametrize(
    ("number", "dial_format", "home_region", "dialled"),
    [
        ("+447797123456", DialFormat.PLUS, "FR", "+447797123456"),
        ("+447797123456", DialFormat.E164, "FR", "447797123456"),
        ("+447797123456", DialFormat.ZEROS, "FR", "00447797123456"),
        ("+447797123456", DialFormat.NATIONAL, "FR", "00447797123456"),
        ("+33145678901", DialFormat.NATIONAL, "FR", "0145678901"),
        ("+34912345678", DialFormat.NATIONAL, "ES", "912345678"),
        ("3631", DialFormat.ZEROS, "FR", "3631"),
        ("112", DialFormat.NATIONAL, "FR", "112"),
    ],
)
def test_number_in_the_trunks_own_format(number: str, dial_format: DialFormat, home_region: str, dialled: str) -> None:
    assert trunk_number(number, dial_format, home_region) == dialled


@pytest.mark.parametrize(("region", "prefix"), [("FR", "0"), ("ES", ""), ("US", "1"), ("GB", "0")])
def test_national_prefix_of_a_region(region: str, prefix: str) -> None:
    assert national_prefix(region) == prefix


@pytest.mark.parametrize(("region", "prefix"), [("FR", "00"), ("US", "011"), ("MX", "00"), ("AU", "00"), ("XX", "00")])
def test_international_prefix_of_a_region(region: str, prefix: str) -> None:
    assert international_prefix(region) == prefix


def test_number_variables_count_from_one() -> None:
    assert [number_variable(index) for index in (1, 2)] == ["TG_NUMBER_1", "TG_NUMBER_2"]
