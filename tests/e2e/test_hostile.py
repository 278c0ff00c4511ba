"""What a hostile phone dials, and what an innocent outsider is taken for."""

import time

from charging.cdr import Disposition
from rating.decision import DenyReason
from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.office import SECOND_PRICED


def test_dial_string_with_a_comma_does_not_jump_into_the_gate(desk: Desk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls_and_is_refused(f"{SECOND_PRICED},3", 404)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.deny_reason, cdr.extension) == (
        Disposition.REFUSED,
        DenyReason.INVALID_NUMBER,
        "101",
    )
    assert carrier.seen("INVITE") == []


def test_outside_party_transferred_through_the_gate_is_never_taken_for_a_leg(desk: Desk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.answering_phone(sipp.answers_and_transfers(SECOND_PRICED, 500))
    outsider = desk.outsider(sipp.calls_until_cut("0145678901"), name="carrier2")
    carrier.wait_seen("SIP/2.0 200")
    wait_until(lambda: any(session.paid_until_ms for session in desk.sessions()), "the answer is saved")
    desk.stop_service()
    desk.start_service()  # it compares the channels that live with the sessions that are open
    time.sleep(1.5)

    assert outsider.seen("BYE", sent=False) == []
    assert carrier.seen("BYE", sent=False) == []
    desk.pbx.cli("channel request hangup all")
    phone.stop()
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.leg, cdr.disposition, cdr.extension, cdr.trunk) == (1, Disposition.ANSWERED, "101", "carrier1")
