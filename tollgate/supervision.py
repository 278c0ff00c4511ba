"""What systemd is told while the service runs: that it is ready, how it is, and that it does its work.

A sign of life is sent from the event loop, so one that stands still sends none; nor is one sent while the store's
writer answers nothing for ``WRITER_LIMIT_S`` although requests wait. systemd then starts the service anew, and the new
one adopts the calls.

A service whose Asterisk or store is away is not ready, but a restart would not mend that: after ``READY_LIMIT_S`` it
counts as started, with a status that says what is lacking.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from ari_app.run import Service
from store.writer import WriterStats
from tollgate.systemd import Systemd

READY_LIMIT_S = 20.0
LOOK_S = 1.0
WRITER_LIMIT_S = 45.0
"""Longer than a writer waits for a database in other hands, or for a server that is silent, before it answers so."""


class WriterPulse:
    """Whether the store's writer gets on with its work."""

    def __init__(self, stats: Callable[[], WriterStats]) -> None:
        """Begin with one that does."""
        self._stats = stats
        self._answered = -1
        self._since_s = 0.0

    def beats(self, now_s: float) -> bool:
        """Say whether it has answered something lately, or has nothing to do.

        Args:
            now_s: Of a clock that nobody sets.
        """
        stats = self._stats()
        if stats.requests != self._answered or not stats.waiting:
            self._answered, self._since_s = stats.requests, now_s
        return now_s - self._since_s < WRITER_LIMIT_S


async def keep_informed(systemd: Systemd, service: Service, stats: Callable[[], WriterStats]) -> NoReturn:
    """Tell systemd how the service is, until cancelled."""
    now_s = asyncio.get_running_loop().time
    pulse, begun_s, is_told, told = WriterPulse(stats), now_s(), False, ""
    pause_s = LOOK_S if systemd.watchdog_s is None else min(LOOK_S, systemd.watchdog_s / 3)
    while True:
        status = _status(service)
        if not is_told and (not service.readiness().lacking or now_s() - begun_s >= READY_LIMIT_S):
            systemd.ready(status)
            is_told = True
        elif status != told:
            systemd.status(status)
        told = status
        if pulse.beats(now_s()):
            systemd.alive()
        await asyncio.sleep(pause_s)


def _status(service: Service) -> str:
    calls = service.switchboard.count()
    live = f"{calls} {'call' if calls == 1 else 'calls'}"
    lacking = service.readiness().lacking
    return f"waiting for {', '.join(lacking)}; {live}" if lacking else f"ready; {live}"
