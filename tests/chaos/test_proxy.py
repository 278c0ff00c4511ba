"""The proxies themselves: what they do to messages and to connections."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from tests.chaos.ami_proxy import AmiProxy
from tests.chaos.ari_proxy import AriProxy
from tests.chaos.faults import Direction, Message, event, named, request, response_to
from tests.chaos.proxy import Accepting
from tests.integration.cli.fake_asterisk import FakeAsterisk

LIMIT_S = 10


@asynccontextmanager
async def line() -> AsyncIterator[tuple[AriProxy, aiohttp.ClientWebSocketResponse]]:
    """Connect through a proxy to an ARI that answers each request, and sends the events that it is asked for."""

    async def events(asked: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(asked)
        async for message in socket:
            fields = json.loads(message.data)
            if fields["method"] == "EVENT":
                await socket.send_json({"type": fields["uri"]})
            else:
                await socket.send_json({"type": "RESTResponse", "request_id": fields["request_id"], "status_code": 204})
        return socket

    application = web.Application()
    application.router.add_get("/ari/events", events)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with AriProxy(runner.addresses[0][1]) as proxy:
        async with aiohttp.ClientSession(headers={"Authorization": "Basic eDp5"}) as http:
            yield proxy, await http.ws_connect(f"http://127.0.0.1:{proxy.port}/ari/events?app=x")
    await runner.cleanup()


async def ask(socket: aiohttp.ClientWebSocketResponse, uri: str, method: str = "EVENT", number: int = 1) -> None:
    await socket.send_json({"type": "RESTRequest", "request_id": str(number), "method": method, "uri": uri})


async def heard(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[str]:
    """Return the types of the next messages."""
    async with asyncio.timeout(LIMIT_S):
        return [(await socket.receive_json())["type"] for _ in range(count)]


@pytest.mark.parametrize(
    ("set_rule", "expected"),
    [
        (lambda faults: faults.watch(named("A")), ["A", "B", "C"]),
        (lambda faults: faults.drop(named("A")), ["B", "C"]),
        (lambda faults: faults.duplicate(named("A")), ["A", "A", "B", "C"]),
        (lambda faults: faults.delay(named("A"), 0.2), ["B", "C", "A"]),
        (lambda faults: faults.reorder(named("A"), behind=named("B")), ["B", "A", "C"]),
    ],
    ids=["watched", "lost", "twice", "late", "in-another-order"],
)
async def test_events_reach_the_service_as_the_rule_says(set_rule: Callable[..., object], expected: list[str]) -> None:
    async with line() as (proxy, socket):
        set_rule(proxy.faults)
        for name in "ABC":
            await ask(socket, name)
        assert await heard(socket, len(expected)) == expected


async def test_held_request_is_told_of_and_goes_on_when_released() -> None:
    async with line() as (proxy, socket):
        held = proxy.faults.hold(request("POST", "/continue"))
        await ask(socket, "channels/1/continue", "POST")
        [seen] = await asyncio.to_thread(held.wait)
        assert (seen.name, seen.direction) == ("POST channels/1/continue", Direction.TO_ASTERISK)
        held.release()
        assert await heard(socket, 1) == ["RESTResponse"]


async def test_refused_request_is_answered_in_asterisks_stead_so_many_times() -> None:
    async with line() as (proxy, socket):
        proxy.faults.refuse(request("DELETE"), 500, times=1)
        for number in (1, 2):
            await ask(socket, "channels/1", "DELETE", number)
        answers = {(await socket.receive_json())["status_code"] for _ in range(2)}
        assert answers == {500, 204}


async def test_answer_to_a_request_can_be_lost() -> None:
    async with line() as (proxy, socket):
        proxy.faults.drop(response_to(proxy.faults.watch(request("POST"))))
        await ask(socket, "channels/1/continue", "POST")
        await ask(socket, "A")
        assert await heard(socket, 1) == ["A"]


async def test_stalled_line_says_nothing_until_it_is_healed() -> None:
    async with line() as (proxy, socket):
        proxy.stall(Direction.TO_SERVICE)
        await ask(socket, "A")
        with pytest.raises(TimeoutError):
            await socket.receive(timeout=0.3)
        proxy.heal()
        assert await heard(socket, 1) == ["A"]


async def test_cut_line_is_reset_and_no_new_one_taken_until_it_is_healed() -> None:
    async with line() as (proxy, socket):
        proxy.cut()
        async with asyncio.timeout(LIMIT_S):
            assert (await socket.receive()).type in {WSMsgType.CLOSED, WSMsgType.ERROR}
        async with aiohttp.ClientSession(headers={"Authorization": "Basic eDp5"}) as http:
            url = f"http://127.0.0.1:{proxy.port}/ari/events?app=x"
            with pytest.raises(aiohttp.ClientError):
                await http.ws_connect(url)
            proxy.cut(Accepting.SILENT)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(http.ws_connect(url), 0.3)
            proxy.heal()
            await http.ws_connect(url)


def test_events_are_matched_by_state_and_endpoint() -> None:
    fields = {"type": "ChannelStateChange", "channel": {"name": "PJSIP/carrier1-01", "state": "Up"}}
    message = Message(Direction.TO_SERVICE, "ChannelStateChange", fields, "")
    assert event("ChannelStateChange", state="Up", trunk="carrier1")(message)
    assert not event("ChannelStateChange", state="Ringing", trunk="carrier1")(message)
    assert not event("ChannelStateChange", trunk="carrier2")(message)
    assert not event("ChannelDestroyed")(message)


async def test_ami_action_is_refused_or_changed_and_the_line_cut() -> None:
    with FakeAsterisk() as asterisk, AmiProxy(asterisk.ami_port) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

        async def answer(action: str) -> str:
            writer.write(f"Action: {action}\r\nActionID: 7\r\n\r\n".encode())
            async with asyncio.timeout(LIMIT_S):
                return (await reader.readuntil(b"\r\n\r\n")).decode()

        assert (await reader.readline()).startswith(b"Asterisk Call Manager")
        assert "Success" in await answer("Ping")
        proxy.faults.refuse(named("Ping"), times=1)
        assert "Response: Error" in await answer("Ping")
        proxy.faults.change(named("Ping"), {"Action": "Setvar"}, times=1)
        assert "No such channel" in await answer("Ping")
        proxy.cut()
        async with asyncio.timeout(LIMIT_S):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readuntil(b"\r\n\r\n")
        writer.close()
