"""Health and metrics over HTTP: ``/health/live``, ``/health/ready``, ``/metrics``.

It shares the event loop of the calls, so whoever talks to it is bounded: so many connections at a time (the next are
accepted when one has ended; until then they wait in the kernel, whose queue is bounded too), so many bytes of a
request, so many seconds for a whole connection, one request each. A request's body is not read. Whatever a client does
has one outcome (:mod:`tollgate.health_outcome`), which is counted, and logged within bounds where no monitor would do
it. That a loop which stands still cannot answer is the point of ``/health/live``.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, NoReturn

from prometheus_client import CONTENT_TYPE_LATEST

from ari_app.metrics import Metrics
from ari_app.readiness import Readiness
from tollgate.health_outcome import EXPECTED, Ending, Outcome
from tollgate.listen import Door, ListenAddress, keep_listening
from tollgate.notes import OutcomeNotes

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
    ending: Ending = Ending(Outcome.ANSWERED)
    is_head: bool = False


class _OverError(Exception):
    """The connection is over without an answer."""

    def __init__(self, outcome: Outcome, why: str) -> None:
        super().__init__(why)
        self.ending = Ending(outcome, why)


class HealthServer:
    """Answers on one address, until its task is cancelled."""

    def __init__(self, address: ListenAddress, readiness: Callable[[], Readiness], metrics: Metrics) -> None:
        """Take what is told; :meth:`run` listens."""
        self._address = address
        self._readiness = readiness
        self._metrics = metrics
        self._notes = OutcomeNotes(metrics.health_requests)
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

    async def _serve(self, connection: socket.socket) -> None:
        """See a connection to its end; whatever the client does, that takes no longer than the limit."""
        address = _address_of(connection)
        try:
            with connection:
                ending = await self._talk(connection)
        except asyncio.CancelledError:
            self._notes.count(Outcome.STOPPED)
            raise
        except Exception as fault:  # noqa: BLE001  # whatever it is, it is the matter of one connection
            ending = Ending(Outcome.FAILED, "not handled", fault)
        if ending.outcome in EXPECTED:
            self._notes.count(ending.outcome)
        else:
            outcome, why, error = ending
            self._notes.note(
                outcome, "health_request_in_vain", error=error, ended=str(outcome), address=address, why=why
            )

    async def _talk(self, connection: socket.socket) -> Ending:
        """Answer one request, or give it up; return what became of it."""
        answered: Ending | None = None
        try:
            async with asyncio.timeout(CONNECTION_LIMIT_S):
                answer = self._answer(await _read_request(connection))
                await _send(connection, answer)
                answered = answer.ending
                return await _see_off(connection, answered)
        except _OverError as over:
            return over.ending
        except TimeoutError:
            if answered is not None and answered.outcome not in EXPECTED:
                return answered
            return Ending(Outcome.SLOW, f"not over after {CONNECTION_LIMIT_S} s")

    def _answer(self, request: bytes | None) -> _Answer:
        """Return the answer to a request; to None, which was too long, too."""
        if request is None:
            why = f"no end of the headers within {LARGEST_REQUEST_BYTES} bytes"
            return _problem(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, Ending(Outcome.TOO_LARGE, why))
        if _HEADER_END not in request:
            return _problem(HTTPStatus.BAD_REQUEST, Ending(Outcome.INCOMPLETE, "closed before the request was whole"))
        line = request.partition(b"\r\n")[0]
        parts = line.split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            return _problem(HTTPStatus.BAD_REQUEST, Ending(Outcome.MALFORMED, f"begins with {line[:80]!r}"))
        method, target, _ = parts
        if method not in (b"GET", b"HEAD"):
            ending = Ending(Outcome.BAD_METHOD, f"the method is {method[:80]!r}")
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, ending)
        return self._found(target.partition(b"?")[0])._replace(is_head=method == b"HEAD")

    def _found(self, path: bytes) -> _Answer:
        try:
            return self._resource(path)
        except Exception as fault:  # noqa: BLE001  # told to the client, and logged with its traceback
            return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, Ending(Outcome.FAILED, "not answered", fault))

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
                return _problem(HTTPStatus.NOT_FOUND, Ending(Outcome.NOT_FOUND, f"nothing is at {path[:80]!r}"))


async def _read_request(connection: socket.socket) -> bytes | None:
    """Return a request up to the end of its headers, or of what came; None where it is too long.

    Raises:
        _OverError: nothing came, or the connection was reset.
    """
    loop = asyncio.get_running_loop()
    request = b""
    try:
        while _HEADER_END not in request:
            if len(request) >= LARGEST_REQUEST_BYTES:
                return None
            received = await loop.sock_recv(connection, LARGEST_REQUEST_BYTES - len(request))
            if not received:
                break
            request += received
    except OSError as error:
        outcome = Outcome.INCOMPLETE if request else Outcome.SILENT
        raise _OverError(outcome, "reset before the request was whole") from error
    if not request:
        raise _OverError(Outcome.SILENT, "closed without a byte")
    return request


async def _send(connection: socket.socket, answer: _Answer) -> None:
    """Send an answer.

    Raises:
        _OverError: the client has gone.
    """
    try:
        await asyncio.get_running_loop().sock_sendall(connection, _as_http(answer))
    except OSError as error:
        raise _OverError(Outcome.GONE, "reset before it was answered") from error


async def _see_off(connection: socket.socket, ending: Ending) -> Ending:
    """Read what else comes until the client has closed: unread bytes would have the kernel throw the answer away.

    Not for ever: a client that sends and sends has the loop's attention for no more than a few reads.

    Returns:
        What became of the connection: what became of its request, unless the client did not leave.
    """
    loop = asyncio.get_running_loop()
    with suppress(OSError):  # it has its answer, or it did not wait for it
        connection.shutdown(socket.SHUT_WR)
        for _ in range(_MOST_MORE_READS):
            if not await loop.sock_recv(connection, LARGEST_REQUEST_BYTES):
                return ending
        if ending.outcome in EXPECTED:
            return Ending(Outcome.TOO_LARGE, "went on sending behind its request")
    return ending


def _address_of(connection: socket.socket) -> str:
    """Return who is at the other end; '' where nobody is any more."""
    try:
        return str(connection.getpeername()[0])
    except OSError:
        return ""


def _document(status: HTTPStatus, content: dict[str, bool]) -> _Answer:
    return _Answer(status, _JSON, json.dumps(content).encode() + b"\n")


def _problem(status: HTTPStatus, ending: Ending) -> _Answer:
    return _Answer(status, _JSON, json.dumps({"error": status.phrase}).encode() + b"\n", ending)


def _as_http(answer: _Answer) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n"
        f"Content-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n"
        "Allow: GET, HEAD\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n"
        "\r\n"
    )
    return head.encode() + (b"" if answer.is_head else answer.body)
