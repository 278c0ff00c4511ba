"""A process that may be killed: what is left of it when it is dead must not touch the world any more."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context

from tollgate.simulator.loop import OWNER


class Process:
    """One life of the service. Whoever acts for it asks :meth:`check` first, and after each wait."""

    def __init__(self, name: str, on_kill: Callable[[str], None]) -> None:
        self.name = name
        self.is_alive = True
        self.is_buried = False
        """Whether nothing of it is to happen any more, not even to itself."""
        self.context = copy_context()
        """Where all of its tasks and timers live."""
        self.context.run(OWNER.set, self)
        self._on_kill = on_kill

    def check(self) -> None:
        """Go on only in a living process.

        Raises:
            asyncio.CancelledError: it is dead; the task ends here as if it had never been.
        """
        if not self.is_alive:
            raise asyncio.CancelledError

    def bury(self) -> None:
        """Have nothing of it happen any more: what was cancelled has ended by now."""
        self.is_alive, self.is_buried = False, True

    def kill(self, when: str) -> None:
        """End it here and now, without a chance to do anything."""
        if self.is_alive:
            self.is_alive = False
            self._on_kill(when)


LIMIT_S = 2.0
"""The real lines wait no longer than this for an answer."""
QUICK_S = (0.0003, 0.003)
SLOW_S = (0.02, 0.2)
