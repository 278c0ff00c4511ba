"""The service's lines to Asterisk are cut, stalled or half-open, one of them or the other, while calls talk."""

import time
from datetime import timedelta

import pytest

from charging.cdr import EndSource
from rating.decision import DenyReason
from store.alerts import AlertKind
from tests.chaos.conftest import (
    NEAR,
    SHORT,
    ChaosDesk,
    MakeDesk,
    check_books,
    check_cut,
    check_record,
    check_refused_in_3_s,
    talks_and_records,
    talks_of,
)
from tests.chaos.faults import Direction, named, request, response_to
from tests.chaos.proxy import Accepting
from tests.e2e import sipp
from tests.e2e.desk import wait_until
from tests.e2e.office import SECOND_PRICED

CUT_S = 20.0
EARLY_RENEWAL = "first_slice_s = 10\nslice_s = 12\nleast_slice_s = 1\nrenew_lead_s = 5"
"""While ARI is silent, a deadline waits 2 s for the question whether the leg has come to call an emergency service."""
TWELVE_SECONDS = "first_slice_s = 12\nslice_s = 6\nleast_slice_s = 1\nrenew_lead_s = 2"


def test_ari_cut_for_20_s_with_ten_live_calls_ends_none_and_bills_all(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=EARLY_RENEWAL)
    carrier = desk.carrier(sipp.answers())
    ending = desk.phone(sipp.calls(SECOND_PRICED, 8_000), calls=5)
    outliving = desk.phone(sipp.calls(SECOND_PRICED, 27_000), calls=5, extension="102")
    carrier.wait_seen("SIP/2.0 200", 10)
    wait_until(lambda: sum(bool(session.paid_until_ms) for session in desk.sessions()) == 10, "all answers are saved")
    desk.ari.cut()
    cut_at = time.monotonic()
    ending.wait()
    wait_until(lambda: time.monotonic() - cut_at >= CUT_S, "the line is cut for 20 s", CUT_S + 1)
    desk.ari.heal()
    outliving.wait()

    for talk, cdr in talks_and_records(carrier, desk.wait_cdrs(10, 20)):
        ended_meanwhile = talk.length < timedelta(seconds=20)
        check_record(cdr, talk, EndSource.HANDLER if ended_meanwhile else EndSource.EVENT)
    check_books(desk)


@pytest.mark.parametrize("direction", [None, Direction.TO_SERVICE], ids=["both-ways", "events"])
def test_ari_stalled_refuses_callers_in_3_s_and_keeps_the_talking_call(
    make_desk: MakeDesk, direction: Direction | None
) -> None:
    desk = make_desk(metering=EARLY_RENEWAL)
    carrier = desk.carrier(sipp.answers())
    talking = desk.phone(sipp.calls(SECOND_PRICED, 12_300))
    desk.wait_armed()
    desk.ari.stall(*() if direction is None else (direction,))
    paid = desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503), extension="102")
    emergency = desk.phone(sipp.calls("112", 300), extension="103")
    emergency.wait()
    paid.wait()
    check_refused_in_3_s(paid)
    talking.wait()
    desk.wait_logged("ari_lost", limit_s=25)  # the keep-alive finds it out
    desk.ari.heal()
    desk.wait_logged("service_ready", 2)

    [cdr] = [cdr for cdr in desk.wait_cdrs(1) if cdr.dialled == SECOND_PRICED and cdr.leg]
    [talk] = [talk for talk in talks_of(carrier) if talk.length > timedelta(seconds=5)]
    check_record(cdr, talk, EndSource.HANDLER)
    check_books(desk)


def test_ari_half_open_is_given_up_and_taken_up_again(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=EARLY_RENEWAL)
    carrier = desk.carrier(sipp.answers())
    talking = desk.phone(sipp.calls(SECOND_PRICED, 12_300))
    desk.wait_armed()
    desk.ari.cut(Accepting.SILENT)
    desk.wait_logged("ari_unavailable")
    desk.ari.heal()
    desk.wait_logged("service_ready", 2)
    talking.wait()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    check_books(desk)


def test_answer_to_the_verdict_lost_lets_the_call_go_on_metered(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    verdict = desk.ari.faults.watch(request("POST", "/continue"))
    desk.ari.faults.drop(response_to(verdict))
    phone = desk.phone(sipp.calls(SECOND_PRICED, 5_300))
    phone.wait()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    check_books(desk)


# --- AMI -----------------------------------------------------------------------------------------------------


def test_ami_cut_alone_refuses_paid_calls_and_the_talking_one_goes_on(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=TWELVE_SECONDS)
    carrier = desk.carrier(sipp.answers())
    talking = desk.phone(sipp.calls(SECOND_PRICED, 14_300))
    desk.wait_armed()
    desk.ami.cut()
    desk.wait_logged("ami_lost")
    desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503), extension="102").wait()
    desk.phone(sipp.calls("112", 300), extension="103").wait()
    desk.ami.heal()
    desk.wait_logged("ami_connected", 2)
    talking.wait()

    refused = next(cdr for cdr in desk.wait_cdrs(3) if cdr.deny_reason is not None)
    assert refused.deny_reason is DenyReason.OVERLOAD
    [cdr] = [cdr for cdr in desk.cdrs() if cdr.dialled == SECOND_PRICED and cdr.leg]
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    check_books(desk)


def test_ami_away_for_good_ends_the_call_with_the_deadline_that_asterisk_has(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_armed()
    desk.ami.cut()
    phone.wait()
    [talk] = talks_of(carrier)
    assert timedelta(seconds=3.5) <= talk.length <= timedelta(seconds=8)
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.EVENT)
    check_books(desk)


def test_ami_stalled_is_given_up_and_the_call_is_armed_again(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=TWELVE_SECONDS)
    carrier = desk.carrier(sipp.answers())
    talking = desk.phone(sipp.calls(SECOND_PRICED, 14_300))
    desk.wait_armed()
    desk.ami.stall(Direction.TO_SERVICE)
    desk.wait_logged("ami_lost")
    desk.ami.heal()
    talking.wait()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    check_books(desk)


def test_ami_refusing_setvar_alerts_and_the_call_ends_with_its_first_slice(desk: ChaosDesk) -> None:
    desk.ami.faults.refuse(named("Setvar"))
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls_until_cut(SECOND_PRICED)).wait()
    [talk] = talks_of(carrier)
    check_cut(talk, 4)
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.EVENT)
    wait_until(lambda: desk.alert_kinds() == [AlertKind.DEADLINE_REFUSED], "the alert is written")
    check_books(desk)


def test_setvar_that_takes_the_deadline_away_alerts_and_the_service_ends_the_call_in_time(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.06", metering=SHORT)
    desk.ami.faults.change(named("Setvar"), {"Value": "0"})
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls_until_cut(SECOND_PRICED)).wait()
    [talk] = talks_of(carrier)
    assert talk.length <= timedelta(seconds=6) + NEAR
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.EVENT)
    wait_until(lambda: AlertKind.DEADLINE_REFUSED in desk.alert_kinds(), "the alert is written")
    check_books(desk, funds_micros=60_000)


def test_delete_failing_six_times_is_tried_on_and_the_hold_stays_until_the_leg_is_gone(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.04", metering=SHORT)
    carrier = desk.carrier(sipp.answers())
    hang_ups = desk.ari.faults.refuse(request("DELETE"), 500, times=6)
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_armed()
    leg = next(text for text in desk.channels() if text.startswith("PJSIP/carrier1")).partition("!")[0]
    desk.pbx.cli(f"dialplan set chanvar {leg} TIMEOUT(absolute) 0")  # Asterisk's own cut-off, which would come first
    hang_ups.wait(6)
    assert [session.held_micros for session in desk.sessions()] == [40_000]
    assert desk.account().reserved_micros == 40_000
    phone.wait()

    [talk] = talks_of(carrier)
    assert talk.length >= timedelta(seconds=8.5)
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.billable_s, cdr.charged_micros, cdr.end_source) == (4, 40_000, EndSource.EVENT)
    assert abs(timedelta(seconds=4 + cdr.unfunded_micros / 10_000) - talk.length) <= timedelta(seconds=1) + NEAR
    assert AlertKind.HANGUP_FAILS in desk.alert_kinds()
    check_books(desk, funds_micros=40_000)
