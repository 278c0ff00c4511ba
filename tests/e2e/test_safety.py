"""When parts misbehave: the service is away, the dialplan is broken, a paid leg is transferred. See tests/chaos too."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from ari_app.clock import utc_now
from charging.cdr import Disposition, EndSource
from rating.destination import DestinationClass
from tests.e2e import sipp
from tests.e2e.desk import Desk, assert_cut_within_paid, wait_until
from tests.e2e.office import INCLUDED, SECOND_PRICED
from tests.e2e.pbx import MARGIN, SHORT_SLICES
from tests.e2e.two_line_phone import TwoLinePhone
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import SipAddress

MakeDesk = Callable[..., Desk]


def test_service_away_refuses_paid_calls_and_lets_included_and_emergency_calls_ring(desk: Desk) -> None:
    desk.stop_service()
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503)).wait()
    assert carrier.seen("INVITE") == []
    desk.phone(sipp.calls(INCLUDED, 300)).wait()
    desk.phone(sipp.calls("112", 300)).wait()
    desk.phone(sipp.calls("*31#15", 300)).wait()
    desk.phone(sipp.calls("1611114", 300)).wait()
    assert [invite.first_line.split("@")[0] for invite in carrier.seen("INVITE")] == [
        "INVITE sip:+33612345678",
        "INVITE sip:112",
        "INVITE sip:15",
        "INVITE sip:114",
    ]
    desk.start_service()
    # The leg of an included call leaves word of its end, the caller of an emergency call does.
    found = {cdr.dialled: cdr for cdr in desk.wait_cdrs(4)}
    assert set(found) == {INCLUDED, "112", "15", "114"}
    for cdr in found.values():
        assert (cdr.extension, cdr.end_source) == ("101", EndSource.HANDLER)
        assert (cdr.disposition, cdr.leg, cdr.charged_micros) == (Disposition.ANSWERED, 1, 0)
        assert cdr.answered_at is not None
        assert cdr.answered_at < cdr.ended_at < cdr.answered_at + timedelta(seconds=5)
    assert found["112"].destination_class is DestinationClass.EMERGENCY


def test_emergency_call_that_was_answered_while_the_service_was_dead_has_its_true_answer(desk: Desk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=5_000))
    phone = desk.phone(sipp.calls("112", 25_000))
    wait_until(lambda: carrier.seen("INVITE"), "it rings")
    desk.kill_service()
    wait_until(lambda: carrier.seen("SIP/2.0 200", sent=True), "it is answered")
    desk.start_service()
    phone.wait()
    [cdr] = desk.wait_cdrs(1)
    [answer] = carrier.seen("SIP/2.0 200", sent=True)[:1]
    assert (cdr.disposition, cdr.end_source, cdr.charged_micros) == (Disposition.ANSWERED, EndSource.EVENT, 0)
    assert cdr.answered_at is not None
    assert abs(cdr.answered_at - answer.at) < timedelta(seconds=0.5), "not when it was found"


def test_emergency_call_that_ends_while_the_service_is_dead_is_settled_by_what_its_caller_left(desk: Desk) -> None:
    desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls("112", 20_000))  # a command takes a while to start on a busy machine
    wait_until(lambda: "112" in desk.tollgate("calls", "--json").stdout, "the call is known")
    desk.kill_service()
    phone.wait()
    wait_until(lambda: not desk.channels(), "no channel is left")
    over_at = utc_now()
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.end_source, cdr.charged_micros) == (Disposition.ANSWERED, EndSource.HANDLER, 0)
    assert cdr.ended_at <= over_at, "not when it was noticed"


@pytest.mark.parametrize("digit", ["0", "1", "2", "3"], ids=["missing", "zero", "text", "negative"])
def test_slice_that_is_no_positive_number_aborts_the_call_at_the_answer(desk: Desk, digit: str) -> None:
    _is_aborted_at_the_answer(desk, f"*7{digit}")


def test_leg_that_dials_another_number_than_the_rated_one_is_aborted_at_the_answer(desk: Desk) -> None:
    _is_aborted_at_the_answer(desk, "*74")


def _is_aborted_at_the_answer(desk: Desk, dialled: str) -> None:
    """Assert that the answer itself ends a call which would otherwise talk for a minute, or for its slice of 9.7 s."""
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls_or_is_refused(dialled, 60_000))
    [answer] = carrier.wait_seen("SIP/2.0 200")[:1]
    [bye] = carrier.wait_seen("BYE")[:1]
    assert bye.at - answer.at < timedelta(seconds=5), "the two could talk"
    phone.stop()


# --- a metered outside party is transferred ------------------------------------------------------------------


def _transfer(desk: Desk, to: str) -> sipp.Sipp:
    """Have 101 call an outside party on 6 s of funds and transfer it; return the carrier, once the party is cut."""
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls_and_transfers(SECOND_PRICED, to, 700)).wait()
    [first_answer] = carrier.seen("SIP/2.0 200", sent=True)[:1]
    wait_until(lambda: _byes_of(carrier, first_answer.call_id), "the outside party is cut")
    return carrier


def _byes_of(carrier: sipp.Sipp, call_id: str) -> list[sipp.Seen]:
    return [bye for bye in carrier.seen("BYE", sent=False) if bye.call_id == call_id]


SIX_SECONDS = {"funds": "0.06", "metering": SHORT_SLICES}


def test_metered_party_transferred_into_the_gate_keeps_its_paid_end(make_desk: MakeDesk) -> None:
    desk = make_desk(**SIX_SECONDS)
    carrier = _transfer(desk, INCLUDED)
    cdrs = {cdr.dialled: cdr for cdr in desk.wait_cdrs(2)}
    assert_cut_within_paid(cdrs[SECOND_PRICED], 6)
    assert cdrs[SECOND_PRICED].charged_micros == 60_000
    assert cdrs[INCLUDED].charged_micros == 0
    assert len(carrier.seen("INVITE")) == 2


def test_metered_party_transferred_into_a_mute_gate_keeps_its_paid_end(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.06", metering=f"first_slice_s = 6\nleast_slice_s = 1\nrenew_lead_s = 1\n{MARGIN}")
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls_and_transfers(SECOND_PRICED, INCLUDED, 2000))
    wait_until(lambda: any(session.paid_until_ms for session in desk.sessions()), "the answer is saved")
    desk.freeze_service()
    try:
        phone.wait()
        carrier.wait_seen("BYE")
    finally:
        desk.thaw_service()
    cdrs = {cdr.dialled: cdr for cdr in desk.wait_cdrs(2)}
    assert_cut_within_paid(cdrs[SECOND_PRICED], 6)
    assert cdrs[INCLUDED].disposition is not Disposition.ANSWERED


def test_metered_party_transferred_into_the_pbx_keeps_its_paid_end(make_desk: MakeDesk) -> None:
    desk = make_desk(**SIX_SECONDS)
    _transfer(desk, "199")
    [cdr] = desk.wait_cdrs(1)
    assert_cut_within_paid(cdr, 6)
    assert cdr.charged_micros == 60_000


def test_metered_party_transferred_to_an_emergency_number_is_not_cut(make_desk: MakeDesk) -> None:
    desk = make_desk(**SIX_SECONDS)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls_and_transfers(SECOND_PRICED, "112", 700)).wait()
    [first, second] = carrier.wait_seen("SIP/2.0 200", 2)[:2]
    wait_until(lambda: utc_now() - first.at > timedelta(seconds=8), "well past the paid end")
    assert carrier.seen("BYE", sent=False) == [], "the emergency call was cut"
    assert len(desk.channels()) == 2
    assert second.at > first.at


# --- attended transfers --------------------------------------------------------------------------------------


def test_two_metered_parties_joined_by_attended_transfer_keep_their_paid_ends(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.12", metering="first_slice_s = 5\nleast_slice_s = 1\nrenew_lead_s = 1")
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    with TwoLinePhone(desk.line.phone("101"), SipAddress("127.0.0.1", desk.line.ports.sip)) as phone:
        first = phone.call(SECOND_PRICED)
        phone.join(first, phone.call("00299321213"))
    wait_until(lambda: len({bye.call_id for bye in carrier.seen("BYE", sent=False)}) == 2, "both are cut")

    cdrs = desk.wait_cdrs(2)
    assert sum(cdr.charged_micros for cdr in cdrs) <= 120_000
    assert [cdr.unfunded_micros for cdr in cdrs] == [0, 0]
    assert {cdr.extension for cdr in cdrs} == {"101"}


def test_metered_party_joined_to_an_emergency_call_is_not_cut(make_desk: MakeDesk) -> None:
    desk = make_desk(**SIX_SECONDS)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    with TwoLinePhone(desk.line.phone("101"), SipAddress("127.0.0.1", desk.line.ports.sip)) as phone:
        first = phone.call(SECOND_PRICED)
        phone.join(first, phone.call("112"))
    answer = carrier.seen("SIP/2.0 200", sent=True)[0]
    wait_until(lambda: utc_now() - answer.at > timedelta(seconds=8), "well past the paid end")
    assert carrier.seen("BYE", sent=False) == [], "the emergency call was cut"
    assert len(desk.channels()) == 2


def test_trunk_taken_out_of_the_settings_while_a_call_rings_on_it_still_ends_the_call_at_its_hold(
    desk: Desk, pbx: AsteriskInstance
) -> None:
    file = pbx.etc_dir / "tollgate.conf"
    before = file.read_text(encoding="utf-8")
    carrier = desk.carrier(sipp.answers(ring_ms=6000))
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    wait_until(lambda: carrier.seen("INVITE"), "the call rings")
    desk.kill_service()
    try:
        pbx.write_files({"tollgate.conf": before.replace("carrier1", "newcomer")})
        pbx.cli("dialplan reload")
        assert not carrier.seen("SIP/2.0 200"), "it rings still"
        assert '"newcomer"' in pbx.cli("dialplan show tg-answer")
        phone.wait()
    finally:
        pbx.write_files({"tollgate.conf": before})
        pbx.cli("dialplan reload")
    [answer] = carrier.wait_seen("SIP/2.0 200")[:1]
    [bye] = carrier.wait_seen("BYE")[:1]
    assert timedelta(seconds=9) < bye.at - answer.at < timedelta(seconds=11), "its first slice is 10 s"
