"""The FastAGI server: one handler a path, and bounds around all of them.

It shares the event loop of the calls. So many connections are open at a time, in all and from one address; those
beyond are closed as soon as they are accepted, one in each turn of the loop. What a connection sends and how long it
may take is bounded in :mod:`agi.connection`, a whole session here. Whatever a client does has one outcome, which is
counted, and logged where no Asterisk would do it. Asterisk takes a closed connection for the end of the script, and
says nothing reliable of it (``AGISTATUS``): the dialplan goes by the variables that were set, and by nothing else.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NoReturn, Protocol

from agi.connection import AgiConnection
from agi.outcome import EXPECTED, Outcome, SessionOverError
from agi.request import Request

MOST_CONNECTIONS: Final = 128
MOST_FROM_ONE_ADDRESS: Final = 64
"""Asterisk has one address, so this many callers may ask at once."""
SESSION_LIMIT_S: Final = 10.0

Handler = Callable[[Request, AgiConnection], Awaitable[Outcome]]
"""Does what was asked for and says what came of it; it may raise :class:`agi.outcome.SessionOverError`."""


class Notes(Protocol):
    """Where outcomes are counted."""

    def count(self, outcome: str) -> None:
        """Count a session that is worth no line in the log."""

    def note(self, outcome: str, event: str, *, error: BaseException | None = None, **detail: object) -> None:
        """Count one that is, and log it within bounds."""


class AgiServer:
    """Answers what the dialplan asks, until it is closed."""

    def __init__(self, handlers: Mapping[str, Handler], notes: Notes) -> None:
        """Take the handlers by their path; :meth:`accept` has them asked."""
        self._handlers = handlers
        self._notes = notes
        self._sessions: set[asyncio.Task[None]] = set()
        self._from: Counter[str] = Counter()

    @property
    def open_connections(self) -> int:
        """How many there are."""
        return len(self._sessions)

    async def accept(self, take_in: Callable[[], Awaitable[tuple[socket.socket, str]]]) -> NoReturn:
        """Take connections in until cancelled; those that are open go on.

        Args:
            take_in: Waits for a connection, and returns it, which does not block, with the address of who connected.

        Raises:
            OSError: none can be taken in.
        """
        while True:
            connection, address = await take_in()
            self._admit(connection, address)
            # One that waits already is accepted at once: nobody else would have a turn while they keep coming.
            await asyncio.sleep(0)

    async def close(self) -> None:
        """Close what is open."""
        sessions = tuple(self._sessions)
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def _admit(self, connection: socket.socket, address: str) -> None:
        refusal = self._refusal(address)
        if refusal is not None:
            connection.close()
            self._notes.note(refusal, "agi_connection_refused", address=address, open=self.open_connections)
            return
        session = asyncio.get_running_loop().create_task(self._serve(connection, address))
        self._sessions.add(session)
        self._from[address] += 1
        session.add_done_callback(lambda session: self._ended(session, connection, address))

    def _refusal(self, address: str) -> Outcome | None:
        if len(self._sessions) >= MOST_CONNECTIONS:
            return Outcome.REFUSED
        return Outcome.REFUSED_ADDRESS if self._from[address] >= MOST_FROM_ONE_ADDRESS else None

    def _ended(self, session: asyncio.Task[None], connection: socket.socket, address: str) -> None:
        connection.close()
        self._sessions.discard(session)
        self._from[address] -= 1
        if not self._from[address]:
            del self._from[address]

    async def _serve(self, connection: socket.socket, address: str) -> None:
        """See a session to its end, whatever that is."""
        detail, error = "", None
        try:
            async with asyncio.timeout(SESSION_LIMIT_S):
                outcome = await self._talk(AgiConnection(connection))
        except SessionOverError as over:
            outcome, detail = over.outcome, str(over)
        except TimeoutError:
            outcome, detail = Outcome.OVERTIME, f"not over after {SESSION_LIMIT_S} s"
        except asyncio.CancelledError:
            self._notes.count(Outcome.STOPPED)
            raise
        except Exception as failure:  # noqa: BLE001  # whatever it is, it is the matter of one session
            outcome, detail, error = Outcome.FAILED, "not handled", failure
        if outcome in EXPECTED:
            self._notes.count(outcome)
        else:
            self._notes.note(
                outcome, "agi_session_in_vain", error=error, ended=str(outcome), address=address, why=detail
            )

    async def _talk(self, connection: AgiConnection) -> Outcome:
        request = await connection.read_request()
        handler = self._handlers.get(request.path)
        if handler is None:
            raise SessionOverError(Outcome.UNKNOWN_PATH, f"nothing is at {request.path[:80]!r}")
        return await handler(request, connection)
