"""An office for tests: what Asterisk would say, who may call, and an executor that only takes notes."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ari_app.ami import AmiAdapter
from ari_app.client import AriClient
from ari_app.clock import Clock
from ari_app.decode import CallerEntered, Channel, ChannelDestroyed, ChannelHangupRequested, ChannelStateChanged
from ari_app.execute import CommandExecutor
from ari_app.gate import GateSettings
from ari_app.live import LiveCall
from ari_app.switchboard import ChannelEvent, Switchboard
from charging import commands as cmd
from charging.policy import MeteringPolicy
from charging.session import Session
from dialplan.contract import LegMark
from rating.deck import Deck, Rate
from rating.destination import NumberType
from rating.dialled import DialRules
from rating.plan import Plan
from store.payers import Catalog, Payer
from store.records import Account

T0 = datetime(2026, 11, 2, 9, tzinfo=UTC)
NODE = "pbx1"
CALLER = "1793610000.7"
CALL_ID = f"{CALLER}-1"
LEG = "1793610000.8"
JERSEY, PARIS = "00447797123456", "0145678901"

JERSEY_RATE = Rate(
    prefix="447797", destination="Jersey mobile", per_minute_micros=600_000, initial_increment_s=1, increment_s=1
)
PLAN = Plan(
    name="fr-office",
    title="French office",
    home_region="FR",
    deck="example",
    included=frozenset({("FR", NumberType.FIXED)}),
    longest_call_s=3600,
)
DECK = Deck("example", "EUR", [JERSEY_RATE])
ACCOUNT = Account(
    id=1,
    name="main",
    currency="EUR",
    timezone="Europe/Paris",
    month_day=1,
    plan="fr-office",
    available_micros=0,
    reserved_micros=0,
    created_at_ms=0,
)
SETTINGS = GateSettings(node=NODE, trunk_endpoints=("carrier1", "carrier2"))


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop run until the condition holds; no machine is so slow that it would not within a minute."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110  # what is waited for tells nobody
            await asyncio.sleep(0.005)


def at(seconds: float) -> datetime:
    """Return the moment so long after the caller entered."""
    return T0 + timedelta(seconds=seconds)


def payer(extension: str, **changes: Any) -> Payer:
    """Return an extension under the French plan."""
    values: dict[str, Any] = {
        "extension": extension,
        "endpoint": f"PJSIP/{extension}",
        "account": ACCOUNT,
        "prepaid": True,
        "plan": PLAN,
        "deck": DECK,
        "fault": None,
    }
    return Payer(**{**values, **changes})


def catalog(*payers: Payer) -> Catalog:
    """Return what the store knows: extensions 101 and 102, unless others are given."""
    known = payers or (payer("101"), payer("102"))
    return Catalog(
        version=1,
        rules=DialRules(home_region="FR", extensions=frozenset(each.extension for each in known)),
        payers={each.endpoint: each for each in known},
        plans={PLAN.name: PLAN},
        decks={DECK.name: DECK},
        deck_generations={DECK.name: 1},
    )


def channel(channel_id: str, name: str, state: str = "Ring", **changes: Any) -> Channel:
    """Return a channel."""
    values: dict[str, Any] = {"leg_variable": "", **changes}
    return Channel(channel_id=channel_id, name=name, state=state, **values)


def caller(channel_id: str = CALLER, name: str = "PJSIP/101-00000001", state: str = "Ring") -> Channel:
    """Return the channel of an office phone."""
    return channel(channel_id, name, state)


def leg(
    state: str = "Ringing", channel_id: str = LEG, variable: str = CALL_ID, answered_at: datetime | None = None
) -> Channel:
    """Return the channel of a leg towards the first carrier."""
    name = f"PJSIP/carrier1-{channel_id.rpartition('.')[2]:0>8}"
    return channel(channel_id, name, state, leg_variable=variable, answered_at=answered_at)


def entered(*args: str, by: Channel | None = None, when: datetime = T0) -> CallerEntered:
    """Return the entry of a caller with these arguments of Stasis()."""
    return CallerEntered(when, by or caller(), args)


def changed(seconds: float, of: Channel) -> ChannelStateChanged:
    """Return a change of state."""
    return ChannelStateChanged(at(seconds), of)


def requested(seconds: float, of: Channel, *, soft: bool = False, by_driver: bool = False) -> ChannelHangupRequested:
    """Return a request to hang up."""
    return ChannelHangupRequested(at(seconds), of, soft or by_driver, by_driver)


def destroyed(seconds: float, of: Channel, cause: int | None = 16) -> ChannelDestroyed:
    """Return a channel's end."""
    return ChannelDestroyed(at(seconds), of, cause)


@dataclass
class Notes:
    """An executor that takes notes and carries nothing out."""

    commands: list[cmd.Command] = field(default_factory=list)
    watched: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def execute(self, _live: LiveCall, command: cmd.Command) -> None:
        """Note a command."""
        self.commands.append(command)

    def watch_caller(self, live: LiveCall) -> None:
        """Note whose caller is watched."""
        self.watched.append(live.call_id)

    def refuse_channel(self, channel_id: str, _cause: int = 21) -> None:
        """Note which channel is ended."""
        self.refused.append(channel_id)

    def settled(self) -> list[cmd.Settle]:
        """Return the records so far."""
        return [command for command in self.commands if isinstance(command, cmd.Settle)]


@dataclass
class SomeAmi:
    """An AMI that is connected or not."""

    connected: bool = True


@dataclass
class SomeLines:
    """Connections that go nowhere."""

    some_ami: SomeAmi = field(default_factory=SomeAmi)
    ari: AriClient | None = None

    @property
    def ami(self) -> AmiAdapter:
        """The adapter."""
        return cast("AmiAdapter", self.some_ami)


@dataclass
class SomeStrays:
    """Notes the legs that no call answers for."""

    events: list[ChannelEvent] = field(default_factory=list)
    listed: list[str] = field(default_factory=list)
    answers: list[tuple[str, str]] = field(default_factory=list)
    judged: list[str] = field(default_factory=list)
    """Legs that have their verdict."""

    def noticed(self, event: ChannelEvent) -> None:
        """Note an event."""
        self.events.append(event)

    def compared(self, strays: Collection[Channel], _living: Collection[str], _at: datetime) -> Collection[str]:
        """Note legs of a list."""
        self.listed += [leg.channel_id for leg in strays]
        return [leg.channel_id for leg in strays if leg.channel_id not in self.judged]

    def claimed(self, _channel_id: str) -> None:
        """Take in that a call answers for a leg."""

    def answered(self, call_id: str, channel_id: str, _at: datetime) -> None:
        """Note an answer."""
        self.answers.append((call_id, channel_id))

    def recall(self, mark: LegMark, _trunk: str, _at: datetime) -> Session:
        """Fail: no leg of these tests has such a mark."""
        raise AssertionError(mark)


@dataclass
class Desk:
    """A switchboard and what it had done."""

    board: Switchboard
    notes: Notes
    lines: SomeLines
    strays: SomeStrays


def desk(known: Catalog | None = None) -> Desk:
    """Return a switchboard that carries nothing out."""
    notes, lines, strays = Notes(), SomeLines(), SomeStrays()
    board = Switchboard(SETTINGS, MeteringPolicy(), cast("CommandExecutor", notes), lines, known or catalog(), Clock())
    board.strays = strays
    return Desk(board, notes, lines, strays)
