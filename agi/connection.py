"""One connection from Asterisk, or from whoever else found the port: every wait and every length has a limit."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Final

from agi.answer import AnswerReader, set_variable
from agi.lines import LineBuffer
from agi.outcome import Outcome, SessionOverError
from agi.request import Request, RequestReader

HEADER_LIMIT_S: Final = 2.0
"""Asterisk sends all of it at once."""
ANSWER_LIMIT_S: Final = 2.0
_READ_BYTES: Final = 4096


class AgiConnection:
    """Reads the request, then has commands done; the socket is its owner's to close."""

    def __init__(self, connection: socket.socket) -> None:
        """Take a socket that does not block."""
        self._socket = connection
        self._lines = LineBuffer()

    async def read_request(self) -> Request:
        """Return what is asked for.

        Raises:
            SessionOverError: it did not come whole, in time, within bounds.
        """
        reader = RequestReader()
        try:
            async with asyncio.timeout(HEADER_LIMIT_S):
                while True:
                    if (request := reader.take(await self._line())) is not None:
                        return request
        except TimeoutError as error:
            raise SessionOverError(Outcome.SLOW, f"no whole header within {HEADER_LIMIT_S} s") from error
        except (OSError, EOFError) as error:
            outcome = Outcome.INCOMPLETE if self._lines.received else Outcome.SILENT
            raise SessionOverError(outcome, "closed before the header was whole") from error

    async def set_variables(self, variables: Mapping[str, str]) -> None:
        """Set the channel's variables, one after the other.

        Raises:
            SessionOverError: the caller has left, or one was not set.
            CommandError: one cannot be said.
        """
        for name, value in variables.items():
            await self._do(set_variable(name, value))

    async def _do(self, command: bytes) -> None:
        reader = AnswerReader()
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await asyncio.get_running_loop().sock_sendall(self._socket, command)
                while (answer := reader.take(await self._line())) is None:
                    pass
        except TimeoutError as error:
            raise SessionOverError(Outcome.NO_ANSWER, f"a command without an answer for {ANSWER_LIMIT_S} s") from error
        except (OSError, EOFError) as error:
            raise SessionOverError(Outcome.GONE, "closed before a command was answered") from error
        if not answer.is_done:
            raise SessionOverError(Outcome.NOT_DONE, f"answered with {answer.code} result={answer.result[:80]}")

    async def _line(self) -> str:
        """Return the next line.

        Raises:
            EOFError: there is none any more.
            OSError: the connection was reset, or its other end cannot be reached any more.
            SessionOverError: it is too long.
        """
        loop = asyncio.get_running_loop()
        while (line := self._lines.next_line()) is None:
            received = await loop.sock_recv(self._socket, _READ_BYTES)
            if not received:
                raise EOFError
            self._lines.feed(received)
        return line
