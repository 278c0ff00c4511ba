"""The service's AMI connection, with the simulated Asterisk at its other end, and what goes wrong on the way."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ari_app.access import AmiAccess
from ari_app.ami import DEADLINE, AmiAdapter
from ari_app.complaints import Complaints
from ari_app.errors import AmiChannelGoneError, AmiRefusedError, AmiUnavailableError
from ari_app.metrics import Metrics
from tollgate.simulator.channels import Channel
from tollgate.simulator.pbx import Pbx
from tollgate.simulator.process import LIMIT_S, QUICK_S, SLOW_S, Process
from tollgate.simulator.variables import read_variable, write_variable
from tollgate.simulator.world import World

ACCESS = AmiAccess(host="simulated", port=0, username="", secret="")


@dataclass(slots=True)
class Reply:
    """What AMI answers: the fields that the adapter reads."""

    value: str = ""
    event: str = ""
    key: str = ""
    val: str = ""


class AmiLine(AmiAdapter):
    """The adapter of one process: its actions are the real one's, carried out by the simulated Asterisk."""

    def __init__(self, *, world: World, pbx: Pbx, process: Process, is_cut: Callable[[], bool]) -> None:
        super().__init__(ACCESS, Complaints(Metrics().ami_messages))
        self._world = world
        self._pbx = pbx
        self._process = process
        self._is_cut = is_cut
        self._line: asyncio.Future[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether actions can be sent."""
        return self._line is not None

    async def connect(self) -> None:
        """Connect.

        Raises:
            AmiUnavailableError: Asterisk is down, or the line is cut.
        """
        await asyncio.sleep(self._world.between(*QUICK_S))
        self._process.check()
        if not self._pbx.is_up or self._is_cut():
            raise AmiUnavailableError("AMI does not answer")
        self._line = self._world.loop.create_future()
        self._pbx.ami_up_since = self._world.now()

    async def wait_lost(self) -> None:
        """Return when the connection is lost."""
        assert self._line is not None
        await self._line
        self._line = None

    def close(self) -> None:
        """Close the connection, or have it lost."""
        self._pbx.ami_up_since = None
        if self._line is not None and not self._line.done():
            self._line.set_result(None)

    async def _action(self, action: dict[str, str], *, as_list: bool | None = None) -> Any:
        world, rates, line = self._world, self._world.rates, self._line
        self._process.check()
        if line is None:
            raise AmiUnavailableError("AMI is not connected")
        roll = world.dice.random()
        way_s = world.between(*(SLOW_S if roll > 1.0 - rates.request_slow else QUICK_S))
        await world.loop.until(world.loop.time() + way_s)
        self._process.check()
        if line.done():
            await self._no_answer()
        if roll < rates.request_failed:
            world.trace.note("request failed", action.get("Channel", ""), action["Action"])
            raise AmiRefusedError(f"{action['Action']}: simulated")
        reply = self._carry_out(action)
        if roll < rates.request_failed + rates.answer_lost:
            world.trace.note("answer lost", action.get("Channel", ""), action["Action"])
            await self._no_answer()
        return reply if as_list else reply[0]

    async def _no_answer(self) -> None:
        """Wait for an answer that does not come; the real adapter gives its connection up then."""
        await asyncio.sleep(LIMIT_S)
        self._process.check()
        self.close()
        raise AmiUnavailableError("AMI did not answer")

    def _carry_out(self, action: dict[str, str]) -> list[Reply]:
        match action["Action"]:
            case "Setvar":
                if action["Variable"] == DEADLINE:
                    self._set_deadline(action["Channel"], float(action["Value"]))
                else:
                    channel = self._channel(action["Channel"])
                    write_variable(channel, action["Variable"], action["Value"])
                    self._world.trace.note("set", self._pbx.name_of(channel), f"{action['Variable']}={action['Value']}")
                return [Reply()]
            case "Getvar":
                channel = self._channel(action["Channel"])
                return [Reply(value=read_variable(channel, action["Variable"], self._world.loop.time()))]
            case "DBGetTree":
                records = self._pbx.database[action["Family"]]
                return [Reply(), *(Reply(event="DBGetTreeResponse", key=key, val=records[key]) for key in records)]
            case "DBDelTree":
                records = self._pbx.database[action["Family"]]
                for key in [key for key in records if key.startswith(f"{action['Key']}/")]:
                    del records[key]
                return [Reply()]
            case unknown:
                raise AmiRefusedError(f"{unknown}: simulated Asterisk has no such action")

    def _set_deadline(self, channel_id: str, seconds: float) -> None:
        channel = self._channel(channel_id)
        call = channel.call
        if seconds and call is not None and (breaks := call.cut_breaks(seconds)):
            self._world.violated(breaks, call.call_id, f"Setvar {seconds} s on {channel_id}")
        if self._world.chance(self._world.rates.setvar_ignored):
            self._world.trace.note("setvar ignored", channel_id)
        else:
            self._pbx.set_deadline(channel, seconds)

    def _channel(self, channel_id: str) -> Channel:
        channel = self._pbx.channels.get(channel_id)
        if channel is None:
            raise AmiChannelGoneError("No such channel")
        return channel
