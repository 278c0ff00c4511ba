"""A call that never passed the gate: followed, barred or metered from where its leg was found, written down once."""

from dataclasses import replace

import pytest

from charging import commands as cmd
from charging import events as ev
from charging.call import Leg
from charging.cdr import Disposition, EndSource, HangupSide
from charging.saved import dump_session, load_session
from charging.state import Phase
from charging.ungated import bar, follow, held, meter
from rating.decision import Denial, DenyReason
from tests.unit.charging.story import LEG, NORMAL, POLICY, SECOND_LEG, TRUNK, Story, at, free_call, paid_call

DENIAL = Denial(DenyReason.BARRED, "the leg never passed the gate")
FOUND = Leg(channel_id=LEG, trunk=TRUNK)
CALL = paid_call(ungated=True)
FREE = free_call(ungated=True)


def metered(talked_s: int = 0, answered_s: float | None = None) -> Story:
    """Return a metered call that was found half a second after its leg appeared."""
    session, command = meter(CALL, FOUND, at(0.5), POLICY, talked_s=talked_s)
    story = Story.of(held(session, held_micros=command.held_micros, paid_s=command.paid_s, allowance_s=0))
    if answered_s is not None:
        story.after(ev.LegAnswered(at(answered_s), LEG, TRUNK))
    return story


# --- followed ------------------------------------------------------------------------------------------------


def test_followed_call_is_never_cut_and_its_price_is_unfunded() -> None:
    story = Story.of(follow(CALL, FOUND, at(0.5)))
    story.after(ev.LegAnswered(at(1), LEG, TRUNK))
    assert story.wake_s is None

    story.after(ev.LegEnded(at(61), LEG, TRUNK, NORMAL))

    assert story.of_kind(cmd.HangUpLeg) == []
    assert (story.cdr.charged_micros, story.cdr.unfunded_micros, story.cdr.billable_s) == (0, 600_000, 60)
    assert (story.cdr.ungated, story.cdr.rate, story.cdr.disposition) == (True, None, Disposition.ANSWERED)


def test_followed_call_of_the_plan_costs_nothing() -> None:
    story = Story.of(follow(FREE, FOUND, at(0.5)))
    story.after(ev.LegAnswered(at(1), LEG, TRUNK), ev.LegEnded(at(61), LEG, TRUNK, NORMAL))

    assert (story.cdr.charged_micros, story.cdr.unfunded_micros, story.cdr.funded_by) == (0, 0, ("plan",))


# --- barred --------------------------------------------------------------------------------------------------


def test_barred_call_is_hung_up_at_once_and_again_until_its_leg_is_gone() -> None:
    story = Story.of(bar(CALL, FOUND, at(0.5), DENIAL))
    assert story.wake_s == 0.5

    assert story.wake() == (cmd.HangUpLeg(LEG),)
    assert story.wake_s == 1.5
    assert story.wake() == (cmd.HangUpLeg(LEG),)
    story.after(ev.LegEnded(at(1.6), LEG, TRUNK, 127))

    assert (story.cdr.answered_at, story.cdr.disposition) == (None, Disposition.NO_ANSWER)
    assert (story.cdr.hangup_side, story.cdr.deny_rule) == (HangupSide.TOLLGATE, DENIAL.rule)
    assert (story.cdr.charged_micros, story.cdr.unfunded_micros, story.cdr.ungated) == (0, 0, True)


def test_barred_call_that_was_answered_has_its_seconds_unfunded() -> None:
    story = Story.of(bar(CALL, FOUND, at(0.5), DENIAL))

    wanted = story.after(ev.LegAnswered(at(0.2), LEG, TRUNK))
    assert cmd.HangUpLeg(LEG) in wanted
    story.after(ev.LegEnded(at(0.7), LEG, TRUNK, NORMAL))

    assert (story.cdr.charged_micros, story.cdr.unfunded_micros) == (0, 10_000)
    assert (story.cdr.hangup_side, story.cdr.deny_rule) == (HangupSide.TOLLGATE, DENIAL.rule)


def test_barred_call_that_its_far_end_hung_up_first_says_so() -> None:
    story = Story.of(bar(CALL, FOUND, at(0.5), DENIAL))
    story.after(ev.LegAnswered(at(0.2), LEG, TRUNK), ev.LegHangupRequested(at(0.6), LEG))
    story.after(ev.LegEnded(at(0.7), LEG, TRUNK, NORMAL))

    assert story.cdr.hangup_side is HangupSide.CALLEE


def test_barred_leg_that_came_to_call_an_emergency_is_left_alone() -> None:
    story = Story.of(bar(CALL, FOUND, at(0.5), DENIAL))
    story.after(ev.LegAnswered(at(0.6), LEG, TRUNK), ev.LegExempted(at(0.7), LEG))

    assert story.wake_s is None


def test_second_leg_of_a_barred_call_is_hung_up_also_where_the_first_calls_an_emergency() -> None:
    story = Story.of(bar(CALL, FOUND, at(0.5), DENIAL))
    story.after(ev.LegAnswered(at(0.6), LEG, TRUNK), ev.LegExempted(at(0.7), LEG))

    assert cmd.HangUpLeg(SECOND_LEG) in story.after(ev.LegAnswered(at(0.8), SECOND_LEG, TRUNK))
    assert cmd.HangUpLeg(SECOND_LEG) not in story.sleep_until(1.7)
    assert cmd.HangUpLeg(SECOND_LEG) in story.sleep_until(1.9), "and again until it is gone"


def test_barred_call_is_still_barred_for_a_successor() -> None:
    session = bar(CALL, FOUND, at(0.5), DENIAL)

    assert load_session(dump_session(session)) == session


# --- metered -------------------------------------------------------------------------------------------------


def test_metered_call_is_held_as_any_other_and_released_where_nobody_answers() -> None:
    story = metered()
    assert (story.session.phase, story.session.held_micros, story.session.paid_s) == (Phase.DIALLING, 100_000, 10)

    story.after(ev.LegEnded(at(20), LEG, TRUNK, 17))

    assert (story.cdr.disposition, story.cdr.charged_micros, story.cdr.ungated) == (Disposition.BUSY, 0, True)


def test_metered_call_is_armed_at_once_since_the_dialplan_armed_no_deadline() -> None:
    story = metered(answered_s=2)

    assert story.wake() == (cmd.ArmDeadline(LEG, at(2 + 9.7)),)


def test_metered_call_is_renewed_cut_and_settled_once() -> None:
    story = metered(answered_s=2)
    story.wake()
    story.after(ev.DeadlineArmed(at(2.6), LEG, at(11.7)))
    story.sleep_until(8)
    [renewal] = story.of_kind(cmd.RenewSlice)
    story.after(ev.SliceDenied(at(8), renewal.slice_no, DenyReason.NO_FUNDS, "no funds"))
    story.sleep_until(11.7)
    assert story.of_kind(cmd.HangUpLeg) == [cmd.HangUpLeg(LEG)]

    story.after(ev.LegEnded(at(11.71), LEG, TRUNK, NORMAL))

    assert (story.cdr.charged_micros, story.cdr.unfunded_micros, story.cdr.billable_s) == (100_000, 0, 10)
    assert (story.cdr.hangup_side, story.cdr.deny_rule, story.cdr.end_source) == (
        HangupSide.TOLLGATE,
        "no funds",
        EndSource.EVENT,
    )


def test_metered_call_holds_what_it_talked_before_it_was_found() -> None:
    story = metered(talked_s=300, answered_s=-299.5)
    assert story.session.paid_s == 310

    story.after(ev.LegEnded(at(3), LEG, TRUNK, NORMAL))

    assert (story.cdr.billable_s, story.cdr.charged_micros, story.cdr.unfunded_micros) == (303, 3_030_000, 0)


def test_metered_call_that_talked_beyond_its_hold_has_the_rest_unfunded() -> None:
    story = metered(answered_s=0)

    story.after(ev.LegEnded(at(12), LEG, TRUNK, NORMAL))

    assert (story.cdr.charged_micros, story.cdr.unfunded_micros) == (100_000, 20_000)


@pytest.mark.parametrize("ended_s", [1, 5, 100])
def test_metered_call_whose_end_was_hung_up_inside_ends_by_the_caller(ended_s: int) -> None:
    story = metered(answered_s=0)
    story.after(ev.LegEnded(at(min(ended_s, 9)), LEG, TRUNK, NORMAL))

    side = HangupSide.CALLER if min(ended_s, 9) > 1.5 else HangupSide.TOLLGATE
    assert story.cdr.hangup_side is side


def test_session_saved_before_there_were_ungated_calls_is_read() -> None:
    session = replace(follow(CALL, FOUND, at(1)), call=paid_call())
    text = dump_session(session).replace(',"ungated":false', "").replace(',"barred":null', "")
    assert "ungated" not in text
    assert '"barred":null' not in text

    assert load_session(text) == session
