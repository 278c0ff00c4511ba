"""A node: one Asterisk and the service beside it, started, stopped, killed and cut off."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from ari_app.clock import utc_now
from ari_app.gate import GateSettings
from ari_app.run import Service
from charging.policy import MeteringPolicy
from dialplan.trunks import Trunk
from tollgate.housekeeping import keep_house
from tollgate.simulator import ami_line, ari_line
from tollgate.simulator.ami_line import AmiLine
from tollgate.simulator.ari_line import AriLine
from tollgate.simulator.ledger import Ledger
from tollgate.simulator.office import AWAY_PREFIXES, EMERGENCIES, RULES, TRUNKS
from tollgate.simulator.pbx import Pbx
from tollgate.simulator.process import Process
from tollgate.simulator.store_line import StoreLine
from tollgate.simulator.world import World

POLICY = MeteringPolicy()
WARN_DAYS = (30, 7, 1)
AWAY_S = (0.5, 25.0)
SILENT_S = (120.0, 300.0)
CUT_S = (0.5, 30.0)
BURIED_AFTER_S = 4.0
"""A service that was told to stop has stopped by then, and the tasks of a killed one have ended."""


class Node:
    """One node and its troubles; each trouble heals by itself after a while."""

    def __init__(self, world: World, ledger: Ledger, name: str) -> None:
        self.name = name
        self.pbx = Pbx(world, name, TRUNKS, EMERGENCIES, AWAY_PREFIXES)
        self.pbx.start()
        self._world = world
        self._ledger = ledger
        self._process: Process | None = None
        self._store: StoreLine | None = None
        self._ami: AmiLine | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ari_is_cut = False
        self._ami_is_cut = False
        self._stays_away_s = AWAY_S
        self._is_closed = True
        """Whether the service is not to come up again by itself."""

    @property
    def is_serving(self) -> bool:
        """Whether a service lives."""
        return self._process is not None and self._process.is_alive

    # --- the service --------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the service where none lives; from now on it is started again after each end."""
        self._is_closed = False
        if not self.is_serving:
            self._start()

    def _start(self) -> None:
        if self._is_closed or self.is_serving:
            return
        world = self._world
        self._process = process = Process(self.name, self._was_killed)
        self._store = store = StoreLine(world, self._ledger, process)
        self._ami = ami = AmiLine(world=world, pbx=self.pbx, process=process, is_cut=lambda: self._ami_is_cut)
        service = Service(
            store=store,
            ari=ari_line.ACCESS,
            ami=ami_line.ACCESS,
            gate=GateSettings(
                node=self.name,
                trunk_endpoints=TRUNKS,
                ring_limit_ms=POLICY.ring_limit(len(TRUNKS)) // timedelta(milliseconds=1),
            ),
            trunks=tuple(Trunk(endpoint=name) for name in TRUNKS),
            home_region=RULES.home_region,
            policy=POLICY,
            rules=RULES,
            new_ari=lambda *given: AriLine(
                *given, world=world, pbx=self.pbx, process=process, is_cut=lambda: self._ari_is_cut
            ),
            new_ami=lambda _access, _complaints: ami,
        )
        world.trace.note("service starts", "", self.name)
        self._tasks = [
            world.loop.create_task(self._serve(service, process), context=process.context),
            world.loop.create_task(self._keep_house(store), context=process.context),
        ]

    async def _serve(self, service: Service, process: Process) -> None:
        try:
            await service.run()
        except asyncio.CancelledError:
            process.is_alive = False
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, a service that ends by itself is the finding
            self._world.violated("the service runs", "", repr(error))

    async def _keep_house(self, store: StoreLine) -> None:
        await keep_house(store, WARN_DAYS, clock=utc_now)

    def kill(self, when: str) -> None:
        """Kill the service."""
        if self._process is not None:
            self._process.kill(when)

    def _was_killed(self, when: str) -> None:
        self._world.trace.note("service killed", "", f"{self.name} {when}")
        self.pbx.socket = None
        self._end_tasks()

    def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if self._process is not None:
            self._world.later(BURIED_AFTER_S, self._process.bury)
        stays_away_s, self._stays_away_s = self._stays_away_s, AWAY_S
        self._world.later(self._world.between(*stays_away_s), self._start)

    def falls_silent(self) -> None:
        """Kill the service, which stays away until the others have judged its calls."""
        self._stays_away_s = SILENT_S
        self.kill("for long")

    def stop(self) -> None:
        """Stop the service cleanly."""
        if self.is_serving and self._tasks:
            self._world.trace.note("service stops", "", self.name)
            self._end_tasks()

    def close(self) -> None:
        """Stop the service cleanly, until it is opened again."""
        self._is_closed = True
        self.stop()

    def mend(self) -> None:
        """Have everything there again; a service that is away comes back when its time is over."""
        self._mend_ari()
        self._mend_ami()
        if self._store is not None:
            _come_back(self._store)
        self.pbx.start()

    # --- Asterisk and the lines ---------------------------------------------------------------------------

    def kill_asterisk(self) -> None:
        """Kill Asterisk; it comes back."""
        self._asterisk_goes(self.pbx.kill)

    def stop_asterisk(self) -> None:
        """Stop Asterisk cleanly; it comes back."""
        self._asterisk_goes(self.pbx.stop)

    def _asterisk_goes(self, way: Callable[[], None]) -> None:
        if not self.pbx.is_up:
            return
        way()
        if self._ami is not None:
            self._ami.close()
        self._world.later(self._world.between(2.0, 20.0), self.pbx.start)

    def cut_ari(self) -> None:
        """Cut the ARI connection for a while."""
        self._ari_is_cut = True
        self.pbx.cut_events()
        self._world.later(self._world.between(*CUT_S), self._mend_ari)

    def _mend_ari(self) -> None:
        self._ari_is_cut = False

    def cut_ami(self) -> None:
        """Cut the AMI connection for a while."""
        self._ami_is_cut = True
        self._world.trace.note("ami cut", "", self.name)
        if self._ami is not None:
            self._ami.close()
        self._world.later(self._world.between(*CUT_S), self._mend_ami)

    def _mend_ami(self) -> None:
        self._ami_is_cut = False

    def lose_store(self) -> None:
        """Have this node not reach the store for a while."""
        store = self._store
        if store is not None:
            self._world.trace.note("store away", "", self.name)
            store.line.is_away = True
            self._world.later(self._world.between(*CUT_S), lambda: _come_back(store))


def _come_back(store: StoreLine) -> None:
    store.line.is_away = False
