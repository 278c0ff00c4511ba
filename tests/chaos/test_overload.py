"""More callers than a slow store can decide on: new paid calls are refused, nobody else notices."""

from collections import Counter
from datetime import timedelta

from charging.cdr import Cdr, Disposition, EndSource
from rating.decision import DenyReason
from tests.chaos.conftest import NEAR, ChaosDesk, MakeDesk, Talk, check_books, check_record, talks_of
from tests.e2e import sipp
from tests.e2e.desk import wait_until
from tests.e2e.monitor import Monitor
from tests.e2e.office import MINUTE_PRICED, SECOND_PRICED, UNPRICED
from tests.e2e.sipp import Sipp

FUNDS, FUNDS_MICROS = "2000.00", 2_000_000_000
"""Nobody is refused for want of money."""
EARLY_RENEWAL = "first_slice_s = 8\nslice_s = 12\nleast_slice_s = 1\nrenew_lead_s = 5"
"""Who talks needs more in the middle of it, and has longer to ask for it than the store is ever locked."""
TALKING, TALK = 5, timedelta(seconds=14)
PAID, PAID_RATE, PAID_AT_ONCE = 400, 30, 80
UNPAYABLE, UNPAYABLE_RATE, UNPAYABLE_AT_ONCE = 2000, 150, 30
"""Most callers of the flood are refused for what they dialled: their records wait for the store when they have gone.
Asterisk has some two hundred ports for voices, and a slow machine must not run out of them."""
BURSTS = 3
REFUSED_IN_A_BURST = 5
LONGEST_BURST_S = 3.5
OVERLOADED = 'tollgate_gate_verdicts_total{reason="overload",verdict="refused"}'
WAITING = "tollgate_store_waiting"


def test_flood_of_callers_at_a_slow_store_is_refused_and_harms_neither_talking_calls_nor_an_emergency(
    make_desk: MakeDesk, monitor: Monitor
) -> None:
    desk = make_desk(funds=FUNDS, metering=EARLY_RENEWAL)
    carrier = desk.carrier(sipp.answers(ring_ms=50), calls=2 * PAID)
    talking = desk.phone(sipp.calls(SECOND_PRICED, TALK // timedelta(milliseconds=1)), calls=TALKING)
    wait_until(lambda: sum(bool(each.paid_until_ms) for each in desk.sessions()) == TALKING, "all answers are saved")
    paid = desk.phone(
        sipp.calls_or_is_refused(MINUTE_PRICED, 300, 503),
        extension="102",
        calls=PAID,
        rate=PAID_RATE,
        at_once=PAID_AT_ONCE,
    )
    unpayable = desk.phone(
        sipp.calls_and_is_refused(UNPRICED, 403),
        extension="103",
        calls=UNPAYABLE,
        rate=UNPAYABLE_RATE,
        at_once=UNPAYABLE_AT_ONCE,
    )
    for _ in range(BURSTS):
        _call_emergency_while_overloaded(desk, monitor, carrier)
    for phone in (unpayable, paid, talking):
        phone.wait()
    records = desk.wait_cdrs(TALKING + PAID + UNPAYABLE + BURSTS)
    _check_talking([cdr for cdr in records if cdr.dialled == SECOND_PRICED], carrier)
    _check_flood([cdr for cdr in records if cdr.dialled == MINUTE_PRICED], paid)
    assert [cdr.disposition for cdr in records if cdr.dialled == "112"] == [Disposition.ANSWERED] * BURSTS
    check_books(desk, FUNDS_MICROS)


def _call_emergency_while_overloaded(desk: ChaosDesk, monitor: Monitor, carrier: Sipp) -> None:
    """Lock the store until callers are refused, and call then; leave it alone afterwards until nobody waits for it."""
    refused_before = _measured(monitor, OVERLOADED)

    def are_refused() -> bool:
        return _measured(monitor, OVERLOADED) >= refused_before + REFUSED_IN_A_BURST

    before = len(carrier.seen("INVITE sip:112@"))
    with desk.locked_store():
        wait_until(are_refused, "callers are refused", LONGEST_BURST_S)
        phone = desk.phone(sipp.calls("112", 300), extension="104")
        wait_until(lambda: len(carrier.seen("INVITE sip:112@")) > before, "it rings", 1)
    [asked], rang = phone.seen("INVITE", sent=True), carrier.seen("INVITE sip:112@")[-1]
    assert rang.at - asked.at < timedelta(milliseconds=500)
    wait_until(lambda: _measured(monitor, WAITING) < 10, "the store has caught up")
    phone.wait()


def _measured(monitor: Monitor, name: str) -> float:
    """Return what a metric says; 0 where it is not there yet."""
    lines = monitor.ask("/metrics")[1].splitlines()
    return next((float(line.removeprefix(f"{name} ")) for line in lines if line.startswith(f"{name} ")), 0.0)


def _check_talking(cdrs: list[Cdr], carrier: Sipp) -> None:
    """Check that those who talked before were not cut, and are charged for what they talked."""
    legs = {seen.call_id for seen in carrier.seen("INVITE sip:+299321212@")}
    talks = [talk for talk in talks_of(carrier) if talk.answer.call_id in legs]
    for talk, cdr in zip(sorted(talks, key=_ended), sorted(cdrs, key=lambda cdr: cdr.ended_at), strict=True):
        assert talk.length > TALK - NEAR
        check_record(cdr, talk, EndSource.EVENT)


def _ended(talk: Talk) -> float:
    return talk.bye.at.timestamp()


def _check_flood(cdrs: list[Cdr], phone: Sipp) -> None:
    """Check that each of the flood's paid calls was charged its minute or refused with 503, and why."""
    answered = [cdr for cdr in cdrs if cdr.disposition is Disposition.ANSWERED]
    assert {(cdr.charged_micros, cdr.unfunded_micros) for cdr in answered} <= {(1_000_000, 0)}
    refused = Counter(cdr.deny_reason for cdr in cdrs if cdr.disposition is Disposition.REFUSED)
    assert len(answered) + refused.total() == PAID
    assert refused[DenyReason.OVERLOAD] >= BURSTS * REFUSED_IN_A_BURST
    assert refused.keys() <= {DenyReason.OVERLOAD, DenyReason.STORE_DOWN, DenyReason.GATE_LATE}
    assert refused.total() == len({seen.call_id for seen in phone.seen("SIP/2.0 503")})
