"""A whole office on this machine: PBX, simulated public network, service. Started together, stopped together."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ari_app.clock import utc_now
from rating.plan import Plan, parse_plan
from tollgate.dialplan_text import dialplan_text
from tollgate.office.binary import AsteriskBinary
from tollgate.office.children import dying_with_parent
from tollgate.office.errors import OfficeError
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import TRUNK, PbxSettings, SipAddress, pbx_files
from tollgate.office.ports import LOOPBACK, OfficePorts, reserved_ports
from tollgate.office.progress import Progress
from tollgate.office.setup import SETTINGS_FILE, STORE_FILE, make_store, write_settings
from tollgate.office.simnet import SimnetSettings, simnet_files
from tollgate.office.state import OfficeState
from tollgate.settings import Settings, load_settings

SERVICE_LOG = "tollgate.log"
_SERVICE_STARTS_WITHIN_S = 20.0
_SERVICE_STOPS_WITHIN_S = 8.0
_POLL_S = 0.1


class Office:
    """A demonstration office in a folder; a context manager that starts and stops all of it."""

    def __init__(
        self, folder: Path, binary: AsteriskBinary, fixed_ports: Mapping[str, int], progress: Progress
    ) -> None:
        """Describe an office; nothing is written or started yet."""
        self.folder = folder.resolve()
        self._binary = binary
        self._fixed_ports = fixed_ports
        self._progress = progress
        self._running = ExitStack()
        self._service: subprocess.Popen[bytes] | None = None
        self._instances: list[AsteriskInstance] = []
        self.settings_file = self.folder / SETTINGS_FILE

    def __enter__(self) -> Self:
        """Start everything.

        Raises:
            OfficeError: a port is taken, an office runs from this folder already, or a part does not start.
            StoreError, SettingsError: the store or the settings cannot be used.
        """
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop everything, the service first."""
        self._running.close()

    def failed_part(self) -> str | None:
        """Return what has ended by itself, None while all of it runs."""
        if self._service is not None and self._service.poll() is not None:
            return f"the service ended with status {self._service.returncode}: see {self.folder / SERVICE_LOG}"
        for instance in self._instances:
            if not instance.is_running:
                return f"{instance.name} ended:\n{instance.log_tail()}"
        return None

    # --- start --------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._running.enter_context(_only_one(self.folder))
        ports = self._running.enter_context(reserved_ports(self._fixed_ports))
        state = (OfficeState.read(self.folder) or OfficeState.new()).started_on(ports)
        state.write(self.folder)
        write_settings(self.folder, state)
        if not (self.folder / STORE_FILE).exists():
            self._progress("making the store: extensions 101-103, the French plan, the example deck, 10.00 EUR")
            make_store(self.settings_file, state, utc_now())
        self._progress("starting the simulated public network")
        simnet = SimnetSettings(ports=ports, token=state.token, phones=state.phones)
        self._start_instance("simnet", simnet_files(simnet))
        self._progress("starting the PBX")
        self._start_instance("pbx", _office_pbx(state, load_settings(self.settings_file)))
        self._progress("starting Tollgate")
        self._start_service(ports)

    def _start_instance(self, name: str, files: Mapping[str, str]) -> None:
        instance = AsteriskInstance(self._binary, self.folder / name, files, name=name)
        self._running.callback(instance.stop)
        instance.start()
        self._instances.append(instance)
        if errors := instance.log_errors():
            raise OfficeError(f"{name} did not start cleanly:\n" + "\n".join(errors[:10]))

    def _start_service(self, ports: OfficePorts) -> None:
        log = self._running.enter_context((self.folder / SERVICE_LOG).open("wb"))
        command = (*dying_with_parent(), sys.executable, "-m", "tollgate", "--config", str(self.settings_file), "serve")
        self._service = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, process_group=0
        )
        self._running.callback(self._stop_service)
        deadline = time.monotonic() + _SERVICE_STARTS_WITHIN_S
        while not self._serves():
            if (failed := self.failed_part()) is not None:
                raise OfficeError(f"{failed}\n{_tail(self.folder / SERVICE_LOG)}")
            if time.monotonic() > deadline:
                raise OfficeError(f"the service does not answer on port {ports.http}: see {self.folder / SERVICE_LOG}")
            time.sleep(_POLL_S)

    def _serves(self) -> bool:
        """Whether the service has registered its application with the PBX."""
        return "tollgate" in self._instances[-1].cli("ari show apps")

    def _stop_service(self) -> None:
        if self._service is None or self._service.poll() is not None:
            return
        self._service.send_signal(signal.SIGTERM)
        try:
            self._service.wait(_SERVICE_STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._service.kill()
            self._service.wait()


def _office_pbx(state: OfficeState, settings: Settings) -> dict[str, str]:
    plan = _shipped_plan(settings.default_plan)
    return pbx_files(
        PbxSettings(
            sip_port=state.ports.sip,
            http_port=state.ports.http,
            ami_port=state.ports.ami,
            rtp_start=state.ports.rtp_start,
            rtp_end=state.ports.rtp_end,
            ari_password=state.ari_password,
            ami_secret=state.ami_secret,
            phones=state.phones,
            trunks={TRUNK: SipAddress(LOOPBACK, state.ports.simnet_trunk)},
            dialplan=dialplan_text(settings, plan),
        )
    )


def _shipped_plan(name: str) -> Plan:
    path = Path(__file__).parents[1] / "data" / f"plan-{name}.toml"
    return parse_plan(path.read_text(encoding="utf-8"))


def _only_one(folder: Path) -> IO[str]:
    """Hold the folder's lock: two offices in one folder would share a store and a configuration.

    Raises:
        OfficeError: an office runs from this folder.
    """
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise OfficeError(
            f"an office runs from {folder} already: stop it with Ctrl-C, or choose another --folder"
        ) from error
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def _tail(path: Path, lines: int = 8) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
