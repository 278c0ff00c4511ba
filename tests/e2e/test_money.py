"""Money end to end: what is held, shared, cut, topped up; seen at the carrier and in the books."""

from collections.abc import Callable

from charging.cdr import Disposition, HangupSide
from rating.decision import DenyReason
from tests.e2e import sipp
from tests.e2e.desk import Desk, assert_cut_within_paid, wait_until
from tests.e2e.office import MINUTE_PRICED, SECOND_PRICED
from tests.e2e.pbx import SHORT_SLICES

MakeDesk = Callable[..., Desk]


def test_funds_end_mid_call_and_the_leg_is_gone_just_before_the_paid_end(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.08", metering=SHORT_SLICES)
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls_until_cut(SECOND_PRICED)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert_cut_within_paid(cdr, 8)
    assert (cdr.charged_micros, cdr.hangup_side) == (80_000, HangupSide.TOLLGATE)
    assert carrier.seen("BYE", sent=False)
    assert desk.account().available_micros == 0


def test_thirty_calls_at_once_on_one_minute_of_funds_admit_exactly_one(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="1.00")
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phones = [
        desk.phone(sipp.calls_or_is_refused(MINUTE_PRICED, 1000), extension=extension, calls=count, rate=200)
        for extension, count in (("101", 8), ("102", 8), ("103", 7), ("104", 7))
    ]
    for phone in phones:
        phone.wait()

    cdrs = desk.wait_cdrs(30)
    assert len(cdrs) == 30
    answered = [cdr for cdr in cdrs if cdr.disposition is Disposition.ANSWERED]
    refused = [cdr for cdr in cdrs if cdr.deny_reason is DenyReason.NO_FUNDS]
    assert (len(answered), len(refused)) == (1, 29)
    assert len(carrier.seen("INVITE")) == 1
    assert answered[0].charged_micros == 1_000_000
    assert desk.account().available_micros == 0


def test_two_calls_share_the_last_funds_alike(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.60")
    desk.carrier(sipp.answers(ring_ms=50))
    phones = [desk.phone(sipp.calls_until_cut(SECOND_PRICED), extension=extension) for extension in ("101", "102")]
    for phone in phones:
        phone.wait()

    first, second = desk.wait_cdrs(2)
    assert first.charged_micros + second.charged_micros <= 600_000
    assert abs(first.charged_micros - second.charged_micros) <= 100_000, "more than the smallest hold, 10 s, apart"
    assert desk.account().available_micros == 600_000 - first.charged_micros - second.charged_micros
    assert first.charged_micros + second.charged_micros >= 590_000, "funds lay unspent while calls were cut"


def test_top_up_in_the_last_slice_lets_the_call_go_on(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.06", metering=SHORT_SLICES)
    desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    wait_until(lambda: desk.account().available_micros == 0, "all funds are held")
    desk.refill(50_000, "top-up")
    phone.wait()

    [cdr] = desk.wait_cdrs(1)
    assert_cut_within_paid(cdr, 11)
    assert cdr.charged_micros == 110_000


def test_renewed_call_is_charged_once_for_all_its_slices(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES)
    desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 10_100)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.billable_s, cdr.charged_micros, cdr.hangup_side) == (11, 110_000, HangupSide.CALLER)
    assert desk.account().available_micros == 10_000_000 - 110_000
