"""Calls that are answered: what they cost, how they are renewed, and where they are cut."""

from datetime import datetime

import pytest

from charging import commands as cmd
from charging import events as ev
from charging.cdr import Disposition, EndSource, HangupSide
from charging.cut_rules import NOT_HELD_IN_TIME
from charging.policy import MeteringPolicy
from charging.session import Phase, paid_end_at
from rating.decision import DenyReason
from tests.unit.charging.story import (
    LEG,
    NORMAL,
    PER_MINUTE,
    SECOND_LEG,
    SECOND_TRUNK,
    T0,
    TRUNK,
    Story,
    at,
    emergency_call,
    free_call,
    paid_call,
)

FIRST_CUT_S = 2 + 9.7
FIRST_RENEWAL_S = 2 + 5


def granted(n: int, paid_s: int, when_s: float) -> ev.SliceGranted:
    return ev.SliceGranted(at(when_s), n, paid_s, paid_s * 10_000)


def test_included_call_talks_an_hour_and_costs_nothing() -> None:
    story = Story.talking(free_call())
    assert story.wake_s is None, "nothing to meter"

    story.after(ev.LegEnded(at(3602), LEG, TRUNK, NORMAL))

    assert (story.cdr.billable_s, story.cdr.charged_micros, story.cdr.unfunded_micros) == (3600, 0, 0)
    assert story.cdr.funded_by == ("plan",)
    assert not story.of_kind(cmd.HangUpLeg)


def test_answered_paid_call_is_saved_at_once() -> None:
    story = Story.dialling(paid_call())

    assert story.after(ev.LegAnswered(at(2), LEG, TRUNK)) == (cmd.SaveSession(at(2)),)
    assert paid_end_at(story.session) == at(12)


def test_hung_up_by_the_caller_is_charged_by_the_begun_second() -> None:
    story = Story.talking(paid_call())

    story.after(
        ev.CallerHangupRequested(at(6.2)),
        ev.LegEnded(at(6.201), LEG, TRUNK, NORMAL),
        ev.CallerGone(at(6.3)),
    )

    cdr = story.cdr
    assert (cdr.disposition, cdr.hangup_side) == (Disposition.ANSWERED, HangupSide.CALLER)
    assert (cdr.leg, cdr.billable_s, cdr.charged_micros) == (1, 5, 50_000)
    assert (cdr.answered_at, cdr.ended_at, cdr.started_at) == (at(2), at(6.201), T0)
    assert cdr.end_source is EndSource.EVENT


def test_hung_up_by_the_callee_names_the_far_side() -> None:
    story = Story.talking(paid_call())

    story.after(
        ev.LegHangupRequested(at(4), LEG), ev.CallerHangupRequested(at(4.01)), ev.LegEnded(at(4.02), LEG, TRUNK, NORMAL)
    )

    assert (story.cdr.hangup_side, story.cdr.charged_micros) == (HangupSide.CALLEE, 30_000)


def test_ended_in_the_instant_of_its_answer_costs_the_initial_increment() -> None:
    story = Story.talking(paid_call(PER_MINUTE))

    story.after(ev.LegEnded(at(2), LEG, TRUNK, NORMAL))

    assert (story.cdr.billable_s, story.cdr.charged_micros) == (60, 1_050_000)


def test_ended_before_its_answer_by_the_clock_is_written_without_negative_time() -> None:
    story = Story.talking(paid_call())

    story.after(ev.LegEnded(at(1.9), LEG, TRUNK, NORMAL))

    assert (story.cdr.ended_at, story.cdr.billable_s) == (story.cdr.answered_at, 1)


def test_slice_near_its_end_is_renewed_and_the_new_deadline_armed() -> None:
    story = Story.talking(paid_call())
    assert story.wake_s == pytest.approx(FIRST_RENEWAL_S)

    assert story.wake() == (cmd.RenewSlice(slice_no=2, want_s=55),)
    assert story.after(granted(2, 70, 7.01)) == ()
    assert story.wake(7.01) == (cmd.ArmDeadline(LEG, at(2 + 69.7)),)

    story.after(ev.DeadlineArmed(at(7.02), LEG, at(71.7)))
    assert story.wake_s == pytest.approx(2 + 70 - 15)


def test_ended_after_renewals_is_charged_what_it_talked_not_what_was_held() -> None:
    story = Story.talking(paid_call())
    story.wake()
    story.after(granted(2, 70, 7.01), ev.LegEnded(at(22.5), LEG, TRUNK, NORMAL))

    assert (story.cdr.billable_s, story.cdr.charged_micros) == (21, 210_000)


def test_renewal_refused_is_tried_each_second_until_the_cut() -> None:
    story = Story.talking(paid_call())
    asked_s = []
    while (wake_s := story.wake_s) is not None and wake_s < FIRST_CUT_S:
        assert story.wake() == (cmd.RenewSlice(2, 55),)
        asked_s.append(wake_s)
        story.after(ev.SliceDenied(at(wake_s), 2, DenyReason.NO_FUNDS, "no funds"))

    assert asked_s == pytest.approx([7, 8, 9, 10, 11])
    assert story.wake() == (cmd.HangUpLeg(LEG),)


def test_cut_at_the_end_of_the_funds_is_charged_exactly_the_hold() -> None:
    story = Story.talking(paid_call())
    story.wake()
    story.after(ev.SliceDenied(at(7), 2, DenyReason.NO_FUNDS, "no funds"), ev.LegEnded(at(11.705), LEG, TRUNK, 0))

    cdr = story.cdr
    assert (cdr.hangup_side, cdr.billable_s, cdr.charged_micros) == (HangupSide.TOLLGATE, 10, 100_000)
    assert cdr.unfunded_micros == 0
    assert (cdr.deny_reason, cdr.deny_rule) == (None, "no funds")


def test_record_of_a_call_that_was_not_cut_names_no_reason() -> None:
    for end in (ev.LegEnded(at(9), LEG, TRUNK, NORMAL), ev.LegEnded(at(11.705), LEG, TRUNK, NORMAL)):
        story = Story.talking(paid_call())
        story.wake()
        story.after(ev.SliceDenied(at(7), 2, DenyReason.NO_FUNDS, "no funds"))
        if end.at > at(9):  # at its paid end, but it was the callee who hung up
            story.after(ev.LegHangupRequested(end.at, LEG))
        story.after(end)
        assert (story.cdr.deny_reason, story.cdr.deny_rule) == (None, None)


def test_record_of_a_call_that_was_renewed_after_all_names_no_refusal() -> None:
    story = Story.talking(paid_call())
    story.wake()
    story.after(ev.SliceDenied(at(7), 2, DenyReason.CAP_REACHED, "daily cap"), granted(2, 20, 8.01))
    story.after(ev.LegEnded(at(21.705), LEG, TRUNK, 0))
    assert (story.cdr.hangup_side, story.cdr.deny_rule) == (HangupSide.TOLLGATE, NOT_HELD_IN_TIME)


def test_topped_up_in_the_last_slice_goes_on() -> None:
    story = Story.talking(paid_call())
    story.wake()
    story.after(ev.SliceDenied(at(7), 2, DenyReason.NO_FUNDS, "no funds"))
    story.wake()
    story.after(granted(2, 70, 8.01))

    assert story.wake(8.01) == (cmd.ArmDeadline(LEG, at(71.7)),)
    story.after(ev.DeadlineArmed(at(8.02), LEG, at(71.7)))
    assert story.sleep_until(50) == ()


def test_talked_beyond_its_paid_end_charges_the_hold_and_writes_the_rest_down() -> None:
    story = Story.talking(paid_call())
    story.wake()

    story.after(ev.LegEnded(at(2 + 12), LEG, TRUNK, NORMAL))

    assert (story.cdr.billable_s, story.cdr.charged_micros, story.cdr.unfunded_micros) == (10, 100_000, 20_000)


def test_hang_up_is_repeated_each_second_until_the_leg_has_ended() -> None:
    story = Story.talking(paid_call())
    story.wake()
    story.after(ev.SliceDenied(at(11), 2, DenyReason.STORE_DOWN, "the store: gone"))

    assert story.sleep_until(FIRST_CUT_S + 3.5) == (cmd.HangUpLeg(LEG),) * 4

    story.after(ev.LegEnded(at(15.3), LEG, TRUNK, NORMAL))
    assert story.wake_s is None


def test_woken_long_after_the_cut_hangs_up_and_is_not_woken_again_at_once() -> None:
    story = Story.talking(paid_call())

    assert story.wake(not_before_s=60) == (cmd.HangUpLeg(LEG),)
    assert story.wake_s == pytest.approx(61), "neither a renewal nor a deadline makes sense any more"


def test_slice_shorter_than_the_margin_is_still_renewed_before_the_cut() -> None:
    policy = MeteringPolicy(cutoff_margin_ms=2000)
    story = Story.talking(paid_call(), policy=policy)
    story.wake()
    story.after(granted(2, 12, 7.1))
    story.sleep_until(7.2)
    story.after(ev.DeadlineArmed(at(7.2), LEG, at(12)))

    assert story.sleep_until(11.9) == (cmd.RenewSlice(3, 57),), "2 s are paid, the last 2 s of the call are margin"


def test_grant_come_twice_or_late_changes_nothing() -> None:
    story = Story.talking(paid_call())
    story.wake()
    story.after(granted(2, 70, 7.1))
    before = story.session

    story.after(granted(2, 130, 7.2), ev.SliceDenied(at(7.3), 2, DenyReason.NO_FUNDS, "no funds"), granted(9, 500, 7.4))

    assert story.session == before


def test_renewal_never_answered_is_asked_for_again() -> None:
    story = Story.talking(paid_call())
    story.wake()

    assert cmd.RenewSlice(2, 55) in story.sleep_until(FIRST_CUT_S - 0.1)


def test_caller_gone_while_talking_is_a_transfer_and_goes_on() -> None:
    story = Story.talking(paid_call())

    story.after(ev.CallerGone(at(4)))
    assert story.session.phase is Phase.TALKING
    assert story.sleep_until(7) == (cmd.RenewSlice(2, 55),)

    story.after(ev.LegEnded(at(9), LEG, TRUNK, NORMAL))
    assert story.cdr.billable_s == 7


def test_second_leg_answered_while_one_talks_is_hung_up_until_gone_and_never_charged() -> None:
    story = Story.talking(paid_call())

    commands = story.after(ev.LegAnswered(at(3), SECOND_LEG, SECOND_TRUNK))
    assert cmd.HangUpLeg(SECOND_LEG) in commands
    assert cmd.HangUpLeg(SECOND_LEG) in story.sleep_until(5), "the first hang-up may have been lost"

    story.after(ev.LegEnded(at(5.5), SECOND_LEG, SECOND_TRUNK, NORMAL), ev.LegEnded(at(6), LEG, TRUNK, NORMAL))
    surplus = next(settle for settle in story.of_kind(cmd.Settle) if not settle.close)
    assert (surplus.cdr.leg, surplus.cdr.charged_micros, surplus.cdr.unfunded_micros) == (2, 0, 30_000)
    assert (story.cdr.leg, story.cdr.charged_micros) == (1, 40_000)
    assert cmd.HangUpLeg(LEG) not in story.commands


def test_second_leg_of_which_nobody_heard_before_the_call_was_over_has_one_record_too() -> None:
    story = Story.dialling(paid_call())
    first, second = (ev.LegEnded(at(6), leg, TRUNK, 16, EndSource.EVENT, at(2)) for leg in (LEG, SECOND_LEG))
    story.after(first)
    assert story.session.phase is Phase.CLOSING

    story.after(second, second, first)

    paid, surplus = story.of_kind(cmd.Settle)
    assert (paid.cdr.leg, paid.close, paid.cdr.charged_micros) == (1, True, 40_000)
    assert (surplus.cdr.leg, surplus.close, surplus.cdr.charged_micros, surplus.cdr.unfunded_micros) == (
        2,
        False,
        0,
        40_000,
    )
    assert surplus.cdr.answered_at == at(2)


@pytest.mark.parametrize("answered_at", [at(3), None])
def test_leg_thought_to_ring_when_its_call_was_over_is_followed_to_its_end(
    answered_at: datetime | None,
) -> None:
    story = Story.talking(paid_call())
    story.after(ev.LegSeen(at(2), SECOND_LEG, SECOND_TRUNK), ev.LegEnded(at(4), LEG, TRUNK, NORMAL))
    story.after(ev.Settled(at(4.1), 1))
    assert story.session.phase is Phase.CLOSING, "it may have been answered unheard"

    story.after(ev.LegEnded(at(5), SECOND_LEG, SECOND_TRUNK, NORMAL, EndSource.HANDLER, answered_at))

    assert story.is_closed
    surplus = [settle.cdr for settle in story.of_kind(cmd.Settle) if not settle.close]
    assert [(cdr.leg, cdr.answered_at, cdr.unfunded_micros) for cdr in surplus] == (
        [] if answered_at is None else [(2, at(3), 20_000)]
    )


def test_leg_of_an_emergency_call_that_is_over_is_not_waited_for() -> None:
    story = Story.dialling(emergency_call())
    story.after(ev.LegSeen(at(1), SECOND_LEG, TRUNK), ev.LegSeen(at(1), LEG, TRUNK), ev.LegAnswered(at(2), LEG, TRUNK))
    story.after(ev.LegEnded(at(4), LEG, TRUNK, NORMAL), ev.Settled(at(4.1), 1))

    assert story.is_closed


@pytest.mark.parametrize("legs", [(LEG, ""), ("", LEG)])
def test_end_that_names_no_leg_and_the_legs_own_end_make_one_record(legs: tuple[str, str]) -> None:
    story = Story.dialling(emergency_call())

    story.after(*(ev.LegEnded(at(6), leg, TRUNK, 16, EndSource.HANDLER, at(2)) for leg in legs))

    assert len(story.of_kind(cmd.Settle)) == 1


def test_second_leg_still_there_when_the_call_ends_has_its_record_too() -> None:
    story = Story.talking(paid_call())

    story.after(ev.LegAnswered(at(3), SECOND_LEG, SECOND_TRUNK), ev.LegEnded(at(4), LEG, TRUNK, NORMAL))

    assert [(settle.cdr.leg, settle.close) for settle in story.of_kind(cmd.Settle)] == [(2, False), (1, True)]
    assert story.commands[-3:-2] == (cmd.HangUpLeg(SECOND_LEG),)
    story.after(ev.Settled(at(4.1), 2))
    assert not story.is_closed, "the record that closes the call is not written yet"
    story.after(ev.Settled(at(4.2), 1))
    assert story.is_closed


def test_second_leg_reported_again_after_its_end_has_one_record() -> None:
    story = Story.talking(paid_call())
    end = ev.LegEnded(at(5), SECOND_LEG, SECOND_TRUNK, NORMAL, EndSource.HANDLER, answered_at=at(3))

    story.after(ev.LegAnswered(at(3), SECOND_LEG, SECOND_TRUNK), end, end, ev.LegAnswered(at(3), SECOND_LEG, TRUNK))

    assert len(story.of_kind(cmd.Settle)) == 1


def test_free_call_goes_on_until_the_last_of_its_answered_legs_has_ended() -> None:
    story = Story.talking(free_call())
    story.after(ev.LegAnswered(at(3), SECOND_LEG, SECOND_TRUNK), ev.LegEnded(at(6), LEG, TRUNK, NORMAL))

    first = story.of_kind(cmd.Settle)[0]
    assert (first.cdr.leg, first.cdr.billable_s, first.cdr.end_source, first.close) == (1, 4, EndSource.EVENT, False)
    assert story.is_open
    assert story.session.talking_leg is not None

    story.after(ev.LegEnded(at(30), SECOND_LEG, SECOND_TRUNK, NORMAL))
    assert (story.cdr.leg, story.cdr.billable_s, story.cdr.ended_at) == (2, 27, at(30))
    assert cmd.HangUpLeg(SECOND_LEG) not in story.commands


def test_second_leg_of_a_free_call_is_left_alone() -> None:
    story = Story.talking(free_call())

    story.after(ev.LegAnswered(at(3), SECOND_LEG, SECOND_TRUNK))

    assert not story.of_kind(cmd.HangUpLeg)


def test_answer_that_went_unseen_is_charged_when_the_end_tells_of_it() -> None:
    story = Story.dialling(paid_call())

    story.after(ev.LegEnded(at(8), LEG, TRUNK, NORMAL, EndSource.HANDLER, answered_at=at(3)))

    assert (story.cdr.billable_s, story.cdr.charged_micros) == (5, 50_000)
    assert story.cdr.end_source is EndSource.HANDLER


def test_answered_twice_counts_from_the_first() -> None:
    story = Story.talking(paid_call())

    assert story.after(ev.LegAnswered(at(3), LEG, TRUNK)) == ()
    story.after(ev.LegEnded(at(5), LEG, TRUNK, NORMAL), ev.LegEnded(at(6), LEG, TRUNK, NORMAL))

    assert story.cdr.billable_s == 3


def test_late_end_of_a_first_attempt_leaves_the_talking_leg_alone() -> None:
    story = Story.talking(paid_call(trunks=2))

    story.after(ev.LegEnded(at(3), SECOND_LEG, SECOND_TRUNK, 34))

    assert story.is_open
    story.after(ev.LegEnded(at(4), LEG, TRUNK, NORMAL))
    assert (story.cdr.trunk, story.cdr.hangup_cause) == (TRUNK, NORMAL)


@pytest.mark.parametrize(("longest_s", "cut_s"), [(4, 6.0), (100, 11.7)])
def test_longest_call_cuts_a_paid_call_where_it_comes_first(longest_s: int, cut_s: float) -> None:
    story = Story.dialling(paid_call(longest_call_s=longest_s))
    story.after(ev.LegAnswered(at(2), LEG, TRUNK))

    assert story.wake() == (cmd.CheckDeadline(LEG, at(cut_s)),)


def test_longest_call_that_is_paid_for_is_not_renewed() -> None:
    story = Story.talking(paid_call(longest_call_s=8))

    assert story.sleep_until(10) == (cmd.HangUpLeg(LEG),)
    story.after(ev.LegEnded(at(10.02), LEG, TRUNK, NORMAL))
    assert (story.cdr.charged_micros, story.cdr.hangup_side) == (90_000, HangupSide.TOLLGATE)
    assert story.cdr.deny_rule == "a call may last 8 s"


def test_longest_call_is_the_reason_though_money_for_more_was_refused() -> None:
    story = Story.talking(paid_call(longest_call_s=9))
    story.wake()
    story.after(ev.SliceDenied(at(7), 2, DenyReason.NO_FUNDS, "no funds"), ev.LegEnded(at(11), LEG, TRUNK, 0))
    assert story.cdr.deny_rule == "a call may last 9 s"


def test_longest_call_of_a_free_call_is_cut_by_asterisk_and_by_us() -> None:
    story = Story.talking(free_call(longest_call_s=600))
    assert story.of_kind(cmd.CheckDeadline) == [cmd.CheckDeadline(LEG, at(602))]

    assert story.sleep_until(602) == (cmd.HangUpLeg(LEG),)


def test_emergency_that_is_answered_is_left_alone_for_ever() -> None:
    story = Story.talking(emergency_call())

    assert story.sleep_until(1_000_000) == ()
    assert story.after(ev.LegAnswered(at(5), SECOND_LEG, TRUNK), ev.Woke(at(6))) == (cmd.SaveSession(at(5)),)
