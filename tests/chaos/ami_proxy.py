"""The proxy before AMI: it sees each action, answer and event, which are blocks of lines."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tests.chaos.faults import Direction, Message
from tests.chaos.proxy import Accepting, Connection, Proxy


class AmiProxy(Proxy):
    """AMI: blocks of lines, ended by an empty one; before them Asterisk's greeting."""

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _unlisten(self) -> None:
        self._server.close()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            connection = Connection(self)
            if self.accepting is Accepting.SILENT:
                await self._carry(connection)
            elif self.accepting is Accepting.YES:
                await self._between(connection, reader, writer)
        finally:
            writer.transport.abort()

    async def _between(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            above_reader, above_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            return
        try:
            writer.write(await above_reader.readline())
            await self._carry(
                connection,
                asyncio.create_task(self._read(reader, connection, Direction.TO_ASTERISK)),
                asyncio.create_task(self._read(above_reader, connection, Direction.TO_SERVICE)),
                asyncio.create_task(_write_blocks(above_writer, connection, Direction.TO_ASTERISK)),
                asyncio.create_task(_write_blocks(writer, connection, Direction.TO_SERVICE)),
            )
        finally:
            above_writer.transport.abort()

    async def _read(self, reader: asyncio.StreamReader, connection: Connection, direction: Direction) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                block = await reader.readuntil(b"\r\n\r\n")
                self.faults.treat(_ami_message(block.decode(), direction), connection)

    def answer(self, request: Message, status: int) -> Message:
        """Return a refusal, or below 300 a success."""
        verdict = "Success" if status < 300 else "Error"
        lines = (f"Response: {verdict}", f"ActionID: {request.fields['ActionID']}", "Message: Permission denied")
        return _ami_message("\r\n".join(lines) + "\r\n\r\n", request.direction.back)

    def rewritten(self, message: Message, fields: Mapping[str, Any]) -> Message:
        """Return the message with other fields."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return _ami_message(lines + "\r\n", message.direction)


def _ami_message(text: str, direction: Direction) -> Message:
    fields = dict(line.split(": ", 1) for line in text.split("\r\n") if ": " in line)
    return Message(direction, fields.get("Action") or fields.get("Event") or "Response", fields, text)


async def _write_blocks(writer: asyncio.StreamWriter, connection: Connection, direction: Direction) -> None:
    while True:
        frame = await connection.next(direction)
        assert isinstance(frame, Message)
        writer.write(frame.text.encode())
        await writer.drain()
