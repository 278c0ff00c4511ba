"""Comparing what lives with what is open: adoption after a restart, ends that went by unseen, legs of nobody."""

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import GeneratorType
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app import reconcile
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient, AriReply
from ari_app.errors import AmiUnavailableError, AriUnavailableError
from ari_app.reconcile import LegRecord, Reconciler, parse_leg_record
from charging import commands as cmd
from charging import events as ev
from charging.cdr import Disposition, EndSource
from charging.policy import MeteringPolicy
from charging.saved import dump_session
from charging.session import Phase, Session, begin, step
from store.records import OpenSession
from store.store import Store
from tests.unit.ari_app.office import CALL_ID, CALLER, JERSEY, LEG, NODE, Desk, changed, desk, destroyed, entered, leg
from tests.unit.charging.story import paid_call

TRUNK = "carrier1"
POLICY = MeteringPolicy()


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def epoch(at: datetime) -> str:
    return f"{at.timestamp():.3f}"


def saved(*events: ev.Event, started_ago_s: float = 10) -> Session:
    """Return a paid call after these events, as a service that died left it."""
    session, _ = begin(paid_call(started_at=ago(started_ago_s)), POLICY)
    for event in events:
        session, _ = step(session, event, POLICY)
    return session


@dataclass
class SomeStore:
    """The open sessions of the store."""

    sessions: list[Session] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    async def open_sessions(self, *, node: str) -> list[OpenSession]:
        """Return the rows of this node."""
        assert node == NODE
        rows = [(session.call.call_id, dump_session(session)) for session in self.sessions]
        rows += [("damaged-1", text) for text in self.damaged]
        return [
            OpenSession(
                call_id=call_id,
                node=node,
                account_id=1,
                extension="101",
                per_minute_micros=600_000,
                held_micros=100_000,
                paid_s=10,
                allowance_s=0,
                paid_until_ms=None,
                slice_n=1,
                state=text,
                opened_at_ms=0,
                updated_at_ms=0,
            )
            for call_id, text in rows
        ]


@dataclass
class SomeAri:
    """The channels that live; ``meanwhile`` happens while they are listed."""

    channels: list[dict[str, Any]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    status_code: int = 200
    info: Any = None

    async def status(self) -> AriReply:
        """Return when Asterisk was started."""
        return AriReply(200, self.info)

    async def list_channels(self) -> AriReply:
        """Return them."""
        self.meanwhile()
        return AriReply(self.status_code, self.channels)


@dataclass
class Records:
    """AMI with the records of the hang-up handler."""

    tree: dict[str, str] = field(default_factory=dict)
    connected: bool = True
    deleted: list[str] = field(default_factory=list)

    async def read_tree(self, _family: str) -> dict[str, str]:
        """Return them."""
        if not self.connected:
            raise AmiUnavailableError("AMI is not connected")
        return self.tree

    async def delete_tree(self, _family: str, key: str) -> None:
        """Note what is removed."""
        self.deleted.append(key)


@dataclass
class Morning:
    """A service that has just started: what it finds, and what it makes of it."""

    store: SomeStore = field(default_factory=SomeStore)
    ari: SomeAri = field(default_factory=SomeAri)
    ami: Records = field(default_factory=Records)
    desk: Desk = field(default_factory=desk)

    async def compare(self) -> None:
        """Compare once."""
        reconciler = Reconciler(cast("Store", self.store), self.desk.board, NODE)
        await reconciler.compare(cast("AriClient", self.ari), cast("AmiAdapter", self.ami))

    @property
    def session(self) -> Session:
        """The call's session as it is now."""
        return self.desk.board.calls[CALL_ID].session


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "SETTLING_S", 0.02)


@pytest.fixture
def morning() -> Morning:
    return Morning()


def json_channel(channel_id: str, name: str, state: str = "Up", answered: str = "", **more: Any) -> dict[str, Any]:
    call = CALL_ID if "carrier" in name else ""
    variables = {"TOLLGATE_CALL": call, "TOLLGATE_ANSWERED": answered}
    return {"id": channel_id, "name": name, "state": state, "channelvars": variables, **more}


CALLER_CHANNEL = json_channel(CALLER, "PJSIP/101-00000001")


def leg_channel(state: str = "Up", answered: str = "") -> dict[str, Any]:
    return json_channel(LEG, "PJSIP/carrier1-00000002", state, answered)


def talking_since(seconds: float) -> Session:
    return saved(
        ev.SessionOpened(ago(seconds + 2)),
        ev.CallerAdmitted(ago(seconds + 2)),
        ev.LegAnswered(ago(seconds), LEG, TRUNK),
    )


# --- adoption ------------------------------------------------------------------------------------------------


async def test_talking_call_is_adopted_and_its_alarm_kept(morning: Morning) -> None:
    morning.store.sessions = [talking_since(3)]
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]

    await morning.compare()
    await asyncio.sleep(0.05)
    morning.desk.board.stop()

    assert morning.session.phase is Phase.TALKING
    assert [type(command) for command in morning.desk.notes.commands] == [cmd.CheckDeadline], "followed, not hung up"
    assert morning.desk.board.reconciled


async def test_call_saved_before_its_answer_is_found_talking(morning: Morning) -> None:
    morning.store.sessions = [saved(started_ago_s=200)]
    answered_at = ago(4)
    morning.ari.channels = [CALLER_CHANNEL, leg_channel(answered=epoch(answered_at))]

    await morning.compare()
    await asyncio.sleep(0.05)
    morning.desk.board.stop()

    assert morning.session.phase is Phase.TALKING, "its ring limit is over, but it was answered in time"
    found = morning.session.legs[0].answered_at
    assert found is not None
    assert abs(found - answered_at) < timedelta(milliseconds=2)


async def test_call_that_ended_while_away_is_settled_by_the_handlers_record(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]
    record = f"{CALL_ID},{epoch(ago(60))},{epoch(ago(55.5))},16,{TRUNK}"
    morning.ami.tree = {f"2026110209/{LEG}": record}

    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s, settle.cdr.hangup_cause) == (EndSource.HANDLER, 5, 16)


async def test_call_answered_and_ended_while_away_is_charged_by_the_record(morning: Morning) -> None:
    morning.store.sessions = [saved(started_ago_s=300)]
    record = f"{CALL_ID},{epoch(ago(290))},{epoch(ago(283.5))},16,{TRUNK}"
    morning.ami.tree = {f"2026110209/{LEG}": record}

    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s, settle.cdr.leg) == (EndSource.HANDLER, 7, 1)


async def test_call_whose_end_nobody_knows_is_charged_up_to_what_was_paid(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]

    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s, settle.cdr.charged_micros) == (
        EndSource.LAST_SEEN,
        10,
        100_000,
    )


async def test_call_that_was_never_answered_and_is_gone_costs_nothing(morning: Morning) -> None:
    morning.store.sessions = [saved()]

    await morning.compare()
    await asyncio.sleep(0.4)
    morning.desk.board.stop()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.disposition, settle.cdr.charged_micros) == (Disposition.NO_ANSWER, 0)


async def test_session_that_is_damaged_does_not_stop_the_others(morning: Morning) -> None:
    morning.store = SomeStore([talking_since(3)], damaged=["{}"])
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]

    await morning.compare()
    morning.desk.board.stop()

    assert list(morning.desk.board.calls) == [CALL_ID]


async def test_session_of_a_call_that_ended_lately_is_not_adopted(morning: Morning) -> None:
    board = morning.desk.board
    board.caller_entered(entered(CALL_ID, "00870773123456"))
    board.calls[CALL_ID].post(ev.Settled(ago(0), 0))
    morning.store.sessions = [saved()]

    await morning.compare()

    assert board.calls == {}


# --- what does not answer --------------------------------------------------------------------------------------


async def test_nothing_is_adopted_while_ami_is_away(morning: Morning) -> None:
    morning.store.sessions = [talking_since(3)]
    morning.ari.channels = [CALLER_CHANNEL, leg_channel()]
    morning.ami.connected = False

    with pytest.raises(AmiUnavailableError):
        await morning.compare()
    assert morning.desk.board.calls == {}

    morning.ami.connected = True
    await morning.compare()
    morning.desk.board.stop()
    assert morning.session.phase is Phase.TALKING


async def test_nothing_is_concluded_where_ari_refuses_the_list(morning: Morning) -> None:
    morning.store.sessions = [talking_since(60)]
    morning.ari.status_code = 500

    with pytest.raises(AriUnavailableError, match="500"):
        await morning.compare()
    await asyncio.sleep(0.05)
    assert morning.desk.notes.commands == []
    assert not morning.desk.board.reconciled

    morning.ari.status_code = 200
    await morning.compare()
    assert len(morning.desk.notes.settled()) == 1


# --- live calls --------------------------------------------------------------------------------------------------


async def live(morning: Morning) -> None:
    """Have extension 101 call Jersey, and be admitted."""
    board = morning.desk.board
    board.reconciled = True
    board.caller_entered(entered(CALL_ID, JERSEY))
    board.calls[CALL_ID].post(ev.SessionOpened(ago(2)))
    board.calls[CALL_ID].post(ev.CallerAdmitted(ago(2)))


async def test_leg_and_answer_that_went_by_unseen_are_found(morning: Morning) -> None:
    await live(morning)
    morning.ari.channels = [CALLER_CHANNEL, leg_channel("Ringing")]
    await morning.compare()
    assert [each.answered_at for each in morning.session.legs] == [None]

    morning.ari.channels = [CALLER_CHANNEL, leg_channel("Up")]
    await morning.compare()
    morning.desk.board.stop()

    assert morning.session.phase is Phase.TALKING


async def test_caller_that_went_by_unseen_is_found(morning: Morning) -> None:
    await live(morning)

    await morning.compare()
    morning.desk.board.stop()

    assert morning.session.caller_gone


async def test_events_during_the_comparison_win_over_what_it_infers(morning: Morning) -> None:
    await live(morning)
    board = morning.desk.board
    board.channel_event(changed(1, leg("Up")))

    def leg_ends() -> None:
        asyncio.get_running_loop().call_later(0.005, board.channel_event, destroyed(4, leg("Up")))

    morning.ari.meanwhile = leg_ends
    await morning.compare()

    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s) == (EndSource.EVENT, 3)


async def test_call_that_enters_during_the_comparison_is_left_alone(morning: Morning) -> None:
    morning.ari.meanwhile = lambda: morning.desk.board.caller_entered(entered(CALL_ID, JERSEY, when=ago(0)))

    await morning.compare()
    morning.desk.board.stop()

    assert morning.session.phase is Phase.OPENING
    assert not morning.session.caller_gone


# --- legs of nobody ------------------------------------------------------------------------------------------------


async def test_answered_leg_of_no_session_is_hung_up(morning: Morning) -> None:
    morning.ari.channels = [leg_channel("Up")]

    await morning.compare()

    assert morning.desk.notes.refused == [LEG]


@pytest.mark.parametrize("state", ["Ringing", "Down", "Ring"])
async def test_leg_of_no_session_that_only_rings_is_left_to_the_answer(morning: Morning, state: str) -> None:
    morning.ari.channels = [leg_channel(state)]

    await morning.compare()

    assert morning.desk.notes.refused == []


async def test_emergency_leg_of_no_session_is_followed(morning: Morning) -> None:
    channel = leg_channel("Up")
    channel["channelvars"]["TOLLGATE_CALL"] = f"emergency|{CALL_ID}|PJSIP/101-00000001|112"
    morning.ari.channels = [channel]

    await morning.compare()

    assert morning.desk.notes.refused == []
    assert morning.session.phase is Phase.TALKING


async def test_leg_of_no_session_that_calls_an_emergency_is_left_alone(morning: Morning) -> None:
    morning.ari.channels = [{**leg_channel("Up"), "dialplan": {"context": "tg-emergency"}}]

    await morning.compare()

    assert morning.desk.notes.refused == []


# --- records -----------------------------------------------------------------------------------------------------


def test_record_is_read() -> None:
    assert parse_leg_record(f"2026110209/{LEG}", f"{CALL_ID},1793610002.000,1793610005.250,16,carrier1") == LegRecord(
        channel_id=LEG,
        call_id=CALL_ID,
        answered_at=datetime.fromtimestamp(1793610002, UTC),
        ended_at=datetime.fromtimestamp(1793610005.25, UTC),
        cause=16,
        trunk="carrier1",
    )


def test_record_of_a_marked_leg_names_its_call() -> None:
    record = parse_leg_record("2026110209/x.1", f"away|{CALL_ID}|PJSIP/101-1|0145678901,1,2,,carrier1")

    assert record is not None
    assert (record.call_id, record.cause) == (CALL_ID, None)


@pytest.mark.parametrize(
    "value", ["", "a,b,c,d,e", "call,1,2,16", "call,1,2,x,t", "call,nan,2,16,t", "call,1,1e300,16,t", "call,1,inf,16,t"]
)
def test_record_that_is_damaged_is_nothing(value: str) -> None:
    assert parse_leg_record("2026110209/x.1", value) is None


@given(st.text(), st.text())
def test_record_of_any_text_is_read_or_nothing(key: str, value: str) -> None:
    parse_leg_record(key, value)


async def test_records_of_hours_long_past_are_removed(morning: Morning) -> None:
    recent = ago(60).strftime("%Y%m%d%H")
    morning.ami.tree = {"2026010100/x.1": "damaged", f"{recent}/x.2": "damaged"}

    await morning.compare()

    assert morning.ami.deleted == ["2026010100"]


async def test_old_records_are_removed_also_where_every_end_is_seen(
    morning: Morning, monkeypatch: pytest.MonkeyPatch
) -> None:
    await morning.compare()
    morning.ami.tree = {"2026010100/x.1": "damaged"}
    monkeypatch.setattr(reconcile, "FORGET_EVERY", timedelta(0))
    reconciler = Reconciler(cast("Store", morning.store), morning.desk.board, NODE)
    assert morning.desk.board.reconciled

    for _ in range(2):
        await reconciler.compare(cast("AriClient", morning.ari), cast("AmiAdapter", morning.ami))

    assert morning.ami.deleted == ["2026010100", "2026010100"]


async def test_records_are_left_alone_between_two_cleanings_and_without_ami(morning: Morning) -> None:
    reconciler = Reconciler(cast("Store", morning.store), morning.desk.board, NODE)
    morning.desk.board.reconciled = True
    morning.ami.tree = {"2026010100/x.1": "damaged"}
    morning.ami.connected = False
    await reconciler.compare(cast("AriClient", morning.ari), cast("AmiAdapter", morning.ami))
    assert morning.ami.deleted == []

    morning.ami.connected = True
    for _ in range(2):
        await reconciler.compare(cast("AriClient", morning.ari), cast("AmiAdapter", morning.ami))

    assert morning.ami.deleted == ["2026010100"]


# --- lost calls ----------------------------------------------------------------------------------------------------


@dataclass
class Ledger(SomeStore):
    """A store whose one call was charged by another node while this one was away."""

    lost: bool = True
    applied: list[str] = field(default_factory=list)

    async def open_sessions(self, *, node: str) -> list[OpenSession]:
        """Return the rows, lost ones as long as nothing was done about them."""
        rows = await super().open_sessions(node=node)
        opened_at_ms = int(ago(300).timestamp() * 1000)
        return [replace(row, is_lost=self.lost, opened_at_ms=opened_at_ms) for row in rows]

    async def apply(self, operation: Generator[Any, Any, Any]) -> bool:
        """Note which operation it was, and do what it would have done."""
        assert isinstance(operation, GeneratorType)
        name = str(operation.gi_code.co_name)
        operation.close()
        self.applied.append(name)
        self.lost = False
        if name == "settle_as_charged":
            self.sessions = []
        return True


@pytest.fixture
def return_of(morning: Morning) -> Callable[..., Ledger]:
    """Have the node come back to a lost call, on an Asterisk that was started so long ago."""

    def prepare(session: Session, asterisk_age_s: float) -> Ledger:
        morning.store = ledger = Ledger([session])
        started = ago(asterisk_age_s).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
        morning.ari.info = {"status": {"startup_time": started}}
        return ledger

    return prepare


async def test_lost_call_that_talks_is_taken_back_and_adopted(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    ledger = return_of(talking_since(3), 60)
    morning.ari.channels = [leg_channel()]

    await morning.compare()
    morning.desk.board.stop()

    assert ledger.applied == ["take_back"]
    assert morning.session.phase is Phase.TALKING


async def test_lost_call_whose_handler_left_a_record_is_taken_back_and_settled_by_it(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    ledger = return_of(talking_since(60), 30)
    record = f"{CALL_ID},{epoch(ago(60))},{epoch(ago(55.5))},16,{TRUNK}"
    morning.ami.tree = {f"2026110209/{LEG}": record}

    await morning.compare()

    assert ledger.applied == ["take_back"]
    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.end_source, settle.cdr.billable_s) == (EndSource.HANDLER, 5)


async def test_lost_call_of_which_nothing_is_left_stays_as_charged(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    ledger = return_of(saved(started_ago_s=300), 60)

    await morning.compare()

    assert ledger.applied == ["settle_as_charged"]
    assert morning.desk.board.calls == {}
    assert morning.desk.notes.commands == []


async def test_lost_call_that_asterisk_lived_through_without_an_answer_was_never_answered(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    """Its hang-up handler would have left a record: only the service was away."""
    ledger = return_of(saved(started_ago_s=300), 4000)

    await morning.compare()
    await asyncio.sleep(0.4)
    morning.desk.board.stop()

    assert ledger.applied == ["take_back"]
    [settle] = morning.desk.notes.settled()
    assert (settle.cdr.disposition, settle.cdr.charged_micros) == (Disposition.NO_ANSWER, 0)


async def test_lost_call_whose_caller_lives_is_taken_back(morning: Morning, return_of: Callable[..., Ledger]) -> None:
    ledger = return_of(saved(started_ago_s=300), 60)
    morning.ari.channels = [CALLER_CHANNEL]

    await morning.compare()
    morning.desk.board.stop()

    assert ledger.applied == ["take_back"]


async def test_nothing_is_concluded_of_a_lost_call_while_asterisk_does_not_say_when_it_was_started(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    ledger = return_of(talking_since(60), 60)
    morning.ari.info = {"system": {}}

    with pytest.raises(AriUnavailableError, match="when it was started"):
        await morning.compare()

    assert ledger.applied == []


async def test_lost_call_that_lives_here_is_left_to_its_own_settlement(
    morning: Morning, return_of: Callable[..., Ledger]
) -> None:
    await live(morning)
    ledger = return_of(morning.session, 60)
    morning.ari.channels = [CALLER_CHANNEL]

    await morning.compare()
    morning.desk.board.stop()

    assert ledger.applied == []
