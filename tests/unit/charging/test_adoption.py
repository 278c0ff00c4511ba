"""A successor takes a call over after a restart: from the saved text, and from what the store knows better."""

import pytest

from charging import commands as cmd
from charging import events as ev
from charging.adoption import adopted
from charging.call import Call
from charging.cdr import EndSource
from charging.saved import SavedSessionError, dump_session, load_session
from charging.session import Phase, Session
from tests.unit.charging.story import (
    LEG,
    NORMAL,
    PER_MINUTE,
    SECOND_LEG,
    SECOND_TRUNK,
    TRUNK,
    Story,
    at,
    emergency_call,
    free_call,
    paid_call,
)


def successor(session: Session, held_micros: int = 100_000, paid_s: int = 10, slice_no: int = 1) -> Story:
    """Save, load, adopt."""
    saved = load_session(dump_session(session))
    return Story.of(adopted(saved, held_micros=held_micros, paid_s=paid_s, allowance_s=0, slice_no=slice_no))


@pytest.mark.parametrize(
    "call", [paid_call(), paid_call(PER_MINUTE, longest_call_s=60), free_call(), emergency_call(account_id=None)]
)
def test_saved_session_comes_back_as_it_was(call: Call) -> None:
    session = Story.talking(call).session

    assert load_session(dump_session(session)) == session


DAMAGED_RATE = dump_session(Story(paid_call()).session).replace('"increment_s":1', '"increment_s":0')


@pytest.mark.parametrize("text", ["", "{}", "null", "[1]", '{"call": 5}', '{"phase": "talking"', DAMAGED_RATE])
def test_damaged_text_is_an_error_that_says_so(text: str) -> None:
    with pytest.raises(SavedSessionError, match="cannot be read"):
        load_session(text)


@pytest.mark.parametrize(
    ("whole", "damaged"),
    [
        ('"answered_at":"2026-11-02T09:00:02Z"', '"answered_at":"2026-11-02T09:00:02"'),
        ('"answered_at":"2026-11-02T09:00:02Z"', '"answered_at":"9999-12-31T23:59:59Z"'),
        ('"timezone":"UTC"', '"timezone":"Mars/Olympus"'),
        ('"timezone":"UTC"', '"timezone":"/etc"'),
        ('"longest_call_s":null', '"longest_call_s":1000000000000000'),
    ],
)
def test_text_of_a_session_that_could_not_be_taken_to_its_end_is_damaged(whole: str, damaged: str) -> None:
    text = dump_session(Story.talking(paid_call()).session)
    assert whole in text

    with pytest.raises(SavedSessionError, match="cannot be read"):
        load_session(text.replace(whole, damaged))


def test_talking_call_goes_on_and_its_deadline_is_armed_anew() -> None:
    story = successor(Story.talking(paid_call()).session)

    assert story.wake(not_before_s=6) == (cmd.CheckDeadline(LEG, at(11.7)),), "not hung up: nobody has looked yet"
    story.after(ev.DeadlineArmed(at(6.1), LEG, at(11.7)))
    assert story.sleep_until(8) == (cmd.RenewSlice(2, 55),)


def test_talking_call_whose_deadline_cannot_be_armed_is_hung_up() -> None:
    story = successor(Story.talking(paid_call()).session)
    story.wake(not_before_s=6)
    story.after(ev.DeadlineFailed(at(6.1), LEG))

    assert story.wake(not_before_s=6.1) == (cmd.HangUpLeg(LEG),)
    assert story.session.legs, "until it is gone"


def test_slice_committed_after_the_text_was_saved_counts() -> None:
    story = successor(Story.talking(paid_call()).session, held_micros=700_000, paid_s=70, slice_no=2)

    assert story.wake(not_before_s=10) == (cmd.ArmDeadline(LEG, at(71.7)),)
    story.after(ev.LegEnded(at(22), LEG, TRUNK, NORMAL))
    assert story.cdr.charged_micros == 200_000


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.ADMITTING])
def test_call_saved_before_its_verdict_may_be_ringing(phase: Phase) -> None:
    before = Story(paid_call())
    if phase is Phase.ADMITTING:
        before.after(ev.SessionOpened(at(0.1)))
    story = successor(before.session)

    assert story.session.phase is Phase.DIALLING
    story.after(ev.LegAnswered(at(3), LEG, TRUNK), ev.LegEnded(at(5), LEG, TRUNK, NORMAL))
    assert story.cdr.charged_micros == 20_000


def test_call_found_gone_is_settled_by_the_handlers_record() -> None:
    story = successor(Story(paid_call()).session)

    story.after(ev.LegEnded(at(9), LEG, TRUNK, NORMAL, EndSource.HANDLER, answered_at=at(3)), ev.CallerGone(at(60)))

    assert (story.cdr.charged_micros, story.cdr.end_source, story.cdr.ended_at) == (60_000, EndSource.HANDLER, at(9))


def test_call_found_gone_without_a_record_was_never_answered() -> None:
    story = successor(Story(paid_call()).session)

    story.after(ev.CallerGone(at(60)))
    story.sleep_until(61)

    assert (story.cdr.charged_micros, story.cdr.answered_at) == (0, None)


def test_call_past_its_paid_end_is_hung_up_and_not_woken_in_a_circle() -> None:
    story = successor(Story.talking(paid_call()).session)

    assert story.wake(not_before_s=30) == (cmd.HangUpLeg(LEG), cmd.CheckDeadline(LEG, at(11.7)))
    assert story.wake_s == pytest.approx(31)


def taken_over(saved: Story) -> tuple[list[cmd.Settle], Story]:
    """Return what a successor settles at once of a call that was saved after its end, and the call."""
    assert saved.session.phase is Phase.CLOSING, "its record never reached the store"
    story = successor(saved.session)
    commands = story.after(ev.TakenOver(at(60)))
    assert all(isinstance(command, cmd.Settle) for command in commands)
    return story.of_kind(cmd.Settle), story


def test_leg_that_ended_before_its_call_was_saved_is_settled_by_the_record_that_was_made() -> None:
    saved = Story.talking(paid_call())
    saved.after(ev.LegEnded(at(9), LEG, TRUNK, NORMAL))

    settled, story = taken_over(saved)

    assert settled == saved.of_kind(cmd.Settle)
    assert (settled[0].cdr.charged_micros, settled[0].cdr.end_source) == (70_000, EndSource.EVENT)
    story.after(ev.LegEnded(at(9.004), LEG, TRUNK, NORMAL, EndSource.HANDLER, at(2)), ev.CallerGone(at(9)))
    assert story.cdr == settled[0].cdr, "what else is found of its end comes too late"
    story.after(ev.Settled(at(61), 1))
    assert story.is_closed


def test_surplus_leg_of_a_call_that_was_saved_after_its_end_has_its_record_too() -> None:
    saved = Story.talking(paid_call())
    saved.after(ev.LegAnswered(at(3), SECOND_LEG, SECOND_TRUNK), ev.LegEnded(at(9), LEG, TRUNK, NORMAL))

    settled, story = taken_over(saved)

    assert [(settle.cdr.leg, settle.cdr.charged_micros, settle.close) for settle in settled] == [
        (2, 0, False),
        (1, 70_000, True),
    ]
    story.after(ev.Settled(at(61), 2))
    assert not story.is_closed, "the one that closes it is on its way"
    story.after(ev.Settled(at(61), 1))
    assert story.is_closed


def test_surplus_leg_that_ended_while_the_other_talks_on_is_settled_again_until_the_store_has_it() -> None:
    saved = Story.talking(paid_call())
    saved.after(ev.LegAnswered(at(3), SECOND_LEG, SECOND_TRUNK), ev.LegEnded(at(4), SECOND_LEG, SECOND_TRUNK, NORMAL))

    story = successor(saved.session)
    [settle] = story.after(ev.TakenOver(at(5)))

    assert settle == cmd.Settle(saved.of_kind(cmd.Settle)[0].cdr, close=False)
    assert story.session.talking_leg is not None
    story.after(ev.Settled(at(5.1), 2))
    assert successor(story.session).after(ev.TakenOver(at(6))) == ()


def test_call_that_ended_unanswered_before_it_was_saved_is_closed() -> None:
    saved = Story.dialling(paid_call())
    saved.after(ev.LegSeen(at(1), LEG, TRUNK), ev.CallerGone(at(9)), ev.LegEnded(at(9), LEG, TRUNK, NORMAL))

    settled, _ = taken_over(saved)

    assert [(settle.cdr.leg, settle.close) for settle in settled] == [(0, True)]


def test_call_that_talks_is_taken_over_with_nothing_to_settle() -> None:
    assert successor(Story.talking(paid_call()).session).after(ev.TakenOver(at(6))) == ()


def test_call_whose_last_record_was_refused_by_the_store_is_closed_anew() -> None:
    """Its session is there although the call was closed here: what it holds must not stay held for ever."""
    saved = Story.talking(paid_call())
    saved.after(ev.LegEnded(at(9), LEG, TRUNK, NORMAL), ev.Settled(at(9.1), 1))
    story = successor(saved.session)

    assert story.after(ev.TakenOver(at(60))) == ()
    story.after(ev.CallerGone(at(60)))

    assert any(isinstance(command, cmd.Settle) and command.close for command in story.wake(not_before_s=61))
