"""Events come twice, in another order, late or never."""

from charging.cdr import Disposition, EndSource
from tests.chaos.conftest import (
    ChaosDesk,
    check_books,
    check_cut,
    check_record,
    check_refused_in_3_s,
    check_times,
    talks_and_records,
    talks_of,
)
from tests.chaos.faults import any_event, event, named
from tests.e2e import sipp
from tests.e2e.office import SECOND_PRICED


def test_every_event_twice_records_and_charges_each_leg_once(desk: ChaosDesk) -> None:
    desk.ari.faults.duplicate(any_event)
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 4_300), calls=3).wait()
    for talk, cdr in talks_and_records(carrier, desk.wait_cdrs(3)):
        check_record(cdr, talk, EndSource.EVENT)
    assert len(desk.cdrs()) == 3
    check_books(desk)


def test_answer_reported_behind_the_end_is_charged_by_its_true_time(desk: ChaosDesk) -> None:
    desk.ari.faults.reorder(
        event("ChannelStateChange", state="Up", trunk="carrier1"), behind=event("ChannelDestroyed", trunk="carrier1")
    )
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 2_300)).wait()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    check_books(desk)


def test_answer_reported_before_it_rings_is_metered(desk: ChaosDesk) -> None:
    desk.ari.faults.reorder(
        event("ChannelStateChange", state="Ringing", trunk="carrier1"),
        behind=event("ChannelStateChange", state="Up", trunk="carrier1"),
    )
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 5_300)).wait()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    check_books(desk)


def test_late_end_is_charged_by_its_timestamp(desk: ChaosDesk) -> None:
    desk.ari.faults.delay(named("ChannelDestroyed", "ChannelHangupRequest"), 2.0)
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 1_300)).wait()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    assert cdr.billable_s == 2
    check_books(desk)


def test_entry_lost_refuses_the_caller_after_3_s(desk: ChaosDesk) -> None:
    desk.ari.faults.drop(named("StasisStart"))
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503))
    phone.wait()
    check_refused_in_3_s(phone)
    assert carrier.seen("INVITE") == []
    check_books(desk)


def test_answer_of_an_emergency_call_lost_is_that_of_what_its_caller_left(desk: ChaosDesk) -> None:
    desk.ari.faults.drop(event("ChannelStateChange", state="Up", trunk="carrier1"))
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls("112", 1_300)).wait()
    [cdr] = desk.wait_cdrs(1)
    check_times(cdr, talks_of(carrier)[0], EndSource.HANDLER)
    assert (cdr.disposition, cdr.leg, cdr.charged_micros) == (Disposition.ANSWERED, 1, 0)
    check_books(desk)


def test_answer_lost_is_found_at_the_end(desk: ChaosDesk) -> None:
    desk.ari.faults.drop(event("ChannelStateChange", state="Up", trunk="carrier1"))
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls_until_cut(SECOND_PRICED)).wait()
    [talk] = talks_of(carrier)
    check_cut(talk, 4)  # the dialplan's deadline
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.EVENT)
    check_books(desk)


def test_every_event_lost_after_the_entry_is_found_by_comparing(desk: ChaosDesk) -> None:
    desk.ari.faults.drop(lambda message: any_event(message) and message.name != "StasisStart")
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 2_300)).wait()
    [cdr] = desk.wait_cdrs(1, 45)
    check_record(cdr, talks_of(carrier)[0], EndSource.HANDLER)
    check_books(desk)
