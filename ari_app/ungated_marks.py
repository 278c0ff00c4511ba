"""What is left on a leg that never passed the gate, so that a successor of this service knows it.

Its call in ``TOLLGATE_CALL`` and a hang-up handler, which leaves word of its end, as on a leg that passed the gate; and
its answer as soon as that has come. A call that is paid for is known by its id, since the store has its session from
the beginning. One that costs nothing may have none: not before the answer, and never where no account is behind it. So
its leg carries all that its record needs (:class:`LegMark`).

ARI sets no variables of a channel outside the application, so this needs AMI. A leg that could not be marked goes on
unmarked, its events tell of its end, and it is marked as soon as AMI is back.
"""

import asyncio
from collections.abc import Collection
from datetime import datetime

import structlog

from ari_app.call_marks import mark_of
from ari_app.errors import AmiChannelGoneError, AsteriskError
from ari_app.execute import CommandExecutor
from ari_app.lines import Lines
from ari_app.ungated_suspect import Suspect
from charging.call import Call
from dialplan.contract import ANSWERED_VARIABLE, HANGUP_HANDLER, LEG_VARIABLE, MarkKind
from rating.destination import DestinationClass

log = structlog.get_logger(__name__)

_PUSH_HANDLER = "CHANNEL(hangup_handler_push)"


class UngatedMarks:
    """Marks legs, and keeps in mind which could not be marked."""

    def __init__(self, executor: CommandExecutor, lines: Lines) -> None:
        """Begin with no leg."""
        self._executor = executor
        self._lines = lines
        self._missing: dict[str, dict[str, str]] = {}
        """Variables by channel."""

    def leave(self, suspect: Suspect, call: Call) -> None:
        """Have a leg carry its call."""
        if suspect.ended is None:
            self._executor.spawn(self._put(suspect.leg.channel_id, _marks_of(suspect, call)))

    async def leave_within(self, limit_s: float, suspect: Suspect, call: Call) -> None:
        """Do what :meth:`leave` does, and return when it is done, or too late to wait for."""
        if suspect.ended is not None:
            return
        try:
            async with asyncio.timeout(limit_s):
                await self._put(suspect.leg.channel_id, _marks_of(suspect, call))
        except TimeoutError:
            log.warning("ungated_leg_not_marked", channel_id=suspect.leg.channel_id, error="AMI is late")

    def leave_answer(self, channel_id: str, at: datetime) -> None:
        """Have a marked leg carry when it was answered."""
        self._executor.spawn(self._put(channel_id, _answer(at)))

    def make_up(self, living: Collection[str]) -> None:
        """Mark those of these channels that could not be marked before; forget the others."""
        missing, self._missing = self._missing, {}
        for channel_id, variables in missing.items():
            if channel_id in living:
                self._executor.spawn(self._put(channel_id, variables))

    async def _put(self, channel_id: str, variables: dict[str, str]) -> None:
        variables = {**self._missing.pop(channel_id, {}), **variables}
        try:
            for name, value in variables.items():
                await self._lines.ami.set_variable(channel_id, name, value)
        except AmiChannelGoneError:  # its own event tells of its end
            return
        except AsteriskError as error:
            log.warning("ungated_leg_not_marked", channel_id=channel_id, error=str(error))
            self._missing[channel_id] = {**self._missing.get(channel_id, {}), **variables}


def _marks_of(suspect: Suspect, call: Call) -> dict[str, str]:
    mark = call.call_id if call.metered else _full_mark(call)
    # A service before this one may have marked it: a handler that is pushed twice runs twice.
    marks = {} if suspect.leg.leg_variable == mark else {LEG_VARIABLE: mark, _PUSH_HANDLER: HANGUP_HANDLER}
    return marks if suspect.answered_at is None else {**marks, **_answer(suspect.answered_at)}


def _answer(at: datetime) -> dict[str, str]:
    return {ANSWERED_VARIABLE: f"{at.timestamp():.3f}"}


def _full_mark(call: Call) -> str:
    emergency = call.destination_class is DestinationClass.EMERGENCY
    kind = MarkKind.EMERGENCY if emergency else MarkKind.UNGATED
    return str(mark_of(call, kind))
