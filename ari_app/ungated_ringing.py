"""Keeps the deadline of metered legs that ring and never passed the gate, in case the service dies meanwhile.

The dialplan arms the deadline of a leg that passed the gate as soon as it is answered. Here none does: the service arms
it at the answer, and may be gone by then. So while such a leg rings, Asterisk is to end it before what is held for it
could be over were it answered now; the service puts that off again and again. Whenever it dies, the leg goes on for no
longer than what is held, ringing or talking. Its ring limit is the session's matter, as any other leg's.

Deadlines are set in the order in which AMI is asked. None is put off any more once the answer is known, so the one that
is armed at the answer comes last.
"""

import asyncio
from datetime import timedelta

import structlog

from ari_app.errors import AsteriskError
from ari_app.execute import CommandExecutor
from ari_app.lines import Lines
from ari_app.live import LiveCall
from charging.policy import MeteringPolicy
from charging.session import Phase
from charging.timing import talk_limit

log = structlog.get_logger(__name__)

PUT_OFFS = 3
"""So often in the time that is held for: one may fail, or come late."""
SHORTEST = timedelta(milliseconds=200)
"""A leg for which next to nothing is held is not put off more often than this."""


class RingingDeadlines:
    """Puts off the deadlines of legs that ring."""

    def __init__(self, policy: MeteringPolicy, executor: CommandExecutor, lines: Lines) -> None:
        """Begin with no leg."""
        self._policy = policy
        self._executor = executor
        self._lines = lines
        self._alarms: dict[str, asyncio.TimerHandle] = {}
        """By channel."""

    def keep(self, live: LiveCall) -> None:
        """Bound the leg of a call, from now on until it is answered or gone; nothing is done where that is done."""
        for leg in live.session.legs:
            if leg.channel_id not in self._alarms:
                self._put_off(live, leg.channel_id)

    def stop(self) -> None:
        """Put off nothing any more: the service is going down, a successor goes on."""
        for alarm in self._alarms.values():
            alarm.cancel()
        self._alarms.clear()

    def _put_off(self, live: LiveCall, channel_id: str) -> None:
        self._alarms.pop(channel_id, None)
        longest = self._longest(live, channel_id)
        if longest is None:
            return
        self._executor.spawn(self._set(live, channel_id, longest))
        delay_s = max(longest / PUT_OFFS, SHORTEST).total_seconds()
        loop = asyncio.get_running_loop()
        self._alarms[channel_id] = loop.call_later(delay_s, self._put_off, live, channel_id)

    def _longest(self, live: LiveCall, channel_id: str) -> timedelta | None:
        """Return how long a leg may talk that is answered now; None where it does not ring, or nothing limits it."""
        session = live.session
        leg = session.leg(channel_id)
        if leg is None or leg.answered_at is not None or leg.exempt or session.phase is not Phase.DIALLING:
            return None
        limit = talk_limit(session, self._policy) if session.call.metered else None
        return None if limit is None else max(limit, SHORTEST)

    async def _set(self, live: LiveCall, channel_id: str, longest: timedelta) -> None:
        if self._longest(live, channel_id) is None:
            return  # it was answered, and its deadline is another's matter
        try:
            await self._lines.ami.set_deadline(channel_id, longest.total_seconds())
        except AsteriskError as error:  # it is tried again before that is over
            log.warning("ungated_leg_not_bounded", channel_id=channel_id, error=str(error))
