"""The portal's server: aiohttp, with bounds around it, since it shares the event loop with the calls.

So many connections are open at a time; the next are accepted when one has ended, until then they wait in the kernel,
whose queue is bounded too. What a connection may send and how long it may take is bounded in :mod:`web.connection`, how
long we work on a request in :mod:`web.answering`.
"""

import asyncio
import socket
from typing import Final, NoReturn

from aiohttp import web

from web.connection import PortalConnection
from web.notes import Notes

MOST_CONNECTIONS: Final = 32


class PortalServer:
    """Answers on what :meth:`accept` is given, until it is closed."""

    def __init__(self, application: web.Application, notes: Notes) -> None:
        """Take the pages; the event loop that runs is theirs."""
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        self._notes = notes
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)
        self._open = 0

    @property
    def open_connections(self) -> int:
        """How many there are."""
        return self._open

    async def accept(self, listener: socket.socket) -> NoReturn:
        """Take connections in until cancelled; those that are open go on.

        Args:
            listener: A TCP socket that listens and does not block.

        Raises:
            OSError: none can be taken in.
        """
        if self._runner.server is None:
            await self._runner.setup()
        loop = asyncio.get_running_loop()
        while True:
            await self._free.acquire()
            try:
                connection, _ = await loop.sock_accept(listener)
            except BaseException:
                self._free.release()
                raise
            self._open += 1
            await self._serve(connection)

    async def close(self) -> None:
        """Close what is open."""
        await self._runner.cleanup()

    async def _serve(self, connection: socket.socket) -> None:
        server = self._runner.server
        assert server is not None, "it is set up before anything is accepted"
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: PortalConnection(server, self._notes, self._ended), connection
            )
        except OSError:  # the client has left already
            connection.close()
            self._ended()

    def _ended(self) -> None:
        self._open -= 1
        self._free.release()
