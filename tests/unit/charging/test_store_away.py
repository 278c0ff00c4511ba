"""What talking calls do while the store is away: they end at their hold, which may be paid ahead for that."""

import pytest

from charging import commands as cmd
from charging import events as ev
from charging.policy import MeteringPolicy
from rating.decision import DenyReason
from tests.unit.charging.story import LEG, Story, at, paid_call

AHEAD_S = 30


def cut_s(story: Story, away_from_s: float) -> float:
    """Talk until the call is cut: slices are granted until the store goes away, and denied from then on."""
    while (wake_s := story.wake_s) is not None:
        for command in story.wake():
            match command:
                case cmd.RenewSlice(slice_no=number, want_s=want_s) if wake_s < away_from_s:
                    session = story.session
                    paid_s, held_micros = session.paid_s + want_s, session.held_micros + want_s * 10_000
                    story.after(ev.SliceGranted(at(wake_s), number, paid_s, held_micros))
                case cmd.RenewSlice(slice_no=number):
                    story.after(ev.SliceDenied(at(wake_s), number, DenyReason.STORE_DOWN, "the store is away"))
                case cmd.CheckDeadline(channel_id=leg, cut_at=wanted) | cmd.ArmDeadline(channel_id=leg, cut_at=wanted):
                    story.after(ev.DeadlineArmed(at(wake_s), leg, wanted))
                case cmd.HangUpLeg(channel_id=leg):
                    assert leg == LEG
                    return wake_s
    raise AssertionError("it is never cut")


@pytest.mark.parametrize("away_from_s", [2.6, 9, 17.5, 40, 63, 118, 301])
@pytest.mark.parametrize("ahead_s", [0, 1, AHEAD_S, 300])
def test_call_talks_on_for_as_long_as_was_held_ahead_and_no_longer_than_a_slice_more(
    away_from_s: float, ahead_s: int
) -> None:
    policy = MeteringPolicy(store_away_s=ahead_s)
    story = Story.talking(paid_call(), policy=policy)
    talked_on_s = cut_s(story, away_from_s) - away_from_s
    assert ahead_s - policy.margin.total_seconds() <= talked_on_s <= policy.slice_s + ahead_s


def test_first_hold_is_for_the_seconds_ahead_too() -> None:
    story = Story(paid_call(), MeteringPolicy(store_away_s=AHEAD_S))
    assert story.of_kind(cmd.OpenSession) == [cmd.OpenSession(400_000, 40)]


def test_what_was_held_ahead_and_not_needed_is_not_charged() -> None:
    story = Story.talking(paid_call(), policy=MeteringPolicy(store_away_s=AHEAD_S))
    story.after(ev.LegEnded(at(4), LEG, "carrier1", 16))
    assert (story.cdr.billable_s, story.cdr.charged_micros) == (2, 20_000)
