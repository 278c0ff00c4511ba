"""The ARI client against a real Asterisk, over its websocket and over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from ari_app.client import AriClient, JsonObject
from ari_app.decode import WANTED_EVENTS, CallerEntered, decode_event
from ari_app.errors import AriUnavailableError
from ari_app.version import AsteriskVersion
from dialplan.contract import VERDICT_VARIABLE
from tests.integration.ari_app.conftest import Pbx, complaints


@dataclass
class Listener:
    """A connected client, and the events it got."""

    client: AriClient
    events: list[JsonObject] = field(default_factory=list)

    async def event(self, kind: str, limit_s: float = 60.0) -> JsonObject:
        """Wait for an event of a type and return it."""
        async with asyncio.timeout(limit_s):
            while True:
                for event in self.events:
                    if event["type"] == kind:
                        return event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def listening(pbx: Pbx, application: str = "tollgate") -> AsyncIterator[Listener]:
    events: list[JsonObject] = []
    client = AriClient(replace(pbx.ari, application=application), events.append, complaints())
    await client.connect()
    task = asyncio.create_task(client.listen())
    try:
        yield Listener(client, events)
    finally:
        await client.close()
        await asyncio.wait_for(task, 60)


@pytest.fixture(params=["websocket", "http"])
async def ari(pbx: Pbx, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Listener]:
    """A client that sends its requests over the websocket, and one that falls back to HTTP."""
    if request.param == "http":
        monkeypatch.setattr(AsteriskVersion, "has_rest_over_websocket", False)
    async with listening(pbx) as listener:
        assert (await listener.client.filter(WANTED_EVENTS)).done  # one that an earlier connection set lives on
        yield listener


async def enter(pbx: Pbx, ari: Listener) -> str:
    """Have a caller enter the application and return the channel's id."""
    await asyncio.to_thread(pbx.originate, "enter")
    event = decode_event(await ari.event("StasisStart"))
    assert isinstance(event, CallerEntered)
    assert event.args == ("call-1", "112", "", "", "")
    return event.channel.channel_id


async def test_connected_client_knows_the_version(ari: Listener) -> None:
    assert ari.client.version is not None
    assert ari.client.version.is_supported


async def test_caller_is_given_variables_and_goes_back_to_the_dialplan(pbx: Pbx, ari: Listener) -> None:
    assert (await ari.client.filter((*WANTED_EVENTS, "StasisEnd"))).done
    channel_id = await enter(pbx, ari)

    assert (await ari.client.set_channel_vars(channel_id, {VERDICT_VARIABLE: "free:call-1", "EMPTY": ""})).done
    assert (await ari.client.continue_in_dialplan(channel_id)).done
    await ari.event("StasisEnd")

    async with asyncio.timeout(10):  # it leaves the application before it enters the dialplan's next
        while (place := (await ari.client.get(channel_id)).body["dialplan"])["app_name"] != "Wait":
            pass
    assert place["context"] == "tests"


async def test_late_requests_are_refused_with_their_status(pbx: Pbx, ari: Listener) -> None:
    assert (await ari.client.filter((*WANTED_EVENTS, "StasisEnd"))).done
    channel_id = await enter(pbx, ari)
    await ari.client.continue_in_dialplan(channel_id)
    await ari.event("StasisEnd")

    assert (await ari.client.set_channel_vars(channel_id, {"A": "b"})).status == 409
    assert (await ari.client.continue_in_dialplan(channel_id)).status == 409
    assert (await ari.client.get("1.2")).status == 404
    assert (await ari.client.set_channel_vars("1.2", {"A": "b"})).status == 404
    assert (await ari.client.continue_in_dialplan("1.2")).status == 404


async def test_hang_up_ends_the_channel_and_is_safe_to_repeat(pbx: Pbx, ari: Listener) -> None:
    channel_id = await enter(pbx, ari)
    assert (await ari.client.subscribe(f"channel:{channel_id}")).done, "without it the end is not told"

    assert (await ari.client.hangup(channel_id, 21)).done
    ended = await ari.event("ChannelDestroyed")
    assert ended["channel"]["id"] == channel_id
    assert (await ari.client.hangup(channel_id)).status == 404


async def test_channels_are_listed(pbx: Pbx, ari: Listener) -> None:
    channel_id = await enter(pbx, ari)

    reply = await ari.client.list_channels()

    assert channel_id in {channel["id"] for channel in reply.body}


async def test_status_says_when_asterisk_was_started(ari: Listener) -> None:
    reply = await ari.client.status()
    started_at = datetime.fromisoformat(reply.body["status"]["startup_time"])
    assert timedelta() <= datetime.now(UTC) - started_at < timedelta(minutes=10)


async def test_subscriptions_are_taken_and_unknown_ones_refused(ari: Listener) -> None:
    assert (await ari.client.subscribe("endpoint:PJSIP/carrier1")).done
    assert (await ari.client.subscribe("endpoint:PJSIP/nobody")).status == 422
    assert (await ari.client.subscribe("channel:1.2")).status == 422


async def test_filter_lets_our_own_answers_through(ari: Listener) -> None:
    assert (await ari.client.filter(())).done

    assert (await ari.client.list_channels()).done


async def test_many_requests_at_once_get_their_own_answers(ari: Listener) -> None:
    replies = await asyncio.gather(*(ari.client.get(f"no-{index}") for index in range(50)), ari.client.list_channels())

    assert [reply.status for reply in replies] == [404] * 50 + [200]


async def test_request_after_the_close_is_an_error(pbx: Pbx) -> None:
    async with listening(pbx) as listener:
        client = listener.client

    with pytest.raises(AriUnavailableError):
        await client.list_channels()


async def test_wrong_password_is_told_with_what_to_compare(pbx: Pbx) -> None:
    client = AriClient(replace(pbx.ari, password="wrong"), lambda _event: None, complaints())

    with pytest.raises(AriUnavailableError, match=r"refuses the user 'tollgate'.*ari\.conf"):
        await client.connect()


async def test_nobody_listens_is_an_error(pbx: Pbx) -> None:
    client = AriClient(replace(pbx.ari, url="http://127.0.0.1:1"), lambda _event: None, complaints())

    with pytest.raises(AriUnavailableError, match="does not answer"):
        await client.connect()


async def test_second_client_of_the_same_application_replaces_the_first(pbx: Pbx) -> None:
    async with listening(pbx, "twice") as first, listening(pbx, "twice") as second:
        replaced = await first.event("ApplicationReplaced")

        assert replaced["application"] == "twice"
        assert (await second.client.list_channels()).done
