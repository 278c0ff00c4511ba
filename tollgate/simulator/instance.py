"""One life of the service on a node: its process, its lines and its tasks."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from ari_app.clock import clock_of, utc_now
from ari_app.gate import GateSettings
from ari_app.run import ApplicationTakenError, Service
from ari_app.ungated_verdict import UngatedAction
from charging.policy import MeteringPolicy
from dialplan.trunks import Trunk
from tollgate.housekeeping import keep_house
from tollgate.simulator import ami_line, ari_line
from tollgate.simulator.ami_line import AmiLine
from tollgate.simulator.ari_line import AriLine
from tollgate.simulator.ledger import Ledger
from tollgate.simulator.office import LONGEST_CALL_S, RULES, TRUNKS
from tollgate.simulator.pbx import Pbx
from tollgate.simulator.process import Process
from tollgate.simulator.store_line import StoreLine
from tollgate.simulator.world import World

POLICY = MeteringPolicy()
WARN_DAYS = (30, 7, 1)
BURIED_AFTER_S = 4.0
"""A service that was told to stop has stopped by then, and the tasks of a killed one have ended."""


class Instance:
    """A service, from its start to its end by whatever way; ``on_end`` is told of a kill, and of a rival's victory."""

    def __init__(
        self,
        *,
        world: World,
        ledger: Ledger,
        pbx: Pbx,
        ungated: UngatedAction,
        is_ari_cut: Callable[[], bool],
        is_ami_cut: Callable[[], bool],
        on_end: Callable[["Instance", str, str], None],
    ) -> None:
        """Start it."""
        self._world = world
        self._on_end = on_end
        with clock_of(pbx.clock.now, world.loop.time):  # what begins here goes by this machine's clock
            self.process = process = Process(pbx.node, lambda when: on_end(self, "service killed", when))
            self.store = StoreLine(world, ledger, process)
            self.ami = AmiLine(world=world, pbx=pbx, process=process, is_cut=is_ami_cut)
            service = self._service(pbx, ungated, is_ari_cut)
        pbx.clock.service_starts()
        self._tasks = [
            world.loop.create_task(self._serve(service), context=process.context),
            world.loop.create_task(keep_house(self.store, WARN_DAYS, clock=utc_now), context=process.context),
        ]

    def _service(self, pbx: Pbx, ungated: UngatedAction, is_ari_cut: Callable[[], bool]) -> Service:
        world, process = self._world, self.process
        return Service(
            store=self.store,
            ari=ari_line.ACCESS,
            ami=ami_line.ACCESS,
            gate=GateSettings(
                node=pbx.node,
                trunk_endpoints=TRUNKS,
                ring_limit_ms=POLICY.ring_limit(len(TRUNKS)) // timedelta(milliseconds=1),
            ),
            trunks=tuple(Trunk(endpoint=name) for name in TRUNKS),
            home_region=RULES.home_region,
            policy=POLICY,
            rules=RULES,
            longest_call_s=LONGEST_CALL_S,
            ungated=ungated,
            new_ari=lambda *given: AriLine(*given, world=world, pbx=pbx, process=process, is_cut=is_ari_cut),
            new_ami=lambda _access, _complaints: self.ami,
        )

    async def _serve(self, service: Service) -> None:
        try:
            await service.run()
        except asyncio.CancelledError:
            self.process.is_alive = False
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, a service that ends by itself is the finding
            self._fails(error)

    def _fails(self, error: Exception) -> None:
        if isinstance(error, ExceptionGroup) and error.split(ApplicationTakenError)[1] is None:
            self.process.is_alive = False
            self._on_end(self, "service replaced", "")
        else:
            self._world.violated("the service runs", "", repr(error))

    def end(self) -> None:
        """Have its tasks stop, and nothing of it happen any more when they have."""
        for task in self._tasks:
            task.cancel()
        self._world.later(BURIED_AFTER_S, self.process.bury)
