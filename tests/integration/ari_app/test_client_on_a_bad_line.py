"""The ARI client against a server that misbehaves: cut lines, silence, frames that make no sense."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from ari_app import client as client_module
from ari_app.access import AriAccess
from ari_app.client import AriClient, JsonObject
from ari_app.errors import AriUnavailableError
from tests.integration.ari_app.conftest import complaints

Script = Callable[[web.WebSocketResponse], Awaitable[None]]
INFO: Any = {"system": {"version": "22.10.1"}}


@asynccontextmanager
async def server(script: Script, info: Any = INFO, info_status: int = 200) -> AsyncIterator[AriAccess]:
    """Serve what a client asks for first, then let ``script`` have the websocket."""

    async def answer_info(_request: web.Request) -> web.Response:
        return web.json_response(info, status=info_status)

    async def answer_events(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        await script(socket)
        return socket

    app = web.Application()
    app.router.add_get("/ari/asterisk/info", answer_info)
    app.router.add_get("/ari/events", answer_events)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield AriAccess(url=f"http://127.0.0.1:{port}", username="u", password="p", application="a")
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connected(
    script: Script, info: Any = INFO
) -> AsyncIterator[tuple[AriClient, asyncio.Queue[JsonObject], asyncio.Task[None]]]:
    async with server(script, info) as access:
        events: asyncio.Queue[JsonObject] = asyncio.Queue()
        client = AriClient(access, events.put_nowait, complaints())
        await client.connect()
        task = asyncio.create_task(client.listen())
        try:
            yield client, events, task
        finally:
            await client.close()
            await asyncio.wait_for(task, 60)


async def until_closed(socket: web.WebSocketResponse) -> None:
    async for _message in socket:
        pass


def answering(change: Callable[[JsonObject], object]) -> Script:
    """Return a script that answers each request as ``change`` makes of the right answer."""

    async def script(socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                request = json.loads(message.data)
                right = {"type": "RESTResponse", "request_id": request["request_id"], "status_code": 200}
                await socket.send_str(json.dumps(change(right)))

    return script


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "REQUEST_LIMIT_S", 0.2)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "nonsense",
        "[]",
        "null",
        "5",
        '"text"',
        '{"type": "RESTResponse"}',
        '{"type": "RESTResponse", "request_id": "99", "status_code": 200}',
        '{"type": "RESTResponse", "request_id": {}, "status_code": []}',
        "[" * 100_000,
    ],
)
async def test_frame_that_makes_no_sense_is_passed_over(frame: str) -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_str(frame)
        await socket.send_str('{"type": "StasisStart"}')
        await until_closed(socket)

    async with connected(script) as (_, events, task):
        assert await asyncio.wait_for(events.get(), 60) == {"type": "StasisStart"}
        assert not task.done()

    assert events.empty()


@pytest.mark.parametrize(
    "change",
    [
        lambda right: {**right, "status_code": "fine"},
        lambda right: {**right, "status_code": None},
        lambda right: {**right, "message_body": {"not": "text"}},
    ],
)
async def test_answer_of_an_unknown_form_is_an_error_and_the_line_goes_on(
    change: Callable[[JsonObject], object],
) -> None:
    async with connected(answering(change)) as (client, _, task):
        with pytest.raises(AriUnavailableError, match="unknown form"):
            await client.list_channels()
        assert not task.done()


@pytest.mark.parametrize(("body", "read"), [("[1]", [1]), ("", None), (None, None), ("not json", "not json")])
async def test_body_of_an_answer_is_read_where_it_can_be(body: str | None, read: object) -> None:
    async with connected(answering(lambda right: {**right, "message_body": body})) as (client, _, _task):
        reply = await client.list_channels()

    assert (reply.status, reply.body) == (200, read)


async def test_list_of_thousands_of_channels_comes_through() -> None:
    channels = [{"id": str(index), "name": "x" * 900} for index in range(5000)]
    script = answering(lambda right: {**right, "message_body": json.dumps(channels)})

    async with connected(script) as (client, _, _task):
        reply = await client.list_channels()

    assert len(reply.body) == 5000


async def test_silence_is_an_error_after_the_limit(impatient: None) -> None:
    async with connected(until_closed) as (client, _, task):
        with pytest.raises(AriUnavailableError, match="did not answer GET channels"):
            await client.list_channels()
        assert not task.done()


async def test_answer_after_the_limit_finds_nobody_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = asyncio.Event()

    async def script(socket: web.WebSocketResponse) -> None:
        async for message in socket:
            request_id = json.loads(message.data)["request_id"]
            if request_id == "1":
                await given_up.wait()
            await socket.send_str(
                json.dumps({"type": "RESTResponse", "request_id": request_id, "status_code": 200 + int(request_id)})
            )

    async with connected(script) as (client, _, _task):
        with monkeypatch.context() as hurry:
            hurry.setattr(client_module, "REQUEST_LIMIT_S", 0.2)
            with pytest.raises(AriUnavailableError):
                await client.list_channels()
        given_up.set()
        assert (await client.get("1.2")).status == 202


async def test_line_that_is_cut_ends_the_listening_and_fails_what_waits() -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        assert socket._req is not None
        assert socket._req.transport is not None
        socket._req.transport.abort()

    async with connected(script) as (client, _, task):
        asking = asyncio.create_task(client.list_channels())
        await asyncio.wait_for(task, 60)
        await client.close()
        with pytest.raises(AriUnavailableError):
            await asking


async def test_close_fails_what_waits() -> None:
    async with connected(until_closed) as (client, _, _task):
        asking = asyncio.create_task(client.list_channels())
        await asyncio.sleep(0.05)
        await client.close()
        with pytest.raises(AriUnavailableError, match="closed"):
            await asking


@pytest.mark.parametrize("info", [{}, [], None, "x", {"system": None}, {"system": {}}, {"system": {"version": None}}])
async def test_what_is_no_asterisk_is_an_error(info: Any) -> None:
    async with server(until_closed, info) as access:
        with pytest.raises(AriUnavailableError, match="no Asterisk"):
            await AriClient(access, lambda _event: None, complaints()).connect()


@pytest.mark.parametrize("status", [403, 404, 500, 503])
async def test_refusal_says_the_status(status: int) -> None:
    async with server(until_closed, {}, status) as access:
        with pytest.raises(AriUnavailableError, match=str(status)):
            await AriClient(access, lambda _event: None, complaints()).connect()


async def test_binary_frame_is_passed_over() -> None:
    async def script(socket: web.WebSocketResponse) -> None:
        await socket.send_bytes(b"\x00")
        await socket.send_str('{"type": "StasisStart"}')
        await until_closed(socket)

    async with connected(script) as (_, events, task):
        assert await asyncio.wait_for(events.get(), 60) == {"type": "StasisStart"}
        assert not task.done()

    assert events.empty()
