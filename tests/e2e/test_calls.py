"""The plain cases: included, paid, refused, unanswered, emergency; each by a phone through Asterisk to a carrier."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from charging.cdr import Disposition, EndSource, HangupSide
from rating.decision import DenyReason
from rating.destination import DestinationClass
from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.office import INCLUDED, MINUTE_PRICED, SECOND_PRICED, UNPRICED, WITH_CONNECT_FEE

MakeDesk = Callable[..., Desk]


def test_included_call_without_funds_rings_and_costs_nothing(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0")
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(INCLUDED, 1100)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert cdr.disposition is Disposition.ANSWERED
    assert cdr.destination_class is DestinationClass.INCLUDED
    assert (cdr.extension, cdr.endpoint, cdr.dialled, cdr.e164) == ("101", "PJSIP/101", INCLUDED, "+33612345678")
    assert (cdr.charged_micros, cdr.unfunded_micros, cdr.rate, cdr.funded_by) == (0, 0, None, ("plan",))
    assert cdr.billable_s == 2
    assert (cdr.hangup_side, cdr.hangup_cause, cdr.trunk) == (HangupSide.CALLER, 16, "carrier1")
    [invite] = carrier.seen("INVITE", sent=False)
    assert invite.first_line.startswith("INVITE sip:+33612345678@")


@pytest.mark.parametrize(
    ("number", "talk_ms", "seconds", "charged_micros"),
    [
        (SECOND_PRICED, 2100, 3, 30_000),  # 3 s at 0.60 a minute
        (MINUTE_PRICED, 1100, 60, 1_000_000),  # one whole minute
        (WITH_CONNECT_FEE, 1100, 2, 500_000),  # 0.10 + 2 s at 0.80 a minute is less than the minimum of 0.50
    ],
)
def test_paid_call_is_charged_to_the_micro_unit(
    desk: Desk, number: str, talk_ms: int, seconds: int, charged_micros: int
) -> None:
    ring = timedelta(milliseconds=400)
    desk.carrier(sipp.answers(ring // timedelta(milliseconds=1)))
    phone = desk.phone(sipp.calls(number, talk_ms))
    phone.wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.billable_s, cdr.charged_micros) == (Disposition.ANSWERED, seconds, charged_micros)
    assert cdr.funded_by == ("account",)
    assert cdr.end_source is EndSource.EVENT
    assert desk.account().available_micros == 10_000_000 - charged_micros
    [answer] = phone.seen("SIP/2.0 200", sent=False)[:1]
    assert cdr.answered_at is not None
    assert cdr.answered_at - cdr.started_at > ring * 0.95, "metering began before the carrier answered"
    assert cdr.answered_at <= answer.at, "metering began after the answer had reached the phone"


def test_far_end_hangs_up_is_written_down(desk: Desk) -> None:
    desk.carrier(sipp.answers(hangs_up_after_ms=1100))
    desk.phone(sipp.calls_until_cut(SECOND_PRICED)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.hangup_side, cdr.billable_s, cdr.charged_micros) == (HangupSide.CALLEE, 2, 20_000)


@pytest.mark.parametrize(
    ("status", "seen_by_phone", "disposition"),
    [
        ("486 Busy Here", 486, Disposition.BUSY),
        ("480 Temporarily Unavailable", 480, Disposition.NO_ANSWER),
        ("404 Not Found", 404, Disposition.FAILED),
        ("603 Decline", 403, Disposition.FAILED),
    ],
)
def test_call_that_fails_costs_nothing(desk: Desk, status: str, seen_by_phone: int, disposition: Disposition) -> None:
    for name in ("carrier1", "carrier2"):
        desk.carrier(sipp.rejects(status), name=name)
    desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, seen_by_phone)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.charged_micros, cdr.answered_at) == (disposition, 0, None)
    assert desk.account().available_micros == 10_000_000
    assert desk.sessions() == []


def test_both_carriers_congested_is_congestion(desk: Desk) -> None:
    for name in ("carrier1", "carrier2"):
        desk.carrier(sipp.rejects("503 Service Unavailable"), name=name)
    desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.charged_micros, cdr.trunk) == (Disposition.CONGESTION, 0, "carrier2")


@pytest.mark.parametrize(
    ("scenario", "progress"), [(sipp.rings_for_ever(), 180), (sipp.stays_silent(), 100)], ids=["ringing", "silent"]
)
def test_caller_cancels_and_the_trunk_leg_is_gone_at_once(desk: Desk, scenario: str, progress: int) -> None:
    carrier = desk.carrier(scenario)
    phone = desk.phone(sipp.calls_and_cancels(SECOND_PRICED, 600, progress))
    carrier.wait_seen("INVITE")
    wait_until(lambda: desk.account().reserved_micros == 100_000, "the first slice of 10 s is held")
    phone.wait()

    [cancel] = phone.seen("CANCEL", sent=True)
    [cancelled] = carrier.wait_seen("CANCEL")
    assert cancelled.at - cancel.at < timedelta(seconds=10), "the carrier rang on for nobody, up to the ring limit"
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.charged_micros, cdr.hangup_side) == (Disposition.NO_ANSWER, 0, HangupSide.CALLER)
    account = desk.account()
    assert (account.available_micros, account.reserved_micros) == (10_000_000, 0)


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        (MINUTE_PRICED, 403, DenyReason.NO_FUNDS),
        (UNPRICED, 403, DenyReason.NO_RATE),
        ("0", 404, DenyReason.INVALID_NUMBER),
        ("*99#", 404, DenyReason.INVALID_NUMBER),
    ],
)
def test_refused_call_has_a_cause_for_the_phone_and_a_reason_in_the_record(
    make_desk: MakeDesk, number: str, status: int, reason: DenyReason
) -> None:
    desk = make_desk(funds="0.99")
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls_and_is_refused(number, status)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.deny_reason, cdr.charged_micros) == (Disposition.REFUSED, reason, 0)
    assert cdr.deny_rule
    assert (cdr.hangup_side, cdr.hangup_cause) == (HangupSide.TOLLGATE, {403: 21, 404: 1}[status])
    assert cdr.dialled == number
    assert carrier.seen("INVITE") == []
    assert desk.account().available_micros == 990_000


@pytest.mark.parametrize(
    ("digits", "dialled", "number"),
    [
        ("112", "112", "112"),
        ("15", "15", "15"),
        ("114", "114", "114"),
        ("*31#112", "112", "112"),  # the dialplan takes the code off by itself
        ("3651112", "112", "112"),
        ("1611112", "112", "112"),  # so does it with a carrier code
        ("*31#1611112", "*31#1611112", "112"),  # behind both: this one the gate reads
    ],
)
def test_emergency_call_rings_without_funds_and_writes_a_record(
    make_desk: MakeDesk, digits: str, dialled: str, number: str
) -> None:
    desk = make_desk(funds="0")
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(digits, 800)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.destination_class, cdr.disposition) == (DestinationClass.EMERGENCY, Disposition.ANSWERED)
    assert (cdr.extension, cdr.dialled, cdr.charged_micros) == ("101", dialled, 0)
    assert carrier.seen("INVITE")[0].first_line.startswith(f"INVITE sip:{number}@")


def test_emergency_call_tries_every_carrier(desk: Desk) -> None:
    desk.carrier(sipp.rejects("486 Busy Here"))
    second = desk.carrier(sipp.answers(), name="carrier2")
    desk.phone(sipp.calls("112", 500)).wait()

    assert len(second.seen("INVITE")) == 1
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.trunk) == (Disposition.ANSWERED, "carrier2")


def test_internal_call_never_asks_the_gate(desk: Desk) -> None:
    callee = desk.line.phone("102")
    other = sipp.Sipp.start(
        desk.folder / "sipp", "callee", sipp.answers(), local=(callee.host, callee.port or 5060), calls=1
    )
    try:
        desk.phone(sipp.calls("102", 300)).wait()
    finally:
        other.stop()
    assert desk.cdrs() == []


def test_internal_call_that_the_gate_read_finds_the_pbx_s_own_dialplan_as_ever(desk: Desk) -> None:
    desk.stop_service()
    desk.tollgate("extension", "add", "198", "--endpoint", "PJSIP/198")
    desk.start_service()
    desk.phone(sipp.calls_and_is_refused("*31#198", 486)).wait()  # it could write AstDB, and read it

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.destination_class, cdr.deny_reason) == (DestinationClass.INTERNAL, None)


def test_first_carrier_fails_and_the_second_answers_is_one_call(desk: Desk) -> None:
    desk.carrier(sipp.rejects("503 Service Unavailable"))
    second = desk.carrier(sipp.answers(ring_ms=1500), name="carrier2")
    phone = desk.phone(sipp.calls(SECOND_PRICED, 1100))
    second.wait_seen("INVITE")
    assert [session.held_micros for session in desk.sessions()] == [100_000]
    phone.wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.trunk, cdr.leg) == (Disposition.ANSWERED, "carrier2", 1)
    assert (cdr.billable_s, cdr.charged_micros) == (2, 20_000)


def test_variables_of_one_call_do_not_reach_the_next(desk: Desk) -> None:
    """A transferred party enters the gate again on the same channel: the second verdict stands alone."""
    desk.carrier(sipp.answers(hangs_up_after_ms=6000))
    desk.phone(sipp.calls_and_transfers(SECOND_PRICED, "00447797123456", 700)).wait()

    first, second = desk.wait_cdrs(2)
    assert (first.e164, second.e164) == ("+299321212", "+447797123456")
    assert first.call_id != second.call_id
    assert (first.rate and first.rate.prefix, second.rate and second.rate.prefix) == ("299", "447797")
    assert second.extension == "101", "the extension that transferred pays"


def test_live_call_is_shown_and_ended_by_an_administrator(make_desk: MakeDesk) -> None:
    desk = make_desk(metering="first_slice_s = 120\nslice_s = 120")  # what is looked at is no renewal
    desk.carrier(sipp.answers(ring_ms=50))
    paid = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    emergency = desk.phone(sipp.calls_until_cut("112"), extension="102")
    wait_until(lambda: _talking(desk) == 2, "both calls talk")

    shown = {call["class"]: call for call in _live_calls(desk)}
    assert (shown["international"]["extension"], shown["international"]["number"]) == ("101", "+299321212")
    assert shown["international"]["left_s"] > 900
    assert (shown["emergency"]["extension"], shown["emergency"]["number"]) == ("102", "112")
    assert isinstance(shown["emergency"]["talked_s"], int)
    assert desk.tollgate("calls", "hangup", shown["emergency"]["call_id"]).returncode == 1, "only with --force"
    for call, options in ((shown["international"], []), (shown["emergency"], ["--force"])):
        assert desk.tollgate("calls", "hangup", call["call_id"], *options).returncode == 0
    paid.wait()
    emergency.wait()

    cdrs = desk.wait_cdrs(2)
    assert [cdr.hangup_side for cdr in cdrs] == [HangupSide.TOLLGATE, HangupSide.TOLLGATE]


def _live_calls(desk: Desk) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = json.loads(desk.tollgate("calls", "--json").stdout)["calls"]
    return calls


def _talking(desk: Desk) -> int:
    return sum(call["state"] == "talking" for call in _live_calls(desk))
