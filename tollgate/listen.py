"""The addresses on which the service listens, how many it lets in there, and how it goes on when one is taken."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple, NoReturn

import structlog

log = structlog.get_logger(__name__)

LISTEN_AGAIN_S = 1.0
"""The service that is to be replaced may have the port for some moments more."""
_BACKLOG = 128
TakeIn = Callable[[], Awaitable[tuple[socket.socket, str]]]
"""Waits for a connection, as :func:`take_in` does on its listener."""


class ListenAddress(NamedTuple):
    """Where clients find us."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as it stands in the settings."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def near_host(self) -> str:
        """The address at which this machine itself finds us: where we listen on all of its own, the loopback's."""
        address = ip_address(self.host)
        if not address.is_unspecified:
            return self.host
        return "127.0.0.1" if address.version == 4 else "::1"


def parse_listen_address(text: str) -> ListenAddress | None:
    """Read ``127.0.0.1:8099`` or ``[::1]:8099``; None where nothing listens ('').

    Raises:
        ValueError: it is no address and port.
    """
    if not text:
        return None
    host, found, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not found or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise ValueError(f"{text!r} has no port from 1 to 65535 behind a colon")
    return ListenAddress(str(ip_address(host)), int(port))


async def keep_listening(
    address: ListenAddress, accept: Callable[[TakeIn], Awaitable[NoReturn]], name: str
) -> NoReturn:
    """Have ``accept`` take connections in until cancelled; an address that is taken is tried again, while calls go on.

    Args:
        address: Where to listen.
        accept: Takes connections in, one by one; an ``OSError`` ends it.
        name: What the log calls the server: ``NAME_listens``, ``NAME_not_listening``.
    """
    told = ""
    while True:
        try:
            with listening(address) as listener:
                log.info(f"{name}_listens", address=str(address))
                told = ""
                await accept(partial(take_in, listener))
        except OSError as error:
            if str(error) != told:
                told = str(error)
                log.error(f"{name}_not_listening", address=str(address), error=told)  # noqa: TRY400
        await asyncio.sleep(LISTEN_AGAIN_S)


def listening(address: ListenAddress) -> socket.socket:
    """Return a socket that listens and does not block.

    Raises:
        OSError: the address is taken, or none of this machine's.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address.host, address.port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


async def take_in(listener: socket.socket) -> tuple[socket.socket, str]:
    """Wait for a connection, and return it, which does not block, and the address of who has connected.

    It is taken from the kernel no sooner than the caller goes on with it. asyncio's ``sock_accept`` takes it a turn
    before, and where the caller is cancelled in that turn nobody has it to close.

    Args:
        listener: A socket that listens and does not block.

    Raises:
        OSError: none can be taken in.
    """
    while True:
        try:
            connection, address = listener.accept()
        except BlockingIOError:
            await _readable(listener)
        else:
            connection.setblocking(False)
            return connection, str(address[0])


async def _readable(listener: socket.socket) -> None:
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(listener, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(listener)


class Door:
    """Lets so many connections in at a time; the next wait in the kernel, whose queue is bounded too."""

    def __init__(self, most: int, serve: Callable[[socket.socket, Callable[[], None]], Awaitable[None]]) -> None:
        """Take who serves.

        Args:
            most: How many connections may be open.
            serve: Takes a connection, which does not block, and what to call once it is gone; keeps nobody waiting.
        """
        self._free = asyncio.Semaphore(most)
        self._serve = serve
        self.open_connections = 0

    async def accept(self, take_in: TakeIn) -> NoReturn:
        """Take connections in until cancelled; those that are open go on.

        Raises:
            OSError: none can be taken in.
        """
        while True:
            await self._free.acquire()
            try:
                connection, _ = await take_in()
            except BaseException:
                self._free.release()
                raise
            self.open_connections += 1
            await self._serve(connection, self._ended)

    def _ended(self) -> None:
        self.open_connections -= 1
        self._free.release()
