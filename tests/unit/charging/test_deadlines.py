"""Asterisk's own deadline on the trunk leg: read back, armed where it is missing, hung up where it cannot be."""

import pytest

from charging import commands as cmd
from charging import events as ev
from tests.unit.charging.story import LEG, TRUNK, Story, at, free_call, paid_call

CUT = at(2 + 9.7)


@pytest.fixture
def answered() -> Story:
    """Answered at 2 s; nothing is known of its deadline yet."""
    story = Story.dialling(paid_call())
    story.after(ev.LegAnswered(at(2), LEG, TRUNK))
    return story


def test_answered_leg_has_its_deadline_read_back_half_a_second_later(answered: Story) -> None:
    assert answered.wake_s == pytest.approx(2.5)
    assert answered.wake() == (cmd.CheckDeadline(LEG, CUT),)


def test_deadline_found_in_place_needs_nothing_more(answered: Story) -> None:
    answered.wake()
    answered.after(ev.DeadlineArmed(at(2.51), LEG, CUT))

    assert answered.sleep_until(6.9) == ()


def test_deadline_that_cannot_be_armed_ends_the_call_within_a_second(answered: Story) -> None:
    answered.wake()
    answered.after(ev.DeadlineFailed(at(2.52), LEG))

    assert answered.wake_s == pytest.approx(3.0)
    assert answered.wake() == (cmd.HangUpLeg(LEG),)


def test_deadline_that_cannot_be_armed_is_tried_on_while_the_hang_up_has_no_effect(answered: Story) -> None:
    answered.wake()
    answered.after(ev.DeadlineFailed(at(2.52), LEG))

    assert answered.sleep_until(4.1) == (cmd.HangUpLeg(LEG), cmd.CheckDeadline(LEG, CUT))


def test_deadline_nobody_reports_about_ends_the_call(answered: Story) -> None:
    answered.wake()

    assert cmd.HangUpLeg(LEG) in answered.sleep_until(8)


def test_deadline_still_being_read_is_no_reason_to_hang_up(answered: Story) -> None:
    answered.wake()

    assert cmd.HangUpLeg(LEG) not in answered.sleep_until(3.5)


def test_answer_reported_late_is_checked_before_anything_is_hung_up() -> None:
    story = Story.dialling(paid_call())
    story.after(ev.LegAnswered(at(2), LEG, TRUNK))

    assert story.wake(not_before_s=7) == (cmd.CheckDeadline(LEG, CUT), cmd.RenewSlice(2, 55))


def test_deadline_of_a_free_call_that_cannot_be_armed_does_not_end_it() -> None:
    story = Story.dialling(free_call(longest_call_s=600))
    story.after(ev.LegAnswered(at(2), LEG, TRUNK))
    story.wake()
    story.after(ev.DeadlineFailed(at(2.5), LEG))

    assert cmd.HangUpLeg(LEG) not in story.sleep_until(2.9 + 0.5), "no money is at risk"


def test_new_deadline_that_fails_is_tried_again_while_the_old_one_stands() -> None:
    story = Story.talking(paid_call())
    story.wake()
    story.after(ev.SliceGranted(at(7.1), 2, 70, 700_000))
    for failed_s in (7.1, 7.6, 8.1):
        assert story.wake(7.1) == (cmd.ArmDeadline(LEG, at(71.7)),)
        story.after(ev.DeadlineFailed(at(failed_s), LEG))

    assert story.wake_s == pytest.approx(8.6)
    assert not story.of_kind(cmd.HangUpLeg)


def test_deadline_armed_for_an_older_cut_is_armed_again() -> None:
    story = Story.talking(paid_call())
    story.wake()
    story.after(ev.SliceGranted(at(7.1), 2, 70, 700_000), ev.DeadlineArmed(at(7.2), LEG, CUT))

    assert story.wake(7.2) == (cmd.ArmDeadline(LEG, at(71.7)),)


def test_deadline_of_a_leg_that_is_gone_changes_nothing(answered: Story) -> None:
    before = answered.session

    assert answered.after(ev.DeadlineArmed(at(3), "another", CUT), ev.DeadlineFailed(at(3), "another")) == ()
    assert answered.session == before


def test_clock_that_was_set_has_the_deadline_looked_at_again() -> None:
    story = Story.talking(paid_call())

    assert story.after(ev.ClockSet(at(4))) == (cmd.CheckDeadline(LEG, CUT),)
    story.after(ev.DeadlineArmed(at(4.1), LEG, CUT))
    assert story.sleep_until(6.9) == (), "it is armed again"


def test_clock_that_was_set_and_a_deadline_that_cannot_be_armed_then_end_the_call_half_a_second_later() -> None:
    story = Story.talking(paid_call())
    story.after(ev.ClockSet(at(4)), ev.DeadlineFailed(at(4.1), LEG))

    assert story.wake_s == pytest.approx(4.5)
    assert story.wake() == (cmd.HangUpLeg(LEG),)


@pytest.fixture
def free_on_two_legs() -> Story:
    """A call that costs nothing and has two legs that answered, which both talk on until its longest is over."""
    story = Story.dialling(free_call(longest_call_s=600))
    story.after(ev.LegAnswered(at(2), LEG, TRUNK), ev.LegAnswered(at(3), "second", TRUNK))
    return story


def test_each_leg_of_a_free_call_has_its_own_deadline_looked_at(free_on_two_legs: Story) -> None:
    first, second = at(602), at(603)

    assert free_on_two_legs.sleep_until(2.9) == (cmd.CheckDeadline(LEG, first),)
    free_on_two_legs.after(ev.DeadlineArmed(at(2.6), LEG, first))
    assert free_on_two_legs.sleep_until(4) == (cmd.CheckDeadline("second", second),)
    free_on_two_legs.after(ev.DeadlineArmed(at(3.6), "second", second))
    assert free_on_two_legs.sleep_until(590) == ()


def test_clock_that_was_set_has_the_deadline_of_each_leg_of_a_free_call_looked_at(free_on_two_legs: Story) -> None:
    first, second = at(602), at(603)
    free_on_two_legs.sleep_until(4)
    free_on_two_legs.after(ev.DeadlineArmed(at(4), LEG, first), ev.DeadlineArmed(at(4), "second", second))

    looked_at = free_on_two_legs.after(ev.ClockSet(at(9)))

    assert looked_at == (cmd.CheckDeadline(LEG, first), cmd.CheckDeadline("second", second))


def test_clock_that_was_set_means_nothing_to_a_call_without_a_deadline() -> None:
    assert Story.talking(free_call()).after(ev.ClockSet(at(4))) == ()
    assert Story.dialling(paid_call()).after(ev.ClockSet(at(1))) == ()
