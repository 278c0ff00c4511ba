"""Money end to end: what is held, shared, cut, topped up; seen at the carrier and in the books."""

from collections.abc import Callable
from datetime import timedelta

from charging.cdr import Disposition, HangupSide
from rating.decision import DenyReason
from tests.e2e import sipp
from tests.e2e.conftest import MINUTE_PRICED, SECOND_PRICED, SHORT_SLICES, Desk, wait_until

MakeDesk = Callable[..., Desk]


def test_funds_end_mid_call_and_the_leg_is_gone_just_before_the_paid_end(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.08", metering=SHORT_SLICES)
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls_until_cut(SECOND_PRICED)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert cdr.answered_at is not None
    paid_end = cdr.answered_at + timedelta(seconds=8)
    bye = carrier.seen("BYE", sent=False)[0]
    assert paid_end - timedelta(milliseconds=500) <= bye.at <= paid_end
    assert (cdr.billable_s, cdr.charged_micros, cdr.unfunded_micros) == (8, 80_000, 0)
    assert cdr.hangup_side is HangupSide.TOLLGATE
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
    desk = make_desk(funds="1.00")
    desk.carrier(sipp.answers(ring_ms=50))
    phones = [desk.phone(sipp.calls_until_cut(SECOND_PRICED), extension=extension) for extension in ("101", "102")]
    for phone in phones:
        phone.wait()

    first, second = desk.wait_cdrs(2)
    assert first.charged_micros + second.charged_micros <= 1_000_000
    assert abs(first.charged_micros - second.charged_micros) <= 100_000, "more than the smallest hold, 10 s, apart"
    assert desk.account().available_micros == 1_000_000 - first.charged_micros - second.charged_micros
    assert first.charged_micros + second.charged_micros >= 990_000, "funds lay unspent while calls were cut"


def test_top_up_in_the_last_slice_lets_the_call_go_on(make_desk: MakeDesk) -> None:
    desk = make_desk(funds="0.06", metering=SHORT_SLICES)
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    wait_until(lambda: desk.account().available_micros == 0, "all funds are held")
    answer = carrier.wait_seen("SIP/2.0 200")[0]
    desk.refill("0.05", "top-up")
    phone.wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.billable_s, cdr.charged_micros) == (11, 110_000)
    bye = carrier.seen("BYE", sent=False)[0]
    assert timedelta(seconds=10.5) <= bye.at - answer.at <= timedelta(seconds=11.05)


def test_renewed_call_is_charged_once_for_all_its_slices(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=SHORT_SLICES)
    desk.carrier(sipp.answers())
    desk.phone(sipp.calls(SECOND_PRICED, 10_400)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.billable_s, cdr.charged_micros, cdr.hangup_side) == (11, 110_000, HangupSide.CALLER)
    assert desk.account().available_micros == 10_000_000 - 110_000
