"""The service is killed (kill -9) at every step of a paid call, and started again.

Each time: nothing talks unpaid past its hold, each leg that answered has one record with its true times, no hold is
left, and the books are exact.
"""

from charging.cdr import Disposition, EndSource
from rating.destination import DestinationClass
from store.alerts import AlertKind
from tests.chaos.conftest import ChaosDesk, MakeDesk, check_books, check_cut, check_record, check_times, talks_of
from tests.chaos.faults import named, request
from tests.e2e import sipp
from tests.e2e.desk import wait_until
from tests.e2e.office import INCLUDED, SECOND_PRICED

BEHIND_TWO_CODES = "*31#1611112"
"""An emergency number that the dialplan does not know by itself."""
LONG_FIRST_SLICE = "first_slice_s = 16\nslice_s = 4\nleast_slice_s = 1\nrenew_lead_s = 1"
"""Time to start the service again while a call talks."""


def test_killed_before_the_hold_is_committed_refuses_the_caller_and_holds_nothing(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    asked = desk.ari.faults.watch(request("POST", "/subscription"))
    with desk.locked_store():
        phone = desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503))
        asked.wait()
        desk.kill_service()
    phone.wait()
    assert carrier.seen("INVITE") == []
    assert desk.sessions() == []
    desk.start_service()
    assert desk.cdrs() == []
    check_books(desk)


def test_killed_after_the_commit_before_the_verdict_refuses_the_caller_and_gives_the_hold_back(
    desk: ChaosDesk,
) -> None:
    carrier = desk.carrier(sipp.answers())
    verdict = desk.ari.faults.hold(request("POST", "/variables", "/continue"))
    phone = desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503))
    verdict.wait(2)
    [session] = desk.sessions()
    assert session.held_micros == 40_000
    desk.kill_service()
    phone.wait()
    assert carrier.seen("INVITE") == []
    verdict.end()
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.leg, cdr.charged_micros) == (0, 0)
    assert cdr.disposition is not Disposition.ANSWERED
    check_books(desk)


def test_killed_with_the_variables_set_before_continue_refuses_the_caller_and_gives_the_hold_back(
    desk: ChaosDesk,
) -> None:
    carrier = desk.carrier(sipp.answers())
    variables = desk.ari.faults.watch(request("POST", "/variables"))
    back = desk.ari.faults.hold(request("POST", "/continue"))
    phone = desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503))
    variables.wait()
    back.wait()
    desk.kill_service()
    phone.wait()
    assert carrier.seen("INVITE") == []
    back.end()
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.leg, cdr.charged_micros) == (0, 0)
    check_books(desk)


def test_killed_while_it_rings_ends_the_answered_leg_with_its_hold(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=800))
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    carrier.wait_seen("SIP/2.0 180")
    desk.kill_service()
    phone.wait()
    [talk] = talks_of(carrier)
    check_cut(talk, 4)
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.HANDLER)
    check_books(desk)


def test_killed_while_it_rings_and_back_before_the_end_goes_on_metering(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=LONG_FIRST_SLICE)
    carrier = desk.carrier(sipp.answers(ring_ms=800))
    phone = desk.phone(sipp.calls(SECOND_PRICED, 17_500))
    carrier.wait_seen("SIP/2.0 180")
    desk.kill_service()
    carrier.wait_seen("SIP/2.0 200")
    desk.start_service()
    phone.wait()
    [cdr] = desk.wait_cdrs(1)
    [talk] = talks_of(carrier)
    check_record(cdr, talk, EndSource.EVENT)
    assert cdr.billable_s == 18
    check_books(desk)


def test_killed_while_it_rings_and_the_caller_gives_up_gives_the_hold_back(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.rings_for_ever())
    phone = desk.phone(sipp.calls_and_cancels(SECOND_PRICED, 700))
    carrier.wait_seen("SIP/2.0 180")
    desk.kill_service()
    phone.wait()
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    assert (cdr.leg, cdr.charged_micros) == (0, 0)
    assert cdr.disposition is not Disposition.ANSWERED
    check_books(desk)


def test_killed_before_the_answer_is_saved_meters_from_the_true_answer(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=LONG_FIRST_SLICE)
    carrier = desk.carrier(sipp.answers(ring_ms=400))
    checked = desk.ami.faults.watch(named("Getvar"))
    phone = desk.phone(sipp.calls(SECOND_PRICED, 17_500))
    carrier.wait_seen("SIP/2.0 180")
    with desk.locked_store():
        checked.wait()  # the service has seen the answer, and looks at its deadline
        desk.kill_service()
    assert not any(session.paid_until_ms for session in desk.sessions())
    desk.start_service()
    phone.wait()
    [cdr] = desk.wait_cdrs(1)
    [talk] = talks_of(carrier)
    check_record(cdr, talk, EndSource.EVENT)
    assert cdr.billable_s == 18
    check_books(desk)


def test_killed_before_the_answer_is_saved_and_back_after_the_end_settles_by_the_handler(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=400))
    checked = desk.ami.faults.watch(named("Getvar"))
    phone = desk.phone(sipp.calls(SECOND_PRICED, 1_200))
    carrier.wait_seen("SIP/2.0 180")
    with desk.locked_store():
        checked.wait()
        desk.kill_service()
    phone.wait()
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    [talk] = talks_of(carrier)
    check_record(cdr, talk, EndSource.HANDLER)
    check_books(desk)


def test_killed_while_a_metered_party_talks_that_was_transferred_through_the_gate_leaves_word_of_its_end(
    desk: ChaosDesk,
) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls_and_transfers(SECOND_PRICED, INCLUDED, 700))
    [first, _] = carrier.wait_seen("SIP/2.0 200", 2)[:2]
    desk.kill_service()
    phone.wait()
    wait_until(lambda: [bye for bye in carrier.seen("BYE", sent=False) if bye.call_id == first.call_id], "it is cut")
    desk.start_service()
    cdrs = {cdr.dialled: cdr for cdr in desk.wait_cdrs(2)}
    [talk] = [talk for talk in talks_of(carrier) if talk.answer.call_id == first.call_id]
    check_record(cdrs[SECOND_PRICED], talk, EndSource.HANDLER)
    assert cdrs[INCLUDED].end_source is EndSource.HANDLER
    check_books(desk)


def test_killed_while_an_emergency_call_talks_that_the_gate_read_leaves_word_of_its_end(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls(BEHIND_TWO_CODES, 6_000))
    wait_until(lambda: carrier.seen("ACK"), "the call talks")
    desk.kill_service()
    phone.wait()
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    check_times(cdr, talks_of(carrier)[0], EndSource.HANDLER)
    assert (cdr.destination_class, cdr.charged_micros) == (DestinationClass.EMERGENCY, 0)


def test_killed_while_it_talks_ends_it_with_the_held_slice(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_answer_saved()
    desk.kill_service()
    phone.wait()
    [talk] = talks_of(carrier)
    check_cut(talk, 4)
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.HANDLER)
    assert cdr.billable_s == 4
    check_books(desk)


def test_killed_after_a_renewal_before_its_deadline_is_set_ends_with_the_old_one(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    armed = desk.ami.faults.hold(named("Setvar"))
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    armed.wait()
    [session] = desk.sessions()
    assert session.held_micros > 40_000, "the renewal is committed"
    desk.kill_service()
    phone.wait()
    [talk] = talks_of(carrier)
    check_cut(talk, 4)
    armed.end()
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.HANDLER)
    assert cdr.charged_micros == 40_000
    check_books(desk)


def test_killed_after_a_renewal_and_back_in_time_goes_on_with_the_renewed_slice(make_desk: MakeDesk) -> None:
    desk = make_desk(metering="first_slice_s = 16\nslice_s = 16\nleast_slice_s = 1\nrenew_lead_s = 14")
    carrier = desk.carrier(sipp.answers())
    armed = desk.ami.faults.hold(named("Setvar"))
    phone = desk.phone(sipp.calls(SECOND_PRICED, 17_500))
    armed.wait()
    desk.kill_service()
    armed.end()
    desk.start_service()
    phone.wait()
    [cdr] = desk.wait_cdrs(1)
    [talk] = talks_of(carrier)
    check_record(cdr, talk, EndSource.EVENT)
    assert cdr.billable_s == 18
    check_books(desk)


def test_killed_while_it_settles_settles_once_by_the_handlers_record(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    gone = desk.ari.faults.watch(named("ChannelDestroyed"))
    phone = desk.phone(sipp.calls(SECOND_PRICED, 1_200))
    desk.wait_answer_saved()
    with desk.locked_store():
        phone.wait()
        gone.wait(2)  # both channels: the service wants to settle
        desk.kill_service()
    assert desk.cdrs() == []
    desk.start_service()
    [cdr] = desk.wait_cdrs(1)
    [talk] = talks_of(carrier)
    check_record(cdr, talk, EndSource.HANDLER)
    assert cdr.billable_s == 2
    check_books(desk)


def test_killed_just_after_the_settlement_charges_nothing_again(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 1_200)).wait()
    wait_until(desk.cdrs, "the record is there")
    desk.kill_service()
    before = desk.account()
    desk.start_service()
    assert desk.account() == before
    [cdr] = desk.cdrs()
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    check_books(desk)


def test_killed_while_an_included_call_talks_that_its_store_never_knew_leaves_it_to_the_next_service(
    desk: ChaosDesk,
) -> None:
    carrier = desk.carrier(sipp.answers())
    with desk.locked_store():
        phone = desk.phone(sipp.calls(INCLUDED, 25_000))  # a service takes a while to start on a busy machine
        wait_until(lambda: carrier.seen("ACK"), "the call talks")
        desk.kill_service()
    assert desk.sessions() == []
    desk.start_service()
    phone.wait()
    _check_included(desk, carrier, EndSource.EVENT)


def test_killed_before_the_end_of_an_included_call_that_its_store_never_knew_is_settled_by_what_its_leg_left(
    desk: ChaosDesk,
) -> None:
    carrier = desk.carrier(sipp.answers())
    with desk.locked_store():
        phone = desk.phone(sipp.calls(INCLUDED, 6_000))
        wait_until(lambda: carrier.seen("ACK"), "the call talks")
        desk.kill_service()
        phone.wait()
    desk.start_service()
    _check_included(desk, carrier, EndSource.HANDLER)


def _check_included(desk: ChaosDesk, carrier: sipp.Sipp, end_source: EndSource) -> None:
    """Check the one record of an included call, and that nobody took it for one around the gate."""
    [cdr] = desk.wait_cdrs(1)
    [talk] = talks_of(carrier)
    check_times(cdr, talk, end_source)
    assert (cdr.dialled, cdr.extension, cdr.charged_micros, cdr.ungated) == (INCLUDED, "101", 0, False)
    assert desk.alerts(AlertKind.UNGATED_LEG) == []
    check_books(desk)
