"""The watch for legs that never passed the gate: whom it suspects, when it judges, what it has done."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from ari_app import ungated
from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient, AriReply
from ari_app.decode import Channel, ChannelCreated, LegDialled
from ari_app.errors import AmiChannelGoneError, AmiUnavailableError
from ari_app.execute import CommandExecutor
from ari_app.lines import Lines
from ari_app.metrics import Metrics
from ari_app.store_watch import StoreWatch
from ari_app.switchboard import ChannelEvent
from ari_app.ungated import UngatedLegs
from ari_app.ungated_verdict import UngatedAction
from charging import commands as cmd
from charging.cdr import Cdr
from charging.policy import MeteringPolicy
from charging.session import Phase
from charging.state import Session
from dialplan.trunks import Trunk
from rating.destination import DestinationClass
from store.alerts import AlertKind
from store.answers import Denied, Held
from store.caps import NO_SPEND_LIMITS
from store.errors import StoreUnavailableError
from store.operation import Operation
from store.store import Store
from tests.unit.ari_app.office import (
    CALL_ID,
    CALLER,
    JERSEY,
    LEG,
    NODE,
    SETTINGS,
    Desk,
    at,
    changed,
    channel,
    desk,
    destroyed,
    entered,
    leg,
    requested,
    until,
)

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
    is_connected: bool = True
    reads: int = 0
    status: int = 404
    """Of a channel that is not there."""

    async def get(self, channel_id: str) -> AriReply:
        """Return a channel."""
        self.reads += 1
        found = self.channels.get(channel_id)
        return AriReply(self.status) if found is None else AriReply(200, document(found))

    async def list_channels(self) -> AriReply:
        """Return all channels."""
        return AriReply(200, [document(each) for each in self.channels.values()])

    async def read_variable(self, channel_id: str, name: str) -> str:
        """Return a variable."""
        if not self.is_connected:
            raise AmiUnavailableError("AMI is not connected")
        if channel_id not in self.channels:
            raise AmiChannelGoneError("No such channel")
        return self.variables.get((channel_id, name), "")

    async def set_variable(self, channel_id: str, name: str, value: str) -> None:
        """Set a variable."""
        self.variables[channel_id, name] = value

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

    async def apply(self, _operation: Operation[Any], _what: str, *, limit_s: float) -> Held | Denied:
        """Answer a request for a hold."""
        assert limit_s <= 1
        await asyncio.sleep(0)
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


def _is_looked_at(suspect: ungated.Suspect) -> bool:
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
    tasks: "Tasks"

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


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have suspects judged after milliseconds."""
    monkeypatch.setattr(ungated, "JUDGED_AFTER_S", 0.01)
    monkeypatch.setattr(ungated, "AGAIN_S", (0.01,))


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


# --- who is suspected ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_leg_that_gets_its_call_is_no_suspect_and_never_read() -> None:
    office = watch()
    office.desk.board.caller_entered(entered(CALL_ID, JERSEY))

    await office.sees(created(), changed(0.01, leg("Ringing")))

    assert (office.asterisk.reads, office.told) == (0, [])


@pytest.mark.usefixtures("quick")
async def test_leg_that_is_silent_until_it_is_read_with_its_call_is_left_alone() -> None:
    office = watch()
    office.desk.board.caller_entered(entered(CALL_ID, JERSEY))
    office.asterisk.channels[LEG] = leg("Down")

    await office.sees(created())

    assert (office.asterisk.reads, office.told) == (1, [])


@pytest.mark.usefixtures("quick")
async def test_leg_whose_call_is_only_known_over_ami_is_left_alone() -> None:
    office = watch()
    office.desk.board.caller_entered(entered(CALL_ID, JERSEY))
    office.asterisk.variables[LEG, "TOLLGATE_CALL"] = CALL_ID

    await office.sees(created())

    assert office.told == []


@pytest.mark.usefixtures("quick")
async def test_inbound_leg_is_never_read() -> None:
    office = watch()

    await office.sees(created("Ring"), changed(1, stray("Up", "Dial")), destroyed(9, stray("Up", "Dial")))

    assert (office.asterisk.reads, office.told) == (0, [])


@pytest.mark.usefixtures("quick")
async def test_inbound_leg_that_is_found_talking_is_left_alone() -> None:
    office = watch()
    office.asterisk.channels[LEG] = stray("Up", "Dial")
    office.asterisk.variables[LEG, "CALLERID(dnid)"] = "0145678901"

    office.desk.board.compared(office.asterisk.channels, at(5))
    await office.sees()

    assert office.told == []
    office.desk.board.compared(office.asterisk.channels, at(35))
    await office.sees()
    assert office.asterisk.reads == 1, "it is judged once"


@pytest.mark.usefixtures("quick")
async def test_leg_of_another_nodes_call_is_left_alone() -> None:
    office = watch()
    office.books.rows = ["pbx9/1.2-1"]
    foreign = stray(leg_variable="pbx9/1.2-1")
    office.asterisk.channels[LEG] = foreign

    await office.sees(changed(0, foreign))

    assert office.told == []


@pytest.mark.usefixtures("quick")
async def test_leg_that_ended_before_it_was_judged_and_was_not_answered_leaves_nothing() -> None:
    office = watch()
    del office.asterisk.channels[LEG]

    await office.sees(created(), destroyed(0.2, stray()))

    assert (office.told, office.records) == ([], [])


async def test_flood_of_legs_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ungated, "MOST_SUSPECTS", 3)
    office = watch()

    for number in range(5):
        office.legs.noticed(ChannelCreated(at(0), channel(f"1.{number}", f"PJSIP/carrier1-0000000{number}", "Down")))
    office.legs.stop()

    assert b'tollgate_dropped_total{queue="ungated"} 2.0' in office.metrics.text()


# --- hung up -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("variable", ["", CALL_ID], ids=["without a call", "of an unknown call"])
async def test_ringing_leg_is_hung_up_told_of_once_and_written_down(variable: str) -> None:
    office = watch()
    office.asterisk.channels[LEG] = stray(leg_variable=variable)

    await office.sees(created(), changed(0.1, stray(leg_variable=variable)))
    assert await office.is_hung_up()
    await office.sees(requested(0.7, stray(), soft=True), destroyed(0.7, stray(leg_variable=variable)))

    [record] = office.records
    assert (record.call_id, record.ungated, record.extension, record.answered_at) == (UNGATED_ID, True, "101", None)
    assert office.done == ["hung_up"]
    assert office.told[0]["number"] == "+44779…"


@pytest.mark.usefixtures("quick")
async def test_answered_leg_is_judged_at_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ungated, "JUDGED_AFTER_S", 60)
    office = watch()
    office.asterisk.channels[LEG] = stray("Up")

    await office.sees(created(), changed(0.2, stray("Up")))
    assert await office.is_hung_up()
    await office.sees(destroyed(0.7, stray("Up")))

    [record] = office.records
    assert (record.answered_at, record.charged_micros, record.unfunded_micros) == (at(0.2), 0, 10_000)


@pytest.mark.usefixtures("quick")
async def test_leg_that_answered_and_ended_before_it_was_read_is_written_down() -> None:
    office = watch()
    del office.asterisk.channels[LEG]

    await office.sees(
        created(), LegDialled(at(0), stray(), TARGET), changed(0.1, stray("Up")), destroyed(0.4, stray("Up"))
    )

    [record] = office.records
    assert (record.answered_at, record.ended_at, record.e164) == (at(0.1), at(0.4), "+447797123456")


@pytest.mark.usefixtures("quick")
async def test_judging_waits_for_the_sessions_to_be_compared_and_for_ami() -> None:
    office = watch()
    office.desk.board.reconciled = False
    await office.sees(changed(0.1, stray()))
    assert office.told == []

    office.desk.board.reconciled, office.asterisk.is_connected = True, False
    [suspect] = office.legs.suspects
    failures = suspect.failures
    await until(lambda: suspect.failures > failures + 1)
    assert office.told == []

    office.asterisk.is_connected = True
    await office.is_told_of()
    assert office.done == ["hung_up"]


@pytest.mark.usefixtures("quick")
async def test_judging_waits_for_an_ari_that_knows_what_channels_there_are() -> None:
    office = watch()
    found = office.asterisk.channels.pop(LEG)
    office.asterisk.status = 500
    await office.sees(changed(0.1, stray()))
    assert office.told == []

    office.asterisk.channels[LEG] = found
    await office.is_told_of()
    assert office.done == ["hung_up"]


async def test_leg_that_could_not_be_judged_is_judged_at_the_next_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ungated, "JUDGED_AFTER_S", 0.01)
    office = watch()
    office.asterisk.is_connected = False
    await office.sees(changed(0.1, stray()))

    office.asterisk.is_connected = True
    office.desk.board.compared(office.asterisk.channels, at(30))
    await office.is_told_of()

    assert office.done == ["hung_up"]


@pytest.mark.usefixtures("quick")
async def test_leg_that_cannot_be_read_is_left_to_the_next_comparing() -> None:
    office = watch()
    broken, office.asterisk.variables = office.asterisk.variables, cast("Any", None)
    await office.sees(changed(0.1, stray()))
    assert office.told == []

    office.asterisk.variables = broken
    office.desk.board.compared(office.asterisk.channels, at(30))
    await office.is_told_of()

    assert office.done == ["hung_up"]


# --- metered -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
async def test_metered_leg_is_held_followed_and_marked() -> None:
    office = watch(METER)

    await office.sees(changed(0.1, stray()))
    assert (office.session.phase, office.session.held_micros) == (Phase.DIALLING, 100_000)
    assert office.asterisk.variables[LEG, "TOLLGATE_CALL"] == UNGATED_ID
    assert (LEG, "TOLLGATE_ANSWERED") not in office.asterisk.variables

    await office.sees(changed(2, stray("Up")))
    assert office.asterisk.variables[LEG, "TOLLGATE_ANSWERED"] == f"{at(2).timestamp():.3f}"
    assert office.asterisk.variables[LEG, "CHANNEL(hangup_handler_push)"] == "tg-hang,s,1"
    await office.sees(destroyed(7, stray("Up", leg_variable=UNGATED_ID)))

    [record] = office.records
    assert (record.charged_micros, record.unfunded_micros, record.ungated) == (50_000, 0, True)
    assert office.done == ["metered"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("answer", [Denied(0), StoreUnavailableError("away"), TimeoutError()])
async def test_leg_for_which_nothing_can_be_held_is_hung_up(answer: Denied | Exception) -> None:
    office = watch(METER)
    office.books.answer = answer

    await office.sees(changed(0.1, stray()))

    assert await office.is_hung_up()
    assert office.done == ["hung_up"]


@pytest.mark.usefixtures("quick")
async def test_metered_leg_that_ends_while_it_is_held_for_is_settled() -> None:
    office = watch(METER)
    office.desk.board.channel_event(changed(0.1, stray()))
    await asyncio.sleep(0.012)
    await office.sees(changed(0.2, stray("Up")), destroyed(1.2, stray("Up")))

    [record] = office.records
    assert (record.answered_at, record.charged_micros) == (at(0.2), 10_000)


# --- followed ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("setting", list(UngatedAction))
async def test_emergency_leg_is_written_down_once_it_is_answered_and_never_touched(setting: UngatedAction) -> None:
    office = watch(setting)
    office.asterisk.variables[LEG, "DIALEDPEERNUMBER"] = "112@carrier1"

    await office.sees(changed(0.1, stray()))
    assert (office.done, office.desk.board.calls) == (["followed"], {})
    await office.sees(changed(2, stray("Up")), destroyed(62, stray("Up")))

    [record] = office.records
    assert (record.destination_class, record.answered_at) == (DestinationClass.EMERGENCY, at(2))
    assert not [each for each in office.desk.notes.commands if isinstance(each, cmd.HangUpLeg | cmd.ArmDeadline)]


@pytest.mark.usefixtures("quick")
async def test_leg_that_is_only_told_of_and_never_answered_leaves_no_record() -> None:
    office = watch(ALERT)

    await office.sees(changed(0.1, stray()), destroyed(9, stray()))
    await office.sees(destroyed(9, stray()))

    assert (office.done, office.records) == (["followed"], [])


@pytest.mark.usefixtures("quick")
async def test_leg_that_is_only_told_of_is_forgotten_when_its_end_went_by_unseen() -> None:
    office = watch(ALERT)
    await office.sees(changed(0.1, stray()))

    office.desk.board.compared({}, at(30))

    assert b"tollgate_ungated_suspects 0.0" in office.metrics.text()


@pytest.mark.usefixtures("quick")
async def test_leg_that_is_only_told_of_and_whose_answer_went_by_unseen_is_followed() -> None:
    office = watch(ALERT)
    await office.sees(changed(0.1, stray()))

    office.desk.board.compared({LEG: stray("Up")}, at(30))

    assert office.session.phase is Phase.TALKING


@pytest.mark.usefixtures("quick")
async def test_originated_leg_is_known_by_its_dial_event() -> None:
    office = watch()
    office.asterisk.variables = {(LEG, "CHANNEL(linkedid)"): LEG}

    await office.sees(created(), LegDialled(at(0.01), stray("Down", "AppDial2"), TARGET))

    assert await office.is_hung_up()
    assert office.told[0]["extension"] is None


@pytest.mark.usefixtures("quick")
async def test_session_of_an_ungated_leg_is_followed_by_a_successor_without_any_mark() -> None:
    office = watch(METER)
    await office.sees(changed(0.1, stray()))
    session = office.session

    successor = watch(METER)
    live = successor.desk.board.take(session)
    await successor.sees(changed(2, stray("Up")))

    assert live.session.phase is Phase.TALKING
    assert successor.told == []
