"""The proxy before ARI: it sees each message of the event websocket, requests and answers included."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import WSMsgType, web

from tests.chaos.faults import Direction, Message
from tests.chaos.proxy import Accepting, Connection, Proxy

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


class AriProxy(Proxy):
    """ARI: REST over HTTP passes as it is, each message of the event websocket goes by the rules."""

    async def _listen(self) -> None:
        application = web.Application()
        application.router.add_get("/ari/events", self._events)
        application.router.add_route("*", "/{path:.*}", self._rest)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        self._client = aiohttp.ClientSession(auto_decompress=False)

    async def _unlisten(self) -> None:
        await self._client.close()
        await self._runner.cleanup()

    async def _admit(self, request: web.Request) -> None:
        if self.accepting is Accepting.SILENT:
            connection = Connection(self)
            await self._carry(connection)
        if self.accepting is not Accepting.YES:
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPServiceUnavailable  # nobody reads it
        await self.gates[Direction.TO_ASTERISK].wait()

    def _upstream(self, request: web.Request) -> str:
        return f"http://127.0.0.1:{self._upstream_port}{request.path_qs}"

    async def _rest(self, request: web.Request) -> web.Response:
        await self._admit(request)
        headers = {name: value for name, value in request.headers.items() if name in {"Authorization", "Content-Type"}}
        try:
            async with self._client.request(
                request.method, self._upstream(request), headers=headers, data=await request.read()
            ) as reply:
                body = await reply.read()
                await self.gates[Direction.TO_SERVICE].wait()
                return web.Response(status=reply.status, body=body, content_type=reply.content_type)
        except aiohttp.ClientError as error:
            raise web.HTTPBadGateway(text=repr(error)) from error

    async def _events(self, request: web.Request) -> web.StreamResponse:
        await self._admit(request)
        authorization = {"Authorization": request.headers["Authorization"]}
        below = web.WebSocketResponse(autoping=False, max_msg_size=0)
        try:
            above = await self._client.ws_connect(
                self._upstream(request), headers=authorization, autoping=False, max_msg_size=0
            )
        except aiohttp.ClientError as error:
            raise web.HTTPBadGateway(text=repr(error)) from error
        await below.prepare(request)
        connection = Connection(self)
        to_asterisk, to_service = Direction.TO_ASTERISK, Direction.TO_SERVICE
        await self._carry(
            connection,
            asyncio.create_task(self._read(below, connection, to_asterisk)),
            asyncio.create_task(self._read(above, connection, to_service)),
            asyncio.create_task(_write(above, connection, to_asterisk)),
            asyncio.create_task(_write(below, connection, to_service)),
        )
        if request.transport is not None:
            request.transport.abort()
        await above.close()
        return below

    async def _read(
        self,
        socket: Socket,
        connection: Connection,
        direction: Direction,
    ) -> None:
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                self.faults.treat(_ari_message(frame.data, direction), connection)
            else:
                connection.send(frame, direction)

    def answer(self, request: Message, status: int) -> Message:
        """Return a RESTResponse without a body."""
        fields = {"type": "RESTResponse", "request_id": request.fields["request_id"], "status_code": status}
        return _ari_message(json.dumps(fields), request.direction.back)

    def rewritten(self, message: Message, fields: Mapping[str, Any]) -> Message:
        """Return the message with other fields."""
        return _ari_message(json.dumps(fields), message.direction)


def _ari_message(text: str, direction: Direction) -> Message:
    fields = json.loads(text)
    name = fields["type"]
    if name == "RESTRequest":
        name = f"{fields['method']} {urlsplit(fields['uri']).path}"
    return Message(direction, name, fields, text)


async def _write(socket: Socket, connection: Connection, direction: Direction) -> None:
    while True:
        frame = await connection.next(direction)
        if isinstance(frame, Message):
            await socket.send_str(frame.text)
        elif frame.type is WSMsgType.PING:
            await socket.ping(frame.data)
        elif frame.type is WSMsgType.PONG:
            await socket.pong(frame.data)
