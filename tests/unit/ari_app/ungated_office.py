"""A watch for legs that never passed the gate, and an Asterisk and a store that say what a test wants."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient, AriReply
from ari_app.decode import Channel, ChannelCreated
from ari_app.errors import AmiChannelGoneError, AmiUnavailableError
from ari_app.execute import CommandExecutor
from ari_app.lines import Lines
from ari_app.metrics import Metrics
from ari_app.store_watch import StoreWatch
from ari_app.switchboard import ChannelEvent
from ari_app.ungated import UngatedLegs
from ari_app.ungated_suspect import Suspect
from ari_app.ungated_verdict import UngatedAction
from charging import commands as cmd
from charging.cdr import Cdr
from charging.policy import MeteringPolicy
from charging.state import Session
from dialplan.contract import AROUND_RECORDS_FAMILY
from dialplan.trunks import Trunk
from store.alerts import AlertKind
from store.answers import Denied, Held
from store.caps import NO_SPEND_LIMITS
from store.operation import Operation
from store.store import Store
from tests.unit.ari_app.office import CALLER, LEG, NODE, SETTINGS, Desk, at, channel, desk, until

UNGATED_ID = f"{NODE}/ungated-{LEG}"
NAME = "PJSIP/carrier1-00000001"
TARGET = "+447797123456@carrier1"
HANG_UP, METER, ALERT = UngatedAction.HANG_UP, UngatedAction.METER, UngatedAction.ALERT


def stray(state: str = "Ringing", application: str = "AppDial", **changes: Any) -> Channel:
    """Return a leg without a call."""
    return channel(LEG, NAME, state, application=application, **changes)


def document(of: Channel) -> dict[str, Any]:
    """Return a channel as ARI shows it."""
    return {
        "id": of.channel_id,
        "name": of.name,
        "state": of.state,
        "channelvars": {"TOLLGATE_CALL": of.leg_variable},
        "dialplan": {"context": of.context, "app_name": of.application, "app_data": of.application_data},
    }


@dataclass
class Asterisk:
    """Channels, their variables, and whether AMI is there."""

    channels: dict[str, Channel] = field(default_factory=dict)
    variables: dict[tuple[str, str], str] = field(default_factory=dict)
    deadlines: dict[str, float] = field(default_factory=dict)
    connected: bool = True
    reads: int = 0
    status: int = 404
    """Of a channel that is not there."""
    around: dict[str, str] = field(default_factory=dict)
    """What legs around the gate left in AstDB."""

    async def get(self, channel_id: str) -> AriReply:
        """Return a channel."""
        self.reads += 1
        found = self.channels.get(channel_id)
        return AriReply(self.status) if found is None else AriReply(200, document(found))

    async def list_channels(self) -> AriReply:
        """Return all channels."""
        return AriReply(200, [document(each) for each in self.channels.values()])

    async def get_variable(self, channel_id: str, name: str) -> AriReply:
        """Return a variable, as ARI does."""
        if channel_id not in self.channels:
            return AriReply(404, {"message": "Provided channel was not found"})
        value = self.variables.get((channel_id, name))
        if value is None:
            return AriReply(404, {"message": "Provided variable was not found"})
        return AriReply(200, {"value": value})

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a variable, as AMI does."""
        if not self.connected:
            raise AmiUnavailableError("AMI is not connected")
        if channel_id not in self.channels:
            raise AmiChannelGoneError("No such channel")
        self.variables[channel_id, name] = value

    async def read_tree(self, family: str) -> dict[str, str]:
        """Return what legs left, as AMI does."""
        if not self.connected:
            raise AmiUnavailableError("AMI is not connected")
        return self.around if family == AROUND_RECORDS_FAMILY else {}

    async def set_deadline(self, channel_id: str, seconds: float) -> None:
        """Have a channel end so many seconds from now."""
        if not self.connected:
            raise AmiUnavailableError("AMI is not connected")
        self.deadlines[channel_id] = seconds

    @property
    def ari(self) -> AriClient:
        """Return itself as the connection to ARI."""
        return cast("AriClient", self)

    @property
    def ami(self) -> AmiAdapter:
        """Return itself as the connection to AMI."""
        return cast("AmiAdapter", self)


@dataclass
class Books:
    """A store that holds for a call or does not."""

    answer: Held | Denied | Exception = field(default_factory=lambda: Held(100_000, 10, 0))
    rows: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = bool
    """What happens while a hold is asked for."""

    async def apply(self, _operation: Operation[Any], _what: str, *, limit_s: float) -> Held | Denied:
        """Answer a request for a hold."""
        assert limit_s <= 1
        await asyncio.sleep(0)
        self.meanwhile()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def open_sessions(self) -> list[Any]:
        """Return the open calls."""
        return [type("Row", (), {"call_id": call_id}) for call_id in self.rows]


class Tasks:
    """An executor that runs what it is given."""

    def __init__(self) -> None:
        self.running: set[asyncio.Task[None]] = set()

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run it."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self.running.add(task)
        task.add_done_callback(self.running.discard)


def _is_looked_at(suspect: Suspect) -> bool:
    """Whether a first look at it is to come."""
    return suspect.alarm is not None and not suspect.failures


@dataclass
class Watch:
    """A watch, and all that it touches."""

    legs: UngatedLegs
    desk: Desk
    asterisk: Asterisk
    books: Books
    metrics: Metrics
    told: list[dict[str, Any]]
    tasks: Tasks

    async def sees(self, *events: ChannelEvent) -> None:
        """Have the switchboard hear events, and wait until what follows is done."""
        for event in events:
            self.desk.board.channel_event(event)
        await asyncio.sleep(0)
        await until(lambda: not self.tasks.running and not any(map(_is_looked_at, self.legs.suspects)))

    async def is_hung_up(self) -> bool:
        """Whether a hang-up is asked for, sooner or later."""
        await until(lambda: cmd.HangUpLeg(LEG) in self.desk.notes.commands)
        return True

    async def is_told_of(self) -> None:
        """Wait until an alert is raised."""
        await until(lambda: bool(self.told))

    @property
    def session(self) -> Session:
        """The session of the leg."""
        return self.desk.board.calls[UNGATED_ID].session

    @property
    def records(self) -> list[Cdr]:
        """The records so far."""
        return [settle.cdr for settle in self.desk.notes.settled()]

    @property
    def done(self) -> list[str]:
        """What was told of it."""
        return [str(each["done"]).partition(":")[0] for each in self.told]


def watch(setting: UngatedAction = HANG_UP) -> Watch:
    """Return a watch over an office where extension 101 dials around the gate."""
    office, asterisk, books, metrics = desk(), Asterisk(), Books(), Metrics()
    told: list[dict[str, Any]] = []
    phone = channel(CALLER, "PJSIP/101-00000001", "Ring", application="Dial", application_data=f"PJSIP/{TARGET},20")
    asterisk.channels = {CALLER: phone, LEG: stray()}
    asterisk.variables = {
        (LEG, "DIALEDPEERNUMBER"): TARGET,
        (LEG, "CHANNEL(linkedid)"): CALLER,
        (CALLER, "CHANNEL(linkedid)"): CALLER,
    }

    class Told:
        def raise_alert(self, kind: AlertKind, key: str, *, call_id: str, **detail: object) -> None:
            assert (kind, key, call_id) == (AlertKind.UNGATED_LEG, f"ungated:{NODE}/{LEG}", UNGATED_ID)
            told.append(detail)

    tasks = Tasks()
    legs = UngatedLegs(
        setting=setting,
        gate=SETTINGS,
        trunks=(Trunk(endpoint="carrier1"), Trunk(endpoint="carrier2")),
        policy=MeteringPolicy(),
        switchboard=office.board,
        executor=cast("CommandExecutor", tasks),
        lines=cast("Lines", asterisk),
        store=cast("Store", books),
        store_watch=cast("StoreWatch", books),
        alerts=cast("Alerts", Told()),
        metrics=metrics,
        limits_of=lambda _call: NO_SPEND_LIMITS,
        clock=lambda: at(0.6),
    )
    office.board.strays = legs
    office.board.reconciled = True
    return Watch(legs, office, asterisk, books, metrics, told, tasks)


def created(state: str = "Down") -> ChannelCreated:
    """Return the creation of the leg."""
    return ChannelCreated(at(0), stray(state, ""))
