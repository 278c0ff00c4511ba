"""One connection of the portal: aiohttp's, with a limit on how long it lasts and how much of it is read.

A connection has one request and one answer, and is closed then: what a client may send and how long it may take is a
matter of the connection alone. Beyond ``MOST_BYTES`` nothing is read as HTTP any more; beyond ``MOST_SURPLUS_BYTES``
nothing is read at all. In between it is thrown away: bytes that are left unread would have the kernel throw the answer
away. A client that half-closes has its answer all the same, if it comes soon: most have left altogether.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final, cast

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from web.notes import Notes
from web.outcome import Outcome
from web.site import security_headers

CONNECTION_LIMIT_S: float = 15.0
AFTER_END_S: Final = 1.0
"""For how long a request is worked on whose client sends no more."""
MOST_LINE_BYTES: Final = 4096
MOST_FIELD_BYTES: Final = 8192
"""Browsers send us the cookies of everything that they know at our address, whatever its port."""
MOST_HEADERS: Final = 64
MOST_BODY_BYTES: Final = 8192
MOST_BYTES: Final = 65_536
MOST_SURPLUS_BYTES: Final = 1_048_576
LINGER_S: Final = 0.5
"""For how long the rest of a body is read that was refused."""


class PortalConnection(web.RequestHandler):
    """A connection; counts itself where no request of it was ever answered."""

    __slots__ = ("_ended", "_is_asked", "_is_at_end", "_limit", "_notes", "_peer", "_received_bytes", "_transport")

    def __init__(self, server: web.Server, notes: Notes, ended: Callable[[], None]) -> None:
        """Take what aiohttp makes requests with.

        Args:
            server: aiohttp's own part.
            notes: Where the outcome is counted.
            ended: Called once the connection is gone.
        """
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=2 * CONNECTION_LIMIT_S,  # ours comes first
            access_log_class=_NoAccessLog,
            max_line_size=MOST_LINE_BYTES,
            max_field_size=MOST_FIELD_BYTES,
            max_headers=MOST_HEADERS,
            lingering_time=LINGER_S,
            auto_decompress=False,
        )
        self._notes = notes
        self._ended = ended
        self._limit: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._received_bytes = 0
        self._is_asked = False
        self._is_at_end = False
        self._peer = ""

    def asked(self) -> None:
        """Take note that a request is whole, whatever it is: from here on the outcome is the request's."""
        self._is_asked = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, and begin to count the time."""
        super().connection_made(transport)
        self._transport = cast("asyncio.Transport", transport)  # a socket's; uvloop's classes are its own
        self._peer = str((transport.get_extra_info("peername") or ("",))[0])
        self._limit = asyncio.get_running_loop().call_later(CONNECTION_LIMIT_S, self._cut)

    def data_received(self, data: bytes) -> None:
        """Read so much of what comes; aiohttp calls this by itself too, with nothing."""
        room = MOST_BYTES - self._received_bytes
        self._received_bytes += len(data)
        if room > 0:
            super().data_received(data[:room])
        elif self._received_bytes > MOST_BYTES + MOST_SURPLUS_BYTES and self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> bool:  # type: ignore[override]  # aiohttp's returns nothing, which closes
        """Keep the connection open for the answer to what came before, for a moment."""
        self._is_at_end = True
        if self._limit is None or not self._received_bytes:
            return False
        self._limit.cancel()
        self._limit = asyncio.get_running_loop().call_later(AFTER_END_S, self._cut)
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count a connection without a request."""
        if self._limit is not None:
            self._limit.cancel()
            self._is_at_end = True
            self._count_unasked()
        super().connection_lost(exc)
        self._ended()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002  # aiohttp's signature
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, in one line; what went wrong in us has been answered before it comes to here."""
        is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        self.asked()
        outcome = Outcome.FAILED if is_ours else Outcome.MALFORMED
        self._notes.note(
            outcome,
            "portal_request_in_vain",
            ended=str(outcome),
            error=exc if is_ours else None,
            address=self._peer,
            why=(message or "").partition("\n")[0],
        )
        answer = web.Response(status=status, text=f"{HTTPStatus(status).phrase}\n", headers=dict(security_headers()))
        answer.force_close()
        return answer

    def _cut(self) -> None:
        self._limit = None
        self._count_unasked()
        if self._transport is not None:
            self._transport.abort()

    def _count_unasked(self) -> None:
        if self._is_asked:
            return
        if not self._received_bytes:
            self._notes.count(Outcome.SILENT)
        else:
            outcome = Outcome.INCOMPLETE if self._is_at_end else Outcome.SLOW
            self._notes.note(outcome, "portal_request_in_vain", ended=str(outcome), address=self._peer)


class _NoAccessLog(AbstractAccessLogger):
    """Requests are counted, not logged one by one."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Do nothing."""

    @property
    def enabled(self) -> bool:
        """Tell aiohttp not to ask."""
        return False
