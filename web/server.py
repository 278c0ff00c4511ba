"""The portal's server: aiohttp, with bounds around it, since it shares the event loop with the calls.

How many connections are let in is a matter of whoever hands them over. What a connection may send and how long it may
take is bounded in :mod:`web.connection`, how long we work on a request in :mod:`web.answering`.
"""

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from web.connection import PortalConnection
from web.notes import Notes


class PortalServer:
    """Answers on the connections that :meth:`serve` is given, until it is closed."""

    def __init__(self, application: web.Application, notes: Notes) -> None:
        """Take the pages; the event loop that runs is theirs."""
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        self._notes = notes

    async def serve(self, connection: socket.socket, ended: Callable[[], None]) -> None:
        """Begin to answer on a connection.

        Args:
            connection: A TCP socket that is connected and does not block; it is ours now.
            ended: Called once it is gone.
        """
        if self._runner.server is None:
            await self._runner.setup()
        server = self._runner.server
        assert server is not None, "it has been set up"
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: PortalConnection(server, self._notes, ended), connection
            )
        except OSError:  # the client has left already
            connection.close()
            ended()

    async def close(self) -> None:
        """Close what is open."""
        await self._runner.cleanup()
