"""Finished records: who hung up, and whose facts they carry."""

from dataclasses import replace
from datetime import datetime

import pytest

from charging import events as ev
from charging.call import Leg
from charging.cdr import Cdr, Disposition, EndSource, HangupSide
from charging.records import answered_record, disposition_of, unanswered_record
from store.cdr_rows import to_ms
from tests.unit.charging.story import LEG, NORMAL, TRUNK, at, free_call, paid_call

ANSWERED = Leg(channel_id=LEG, trunk=TRUNK, answered_at=at(2), number=1)
CUT = at(11.7)


def paid_record(leg: Leg, end: ev.LegEnded, *, caller_hung_up: bool, caller_gone_at: datetime | None) -> Cdr:
    """Return the record of a leg for which ten seconds were held."""
    return answered_record(
        paid_call(),
        leg,
        end,
        held_micros=100_000,
        paid_s=10,
        allowance_s=0,
        caller_hung_up=caller_hung_up,
        caller_gone_at=caller_gone_at,
        cut=CUT,
    )


@pytest.mark.parametrize(
    ("ended_s", "far_end", "caller", "gone_s", "side"),
    [
        (5.0, False, True, 5.0, HangupSide.CALLER),
        (5.0, True, False, 5.0, HangupSide.CALLEE),
        (5.0, True, True, None, HangupSide.CALLEE),
        (5.0, False, False, 4.999, HangupSide.TOLLGATE),  # an administrator ended it: both channels go together
        (5.0, False, False, None, HangupSide.TOLLGATE),
        (5.0, False, False, 3.0, HangupSide.CALLER),  # the caller had transferred it
        (11.595, False, False, 3.0, HangupSide.CALLER),
        (11.61, False, False, 3.0, HangupSide.TOLLGATE),
        (11.7, False, True, 11.7, HangupSide.CALLER),
        (11.7, True, False, 11.7, HangupSide.CALLEE),
        (12.5, False, False, None, HangupSide.TOLLGATE),
    ],
)
def test_answered_leg_names_who_hung_up(
    ended_s: float, far_end: bool, caller: bool, gone_s: float | None, side: HangupSide
) -> None:
    cdr = paid_record(
        replace(ANSWERED, far_end_hung_up=far_end),
        ev.LegEnded(at(ended_s), LEG, TRUNK, NORMAL),
        caller_hung_up=caller,
        caller_gone_at=None if gone_s is None else at(gone_s),
    )

    assert cdr.hangup_side is side


@pytest.mark.parametrize("source", [EndSource.EVENT, EndSource.HANDLER])
def test_leg_whose_far_end_fell_silent_was_ended_by_that(source: EndSource) -> None:
    cdr = paid_record(
        ANSWERED, ev.LegEnded(at(5), LEG, TRUNK, 44, source), caller_hung_up=False, caller_gone_at=at(4.999)
    )

    assert (cdr.hangup_side, cdr.hangup_cause, cdr.deny_rule) == (HangupSide.CALLEE, 44, None)


@pytest.mark.parametrize(
    ("answered_s", "ended_s", "charged_s"), [(2.000_001, 6.001, 5), (2.000_999, 6.000_001, 4), (2.0, 6.000_999, 4)]
)
def test_what_is_charged_can_be_worked_out_from_the_milliseconds_of_the_record(
    answered_s: float, ended_s: float, charged_s: int
) -> None:
    cdr = paid_record(
        replace(ANSWERED, answered_at=at(answered_s)),
        ev.LegEnded(at(ended_s), LEG, TRUNK, NORMAL),
        caller_hung_up=True,
        caller_gone_at=at(ended_s),
    )

    assert cdr.charged_micros == charged_s * 10_000
    assert cdr.answered_at is not None
    assert -(-(to_ms(cdr.ended_at) - to_ms(cdr.answered_at)) // 1000) == charged_s


@pytest.mark.parametrize("source", [source for source in EndSource if source is not EndSource.EVENT])
def test_end_that_went_by_unseen_names_nobody_unless_it_is_the_cut(source: EndSource) -> None:
    for ended_s, side in ((5.0, None), (11.7, HangupSide.TOLLGATE)):
        cdr = paid_record(
            ANSWERED, ev.LegEnded(at(ended_s), LEG, TRUNK, NORMAL, source), caller_hung_up=False, caller_gone_at=None
        )

        assert cdr.hangup_side is side


def test_transferred_free_leg_is_ended_from_the_callers_side() -> None:
    cdr = answered_record(
        free_call(),
        ANSWERED,
        ev.LegEnded(at(90_000), LEG, TRUNK, NORMAL),
        held_micros=0,
        paid_s=0,
        allowance_s=0,
        caller_hung_up=False,
        caller_gone_at=at(100),
        cut=None,
    )

    assert (cdr.hangup_side, cdr.billable_s, cdr.charged_micros) == (HangupSide.CALLER, 89_998, 0)


@pytest.mark.parametrize(
    ("cause", "caller_gone", "disposition", "side"),
    [
        (17, True, Disposition.BUSY, HangupSide.CALLEE),
        (34, True, Disposition.CONGESTION, HangupSide.CALLEE),
        (127, True, Disposition.NO_ANSWER, HangupSide.CALLER),
        (19, False, Disposition.NO_ANSWER, HangupSide.CALLEE),
        (None, True, Disposition.NO_ANSWER, HangupSide.CALLER),
        (None, False, Disposition.FAILED, HangupSide.CALLEE),
        (28, True, Disposition.FAILED, HangupSide.CALLEE),
    ],
)
def test_unanswered_call_is_told_by_the_last_cause(
    cause: int | None, caller_gone: bool, disposition: Disposition, side: HangupSide
) -> None:
    cdr = unanswered_record(paid_call(), at(3), cause=cause, trunk=TRUNK, caller_gone=caller_gone)

    assert (cdr.disposition, cdr.hangup_side, cdr.leg, cdr.charged_micros) == (disposition, side, 0, 0)
    assert disposition_of(cause, caller_gone=caller_gone) is disposition


def test_record_carries_the_facts_of_the_call() -> None:
    call = paid_call()

    cdr = unanswered_record(call, at(3), cause=17, trunk=TRUNK, caller_gone=True)

    assert (cdr.call_id, cdr.node, cdr.account_id, cdr.extension) == (call.call_id, "pbx1", 1, "101")
    assert (cdr.endpoint, cdr.dialled, cdr.e164, cdr.deck) == (
        "PJSIP/101",
        "00447797123456",
        "+447797123456",
        "example",
    )
    assert (cdr.rate, cdr.destination_class, cdr.funded_by) == (call.rate, call.destination_class, ("account",))
