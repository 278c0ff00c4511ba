"""One episode: a fresh store, some hundred calls on two nodes in a few busy hours, then the weather clears.

Between two busy hours all services are stopped cleanly, and time jumps: over midnight and a month's end, more often
than by chance. At the end every fault is mended, every call ends, and the audit looks at what is left.
"""

import asyncio
import random
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ari_app.clock import clock_of
from ari_app.ungated_verdict import UngatedAction
from tollgate.simulator.administrator import Administrator
from tollgate.simulator.audit import Audit
from tollgate.simulator.books import Books
from tollgate.simulator.faults import NO_FAULTS, USUAL, WEATHERS
from tollgate.simulator.ledger import Ledger
from tollgate.simulator.logs import watched_logs
from tollgate.simulator.loop import StalledError, virtual_loop
from tollgate.simulator.node import Node
from tollgate.simulator.office import ZONE, Office
from tollgate.simulator.store_line import StoreLine
from tollgate.simulator.trace import Trace
from tollgate.simulator.traffic import Traffic
from tollgate.simulator.world import Violation, World

TROUBLES = (
    "event lost",
    "event late",
    "event repeated",
    "request failed",
    "answer lost",
    "hangup refused",
    "setvar ignored",
    "store refused",
    "store slow",
    "store away",
    "clock set",
    "service killed",
    "service stops",
    "second instance",
    "service replaced",
    "asterisk killed",
    "asterisk stops",
    "ari cut",
    "ami cut",
    "transfers",
    "dials ungated",
    "comes in",
    "charged provisionally",
)
"""What is counted for the report, by the name that it has in the trace."""
STORY = 100
"""Lines of a failure's story, and the troubles between them."""
AROUND = (
    "VIOLATED",
    "service starts",
    "service killed",
    "service stops",
    "second instance",
    "service replaced",
    "asterisk starts",
    "asterisk killed",
    "asterisk stops",
    "ari connected",
    "ari cut",
    "ami cut",
    "store away",
    "clock set",
)
NODES = ("pbx1", "pbx2")
OPENED_AT_S = 1.0
"""Importing a deck paces itself by the machine's own clock: all that follows begins at this moment whatever it took."""
HOURS = 4
"""Busy hours in an episode."""
ONE_BY_NIGHT = 25
"""One call of so many is made while the services are stopped: what its dialplan lets through leaves word."""
BETWEEN_CALLS_S = 0.05
SETTLED_WITHIN_S = 900.0
"""After the weather has cleared every call has ended and is settled within this time."""
LOOK_EVERY_S = 20.0
STOPPED_WITHIN_S = 5.0
ONE_IS_SILENT = 0.7
"""How often one node is away, with faults, for so long after the last call that the other charges its calls."""
FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EpisodeResult:
    """What an episode came to."""

    seed: int
    calls: int
    steps: int
    commits: int
    checks: int
    counts: dict[str, int]
    virtual_s: float
    digest: str
    happenings: tuple[str, ...] = field(default=(), repr=False)
    """All that was asked for."""
    violations: tuple[Violation, ...] = ()
    story: tuple[str, ...] = field(default=(), repr=False)
    """The last happenings of the call that the first violation concerns."""


class Episode:
    """Everything that one seed makes happen."""

    def __init__(self, seed: int, *, calls: int, extensions: int, traced: bool = False) -> None:
        self._seed = seed
        self._calls = calls
        dice = random.Random(seed)
        self._factor = dice.choice(WEATHERS)
        self._begins_at = _begins_at(dice)
        self._ungated = dice.choice(tuple(UngatedAction))
        self._loop = virtual_loop(self._begins_at, self._uncaught)
        self.world = World(self._loop, dice, USUAL.times(self._factor), Trace(self._loop.time, traced=traced))
        caps: dict[tuple[int, str], int] = {}
        self.books = Books(self.world, caps)
        self.ledger = Ledger(self.books)
        self._office = Office(self.ledger, NODES, extensions, caps)
        self.audit = Audit(self.world, self.books, is_calm=self._factor == 0.0, ungated=self._ungated)
        self._placed = 0

    def run(self) -> EpisodeResult:
        """Run it to its end, or to its first violation."""
        with clock_of(self._loop.now, self._loop.time), watched_logs(self._logged):
            self.world.context = copy_context()  # from here on it is in virtual time
            try:
                self._loop.run(self._main())
            except StalledError as error:
                self.world.violated("the world goes on", "", str(error))
        world = self.world
        first = world.violations[0] if world.violations else None
        return EpisodeResult(
            seed=self._seed,
            calls=self._placed,
            steps=world.trace.steps,
            commits=self.ledger.commits,
            checks=self.books.checks + self.audit.checks,
            counts={**self.audit.counts(), **{kind: world.trace.kinds[kind] for kind in TROUBLES}},
            virtual_s=self._loop.time(),
            digest=world.trace.digest,
            happenings=world.trace.everything(),
            violations=tuple(world.violations),
            story=() if first is None else self._story(first.call),
        )

    def _story(self, call: str) -> tuple[str, ...]:
        return tuple(self.world.trace.of(self.audit.names_of(call), frozenset(AROUND), last=STORY))

    def _logged(self, text: str) -> None:
        self.world.violated("nothing fails unforeseen", "", text)

    def _uncaught(self, context: dict[str, Any]) -> None:
        if context["message"] == "Task was destroyed but it is pending!":  # as it has to be, in a buried process
            return
        error = context.get("exception")
        self.world.violated("nothing fails unforeseen", "", f"{context['message']} {error!r}")

    async def _main(self) -> None:
        world = self.world
        store = StoreLine(world, self.ledger, self.audit.process)
        rates, world.rates = world.rates, NO_FAULTS
        await self._office.open(store, world.loop.now())
        world.rates = rates
        await self._loop.until(OPENED_AT_S)
        administrator = Administrator(world, self.ledger, self._office)
        administrator.opens()
        nodes = {name: Node(world, self.ledger, name, self._ungated) for name in NODES}
        for node in nodes.values():
            node.pbx.on_leg_end = self.audit.leg_ended
        self.audit.watch([node.pbx for node in nodes.values()])
        try:
            await self._hours(Traffic(world, self._office, nodes, administrator), nodes)
        finally:
            await self._stop(nodes)
        if not world.violations:
            await self.audit.at_the_end(store)

    async def _hours(self, traffic: Traffic, nodes: dict[str, Node]) -> None:
        for hour in range(HOURS):
            calls = self._calls // HOURS + (hour < self._calls % HOURS)
            by_night = calls // ONE_BY_NIGHT if hour < HOURS - 1 else 0
            await self._busy_hour(traffic, nodes, calls - by_night)
            if self.world.violations:
                return
            if hour < HOURS - 1:
                await self._night(traffic, nodes, by_night)
        await self._clear_up(nodes)

    async def _busy_hour(self, traffic: Traffic, nodes: dict[str, Node], calls: int) -> None:
        for node in nodes.values():
            node.open()
        await asyncio.sleep(2.0)
        for _ in range(calls):
            if self.world.violations:
                return
            traffic.place_one()
            self._placed += 1
            await asyncio.sleep(self.world.dice.expovariate(1.0 / BETWEEN_CALLS_S))

    async def _night(self, traffic: Traffic, nodes: dict[str, Node], calls: int) -> None:
        """Stop everything, and go on another time; calls that talk are not asked, and a few more are made."""
        for node in nodes.values():
            node.close()
        for _ in range(calls):
            await asyncio.sleep(self.world.dice.expovariate(1.0 / BETWEEN_CALLS_S))
            traffic.place_by_night()
            self._placed += 1
        local = self._loop.now().astimezone(ZoneInfo(ZONE))
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        pause_s = self.world.dice.choice((30.0, 3600.0, (midnight - local).total_seconds() - 90.0))
        await asyncio.sleep(max(pause_s, 10.0))

    async def _clear_up(self, nodes: dict[str, Node]) -> None:
        """Mend what is broken and wait for the last call's settlement."""
        if self._factor and self.world.chance(ONE_IS_SILENT):
            nodes[NODES[0]].falls_silent()
        self.world.rates = NO_FAULTS
        for node in nodes.values():
            node.mend()
        quiet_looks = 0
        for _ in range(int(SETTLED_WITHIN_S / LOOK_EVERY_S)):
            await asyncio.sleep(LOOK_EVERY_S)
            # Who has just come back still reads what was left while nobody was there: one look more.
            is_quiet = self.audit.is_quiet() and all(node.is_serving for node in nodes.values())
            quiet_looks = quiet_looks + 1 if is_quiet else 0
            if self.world.violations or quiet_looks > 1:
                return

    async def _stop(self, nodes: dict[str, Node]) -> None:
        """Stop every service, so that nothing is under way when the loop ends."""
        self.world.rates = NO_FAULTS
        for node in nodes.values():
            node.close()
        await asyncio.sleep(STOPPED_WITHIN_S)


def _begins_at(dice: random.Random) -> datetime:
    """Return a moment of some day, often shortly before a midnight of the office, often that of a month's end."""
    zone = ZoneInfo(ZONE)
    day = (FIRST_DAY + timedelta(days=dice.randrange(400))).astimezone(zone)
    if dice.random() < 0.3:
        day = day.replace(day=1) - timedelta(days=1)
    hour, minute = (23, 58) if dice.random() < 0.5 else (dice.randrange(24), dice.randrange(60))
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0).astimezone(UTC)
