"""How much of a deck goes into one transaction, and how long the store is left to others before the next."""

import asyncio
import time

FIRST_ROWS = 500
"""Rows of the first chunk: few enough for any machine."""
LEAST_ROWS = 50
MOST_ROWS = 5_000
"""Rows of the largest chunk: what a disk that is quick and then slow is tried with."""

_AIM_S = 0.006
"""A chunk's time with the store: of the 50 ms that calls may wait, the rest is for a machine that is busy. To make
the next chunk takes a third of it, so that smaller ones would be no quicker for calls and slower for the import."""
_MOST_GROWTH = 2
_PAUSE_S = 0.002
"""Between two chunks: the other processes' writers, who try every millisecond, get their turn."""


class Pace:
    """Adapts the size of chunks to the time that they take on this machine, now."""

    def __init__(self) -> None:
        self._rows = FIRST_ROWS
        self._ended_s = 0.0

    @property
    def rows(self) -> int:
        """How many rows the next chunk has at most."""
        return self._rows

    async def wait_for_turn(self) -> None:
        """Wait until the store has been left to others for long enough; making a chunk counts."""
        await asyncio.sleep(max(0.0, self._ended_s + _PAUSE_S - time.monotonic()))

    def chunk_done(self, rows: int, held_s: float) -> None:
        """Learn from a chunk of so many rows that held the store for ``held_s`` seconds; its pause begins."""
        self._ended_s = time.monotonic()
        growth = min(_MOST_GROWTH, _AIM_S / max(held_s, 1e-6))
        # A short chunk, such as the last one, tells what a row costs, and nothing of larger ones.
        fitting = int(min(rows, self._rows) * growth)
        self._rows = min(MOST_ROWS, max(LEAST_ROWS, fitting))
