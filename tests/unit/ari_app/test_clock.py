"""A machine's clock that is set while calls talk changes none of their seconds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app import clock
from ari_app.clock import CallClock, Clock, boot_id

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """A machine whose clock is set, and whose steady clock goes on."""

    def __init__(self) -> None:
        self.now = T0
        self.steady_s = 1000.0
        self.clock = self.restarted()

    def restarted(self) -> Clock:
        """Return the clock of a service that has just started."""
        return Clock(lambda: self.now, lambda: self.steady_s)

    def run(self, seconds: float, *, fast_s: float = 0.0) -> None:
        """Let time pass; the time of day may go wrong by ``fast_s`` meanwhile."""
        self.now += timedelta(seconds=seconds + fast_s)
        self.steady_s += seconds


@pytest.mark.parametrize("jump", [HOUR, -HOUR, timedelta(seconds=-2)])
def test_calls_time_goes_on_steadily_when_the_clock_is_set(jump: timedelta) -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    machine.run(10)
    machine.now += jump
    assert call.now() == T0 + timedelta(seconds=10)
    machine.run(5)
    assert call.now() == T0 + timedelta(seconds=15)
    assert machine.clock.jumped == jump
    assert CallClock(machine.clock).now() == machine.now, "a new call is dated by the clock as it is"


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_asterisks_moments_are_taken_in_the_calls_time_on_both_sides_of_a_jump(jump: timedelta) -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    machine.run(600)
    before = machine.now - timedelta(milliseconds=20)
    machine.now += jump
    after = machine.now - timedelta(milliseconds=10)
    assert call.moment(before) == T0 + timedelta(seconds=600, milliseconds=-20)
    assert call.moment(after) == T0 + timedelta(seconds=600, milliseconds=-10)
    answered = T0 + timedelta(seconds=5)
    assert call.moment(answered) == answered, "it was answered long before the jump"


@pytest.mark.parametrize("jump", [timedelta(seconds=5), timedelta(seconds=-5), HOUR])
def test_moment_from_before_a_jump_that_is_read_long_after_it_is_taken_as_it_was_stamped(jump: timedelta) -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    machine.run(10)
    call.now()
    before = machine.now - timedelta(seconds=6)
    machine.now += jump
    call.now()
    machine.run(20)
    after = machine.now - timedelta(seconds=4)
    machine.run(60)
    assert call.moment(before) == T0 + timedelta(seconds=4)
    assert call.moment(after) == T0 + timedelta(seconds=26)


def test_moment_between_two_jumps_that_cancel_out_is_taken_as_it_was_stamped() -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    machine.now += HOUR
    call.now()
    machine.run(10)
    between = machine.now
    machine.run(10)
    machine.now -= HOUR
    call.now()
    machine.run(10)
    assert call.moment(between) == T0 + timedelta(seconds=10)


def test_call_that_begins_after_a_jump_knows_what_was_stamped_before_it() -> None:
    machine = Machine()
    stamped = machine.now
    machine.run(1)
    machine.clock.now()
    machine.now -= HOUR
    assert CallClock(machine.clock).moment(stamped) == machine.now - timedelta(seconds=1)
    assert machine.clock.present(stamped) == machine.now - timedelta(seconds=1)


def test_clock_that_is_set_again_and_again_remembers_the_last_times() -> None:
    machine = Machine()
    for _ in range(2 * clock.ERAS_REMEMBERED):
        machine.run(10)
        machine.now += HOUR
        machine.clock.now()
    machine.run(10)
    assert len(machine.clock.eras) == clock.ERAS_REMEMBERED
    before = machine.now - timedelta(seconds=15) - HOUR
    assert machine.clock.present(before) == machine.now - timedelta(seconds=15)


def test_past_that_lies_ahead_was_stamped_by_a_clock_that_was_set_unseen_and_keeps_its_length() -> None:
    machine = Machine()
    answered, ended = T0 + HOUR, T0 + HOUR + timedelta(seconds=30)
    machine.run(60)
    call = CallClock(machine.clock)
    assert call.past(answered, ended) == (machine.now - timedelta(seconds=30), machine.now)
    assert call.past(T0) == (T0,)
    assert call.moment(answered) == machine.now


def test_moment_that_the_clock_showed_is_meant_rather_than_one_to_come() -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    for passes_s, jump_s in ((10, 2.2), (3, -4.4)):
        machine.run(passes_s)
        machine.now += timedelta(seconds=jump_s)
        machine.clock.now()
    shown = T0 + timedelta(seconds=15, milliseconds=100)  # 12.9 s after the beginning; the clock comes to it again
    machine.run(3.9)

    assert call.now() == T0 + timedelta(seconds=16.9)
    assert call.moment(shown) == T0 + timedelta(seconds=12.9)


@pytest.mark.parametrize("jump_s", [-26, 26])
def test_answer_that_was_noted_while_the_clock_was_set_unseen_is_dated_so_that_no_call_is_cut_late(jump_s: int) -> None:
    machine = Machine()
    saved_by = CallClock(machine.clock).reading()
    for before_s in (5, 65):  # it was answered before the clock was set, or after that
        moment = T0 + timedelta(seconds=before_s)
        noted = moment if before_s < 60 else moment + timedelta(seconds=jump_s)
        machine.now, machine.steady_s = T0 + timedelta(seconds=100 + jump_s), 1100.0
        successor = CallClock(machine.restarted(), saved_by)

        assert successor.now() == T0 + timedelta(seconds=100)
        assert T0 <= successor.moment(noted) <= moment


def test_answer_that_was_noted_by_a_clock_of_which_nobody_knows_is_the_earliest_that_can_be() -> None:
    machine = Machine()
    machine.run(41)
    saved_by = CallClock(machine.clock).reading()
    machine.now += timedelta(seconds=16)
    machine.run(13)
    noted = machine.now
    machine.now -= HOUR + timedelta(seconds=16)
    machine.run(3)

    assert CallClock(machine.restarted(), saved_by).moment(noted) == T0 + timedelta(seconds=41), "it is cut at once"


def test_answer_that_was_noted_by_a_clock_that_was_wrong_and_set_right_unseen_is_the_earliest_that_can_be() -> None:
    machine = Machine()
    saved_by = CallClock(machine.clock).reading()
    machine.run(5, fast_s=12)
    noted = machine.now
    machine.run(2, fast_s=-12)
    successor = CallClock(machine.restarted(), saved_by)

    assert successor.moment(noted) == T0, "it is cut too early rather than late"
    assert successor.past(noted) == (machine.now,)


def test_answer_that_the_clock_showed_again_once_a_successor_had_begun_is_the_one_before_it() -> None:
    machine = Machine()
    saved_by = CallClock(machine.clock).reading()
    machine.run(5)
    noted = machine.now
    machine.run(5, fast_s=-24)
    successor_clock = machine.restarted()
    machine.run(1, fast_s=13)
    successor_clock.now()
    machine.run(20)
    successor = CallClock(successor_clock, saved_by)

    assert machine.now > noted + timedelta(seconds=10), "the clock has shown it once more"
    assert successor.answered_at(noted) == noted, "it is cut too early rather than late"


def test_answer_that_the_clock_showed_twice_is_the_first_unless_it_has_just_been() -> None:
    machine = Machine()
    call = CallClock(machine.clock, began_at=T0)
    machine.run(20)
    machine.clock.now()
    machine.now -= timedelta(seconds=10)
    machine.clock.now()
    shown_twice = T0 + timedelta(seconds=15)
    machine.run(6)

    assert call.answered_at(shown_twice) == T0 + timedelta(seconds=25), "its event is on its way"
    machine.run(60)
    assert call.answered_at(shown_twice) == T0 + timedelta(seconds=15), "it is read later: what was paid may be over"
    assert call.moment(shown_twice) == T0 + timedelta(seconds=25), "an event of it is late at most"
    later = CallClock(machine.clock, began_at=machine.now)
    assert later.answered_at(shown_twice) == shown_twice, "nobody knows when its call began"


def test_talk_that_was_over_when_the_clock_was_set_back_has_its_length_though_its_end_was_shown_again() -> None:
    machine = Machine()
    answered = machine.now
    ended = answered + timedelta(seconds=15)
    machine.run(3600 + 14)  # an hour later the clock is set back by an hour, and shows the end once more
    machine.clock.now()
    machine.now -= HOUR
    machine.run(10)

    assert CallClock(machine.clock).talk(answered, ended) == (answered - HOUR, ended - HOUR)


def test_talk_is_not_taken_to_have_been_before_its_call_though_the_clock_showed_it_then() -> None:
    machine = Machine()
    machine.now -= HOUR
    call = CallClock(machine.clock, began_at=machine.now)
    machine.run(3)
    answered = machine.now
    machine.clock.now()
    machine.now += HOUR - timedelta(seconds=10)
    machine.run(2)

    began_at = T0 - HOUR
    talk = call.talk(answered, machine.now)
    assert talk == (began_at + timedelta(seconds=3), began_at + timedelta(seconds=5))


@pytest.mark.parametrize("off_s", [-3624, 12])
def test_moment_that_cannot_be_of_its_call_is_the_one_at_which_the_call_was_saved(off_s: int) -> None:
    machine = Machine()
    began_at = machine.now
    machine.run(3)
    saved_by = CallClock(machine.clock, began_at=began_at).reading()
    machine.run(5, fast_s=off_s)  # the clock is set wrong, and right again, while no service runs
    noted = machine.now
    machine.run(2, fast_s=-off_s)

    assert CallClock(machine.restarted(), saved_by, began_at).moment(noted) == saved_by.at


def test_talk_whose_answer_was_noted_before_its_call_began_begins_with_it() -> None:
    machine = Machine()
    began_at = machine.now
    saved_by = CallClock(machine.clock, began_at=began_at).reading()
    machine.run(8, fast_s=-3624)
    noted = machine.now
    machine.run(3, fast_s=3624)
    ended = machine.now
    machine.run(20)

    assert CallClock(machine.restarted(), saved_by, began_at).talk(noted, ended) == (began_at, ended)


def test_talk_during_which_the_clock_was_set_back_has_its_length_where_that_was_seen() -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    machine.run(10)
    answered = machine.now
    machine.run(20)
    machine.clock.now()
    machine.now -= HOUR
    machine.clock.now()
    machine.run(5)

    assert call.talk(answered, machine.now) == (T0 + timedelta(seconds=10), T0 + timedelta(seconds=35))
    assert CallClock(machine.restarted()).talk(answered, machine.now) == (machine.now, machine.now)


def test_talk_before_the_clock_was_set_back_begins_before_its_end_though_its_answer_was_shown_again() -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    machine.run(20)
    machine.now -= timedelta(seconds=10)
    machine.clock.now()
    machine.run(2)

    answered, ended = T0 + timedelta(seconds=11), T0 + timedelta(seconds=15)
    assert call.talk(answered, ended) == (answered, ended)


def test_talk_of_a_leg_that_was_heard_to_live_did_not_end_before_that() -> None:
    machine = Machine()
    call = CallClock(machine.clock)  # nobody knows when it began
    machine.run(10)
    machine.now -= 2 * HOUR
    machine.run(5)
    answered, lived_at = machine.now, call.now()
    machine.run(20)
    machine.now += HOUR
    call.now()

    assert call.talk(answered, machine.now) == (answered, machine.now), "as if the clock had not been set meanwhile"
    heard_of = call.talk(answered, machine.now, lived_at)
    assert heard_of == (T0 + timedelta(seconds=15), T0 + timedelta(seconds=35))


def test_clock_that_is_slewed_is_believed() -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    for _ in range(100):
        machine.run(10, fast_s=0.005)
        call.now()
    assert machine.clock.jumped == timedelta()
    assert call.now() == machine.now


def test_jumps_back_and_forth_cancel_out() -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    machine.now += HOUR
    machine.run(1)
    assert call.now() == T0 + timedelta(seconds=1)
    machine.now -= HOUR
    machine.run(1)
    assert call.now() == T0 + timedelta(seconds=2) == machine.now


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_successor_goes_on_in_the_calls_time_where_the_clock_was_set_while_nobody_looked(jump: timedelta) -> None:
    machine = Machine()
    call = CallClock(machine.clock)
    machine.run(10)
    saved_by = call.reading()
    machine.run(20)
    machine.now += jump
    successor = CallClock(machine.restarted(), saved_by)

    machine.run(5)
    assert successor.now() == T0 + timedelta(seconds=35)
    assert successor.moment(machine.now) == T0 + timedelta(seconds=35)
    assert successor.moment(T0 + timedelta(seconds=25)) == T0 + timedelta(seconds=25), "it left word before that"
    assert CallClock(machine.restarted(), successor.reading()).now() == successor.now(), "and so does the next one"


@pytest.mark.parametrize("slewed_s", [0.0, 0.9, -0.9])
def test_successor_believes_a_clock_that_was_not_set(slewed_s: float) -> None:
    machine = Machine()
    saved_by = CallClock(machine.clock).reading()
    machine.run(60, fast_s=slewed_s)

    assert CallClock(machine.restarted(), saved_by).now() == machine.now


@pytest.mark.parametrize("damage", [{"boot": "another"}, {"boot": ""}, {"steady_s": 1e300}])
def test_successor_believes_the_clock_after_a_start_of_the_machine_or_a_reading_that_is_none(
    damage: dict[str, Any],
) -> None:
    machine = Machine()
    saved_by = replace(CallClock(machine.clock).reading(), **damage)
    machine.now += HOUR

    assert CallClock(machine.restarted(), saved_by).now() == machine.now


def test_moments_of_a_call_that_was_saved_before_a_start_of_the_machine_are_taken_as_they_are() -> None:
    machine = Machine()
    machine.now += HOUR  # its clock was wrong, and is right after the start
    began_at = machine.now
    saved_by = replace(CallClock(machine.clock, began_at=began_at).reading(), boot="another")
    machine.now = T0 + timedelta(seconds=60)
    call = CallClock(machine.restarted(), saved_by, began_at)

    answered, ended = T0 + timedelta(seconds=30), T0 + timedelta(seconds=50)
    assert call.moment(answered) == answered
    assert call.talk(answered, ended) == (answered, ended)


def test_machine_that_does_not_tell_of_its_starts_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(clock, "BOOT_ID", tmp_path / "missing")

    assert boot_id.__wrapped__() == ""
