"""What the proxies between the service and Asterisk share (:mod:`ari_proxy`, :mod:`ami_proxy`): real sockets, switches.

A proxy lives in a thread of its own. Its connections can be cut, stalled in one direction or both, and new ones refused
or accepted without a word (a half-open line); single messages are treated by rules (:mod:`tests.chaos.faults`).
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Any, Self

import aiohttp

from tests.chaos.faults import Direction, Faults, Message

Frame = Message | aiohttp.WSMessage
"""A message, or a frame of the websocket's own such as a ping."""


class Accepting(Enum):
    """What becomes of new connections."""

    YES = "yes"
    NO = "no"
    """They are reset at once."""
    SILENT = "silent"
    """They are taken, and nothing is ever said."""


class Connection:
    """One connection of the service and ours to Asterisk for it: two queues, each with a gate."""

    def __init__(self, proxy: "Proxy") -> None:
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self.queues: dict[Direction, asyncio.Queue[Frame]] = {each: asyncio.Queue() for each in Direction}
        self.lost = asyncio.Event()

    def send(self, message: Frame, direction: Direction | None = None) -> None:
        """Send a message in its direction, behind those that wait."""
        way = direction or (message.direction if isinstance(message, Message) else None)
        assert way is not None
        self.queues[way].put_nowait(message)

    def later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Do something later, in the proxy's thread."""
        with suppress(RuntimeError):  # the proxy has ended
            self._loop.call_soon_threadsafe(self._loop.call_later, delay_s, action)

    async def next(self, direction: Direction) -> Frame:
        """Wait for what is to be sent next, and for leave to send it."""
        frame = await self.queues[direction].get()
        await self._proxy.gates[direction].wait()
        return frame

    def answer(self, request: Message, status: int) -> Message:
        """Return what Asterisk says to a request that it did not carry out."""
        return self._proxy.answer(request, status)

    def rewritten(self, message: Message, fields: Mapping[str, Any]) -> Message:
        """Return the message with other fields."""
        return self._proxy.rewritten(message, fields)


class Proxy:
    """What both proxies share: the thread, the switches for whole connections, the rules for single messages."""

    def __init__(self, upstream_port: int) -> None:
        """Prepare to stand before Asterisk's port on loopback; a ``with`` block runs it."""
        self._upstream_port = upstream_port
        self.faults = Faults()
        self.port = 0
        self.accepting = Accepting.YES
        self._connections: set[Connection] = set()

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name=type(self).__name__, daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main(started))
        handlers = asyncio.all_tasks(self._loop)
        for handler in handlers:
            handler.cancel()
        self._loop.run_until_complete(asyncio.gather(*handlers, return_exceptions=True))

    async def _main(self, started: threading.Event) -> None:
        self._stop = asyncio.Event()
        self.gates = {each: asyncio.Event() for each in Direction}
        for gate in self.gates.values():
            gate.set()
        await self._listen()
        started.set()
        await self._stop.wait()
        self._cut_all()
        await self._unlisten()

    # --- whole connections --------------------------------------------------------------------------------

    def cut(self, accepting: Accepting = Accepting.NO) -> None:
        """Reset every connection, and treat new ones so until :meth:`heal`."""
        self.accepting = accepting
        self._loop.call_soon_threadsafe(self._cut_all)

    def stall(self, *directions: Direction) -> None:
        """Keep back all that goes in these directions, by default both."""
        for each in directions or Direction:
            self._loop.call_soon_threadsafe(self.gates[each].clear)

    def heal(self) -> None:
        """Take new connections, and let go what was stalled."""
        self.accepting = Accepting.YES
        for gate in self.gates.values():
            self._loop.call_soon_threadsafe(gate.set)

    def _cut_all(self) -> None:
        for connection in self._connections:
            connection.lost.set()

    async def _carry(self, connection: Connection, *pumps: asyncio.Task[None]) -> None:
        """Keep a connection up until it is cut or either side ends it."""
        self._connections.add(connection)
        lost = asyncio.create_task(connection.lost.wait())
        try:
            await asyncio.wait((lost, *pumps), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._connections.discard(connection)
            for task in (lost, *pumps):
                task.cancel()
            await asyncio.gather(lost, *pumps, return_exceptions=True)

    # --- what each protocol knows -------------------------------------------------------------------------

    async def _listen(self) -> None:
        raise NotImplementedError

    async def _unlisten(self) -> None:
        raise NotImplementedError

    def answer(self, request: Message, status: int) -> Message:
        """Return what Asterisk says to a request that it did not carry out."""
        raise NotImplementedError

    def rewritten(self, message: Message, fields: Mapping[str, Any]) -> Message:
        """Return the message with other fields."""
        raise NotImplementedError
