"""An event loop in virtual time: nothing waits, the clock jumps to the next timer.

Tasks, futures, time-outs and sleeps are asyncio's own; only the loop underneath is replaced. What is due at the same
moment runs in the order in which it was asked for, so that the same program does the same things in the same order.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, TypeVarTuple


class Owner(Protocol):
    """Whose callbacks they are."""

    @property
    def is_buried(self) -> bool:
        """Whether nothing of it happens any more."""


OWNER: ContextVar[Owner | None] = ContextVar("owner", default=None)
"""Who runs: it is in the context of each of its tasks and timers."""

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class StalledError(Exception):
    """Nothing is left to happen, but what was waited for has not happened."""


class Callback(asyncio.TimerHandle):
    """What is to run: asyncio's handle without what debugging asks of it. A call takes some dozens of them."""

    __slots__ = ("arguments", "at_s", "callback", "context", "is_cancelled")

    def __init__(  # asyncio's own keeps more, and asks the loop about debugging each time
        self, at_s: float, callback: Callable[..., object], arguments: tuple[Any, ...], context: Context | None
    ) -> None:
        self.at_s = at_s
        self.callback = callback
        self.arguments = arguments
        self.context = copy_context() if context is None else context
        self.is_cancelled = False

    def cancel(self) -> None:
        """Have it not run."""
        self.is_cancelled = True
        self.arguments = ()  # what it would have kept alive may go

    def cancelled(self) -> bool:
        """Whether it does not run."""
        return self.is_cancelled

    def when(self) -> float:
        """Return its moment, in the loop's time."""
        return self.at_s


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs callbacks in virtual time; ``on_fault`` is told what nobody else catches."""

    def __init__(self, begins_at: datetime, on_fault: Callable[[dict[str, Any]], None]) -> None:
        self._begins_at = begins_at
        self._on_fault = on_fault
        self._now_s = 0.0
        self._ready: deque[Callback] = deque()
        self._timers: list[tuple[float, int, Callback]] = []
        self._sequence = 0
        self._told_s = -1.0
        self._told = begins_at

    # --- time ---------------------------------------------------------------------------------------------

    def time(self) -> float:
        """Return the virtual seconds since the loop began."""
        return self._now_s

    def now(self) -> datetime:
        """Return the virtual time of day."""
        if self._told_s != self._now_s:
            self._told_s = self._now_s
            self._told = self._begins_at + timedelta(seconds=self._now_s)
        return self._told

    # --- running ------------------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run ``main`` to its end, and whatever else is due until then.

        Raises:
            StalledError: nothing is left that could end it.
        """
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            self._run_until_done(task)
            return task.result()
        finally:
            asyncio._set_running_loop(None)

    def _run_until_done(self, task: asyncio.Task[Any]) -> None:
        ready = self._ready
        while not task.done():
            handle = ready.popleft() if ready else self._next_timer()
            if handle.is_cancelled:
                continue
            owner = handle.context.get(OWNER)
            if owner is None or not owner.is_buried:
                try:
                    handle.context.run(handle.callback, *handle.arguments)
                except Exception as error:  # noqa: BLE001  # a loop goes on, and tells
                    self._on_fault({"message": f"in {handle.callback}", "exception": error})

    def _next_timer(self) -> Callback:
        timers = self._timers
        while timers:
            when_s, _, handle = heapq.heappop(timers)
            if not handle.is_cancelled:
                self._now_s = max(self._now_s, when_s)
                return handle
        raise StalledError("nothing is left to happen")

    async def until(self, when_s: float) -> None:
        """Wait for a moment exactly, where ``sleep`` would add to whatever the time is, and costs more."""
        come: asyncio.Future[None] = asyncio.Future(loop=self)
        self.call_at(when_s, _release, come)
        await come

    def is_running(self) -> bool:
        """Whether the loop runs: it is only asked while it does."""
        return True

    def is_closed(self) -> bool:
        """Whether the loop is closed: it needs no closing."""
        return False

    def get_debug(self) -> bool:
        """Whether to be slow and careful."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Pass on what nobody caught."""
        self._on_fault(context)

    # --- what asyncio asks of a loop ----------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Run ``callback`` next, after what is due already."""
        handle = Callback(self._now_s, callback, args, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run ``callback`` in ``delay`` virtual seconds."""
        when_s = self._now_s + delay
        handle = Callback(when_s, callback, args, context)
        self._sequence += 1
        heapq.heappush(self._timers, (when_s, self._sequence, handle))
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Run ``callback`` at a virtual moment."""
        handle = Callback(when, callback, args, context)
        self._sequence += 1
        heapq.heappush(self._timers, (when, self._sequence, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        """Make a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]  # typeshed's union of what a task may run says no more than this
        self, coro: Coroutine[Any, Any, T], *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        """Make a task of this loop."""
        return asyncio.Task(coro, loop=self, name="" if name is None else str(name), context=context)


def _release(come: asyncio.Future[None]) -> None:
    if not come.done():  # whoever waited may have been cancelled
        come.set_result(None)


def virtual_loop(begins_at: datetime, on_fault: Callable[[dict[str, Any]], None]) -> VirtualLoop:
    """Make a loop. It has what tasks, timers and time-outs need of a loop's many methods: no sockets, no processes."""
    return VirtualLoop(begins_at, on_fault)  # type: ignore[abstract]  # the others raise NotImplementedError
