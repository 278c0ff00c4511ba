"""An Asterisk of a few lines on real sockets, which says what a test has it say: ARI's websocket, and AMI."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from aiohttp import WSMsgType, web

from ari_app.access import AmiAccess, AriAccess
from tests.unit.ari_app.office import until

Json = dict[str, Any]
ARMED_S = 9.5
"""What is read back of a deadline that nobody has set: the dialplan's."""


def channel(channel_id: str, name: str, state: str, **variables: str) -> Json:
    """Return a channel as ARI shows it."""
    return {
        "id": channel_id,
        "name": name,
        "state": state,
        "dialplan": {"context": "tg-gate"},
        "channelvars": variables,
    }


def event(kind: str, **fields: Any) -> Json:
    """Return an event of this moment."""
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"type": kind, "timestamp": stamp, "application": "tollgate", **fields}


@dataclass
class FakeAsterisk:
    """Answers requests and actions as Asterisk does, and keeps what it was asked."""

    channels: dict[str, Json] = field(default_factory=dict)
    variables: dict[str, Json] = field(default_factory=dict)
    """Variables that were set, by channel."""
    records: dict[tuple[str, str], str] = field(default_factory=dict)
    """AstDB: the value of a family and a key."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and URI of each request to ARI."""
    actions: list[dict[str, str]] = field(default_factory=list)
    connections: int = 0
    before_answers: bytes = b""
    """What AMI says before each answer."""
    socket: web.WebSocketResponse | None = None
    http_port: int = 0
    ami_port: int = 0

    @property
    def ari(self) -> AriAccess:
        """Where ARI is."""
        return AriAccess(url=f"http://127.0.0.1:{self.http_port}", username="u", password="p", application="tollgate")

    @property
    def ami(self) -> AmiAccess:
        """Where AMI is."""
        return AmiAccess(host="127.0.0.1", port=self.ami_port, username="u", secret="s")

    # --- what it says -------------------------------------------------------------------------------------

    async def say(self, frame: str | bytes | Json) -> None:
        """Send a frame: a text, a binary one, or an event."""
        assert self.socket is not None
        if isinstance(frame, bytes):
            await self.socket.send_bytes(frame)
        else:
            await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def write(self, raw: bytes) -> None:
        """Write bytes that are no frame of anybody's."""
        assert self.socket is not None
        assert self.socket._req is not None
        transport = self.socket._req.transport
        assert transport is not None
        transport.write(raw)

    def asked(self, method: str, uri: str) -> bool:
        """Whether a request was made."""
        return (method, uri) in self.requests

    # --- ARI ----------------------------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        self.connections += 1
        self.socket = socket
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                asked = json.loads(message.data)
                status, body = self._answer(asked)
                answer = {"type": "RESTResponse", "request_id": asked["request_id"], "status_code": status}
                await socket.send_str(json.dumps({**answer, "message_body": json.dumps(body)}))
        return socket

    async def _info(self, _request: web.Request) -> web.Response:
        return web.json_response({"system": {"version": "22.10.1"}})

    def _answer(self, asked: Json) -> tuple[int, Any]:
        method, uri = asked["method"], asked["uri"]
        self.requests.append((method, uri))
        path = uri.partition("?")[0]
        if path == "channels":
            return 200, list(self.channels.values())
        if path == "asterisk/info":
            return 200, {"status": {"startup_time": "2026-01-01T00:00:00.000+0000"}}
        if not path.startswith("channels/"):
            return 204, None
        channel_id, _, what = path.removeprefix("channels/").partition("/")
        return self._of_channel(method, unquote(channel_id), what, asked)

    def _of_channel(self, method: str, channel_id: str, what: str, asked: Json) -> tuple[int, Any]:
        if channel_id not in self.channels:
            return 404, {"message": "Channel not found"}
        if what == "variables":
            self.variables.setdefault(channel_id, {}).update(json.loads(asked["message_body"])["variables"])
        return (200, self.channels[channel_id]) if method == "GET" else (204, None)

    # --- AMI ----------------------------------------------------------------------------------------------

    async def _manage(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        try:
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
                self.actions.append(action)
                writer.write(self.before_answers)
                for message in self._managed(action):
                    lines = [*message, f"ActionID: {action['ActionID']}", "", ""]
                    writer.write("\r\n".join(lines).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _managed(self, action: dict[str, str]) -> list[list[str]]:
        match action["Action"]:
            case "Getvar" if action["Channel"] in self.channels:
                name = self.channels[action["Channel"]]["name"]
                known = {"TIMEOUT(absolute)": str(ARMED_S), "CHANNEL": name}
                value = known.get(action["Variable"], "")
                return [["Response: Success", f"Variable: {action['Variable']}", f"Value: {value}"]]
            case "Getvar" | "Setvar" if action["Channel"] not in self.channels:
                return [["Response: Error", "Message: No such channel"]]
            case "DBGetTree":
                found = [
                    ["Event: DBGetTreeResponse", f"Key: /{family}/{key}", f"Val: {value}"]
                    for (family, key), value in self.records.items()
                    if family == action["Family"]
                ]
                complete = ["Event: DBGetTreeComplete", f"ListItems: {len(found)}"]
                return [["Response: Success", "EventList: start"], *found, complete]
            case _:
                return [["Response: Success", "Message: done"]]


@asynccontextmanager
async def fake_asterisk() -> AsyncIterator[FakeAsterisk]:
    """Serve one on ports of its own."""
    fake = FakeAsterisk()
    app = web.Application()
    app.router.add_get("/ari/asterisk/info", fake._info)
    app.router.add_get("/ari/events", fake._events)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.http_port = runner.addresses[0][1]
    ami = await asyncio.start_server(fake._manage, "127.0.0.1", 0)
    fake.ami_port = ami.sockets[0].getsockname()[1]
    try:
        yield fake
    finally:
        ami.close()
        await runner.cleanup()


@dataclass
class Caller:
    """Extension 101 that calls Jersey, told event by event."""

    asterisk: FakeAsterisk
    channel_id: str = "1793610000.7"
    leg_id: str = "1793610000.8"

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return f"{self.channel_id}-1"

    async def enters(self) -> None:
        """Enter the gate, and be let through."""
        fake = self.asterisk
        fake.channels[self.channel_id] = caller = channel(self.channel_id, "PJSIP/101-00000001", "Ring")
        await fake.say(event("StasisStart", channel=caller, args=[self.call_id, "00447797123456", "", "", ""]))
        await until(lambda: fake.asked("POST", f"channels/{self.channel_id}/continue"))

    async def is_(self, state: str) -> None:
        """Have the leg towards the carrier in another state."""
        fake = self.asterisk
        leg = channel(self.leg_id, "PJSIP/carrier1-00000002", state, TOLLGATE_CALL=self.call_id)
        fake.channels[self.leg_id] = leg
        await fake.say(event("ChannelStateChange", channel=leg))

    async def hangs_up(self) -> None:
        """End both channels."""
        for channel_id in (self.leg_id, self.channel_id):
            gone = self.asterisk.channels.pop(channel_id)
            await self.asterisk.say(event("ChannelDestroyed", channel=gone, cause=16))
