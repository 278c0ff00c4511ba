"""A node: one Asterisk and the service beside it, started, stopped, killed, cut off, and started a second time."""

from collections.abc import Callable

from ari_app.ungated_verdict import UngatedAction
from tollgate.simulator.instance import Instance
from tollgate.simulator.ledger import Ledger
from tollgate.simulator.office import AWAY_PREFIXES, EMERGENCIES, TRUNKS
from tollgate.simulator.pbx import Pbx
from tollgate.simulator.store_line import StoreLine
from tollgate.simulator.world import World

AWAY_S = (0.5, 12.0)
SILENT_S = (120.0, 300.0)
STOPPING_S = 0.2
CUT_S = (0.5, 15.0)


class Node:
    """One node and its troubles; each trouble heals by itself after a while."""

    def __init__(self, world: World, ledger: Ledger, name: str, ungated: UngatedAction) -> None:
        self.name = name
        self._ungated = ungated
        self.pbx = Pbx(world, name, TRUNKS, EMERGENCIES, AWAY_PREFIXES)
        self.pbx.start()
        self._world = world
        self._ledger = ledger
        self._instances: list[Instance] = []
        """The services that live: one, as a rule."""
        self._leaving: Instance | None = None
        """The service that ended last."""
        self._ari_is_cut = False
        self._ami_is_cut = False
        self._stays_away_s = AWAY_S
        self._is_closed = True
        """Whether the service is not to come up again by itself."""

    @property
    def is_serving(self) -> bool:
        """Whether a service lives."""
        return bool(self._instances)

    # --- the service --------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the service where none lives; from now on it is started again after each end."""
        self._is_closed = False
        self._start()

    def _start(self) -> None:
        if self._is_closed or self.is_serving:
            return
        if self._leaving is not None and self._leaving.process.is_alive:  # it is started again when it has stopped
            self._world.later(STOPPING_S, self._start)
        else:
            self._begin()

    def start_another(self) -> None:
        """Start a second service under the same name, as somebody may by mistake: one of the two gives way.

        At once, so that it does not serve beside one that is cut off: the store's lock keeps out whoever would.
        """
        if self.is_serving and self.pbx.has_application:
            self._world.trace.note("second instance", "", self.name)
            self._begin()

    def _begin(self) -> None:
        self._world.trace.note("service starts", "", self.name)
        self._instances.append(
            Instance(
                world=self._world,
                ledger=self._ledger,
                pbx=self.pbx,
                ungated=self._ungated,
                is_ari_cut=lambda: self._ari_is_cut,
                is_ami_cut=lambda: self._ami_is_cut,
                on_end=self._has_ended,
            )
        )

    def kill(self, when: str) -> None:
        """Kill the service."""
        for instance in tuple(self._instances):
            instance.process.kill(when)

    def _has_ended(self, instance: Instance, how: str, when: str) -> None:
        self._world.trace.note(how, "", f"{self.name} {when}")
        if instance in self._instances:  # not one that was stopping
            self._end(instance)

    def _end(self, instance: Instance) -> None:
        """Have a service end; another one comes after a while."""
        self._instances.remove(instance)
        self._leaving = instance
        self.pbx.forget(instance.process)
        instance.end()
        stays_away_s, self._stays_away_s = self._stays_away_s, AWAY_S
        self._world.later(self._world.between(*stays_away_s), self._start)

    def falls_silent(self) -> None:
        """Kill the service, which stays away until the others have judged its calls."""
        if self.is_serving:
            self._stays_away_s = SILENT_S
            self.kill("for long")

    def stop(self) -> None:
        """Stop the service cleanly."""
        for instance in tuple(self._instances):
            self._world.trace.note("service stops", "", self.name)
            self._end(instance)

    def close(self) -> None:
        """Stop the service cleanly, until it is opened again."""
        self._is_closed = True
        self.stop()

    def mend(self) -> None:
        """Have everything there again; a service that is away comes back when its time is over."""
        self._mend_ari()
        self._mend_ami()
        for instance in self._instances:
            _come_back(instance.store)
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
        for instance in self._instances:
            instance.ami.close()
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
        for instance in self._instances:
            instance.ami.close()
        self._world.later(self._world.between(*CUT_S), self._mend_ami)

    def _mend_ami(self) -> None:
        self._ami_is_cut = False

    def set_clock(self) -> None:
        """Have this machine's clock be set."""
        self.pbx.clock.is_set_wrong()

    def lose_store(self) -> None:
        """Have this node not reach the store for a while."""
        for instance in self._instances:
            self._world.trace.note("store away", "", self.name)
            instance.store.line.is_away = True
            self._world.later(self._world.between(*CUT_S), _come_back, instance.store)


def _come_back(store: StoreLine) -> None:
    store.line.is_away = False
