"""Calls that never passed the gate are found, told of, and hung up or metered; what is none of them is left alone."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ari_app.clock import epoch_ms, utc_now
from ari_app.requests import opening
from charging.call import Call
from charging.cdr import Cdr, Disposition, EndSource, HangupSide
from charging.commands import OpenSession as OpenSessionCommand
from charging.policy import MeteringPolicy
from charging.records import unanswered_record
from charging.session import begin
from rating.destination import DestinationClass
from store.alerts import AlertKind
from store.caps import NO_SPEND_LIMITS
from store.records import OpenSession
from store.settlement import settle_leg
from store.store import Store
from tests.e2e import sipp
from tests.e2e.desk import Desk, assert_cut_within_paid, wait_until
from tests.e2e.office import INCLUDED, SECOND_PRICED
from tests.e2e.pbx import MARGIN, SHORT_SLICES
from tests.unit.charging.story import paid_call

MakeDesk = Callable[..., Desk]

GREENLAND = "299321212"
STRAIGHT, THROUGH_LOCAL, AS_IT_IS, UNDER_ANOTHER_ID, OF_ANOTHER_NODE = "*90", "*91", "*92", "*93", "*94"
METER, ALERT = 'ungated_legs = "meter"', 'ungated_legs = "alert"'
SOON = timedelta(seconds=1.5)
"""A second, and what a busy machine may take."""


def done(desk: Desk) -> list[str]:
    """Return what became of the legs that were told of, oldest first, once there are some."""
    alerts = wait_until(lambda: desk.alerts(AlertKind.UNGATED_LEG), "an alert is written")
    return [str(alert.detail["done"]).partition(":")[0] for alert in reversed(alerts)]


def second(cdr: Cdr) -> int:
    """Return the seconds that a leg talked, a begun one whole."""
    assert cdr.answered_at is not None
    return -(-(cdr.ended_at - cdr.answered_at) // timedelta(seconds=1))


# --- hung up -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [STRAIGHT, THROUGH_LOCAL, UNDER_ANOTHER_ID])
def test_answered_leg_around_the_gate_is_hung_up_within_a_second_and_written_down(desk: Desk, way: str) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=100))
    desk.phone(sipp.calls_until_cut(f"{way}{GREENLAND}")).wait()

    [invite], [bye] = carrier.seen("INVITE"), carrier.wait_seen("BYE")
    assert bye.at - invite.at < SOON
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.disposition, cdr.hangup_side) == (True, Disposition.ANSWERED, HangupSide.TOLLGATE)
    assert (cdr.extension, cdr.e164, cdr.charged_micros) == ("101", f"+{GREENLAND}", 0)
    assert cdr.unfunded_micros == 10_000 * second(cdr)
    assert "never passed the gate" in (cdr.deny_rule or "")
    assert done(desk) == ["hung_up"]
    [alert] = desk.alerts(AlertKind.UNGATED_LEG)
    assert (alert.call_id, alert.detail["trunk"], alert.detail["extension"]) == (cdr.call_id, "carrier1", "101")
    assert alert.detail["number"] == "+29932…"


def test_ringing_leg_around_the_gate_is_hung_up_within_a_second(desk: Desk) -> None:
    carrier = desk.carrier(sipp.rings_for_ever())
    desk.phone(sipp.calls_or_is_refused(f"{STRAIGHT}{GREENLAND}", 5000))

    [invite], [cancel] = carrier.wait_seen("INVITE"), carrier.wait_seen("CANCEL")
    assert cancel.at - invite.at < SOON
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.answered_at, cdr.hangup_side) == (True, None, HangupSide.TOLLGATE)
    assert (cdr.charged_micros, cdr.unfunded_micros) == (0, 0)


def test_leg_originated_from_outside_of_the_dialplan_is_hung_up(desk: Desk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.pbx.cli(f"channel originate PJSIP/+{GREENLAND}@carrier1 extension 199@phones-internal")

    carrier.wait_seen("BYE")
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.extension, cdr.account_id, cdr.e164) == (True, "", None, f"+{GREENLAND}")


# --- metered -------------------------------------------------------------------------------------------------


def test_metered_leg_is_charged_to_the_cent_from_its_true_answer(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES, settings=METER)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls(f"{THROUGH_LOCAL}{GREENLAND}", 5300)).wait()

    [cdr] = desk.wait_cdrs(1)
    [answer] = carrier.seen("SIP/2.0 200", sent=True)[:1]
    assert cdr.answered_at is not None
    assert abs(cdr.answered_at - answer.at) < timedelta(milliseconds=300)
    assert (cdr.ungated, cdr.extension, cdr.hangup_side) == (True, "101", HangupSide.CALLER)
    assert (cdr.billable_s, cdr.charged_micros, cdr.unfunded_micros) == (second(cdr), 10_000 * second(cdr), 0)
    assert second(cdr) >= 5
    assert desk.account().available_micros == 10_000_000 - cdr.charged_micros
    assert done(desk) == ["metered"]


def test_metered_leg_is_cut_in_the_last_second_that_the_funds_pay_for(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.08", metering=SHORT_SLICES, settings=METER)
    desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls_until_cut(f"{STRAIGHT}{GREENLAND}")).wait()

    [cdr] = desk.wait_cdrs(1)
    assert_cut_within_paid(cdr, 8)
    assert (cdr.charged_micros, cdr.hangup_side, cdr.ungated) == (80_000, HangupSide.TOLLGATE, True)


def test_leg_that_no_funds_pay_for_is_hung_up_and_its_price_is_unfunded(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0", settings=METER)
    desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls_until_cut(f"{STRAIGHT}{GREENLAND}")).wait()

    [cdr] = desk.wait_cdrs(1)
    assert second(cdr) <= 2
    assert (cdr.charged_micros, cdr.unfunded_micros) == (0, 10_000 * second(cdr))
    assert "is available" in (cdr.deny_rule or "")
    assert done(desk) == ["hung_up"]


def test_included_leg_is_followed_and_costs_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk(settings=METER)
    desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls(f"{STRAIGHT}33{INCLUDED[1:]}", 2000)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.destination_class) == (True, DestinationClass.INCLUDED)
    assert (cdr.charged_micros, cdr.unfunded_micros, cdr.hangup_side) == (0, 0, HangupSide.CALLER)
    assert done(desk) == ["followed"]


def test_leg_of_a_forwarded_call_is_paid_by_who_forwarded_it(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES, settings=METER)
    desk.carrier(sipp.answers(ring_ms=900))
    desk.answering_phone(sipp.forwards(f"{STRAIGHT}{GREENLAND}"), extension="102")
    desk.phone(sipp.calls("102", 3000)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.extension, cdr.charged_micros) == (True, "102", 10_000 * second(cdr))


def test_leg_of_a_transferred_outside_party_is_paid_by_who_transferred_it(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES, settings=METER)
    desk.carrier(sipp.answers(ring_ms=900), name="carrier1")
    desk.answering_phone(sipp.answers_and_transfers(f"{STRAIGHT}{GREENLAND}", 300), extension="103")
    outsider = desk.outsider(sipp.calls("0145678901", 4000), name="carrier2")
    outsider.wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.extension, cdr.charged_micros) == (True, "103", 10_000 * second(cdr))


def test_service_restarted_while_a_metered_leg_talks_goes_on_metering_it(make_desk: MakeDesk) -> None:
    desk = make_desk(
        metering=f"first_slice_s = 8\nslice_s = 6\nleast_slice_s = 1\nrenew_lead_s = 3\n{MARGIN}", settings=METER
    )
    desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls(f"{STRAIGHT}{GREENLAND}", 13_000))
    wait_until(lambda: _answered(desk.sessions()), "the answer is saved")
    desk.kill_service()
    desk.start_service()
    phone.wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.end_source) == (True, EndSource.EVENT)
    assert (cdr.charged_micros, cdr.unfunded_micros) == (10_000 * second(cdr), 0)


def test_metered_leg_that_ended_while_the_service_was_away_is_settled_by_its_true_end(make_desk: MakeDesk) -> None:
    desk = make_desk(settings=METER)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls(f"{STRAIGHT}{GREENLAND}", 4000))
    wait_until(lambda: _answered(desk.sessions()), "the answer is saved")
    desk.kill_service()
    phone.wait()
    desk.start_service()

    [cdr] = desk.wait_cdrs(1)
    [bye] = carrier.wait_seen("BYE")
    assert (cdr.ungated, cdr.end_source) == (True, EndSource.HANDLER)
    assert abs(cdr.ended_at - bye.at) < timedelta(milliseconds=300)
    assert cdr.charged_micros == 10_000 * second(cdr)


def _answered(sessions: list[OpenSession]) -> bool:
    return any(session.paid_until_ms for session in sessions)


# --- only told of --------------------------------------------------------------------------------------------


def test_leg_that_is_only_told_of_talks_on_and_its_price_is_unfunded(make_desk: MakeDesk) -> None:
    desk = make_desk(settings=ALERT)
    desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls(f"{STRAIGHT}{GREENLAND}", 3200)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.charged_micros, cdr.unfunded_micros) == (True, 0, 10_000 * second(cdr))
    assert second(cdr) >= 3
    assert done(desk) == ["followed"]


# --- never ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("digits", ["112", "33112", "0112"])
def test_emergency_leg_around_the_gate_is_never_touched(desk: Desk, digits: str) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls(f"{AS_IT_IS}{digits}", 2500)).wait()

    [bye] = carrier.wait_seen("BYE")
    assert bye.at - carrier.seen("SIP/2.0 200", sent=True)[0].at > timedelta(seconds=2.3)
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.destination_class, cdr.charged_micros, cdr.unfunded_micros) == (DestinationClass.EMERGENCY, 0, 0)


def test_originated_emergency_leg_is_never_touched(desk: Desk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50, hangs_up_after_ms=2500))
    desk.pbx.cli("channel originate PJSIP/112@carrier1 extension 199@phones-internal")

    carrier.wait_seen("BYE")
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.destination_class, cdr.hangup_side) == (DestinationClass.EMERGENCY, HangupSide.CALLEE)


def test_legs_that_the_dialplan_let_through_while_the_service_was_away_go_on_when_it_is_back(desk: Desk) -> None:
    desk.stop_service()
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phones = [
        desk.phone(sipp.calls(INCLUDED, 9000)),
        desk.phone(sipp.calls("112", 9000), extension="102"),
    ]
    carrier.wait_seen("SIP/2.0 200", 2)
    desk.start_service()
    for phone in phones:
        phone.wait()

    assert not any(cdr.ungated for cdr in desk.wait_cdrs(2))
    assert desk.alerts(AlertKind.UNGATED_LEG) == []


@pytest.mark.parametrize("is_restarted", [False, True], ids=["seen", "found"])
def test_inbound_leg_on_the_same_trunk_is_never_touched(desk: Desk, is_restarted: bool) -> None:
    called = desk.answering_phone(sipp.answers(ring_ms=100))
    outsider = desk.outsider(sipp.calls("0145678901", 8000 if is_restarted else 2500), name="carrier1")
    called.wait_seen("SIP/2.0 200")
    if is_restarted:
        desk.kill_service()
        desk.start_service()
    outsider.wait()

    assert outsider.seen("BYE", sent=False) == []
    assert not any(cdr.ungated for cdr in desk.cdrs())
    assert desk.alerts(AlertKind.UNGATED_LEG) == []


def test_inbound_leg_that_is_transferred_out_through_the_gate_is_never_touched(desk: Desk) -> None:
    desk.answering_phone(sipp.answers_and_transfers(SECOND_PRICED, 300))
    desk.carrier(sipp.answers(ring_ms=50), name="carrier1")
    outsider = desk.outsider(sipp.calls("0145678901", 4000), name="carrier2")
    outsider.wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.ungated, cdr.extension, cdr.disposition) == (False, "101", Disposition.ANSWERED)
    assert desk.alerts(AlertKind.UNGATED_LEG) == []


def test_leg_that_became_the_caller_of_an_emergency_call_is_not_cut(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.06", metering=SHORT_SLICES, settings=METER)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls_and_transfers(f"{STRAIGHT}{GREENLAND}", "112", 1500)).wait()
    [first, _] = carrier.wait_seen("SIP/2.0 200", 2)[:2]
    wait_until(lambda: utc_now() - first.at > timedelta(seconds=9), "well past the paid end")

    assert carrier.seen("BYE", sent=False) == [], "the emergency call was cut"
    assert done(desk) == ["metered"]


def test_leg_of_another_nodes_call_is_never_touched(desk: Desk) -> None:
    call = replace(paid_call(None), call_id="other-pbx/1.1-1", node="other-pbx", started_at=utc_now())
    asyncio.run(_open(desk.database_url, call))
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls(f"{OF_ANOTHER_NODE}{GREENLAND}", 2500)).wait()
    asyncio.run(_close(desk.database_url, call))

    [bye] = carrier.wait_seen("BYE")
    assert bye.at - carrier.seen("SIP/2.0 200", sent=True)[0].at > timedelta(seconds=2.3)
    assert desk.alerts(AlertKind.UNGATED_LEG) == []


async def _open(url: str, call: Call) -> None:
    """Open a call of another node that shares the store."""
    session, command = begin(call, MeteringPolicy())
    assert isinstance(command[0], OpenSessionCommand)
    async with await Store.open(url) as store:
        await store.apply(opening(session, command[0], 1, MeteringPolicy(), NO_SPEND_LIMITS))


async def _close(url: str, call: Call) -> None:
    record = unanswered_record(call, utc_now(), cause=16, trunk="carrier1", caller_gone=True)
    async with await Store.open(url) as store:
        await store.apply(settle_leg(cdr=record, close=True, at_ms=epoch_ms(utc_now())))


def test_office_calls_and_gated_calls_are_none(desk: Desk) -> None:
    desk.carrier(sipp.answers(ring_ms=50))
    desk.answering_phone(sipp.answers(ring_ms=50), extension="102")
    phones = [desk.phone(sipp.calls("102", 2000)), desk.phone(sipp.calls(SECOND_PRICED, 2000), extension="103")]
    for phone in phones:
        phone.wait()

    assert not any(cdr.ungated for cdr in desk.wait_cdrs(1))
    assert desk.alerts(AlertKind.UNGATED_LEG) == []
