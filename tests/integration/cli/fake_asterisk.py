"""The edges of an Asterisk on real sockets: a few ARI resources over HTTP, a few AMI actions over TCP."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

JSON = dict[str, Any] | list[Any]


@dataclass
class FakeAsterisk:
    """Serves in a thread of its own, so that commands may run their own event loop.

    ``resources`` are what GET finds, by path below ``/ari/``, or what answers it anew each time; ``commands`` what
    Asterisk's command line prints.
    """

    resources: dict[str, JSON | Callable[[], JSON]] = field(default_factory=dict)
    commands: dict[str, str] = field(default_factory=dict)
    refused_actions: set[str] = field(default_factory=set)
    """AMI actions that are answered with "Permission denied"."""
    set_var: str = "CHANNEL(hangup_handler_push)=tg-around,s,1"
    """The variables that endpoints give their channels."""
    password: str = "secret"
    deleted: list[str] = field(default_factory=list)
    delete_status: int = 204
    http_port: int = 0
    ami_port: int = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(started))

    async def _serve(self, started: threading.Event) -> None:
        application = web.Application()
        application.router.add_route("*", "/ari/{path:.*}", self._ari)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.http_port = runner.addresses[0][1]
        ami = await asyncio.start_server(self._ami, "127.0.0.1", 0)
        self.ami_port = ami.sockets[0].getsockname()[1]
        started.set()
        await self._stop.wait()
        ami.close()
        await runner.cleanup()

    async def _ari(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != _basic("tollgate", self.password):
            return web.json_response({"message": "Authentication required"}, status=401)
        path = request.match_info["path"]
        if request.method == "DELETE":
            self.deleted.append(path.removeprefix("channels/"))
            return web.Response(status=self.delete_status)
        if path not in self.resources:
            return web.json_response({"message": "not found"}, status=404)
        resource = self.resources[path]
        return web.json_response(resource() if callable(resource) else resource)

    async def _ami(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Asterisk Call Manager/11.0.0\r\n")
        try:
            while True:
                text = (await reader.readuntil(b"\r\n\r\n")).decode()
                action = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
                writer.write(self._answer(action).encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, action: dict[str, str]) -> str:
        messages = [self._lines(action)]
        if action.get("Action") == "PJSIPShowEndpoint" and messages[0][0] == "Response: Success":
            complete = ["Event: EndpointDetailComplete", "EventList: Complete", "ListItems: 1"]
            messages += [["Event: EndpointDetail", f"SetVar: {self.set_var}"], complete]
        action_id = f"ActionID: {action.get('ActionID', '')}"
        return "".join("\r\n".join([*lines, action_id, "", ""]) for lines in messages)

    def _lines(self, action: dict[str, str]) -> list[str]:
        kind = action.get("Action", "")
        if kind.lower() == "login" and action.get("Secret") != self.password:
            return ["Response: Error", "Message: Authentication failed"]
        if kind in self.refused_actions:
            return ["Response: Error", "Message: Permission denied"]
        if kind in {"Setvar", "Getvar"}:
            return ["Response: Error", "Message: No such channel"]
        if kind == "DBDelTree":
            return ["Response: Error", "Message: Database entry not found"]
        if kind == "Command":
            return self._command(action["Command"])
        return ["Response: Success", "EventList: start" if kind == "PJSIPShowEndpoint" else "Message: done"]

    def _command(self, command: str) -> list[str]:
        if command not in self.commands:
            return ["Response: Error", "Message: Command output follows", "Output: No such command"]
        output = [f"Output: {line}" for line in self.commands[command].splitlines()]
        return ["Response: Success", "Message: Command output follows", *output]


def _basic(user: str, password: str) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
