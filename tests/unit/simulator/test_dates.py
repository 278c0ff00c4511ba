"""What the audit takes for the dates of a talk where the clock of its node was set."""

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from charging.cdr import Cdr, EndSource
from tollgate.simulator.dates import Dates, Talk
from tollgate.simulator.faults import NO_FAULTS
from tollgate.simulator.loop import virtual_loop
from tollgate.simulator.trace import Trace
from tollgate.simulator.wall_clock import WallClock
from tollgate.simulator.world import World

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TALK = Talk(T0 + timedelta(seconds=10), T0 + timedelta(seconds=40), is_answer_noted=True)


class Node:
    """A node whose clock is set as wanted."""

    def __init__(self) -> None:
        self._at_s = 0.0
        loop = virtual_loop(T0, lambda _fault: None)
        self._loop = cast("SimpleNamespace", loop)
        self.clock = WallClock(World(loop, random.Random(1), NO_FAULTS, Trace(loop.time)), "pbx1", lambda _by: None)

    def at(self, second: float) -> "Node":
        """Have so many seconds have passed."""
        self._loop._now_s = second
        return self

    def sets(self, off: timedelta) -> None:
        """Set the clock."""
        self.clock._set(off)


def record(answered_off: timedelta, ended_off: timedelta, source: EndSource = EndSource.EVENT) -> Cdr:
    """Return the record of the talk as far as dates go, each off by so much."""
    told = SimpleNamespace(
        answered_at=TALK.answered_at + answered_off, ended_at=TALK.ended_at + ended_off, end_source=source
    )
    return cast("Cdr", told)


def is_talk(node: Node, told: Cdr, began_at: datetime = T0, *, is_begin_known: bool = True) -> bool:
    own_by = recorded_at = T0 + timedelta(seconds=60)
    return Dates(node.clock, began_at, own_by, recorded_at, is_begin_known).is_talk(told, TALK)


def test_clock_that_was_never_set_allows_the_true_dates_only() -> None:
    node = Node()
    assert is_talk(node, record(timedelta(), timedelta()))
    assert not is_talk(node, record(timedelta(), timedelta(milliseconds=1)))
    assert not is_talk(node, record(timedelta(milliseconds=21), timedelta()))


@pytest.mark.parametrize("source", [EndSource.EVENT, EndSource.HANDLER])
def test_setting_that_each_service_saw_moves_both_dates_or_none(source: EndSource) -> None:
    node = Node()
    node.clock.service_starts()
    node.at(20).sets(HOUR)
    assert is_talk(node, record(timedelta(), timedelta(), source))
    assert is_talk(node, record(HOUR, HOUR, source))
    assert not is_talk(node, record(timedelta(), HOUR, source))
    assert not is_talk(node, record(timedelta(seconds=5), timedelta(seconds=5), source))


def test_answer_whose_stamp_was_impossible_may_be_as_early_as_its_call() -> None:
    node = Node()
    node.clock.service_starts()
    node.at(9).sets(timedelta(seconds=3))
    node.at(12).sets(timedelta())
    early = record(timedelta(seconds=-8), timedelta())
    assert not is_talk(node, early), "each service saw the clock being set"
    node.at(15).clock.service_starts()
    assert is_talk(node, early)
    assert not is_talk(node, record(timedelta(seconds=-11), timedelta()))
    assert not is_talk(node, record(timedelta(seconds=4), timedelta()))


def test_setting_that_a_service_did_not_see_may_move_what_is_read_but_not_what_is_told() -> None:
    node = Node()
    node.clock.service_starts()
    node.at(20).sets(HOUR)
    node.at(30).clock.service_starts()  # whichever writes the record: it may go on with what the other took in
    assert is_talk(node, record(timedelta(), HOUR, EndSource.HANDLER))
    assert not is_talk(node, record(timedelta(), 3 * HOUR, EndSource.HANDLER))
    assert not is_talk(node, record(timedelta(), timedelta(seconds=5)))


def test_time_that_the_clock_showed_twice_may_mean_either_moment() -> None:
    node = Node()
    node.clock.service_starts()
    node.at(42).sets(timedelta(seconds=-10))
    assert is_talk(node, record(timedelta(), timedelta(seconds=10), EndSource.HANDLER))
    assert not is_talk(node, record(timedelta(), timedelta(seconds=9), EndSource.HANDLER))


def test_time_that_the_clock_showed_before_a_call_may_be_meant_where_nobody_knows_when_it_began() -> None:
    node = Node()
    node.at(4).sets(-MINUTE)
    began_at = T0 + timedelta(seconds=5)
    told = record(-2 * MINUTE, -2 * MINUTE, EndSource.HANDLER)  # taken for a talk of a minute ago, in the time of now
    assert is_talk(node, told, began_at, is_begin_known=False)
    assert not is_talk(node, told, began_at)


def test_clock_is_set_to_what_it_was_off_by_before_or_to_something_clearly_else() -> None:
    node = Node()
    node.at(1).sets(timedelta(seconds=21.2))
    node.at(2).sets(timedelta())
    node.at(3).sets(timedelta(seconds=20.7))
    assert node.clock.off == timedelta(seconds=21.2), "half a second would pass for slewing over a restart"
    node.at(4).sets(timedelta(seconds=-0.9))
    assert node.clock.off == timedelta()
