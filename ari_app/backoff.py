"""Pauses between attempts to connect: longer after each that came to nothing, or did not last."""

import asyncio

PAUSES_S = (0.2, 0.5, 1.0)
"""What calls wait for is done at once after the connection is back, so it is looked for every second."""
LASTING_S = 10.0
"""A connection that was kept for as long was a good one."""


class Backoff:
    """The pauses of one connection that is made again and again."""

    def __init__(self) -> None:
        """Begin with the shortest pause."""
        self._attempt = 0
        self._connected_s: float | None = None

    def connected(self) -> None:
        """Tell that an attempt succeeded."""
        self._connected_s = asyncio.get_running_loop().time()

    async def pause(self) -> None:
        """Wait before the next attempt."""
        now_s = asyncio.get_running_loop().time()
        if self._connected_s is not None and now_s - self._connected_s >= LASTING_S:
            self._attempt = 0
        self._connected_s = None
        pause_s = PAUSES_S[min(self._attempt, len(PAUSES_S) - 1)]
        self._attempt += 1
        await asyncio.sleep(pause_s)
