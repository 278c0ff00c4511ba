"""Health and metrics over HTTP: ``/health/live``, ``/health/ready``, ``/metrics``.

It shares the event loop of the calls, so whoever talks to it is bounded: so many connections at a time (the next are
accepted when one has ended; until then they wait in the kernel, whose queue is bounded too), so many bytes of a
request, so many seconds for a whole connection, one request each. A request's body is not read. That a loop which
stands still cannot answer is the point of ``/health/live``.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, NoReturn

import structlog
from prometheus_client import CONTENT_TYPE_LATEST

from ari_app.metrics import Metrics
from ari_app.readiness import Readiness
from tollgate.listen import Door, ListenAddress, keep_listening

log = structlog.get_logger(__name__)

MOST_CONNECTIONS = 32
LARGEST_REQUEST_BYTES = 8192
CONNECTION_LIMIT_S = 5.0
_MOST_MORE_READS = 8
_HEADER_END = b"\r\n\r\n"
_JSON = "application/json"


class _Answer(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes


class HealthServer:
    """Answers on one address, until its task is cancelled."""

    def __init__(self, address: ListenAddress, readiness: Callable[[], Readiness], metrics: Metrics) -> None:
        """Take what is told; :meth:`run` listens."""
        self._address = address
        self._readiness = readiness
        self._metrics = metrics
        self._door = Door(MOST_CONNECTIONS, self._let_in)
        self._open: set[asyncio.Task[None]] = set()
        metrics.gauge(
            "health_connections",
            "Connections that ask for health or metrics",
            lambda: self._door.open_connections,
        )

    async def run(self) -> NoReturn:
        """Listen, and answer until cancelled; an address that is taken is tried again, while calls go on."""
        try:
            await keep_listening(self._address, self._door.accept, "health")
        finally:
            for task in self._open:
                task.cancel()

    async def _let_in(self, connection: socket.socket, ended: Callable[[], None]) -> None:
        task = asyncio.create_task(self._serve(connection))
        self._open.add(task)
        task.add_done_callback(partial(self._ended, ended))

    def _ended(self, ended: Callable[[], None], task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        ended()
        if not task.cancelled() and task.exception() is not None:
            log.error("health_not_answered", exc_info=task.exception())

    async def _serve(self, connection: socket.socket) -> None:
        """Answer one request, or give it up; whatever the client does, that takes no longer than the limit."""
        loop = asyncio.get_running_loop()
        with connection:
            try:
                async with asyncio.timeout(CONNECTION_LIMIT_S):
                    answer, is_head = self._answer(await _read_request(connection))
                    await loop.sock_sendall(connection, _as_http(answer, is_head=is_head))
                    connection.shutdown(socket.SHUT_WR)
                    await _read_rest(connection)
            except (OSError, TimeoutError):
                return

    def _answer(self, request: bytes | None) -> tuple[_Answer, bool]:
        if request is None:
            return _problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), False
        parts = request.partition(b"\r\n")[0].split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return _problem(HTTPStatus.BAD_REQUEST), False
        method, target, _ = parts
        if method not in (b"GET", b"HEAD"):
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED), False
        return self._resource(target.partition(b"?")[0]), method == b"HEAD"

    def _resource(self, path: bytes) -> _Answer:
        match path:
            case b"/health/live":
                return _document(HTTPStatus.OK, {"live": True})
            case b"/health/ready":
                readiness = self._readiness()
                is_ready = not readiness.lacking
                status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
                return _document(status, {"ready": is_ready, **asdict(readiness)})
            case b"/metrics":
                return _Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, self._metrics.text())
            case _:
                return _problem(HTTPStatus.NOT_FOUND)


async def _read_request(connection: socket.socket) -> bytes | None:
    """Return a request up to the end of its headers, or of what came; None where it is too long."""
    loop = asyncio.get_running_loop()
    request = b""
    while _HEADER_END not in request:
        if len(request) >= LARGEST_REQUEST_BYTES:
            return None
        received = await loop.sock_recv(connection, LARGEST_REQUEST_BYTES - len(request))
        if not received:
            break
        request += received
    return request


async def _read_rest(connection: socket.socket) -> None:
    """Read what else comes until the client has closed: unread bytes would have the kernel throw the answer away.

    Not for ever: a client that sends and sends has the loop's attention for no more than a few reads.
    """
    loop = asyncio.get_running_loop()
    for _ in range(_MOST_MORE_READS):
        if not await loop.sock_recv(connection, LARGEST_REQUEST_BYTES):
            return


def _document(status: HTTPStatus, content: dict[str, bool]) -> _Answer:
    return _Answer(status, _JSON, json.dumps(content).encode() + b"\n")


def _problem(status: HTTPStatus) -> _Answer:
    return _Answer(status, _JSON, json.dumps({"error": status.phrase}).encode() + b"\n")


def _as_http(answer: _Answer, *, is_head: bool) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n"
        "\r\n"
    )
    return head.encode() + (b"" if is_head else answer.body)
