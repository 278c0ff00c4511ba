"""The service's ARI connection, with the simulated Asterisk at its other end, and what goes wrong on the way."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from ari_app.access import AriAccess
from ari_app.client import AriClient, AriReply, JsonObject
from ari_app.errors import AriUnavailableError
from ari_app.ungated_leg import ANSWER
from ari_app.version import AsteriskVersion
from tollgate.simulator.pbx import Pbx, Socket
from tollgate.simulator.process import LIMIT_S, QUICK_S, SLOW_S, Process
from tollgate.simulator.variables import read_variable
from tollgate.simulator.world import World

VERSION = AsteriskVersion(22, 10, 1)
_NOT_SET = "Provided variable was not found"
ACCESS = AriAccess(url="simulated", username="", password="", application="tollgate")


class AriLine(AriClient):
    """One connection; the paths, names and answers of the requests are the real client's and the real Asterisk's."""

    def __init__(
        self,
        access: AriAccess,
        on_event: Callable[[JsonObject], None],
        *others: Any,
        world: World,
        pbx: Pbx,
        process: Process,
        is_cut: Callable[[], bool],
    ) -> None:
        super().__init__(access, on_event, *others)
        self._hand_on: Callable[[JsonObject], None] = lambda event: process.context.run(on_event, event)
        self._world = world
        self._pbx = pbx
        self._process = process
        self._is_cut = is_cut
        self._lost = world.loop.create_future()
        self._last_at_s = 0.0
        self._events: Socket | None = None

    async def connect(self) -> None:
        """Connect and register the application.

        Raises:
            AriUnavailableError: Asterisk is down, or the line is cut.
        """
        await asyncio.sleep(self._world.between(*QUICK_S))
        self._process.check()
        if not self._pbx.is_up or self._is_cut():
            raise AriUnavailableError("ARI does not answer")
        self.version = VERSION
        self._events = Socket(self._process, self._hand_on, self._on_lost, self._world.now())
        self._pbx.register(self._events)
        self._world.trace.note("ari connected", "", self._process.name)

    def _on_lost(self) -> None:
        if not self._lost.done():
            self._lost.set_result(None)

    async def listen(self) -> None:
        """Return when the connection ends; until then the events come by themselves."""
        await self._lost

    async def close(self) -> None:
        """Close the connection."""
        self._on_lost()
        if self._events is not None and self._pbx.socket is self._events and self._process.is_alive:
            self._pbx.socket = None

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: JsonObject | None = None
    ) -> AriReply:
        """Carry a request out, or not, or slowly, or without an answer."""
        world, rates = self._world, self._world.rates
        self._process.check()
        subject = _subject(path, query)
        roll = world.dice.random()
        low_s, high_s = SLOW_S if roll > 1.0 - rates.request_slow else QUICK_S
        # Requests travel on one socket, where none overtakes another.
        self._last_at_s = max(self._last_at_s, world.loop.time() + world.between(low_s, high_s))
        await world.loop.until(self._last_at_s)
        self._process.check()
        if self._lost.done():
            raise AriUnavailableError("ARI is not connected")
        if roll < rates.request_failed:
            world.trace.note("request failed", subject, f"{method} {path}")
            await self._no_answer()
        reply = self._carry_out(method, path, query or {}, body or {})
        world.trace.note("request", subject, f"{method} {path} {reply.status}")
        if roll < rates.request_failed + rates.answer_lost:
            world.trace.note("answer lost", subject, f"{method} {path}")
            await self._no_answer()
        return reply

    async def _no_answer(self) -> None:
        await asyncio.wait((self._lost,), timeout=LIMIT_S)
        self._process.check()
        raise AriUnavailableError("ARI did not answer")

    def _carry_out(  # noqa: PLR0911 (a table)
        self, method: str, path: str, query: Mapping[str, str], body: JsonObject
    ) -> AriReply:
        match method, path.split("/"):
            case "PUT", ["applications", _, "eventFilter"]:
                return AriReply(200)
            case "POST", ["applications", _, "subscription"]:
                kind, _, name = query["eventSource"].partition(":")
                return AriReply(self._pbx.watch(name) if kind == "channel" else 200)
            case "GET", ["asterisk", "info"]:
                return AriReply(200, {"status": {"startup_time": self._pbx.started_at.isoformat()}})
            case "GET", ["channels"]:
                return AriReply(200, self._pbx.list_channels())
            case "GET", ["channels", name]:
                channel = self._pbx.channels.get(unquote(name))
                return AriReply(404) if channel is None else AriReply(200, channel.document())
            case "GET", ["channels", name, "variable"]:
                return self._variable(unquote(name), query["variable"])
            case "POST", ["channels", name, "variables"]:
                return AriReply(self._pbx.set_variables(unquote(name), body["variables"]))
            case "POST", ["channels", name, "continue"]:
                place = (query["context"], query["extension"]) if query else None
                return AriReply(self._pbx.give_back(unquote(name), place))
            case "DELETE", ["channels", name]:
                return AriReply(self._pbx.hang_up(unquote(name), int(query["reason_code"])))
            case _:
                return AriReply(404)

    def _variable(self, channel_id: str, name: str) -> AriReply:
        channel = self._pbx.channels.get(channel_id)
        if channel is None:
            return AriReply(404, {"message": "Channel not found"})
        is_answer = name == ANSWER
        value = self._pbx.cdr_answer_of(channel) if is_answer else read_variable(channel, name, self._world.loop.time())
        return AriReply(200, {"value": value}) if value else AriReply(404, {"message": _NOT_SET})


def _subject(path: str, query: Mapping[str, str] | None) -> str:
    """Return the channel that a request is about; what is about all of them is about this node's."""
    source = (query or {}).get("eventSource", "")
    return path.split("/")[1] if path.startswith("channels/") else source.removeprefix("channel:")
