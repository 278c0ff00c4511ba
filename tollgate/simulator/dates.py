"""Whether a record's dates are those of a talk, by the clock of its node, which may have been set meanwhile.

A call is counted in its own time: the time of day as its node had it when the call began, or when it was first seen. So
a record is right where both of its moments are off by the same, which the clock has been off by since then, and its
length is the true one whatever was done to the clock.

A stamp that was left in Asterisk and is read later can be taken for another moment only where

- the clock was set back, so that it showed this stamp at two moments, and
- where a service was started after the clock was set during the call: it does not know which stamps are from before,
  and what it took them for is in the session, where another service goes on with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from charging.cdr import Cdr, EndSource
from tollgate.simulator.wall_clock import WallClock

LOOKED_WITHIN = timedelta(seconds=1)
"""A service notices within this time that its clock was set: what was stamped meanwhile may be from before or after."""
LONG_AGO = datetime.min.replace(tzinfo=UTC)
SAME_ANSWER = timedelta(milliseconds=20)
"""The event of an answer and the dialplan's note of it are this near to each other."""
_NONE = timedelta()
_ROUNDED = timedelta(milliseconds=1)
"""By how much a jump may be misjudged: two clocks are read, and what they differ by is rounded."""


@dataclass(frozen=True, slots=True)
class Talk:
    """An answered leg in true time, and how its record can know of its answer."""

    answered_at: datetime
    ended_at: datetime
    is_answer_noted: bool
    """Whether it can be read if its event went by unseen: in the dialplan's note, or in Asterisk's CDR.

    That begins anew where an emergency's leg is transferred; it may be dated later then.
    """


@dataclass(frozen=True, slots=True)
class Dates:
    """What the records of a call may say of moments, which are true ones here."""

    clock: WallClock
    """Its node's."""
    began_at: datetime
    own_by: datetime
    """The call's own time is that of the clock at some moment between ``began_at`` and this."""
    recorded_at: datetime
    is_begin_known: bool
    """Whether its service knows when it began: a stamp may be taken for an earlier moment where it does not."""

    def is_answer(self, record: Cdr, talk: Talk) -> bool:
        """Whether a record tells of this talk, by its answer."""
        return any(self._is_answer(record, talk, off) for off in self._own_offs())

    def is_talk(self, record: Cdr, talk: Talk) -> bool:
        """Whether a record tells of this talk from its answer to its end, both in one time."""
        return any(self._is_answer(record, talk, off) and self._is_end(record, talk, off) for off in self._own_offs())

    def apart(self, record: Cdr, talk: Talk) -> timedelta:
        """Return by how much a record's answer and that of this talk differ at least."""
        assert record.answered_at is not None
        return min(abs(record.answered_at - talk.answered_at - off) for off in self._own_offs())

    def _own_offs(self) -> set[timedelta]:
        return self.clock.offs(self.began_at, self.own_by)

    def _is_answer(self, record: Cdr, talk: Talk, off: timedelta) -> bool:
        assert record.answered_at is not None
        told = record.answered_at - off
        mistaken = self._most_mistaken()
        if not talk.is_answer_noted and told + mistaken > talk.answered_at:
            return True
        if mistaken and self.began_at <= told <= talk.answered_at:
            return True  # its stamp was impossible: it is taken to have come right after the call was saved
        return self._is_moment(told, talk.answered_at, SAME_ANSWER)

    def _is_end(self, record: Cdr, talk: Talk, off: timedelta) -> bool:
        told = record.ended_at - off
        # One that is taken for a moment before the answer is taken for the answer's.
        is_at_once = record.ended_at == record.answered_at
        if record.end_source is EndSource.EVENT and self.clock.was_ever_set:
            # It is told at once, by the clock as it is: where it comes before the answer, that was mistaken.
            is_answers = is_at_once and talk.ended_at <= told <= talk.ended_at + self._most_mistaken()
            return is_answers or self._is_stamp(told, talk.ended_at, _ROUNDED)
        if self._is_moment(told, talk.ended_at, _NONE):
            return True
        return is_at_once and any(other <= told for other in self._shown_again(talk.ended_at))

    def _is_moment(self, told: datetime, at: datetime, near: timedelta) -> bool:
        if not self.clock.was_ever_set:
            return abs(told - at) <= near
        near += _ROUNDED
        return abs(told - at) <= near + self._most_mistaken() or self._is_stamp(told, at, near)

    def _is_stamp(self, told: datetime, at: datetime, near: timedelta) -> bool:
        return abs(told - at) <= near or any(abs(told - other) <= near for other in self._shown_again(at))

    def _most_mistaken(self) -> timedelta:
        return self.clock.most_mistaken(self.began_at, self.recorded_at)

    def _shown_again(self, at: datetime) -> Iterator[datetime]:
        """Yield the moments at which the clock showed what it shows at this one.

        Of a call whose beginning nobody knows also those at which it would have, had it been set at some other time:
        a service that was started since takes it to have been as it found it.
        """
        stamp = self.clock.shown(at)
        for off in self.clock.offs(self.began_at if self.is_begin_known else LONG_AGO, self.recorded_at):
            other = stamp - off
            if not self.is_begin_known or off in self.clock.offs(other - LOOKED_WITHIN, other + LOOKED_WITHIN):
                yield other
