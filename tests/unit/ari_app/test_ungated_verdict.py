"""What becomes of a leg that never passed the gate, by the setting, its number and who is behind it."""

from dataclasses import replace
from typing import Any

import pytest

from ari_app.ungated_verdict import Fate, KnownLeg, UngatedAction, UngatedVerdict, judge_leg, masked
from dialplan.trunks import DialFormat, Trunk
from rating.decision import DenyReason
from rating.destination import DestinationClass
from tests.unit.ari_app.office import CALLER, JERSEY_RATE, LEG, SETTINGS, T0, catalog, payer

JERSEY, PARIS = "+447797123456@carrier1", "+33145678901@carrier1"
TRUNK = Trunk(endpoint="carrier1")
HANG_UP, METER, ALERT = UngatedAction.HANG_UP, UngatedAction.METER, UngatedAction.ALERT
ALL = [HANG_UP, METER, ALERT]

BY_101 = KnownLeg(
    channel_id=LEG,
    trunk="carrier1",
    seen_at=T0,
    target=JERSEY,
    is_queue_member=False,
    rings_emergency=False,
    caller_channel=CALLER,
    deciding_name="PJSIP/101-00000001",
)


def judge(setting: UngatedAction, trunk: Trunk = TRUNK, **changes: Any) -> UngatedVerdict:
    return judge_leg(replace(BY_101, **changes), setting, catalog(), SETTINGS, trunk)


def test_leg_is_hung_up_by_default_and_its_price_is_known() -> None:
    verdict = judge(HANG_UP)

    assert verdict.fate is Fate.HUNG_UP
    assert verdict.denial is not None
    assert (verdict.call.extension, verdict.call.e164, verdict.call.ungated) == ("101", "+447797123456", True)
    assert verdict.call.unfunded_rate == JERSEY_RATE
    assert verdict.call.call_id == f"pbx1/ungated-{LEG}"


def test_leg_is_metered_on_the_extension_behind_it() -> None:
    verdict = judge(METER)

    assert (verdict.fate, verdict.call.rate, verdict.call.account_id) == (Fate.METERED, JERSEY_RATE, 1)
    assert verdict.call.dialled == "+447797123456"


@pytest.mark.parametrize("fate_of", [(HANG_UP, Fate.HUNG_UP), (METER, Fate.FOLLOWED), (ALERT, Fate.FOLLOWED)])
def test_included_leg_is_hung_up_only_where_all_are(fate_of: tuple[UngatedAction, Fate]) -> None:
    setting, fate = fate_of
    verdict = judge(setting, target=PARIS)

    assert (verdict.fate, verdict.call.destination_class) == (fate, DestinationClass.INCLUDED)


def test_leg_that_is_only_told_of_is_followed() -> None:
    assert judge(ALERT).fate is Fate.FOLLOWED


@pytest.mark.parametrize("setting", ALL)
@pytest.mark.parametrize("digits", ["112", "33112", "+33112", "0112", "0033112"])
@pytest.mark.parametrize("name", ["PJSIP/101-00000001", "PJSIP/stranger-00000001", ""])
def test_emergency_leg_is_followed_whatever_is_set_and_whoever_calls(
    setting: UngatedAction, digits: str, name: str
) -> None:
    verdict = judge(setting, target=f"{digits}@carrier1", deciding_name=name)

    assert (verdict.fate, verdict.call.destination_class) == (Fate.FOLLOWED, DestinationClass.EMERGENCY)
    assert (verdict.call.rate, verdict.call.unfunded_rate) == (None, None)


@pytest.mark.parametrize("setting", ALL)
@pytest.mark.parametrize("target", ["", "carrier1", "+447797123456@carrier2"])
def test_leg_whose_number_is_not_known_may_be_an_emergency_and_goes_on(setting: UngatedAction, target: str) -> None:
    assert judge(setting, target=target).fate is Fate.FOLLOWED


@pytest.mark.parametrize("setting", ALL)
def test_leg_that_became_the_caller_of_an_emergency_call_goes_on(setting: UngatedAction) -> None:
    assert judge(setting, rings_emergency=True).fate is Fate.FOLLOWED


@pytest.mark.parametrize("setting", [HANG_UP, METER])
def test_queues_member_whose_number_is_not_known_is_hung_up(setting: UngatedAction) -> None:
    assert judge(setting, target="", is_queue_member=True).fate is Fate.HUNG_UP


@pytest.mark.parametrize("name", ["", "PJSIP/stranger-00000001", "PJSIP/carrier2-00000001", "Local/101@phones-01;1"])
def test_leg_that_no_extension_is_behind_is_hung_up(name: str) -> None:
    verdict = judge(METER, deciding_name=name)

    assert verdict.fate is Fate.HUNG_UP
    assert verdict.denial is not None
    assert verdict.denial.reason is DenyReason.UNKNOWN_EXTENSION
    assert verdict.call.account_id is None


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("+870773123456@carrier1", DenyReason.NO_RATE),
        ("carrier1/sip:bob@example.org", DenyReason.INVALID_NUMBER),
        ("+33@carrier1", DenyReason.INVALID_NUMBER),
        ("102@carrier1", DenyReason.INVALID_NUMBER),
    ],
)
def test_leg_that_the_gate_would_have_refused_is_hung_up(target: str, reason: DenyReason) -> None:
    verdict = judge(METER, target=target)

    assert verdict.fate is Fate.HUNG_UP
    assert verdict.denial is not None
    assert verdict.denial.reason is reason


def test_leg_of_an_extension_without_prepaid_is_hung_up() -> None:
    known = catalog(payer("101", prepaid=False))

    verdict = judge_leg(BY_101, METER, known, SETTINGS, TRUNK)

    assert verdict.denial is not None
    assert verdict.denial.reason is DenyReason.PREPAID_OFF


@pytest.mark.parametrize(
    ("dial_format", "digits"),
    [(DialFormat.E164, "447797123456"), (DialFormat.ZEROS, "00447797123456"), (DialFormat.NATIONAL, "00447797123456")],
)
def test_number_is_read_in_the_trunks_own_form(dial_format: DialFormat, digits: str) -> None:
    trunk = Trunk(endpoint="carrier1", dial_format=dial_format)

    assert judge(METER, trunk, target=f"{digits}@carrier1").call.e164 == "+447797123456"


@pytest.mark.parametrize(("digits", "shown"), [("+299321212", "+29932…"), ("112", "112"), ("", "")])
def test_number_is_told_by_its_beginning(digits: str, shown: str) -> None:
    assert masked(digits) == shown
