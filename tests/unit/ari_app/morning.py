"""A service that has just started: the sessions, channels and records it finds, and what it makes of them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient, AriReply
from ari_app.errors import AmiUnavailableError
from ari_app.findings import Findings
from ari_app.leg_records import LegRecords
from ari_app.reconcile import Reconciler
from charging import events as ev
from charging.policy import MeteringPolicy
from charging.saved import dump_session
from charging.session import Session, begin, step
from dialplan.contract import AROUND_RECORDS_FAMILY, EMERGENCY_RECORDS_FAMILY
from store.alerts import AlertKind
from store.errors import StoreUnavailableError
from store.records import OpenSession
from store.store import Store
from tests.unit.ari_app.office import CALL_ID, CALLER, JERSEY, LEG, NODE, Desk, desk, entered
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


def asterisk_since(seconds: float) -> Any:
    """Return ARI's answer of an Asterisk that was started so long ago."""
    started = ago(seconds).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
    return {"status": {"startup_time": started}}


@dataclass
class SomeStore:
    """The open sessions of the store."""

    sessions: list[Session] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    is_away: bool = False

    async def last_entry(self) -> int:
        """Return the journal's newest entry."""
        if self.is_away:
            raise StoreUnavailableError("away")
        return 7

    async def known_call_ids(self, call_ids: Collection[str]) -> set[str]:
        """Return those of open sessions; nothing is settled here."""
        return {session.call.call_id for session in self.sessions} & set(call_ids)

    async def open_call_ids(self, node: str) -> list[str]:
        """Return the ids of the rows of this node."""
        return [row.call_id for row in await self.open_sessions(node=node)]

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
    info: Any = field(default_factory=lambda: asterisk_since(4000))
    answers: dict[str, str] = field(default_factory=dict)
    """What Asterisk's own CDR says of legs, by their channels; '' of one that has ended by then."""
    variables: dict[str, str] = field(default_factory=dict)
    """Of every leg: its call and its DNID, where they are read."""

    async def get_variable(self, channel_id: str, name: str) -> AriReply:
        """Return when a leg was answered, or another variable."""
        if name in {"TOLLGATE_CALL", "CALLERID(dnid)"}:
            return AriReply(200, {"value": self.variables.get(name, "")})
        assert name == "CDR(answer,u)"
        value = self.answers.get(channel_id, "0.000000")
        return AriReply(200, {"value": value}) if value else AriReply(404, {"message": "Channel not found"})

    async def status(self) -> AriReply:
        """Return when Asterisk was started."""
        return AriReply(200, self.info)

    async def list_channels(self) -> AriReply:
        """Return them."""
        self.meanwhile()
        return AriReply(self.status_code, self.channels)


@dataclass
class Records:
    """AMI with the records of the hang-up handlers."""

    tree: dict[str, str] = field(default_factory=dict)
    around: dict[str, str] = field(default_factory=dict)
    emergencies: dict[str, str] = field(default_factory=dict)
    connected: bool = True
    deleted: list[str] = field(default_factory=list)

    async def read_tree(self, family: str) -> dict[str, str]:
        """Return those of legs, those of legs around the gate, or those of emergency calls."""
        if not self.connected:
            raise AmiUnavailableError("AMI is not connected")
        return {EMERGENCY_RECORDS_FAMILY: self.emergencies, AROUND_RECORDS_FAMILY: self.around}.get(family, self.tree)

    async def delete_tree(self, _family: str, key: str) -> None:
        """Note what is removed."""
        self.deleted.append(key)


class _StoreOf:
    """The store that a morning has at the moment."""

    def __init__(self, morning: "Morning") -> None:
        self._morning = morning

    def __getattr__(self, name: str) -> object:
        return getattr(self._morning.store, name)


@dataclass
class Morning:
    """A service that has just started: what it finds, and what it makes of it."""

    store: SomeStore = field(default_factory=SomeStore)
    ari: SomeAri = field(default_factory=SomeAri)
    ami: Records = field(default_factory=Records)
    desk: Desk = field(default_factory=desk)
    cdrs: LegRecords = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    """Keys of the alerts that were raised."""

    def __post_init__(self) -> None:
        """Have a reconciler that has not compared yet."""
        store, alerts = cast("Store", _StoreOf(self)), cast("Alerts", self)
        self.reconciler = Reconciler(store, self.desk.board, NODE, alerts, self._read_cdrs)

    async def _read_cdrs(self) -> LegRecords:
        return self.cdrs

    def raise_alert(self, _kind: AlertKind, key: str, **_detail: object) -> None:
        """Note an alert."""
        self.told.append(key)

    async def compare(self) -> Findings:
        """Compare once."""
        return await self.reconciler.compare(cast("AriClient", self.ari), cast("AmiAdapter", self.ami))

    @property
    def session(self) -> Session:
        """The call's session as it is now."""
        return self.desk.board.calls[CALL_ID].session


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
        started_ago_s=seconds + 3,
    )


async def live(morning: Morning) -> None:
    """Have extension 101 call Jersey, and be admitted."""
    board = morning.desk.board
    board.reconciled = True
    board.caller_entered(entered(CALL_ID, JERSEY))
    board.calls[CALL_ID].post(ev.SessionOpened(ago(2)))
    board.calls[CALL_ID].post(ev.CallerAdmitted(ago(2)))
