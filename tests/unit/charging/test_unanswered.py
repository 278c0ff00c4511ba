"""Calls that nobody answers: what is written down, and when the hold goes back."""

import pytest

from charging import commands as cmd
from charging import events as ev
from charging.cdr import Disposition, HangupSide
from charging.policy import MeteringPolicy
from charging.session import Phase, observe
from tests.unit.charging.story import (
    BUSY,
    CANCELLED,
    CONGESTION,
    LEG,
    NO_ANSWER,
    NORMAL,
    SECOND_LEG,
    SECOND_TRUNK,
    TRUNK,
    UNALLOCATED,
    Story,
    at,
    emergency_call,
    free_call,
    paid_call,
)

LINGER_S = 0.3


@pytest.mark.parametrize(
    ("cause", "disposition"),
    [
        (BUSY, Disposition.BUSY),
        (NO_ANSWER, Disposition.NO_ANSWER),
        (CANCELLED, Disposition.NO_ANSWER),
        (CONGESTION, Disposition.CONGESTION),
        (UNALLOCATED, Disposition.FAILED),
        (21, Disposition.FAILED),
    ],
)
def test_leg_ended_while_ringing_is_written_down_by_its_cause(cause: int, disposition: Disposition) -> None:
    story = Story.dialling(paid_call())
    story.after(
        ev.LegSeen(at(1), LEG, TRUNK),
        ev.LegEnded(at(2), LEG, TRUNK, cause),
        ev.CallerGone(at(2.01)),
    )
    assert story.is_open

    story.wake()

    cdr = story.cdr
    assert (cdr.disposition, cdr.hangup_cause, cdr.trunk, cdr.leg) == (disposition, cause, TRUNK, 0)
    assert (cdr.charged_micros, cdr.billable_s, cdr.answered_at) == (0, 0, None)
    assert cdr.ended_at == at(2.01), "the moment we waited for further legs is not the call's"


def test_caller_gone_before_the_leg_closes_at_the_legs_end() -> None:
    story = Story.dialling(paid_call())

    story.after(
        ev.LegSeen(at(1), LEG, TRUNK),
        ev.CallerHangupRequested(at(3)),
        ev.CallerGone(at(3)),
        ev.LegEnded(at(3.1), LEG, TRUNK, CANCELLED),
    )

    assert (story.cdr.disposition, story.cdr.hangup_side) == (Disposition.NO_ANSWER, HangupSide.CALLER)
    assert story.cdr.ended_at == at(3.1)
    assert not story.of_kind(cmd.HangUpLeg), "Asterisk cancels the leg itself"


def test_caller_gone_without_a_leg_waits_a_moment_for_one_that_is_unseen() -> None:
    story = Story.dialling(paid_call())
    story.after(ev.CallerGone(at(1)))

    assert story.wake_s == pytest.approx(1 + LINGER_S)
    story.after(ev.LegSeen(at(1.1), LEG, TRUNK), ev.Woke(at(1.3)))
    assert story.is_open

    story.after(ev.LegEnded(at(1.4), LEG, TRUNK, CANCELLED))
    assert story.cdr.disposition is Disposition.NO_ANSWER


def test_caller_gone_before_the_admission_was_reported_releases_the_hold_soon() -> None:
    story = Story(paid_call())

    story.after(ev.SessionOpened(at(0.1)), ev.CallerGone(at(0.11)), ev.CallerAdmitted(at(0.12)))
    story.sleep_until(1)

    assert story.cdr.disposition is Disposition.NO_ANSWER, "the hold does not wait for the ring limit"


def test_first_trunk_failed_second_answers_makes_one_call_on_one_hold() -> None:
    story = Story.dialling(paid_call(trunks=2))
    story.after(ev.LegSeen(at(1), LEG, TRUNK), ev.LegEnded(at(1.2), LEG, TRUNK, CONGESTION))
    assert story.is_open, "trunk fail-over keeps the hold"

    story.after(
        ev.LegSeen(at(1.3), SECOND_LEG, SECOND_TRUNK),
        ev.LegAnswered(at(2), SECOND_LEG, SECOND_TRUNK),
        ev.LegEnded(at(5), SECOND_LEG, SECOND_TRUNK, NORMAL),
        ev.CallerGone(at(5)),
    )

    assert len(story.of_kind(cmd.OpenSession)) == 1
    assert (story.cdr.trunk, story.cdr.leg, story.cdr.billable_s) == (SECOND_TRUNK, 1, 3)
    assert story.cdr.charged_micros == 30_000


def test_all_trunks_failed_is_one_record_of_the_last() -> None:
    story = Story.dialling(paid_call(trunks=2))

    story.after(
        ev.LegSeen(at(1), LEG, TRUNK),
        ev.LegEnded(at(1.2), LEG, TRUNK, CONGESTION),
        ev.LegSeen(at(1.3), SECOND_LEG, SECOND_TRUNK),
        ev.LegEnded(at(1.5), SECOND_LEG, SECOND_TRUNK, BUSY),
        ev.CallerGone(at(1.6)),
    )
    story.sleep_until(3)

    assert (story.cdr.disposition, story.cdr.trunk) == (Disposition.BUSY, SECOND_TRUNK)


@pytest.mark.parametrize("trunks", [1, 3])
def test_ring_limit_passed_hangs_up_the_leg_and_again_until_it_is_gone(trunks: int) -> None:
    story = Story.dialling(paid_call(trunks=trunks), policy=MeteringPolicy(ring_limit_s=20))
    story.after(ev.LegSeen(at(1), LEG, TRUNK))
    limit_s = 0.1 + 20 * trunks + 5
    assert story.wake_s == pytest.approx(limit_s)

    assert story.sleep_until(limit_s + 2.5) == (cmd.HangUpLeg(LEG),) * 3

    story.after(ev.CallerGone(at(limit_s + 2.6)), ev.LegEnded(at(limit_s + 2.7), LEG, TRUNK, NORMAL))
    assert story.cdr.charged_micros == 0


def test_ring_limit_passed_without_any_leg_releases_the_hold() -> None:
    story = Story.dialling(paid_call(), policy=MeteringPolicy(ring_limit_s=20))

    story.sleep_until(26)

    assert story.cdr.disposition is Disposition.FAILED


def test_answered_at_the_ring_limit_talks_on() -> None:
    story = Story.dialling(paid_call(), policy=MeteringPolicy(ring_limit_s=20))
    story.after(ev.LegSeen(at(1), LEG, TRUNK))
    assert story.sleep_until(25.2) == (cmd.HangUpLeg(LEG),)

    story.after(ev.LegAnswered(at(25.3), LEG, TRUNK), ev.DeadlineArmed(at(25.3), LEG, at(25.3 + 9.7)))

    assert [type(command) for command in story.sleep_until(31)] == [cmd.RenewSlice]


@pytest.mark.parametrize("session_is_observed", [True, False])
def test_emergency_that_rings_for_ever_is_never_hung_up(session_is_observed: bool) -> None:
    story = Story.dialling(emergency_call())
    if session_is_observed:
        story = Story.of(observe(emergency_call(account_id=None), at(0)))
    story.after(ev.LegSeen(at(1), LEG, TRUNK))

    assert story.sleep_until(24 * 3600) == ()

    story.after(ev.CallerGone(at(90_000)), ev.LegEnded(at(90_000), LEG, TRUNK, CANCELLED))
    assert story.cdr.disposition is Disposition.NO_ANSWER


def test_emergency_between_two_trunks_waits_for_its_caller_however_long() -> None:
    story = Story.of(observe(emergency_call(), at(0)))
    story.after(ev.LegSeen(at(1), LEG, TRUNK), ev.LegEnded(at(400), LEG, TRUNK, CONGESTION))

    assert story.sleep_until(500) == ()

    story.after(ev.CallerGone(at(600)))
    story.sleep_until(601)
    assert story.cdr.disposition is Disposition.CONGESTION


def test_observed_free_call_has_a_ring_limit() -> None:
    story = Story.of(observe(free_call(), at(0)))
    story.after(ev.LegSeen(at(1), LEG, TRUNK))

    assert story.sleep_until(125) == (cmd.HangUpLeg(LEG),)


def test_leg_seen_again_after_its_end_begins_nothing() -> None:
    story = Story.dialling(paid_call())
    story.after(
        ev.LegSeen(at(1), LEG, TRUNK),
        ev.LegEnded(at(2), LEG, TRUNK, BUSY),
        ev.LegSeen(at(1.5), LEG, TRUNK),
        ev.LegEnded(at(2), LEG, TRUNK, BUSY),
        ev.CallerGone(at(2.1)),
    )

    story.sleep_until(3)

    assert story.cdr.disposition is Disposition.BUSY


def test_settled_closes_the_call_and_nothing_opens_it_again() -> None:
    story = Story.dialling(paid_call())
    story.after(ev.CallerGone(at(1)))
    story.sleep_until(2)

    story.after(ev.Settled(at(2), 0))
    assert story.session.phase is Phase.CLOSED
    assert story.wake_s is None
    assert story.after(ev.LegSeen(at(3), LEG, TRUNK), ev.LegEnded(at(3), LEG, TRUNK, BUSY), ev.Woke(at(4))) == ()


def test_leg_answered_while_the_record_is_being_written_is_hung_up() -> None:
    story = Story.dialling(paid_call())
    story.after(ev.CallerGone(at(1)))
    story.sleep_until(2)
    assert story.session.phase is Phase.CLOSING

    assert story.after(ev.LegAnswered(at(2.1), LEG, TRUNK)) == (cmd.HangUpLeg(LEG),)
