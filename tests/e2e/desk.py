"""What an end-to-end test works with, and what it is asked afterwards."""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ari_app.clock import epoch_ms
from charging.cdr import Cdr
from dialplan.contract import AROUND_RECORDS_FAMILY, EMERGENCY_RECORDS_FAMILY, LEG_RECORDS_FAMILY
from store.alerts import Alert, AlertKind
from store.funds import add_funds
from store.records import Account, OpenSession
from store.store import Store
from tests import processes
from tests.e2e.line import Line
from tests.e2e.sipp import Sipp
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import SipAddress


def wait_until(condition: Callable[[], Any], what: str, limit_s: float = 60) -> Any:
    """Wait until the condition holds and return what it answered; the limit is for what never comes, not for speed."""
    deadline = time.monotonic() + limit_s
    pause_s = 0.02
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {limit_s} s: {what}"
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.2)  # each look may cost as much as the call that it waits for
    return answer


def assert_cut_within_paid(cdr: Cdr, paid_s: int) -> None:
    """Assert that we ended a call in the last second that was paid: by Asterisk's own times, not by those of a log."""
    assert cdr.answered_at is not None
    talked = cdr.ended_at - cdr.answered_at
    assert talked <= timedelta(seconds=paid_s), "the leg lived past its paid end"
    assert talked > timedelta(seconds=paid_s - 1), "the leg was cut before its last paid second"
    assert (cdr.billable_s, cdr.unfunded_micros) == (paid_s, 0)


@dataclass
class Desk:
    """What a test works with: the PBX, a store, the service, phones and carriers."""

    folder: Path
    line: Line
    pbx: AsteriskInstance
    settings_file: Path
    database_url: str
    service: processes.Running | None = None
    program: tuple[str, ...] = ()
    """What runs the service, where it is run otherwise than usual."""
    _sipps: list[Sipp] = field(default_factory=list)
    _media_port: int = 40000
    _log_before: str = ""
    """What earlier services of this desk logged."""

    def __post_init__(self) -> None:
        """Have Asterisk forget the legs of earlier tests, which this desk's store knows nothing of."""
        for family in (LEG_RECORDS_FAMILY, AROUND_RECORDS_FAMILY, EMERGENCY_RECORDS_FAMILY):
            self.pbx.cli(f"database deltree {family}")

    # --- phones and carriers ------------------------------------------------------------------------------

    def phone(
        self, scenario: str, *, extension: str = "101", calls: int = 1, rate: int = 50, at_once: int | None = None
    ) -> Sipp:
        """Have an extension's phone run a scenario, as often and as many times a second as is said."""
        address = self.line.phone(extension)
        return self._sipp(
            f"phone{extension}-{len(self._sipps)}",
            scenario,
            address,
            remote=("127.0.0.1", self.line.ports.sip),
            calls=calls,
            rate=rate,
            at_once=at_once,
        )

    def carrier(self, scenario: str, *, name: str = "carrier1", calls: int = 1000) -> Sipp:
        """Have a carrier run a scenario."""
        return self._sipp(f"{name}-{len(self._sipps)}", scenario, self.line.carrier(name), calls=calls)

    def answering_phone(self, scenario: str, *, extension: str = "101") -> Sipp:
        """Have an extension's phone wait for a call."""
        return self._sipp(f"phone{extension}-{len(self._sipps)}", scenario, self.line.phone(extension), calls=1)

    def outsider(self, scenario: str, *, name: str) -> Sipp:
        """Have somebody outside call the office by way of this carrier."""
        remote = ("127.0.0.1", self.line.ports.sip)
        return self._sipp(f"{name}-{len(self._sipps)}", scenario, self.line.carrier(name), remote=remote, calls=1)

    def _sipp(
        self,
        name: str,
        scenario: str,
        address: SipAddress,
        *,
        calls: int,
        rate: int = 50,
        at_once: int | None = None,
        remote: tuple[str, int] | None = None,
    ) -> Sipp:
        sipp = Sipp.start(
            self.folder / "sipp",
            name,
            scenario,
            local=(address.host, address.port or 5060),
            remote=remote,
            calls=calls,
            rate=rate,
            at_once=at_once,
        )
        self._sipps.append(sipp)
        return sipp

    # --- the service --------------------------------------------------------------------------------------

    def start_service(self, *, wait: bool = True) -> None:
        """Start the service as a process of its own."""
        assert self.service is None
        self._log_before = self.log() if self.log_file.exists() else ""
        self.service = processes.start(
            ["--config", str(self.settings_file), "serve"],
            self.log_file,
            environment={**os.environ, "TOLLGATE_LOG_LEVEL": "debug"},
            program=self.program,
        )
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the service has reached Asterisk and compared what lives with what is open."""
        wait_until(self._is_ready, "the service is ready", 120)

    def _is_ready(self) -> bool:
        assert self.service is not None
        assert self.service.poll() is None, f"the service ended: {self.log()}"
        own = _entries(self.log().removeprefix(self._log_before))
        return {"service_ready", "ami_connected"} <= {entry["event"] for entry in own}

    def kill_service(self) -> None:
        """Kill the service as a crash would."""
        assert self.service is not None
        self.service.send_signal(signal.SIGKILL)
        self.service.wait()
        self.service = None

    def stop_service(self) -> None:
        """Stop the service as an administrator would."""
        if self.service is None:
            return
        self.service.send_signal(signal.SIGTERM)
        status = self.service.wait(60)
        self.service = None
        assert status == 0, self.log()

    def freeze_service(self) -> None:
        """Have the service hang: connected, but mute."""
        assert self.service is not None
        self.service.send_signal(signal.SIGSTOP)

    def thaw_service(self) -> None:
        """Let a frozen service go on."""
        assert self.service is not None
        self.service.send_signal(signal.SIGCONT)

    @property
    def log_file(self) -> Path:
        """Where the service logs."""
        return self.folder / "service.log"

    def log(self) -> str:
        """Return what the service logged."""
        return self.log_file.read_text(errors="replace")

    def log_entries(self) -> list[dict[str, Any]]:
        """Return what the service logged, an object an entry."""
        return _entries(self.log())

    # --- the store ----------------------------------------------------------------------------------------

    def cdrs(self) -> list[Cdr]:
        """Return all records, in the order in which the calls began."""
        return asyncio.run(self._cdrs())

    async def _cdrs(self) -> list[Cdr]:
        async with await Store.open(self.database_url) as store:
            return [cdr async for cdr in store.cdrs()]

    def wait_cdrs(self, count: int, limit_s: float = 60) -> list[Cdr]:
        """Wait until that many records are there, and return them."""

        def enough() -> list[Cdr]:
            return found if len(found := self.cdrs()) >= count else []

        found: list[Cdr] = wait_until(enough, f"{count} records", limit_s)
        return found

    def account(self) -> Account:
        """Return the account."""
        return asyncio.run(self._account())

    async def _account(self) -> Account:
        async with await Store.open(self.database_url) as store:
            account = await store.account("main")
            assert account is not None
            return account

    def sessions(self) -> list[OpenSession]:
        """Return the open sessions."""
        return asyncio.run(self._sessions())

    async def _sessions(self) -> list[OpenSession]:
        async with await Store.open(self.database_url) as store:
            return await store.open_sessions()

    def alerts(self, kind: AlertKind) -> list[Alert]:
        """Return the alerts of this kind, newest first."""
        return [alert for alert in asyncio.run(self._alerts()) if alert.kind == kind]

    async def _alerts(self) -> list[Alert]:
        async with await Store.open(self.database_url) as store:
            return await store.alerts()

    def refill(self, micros: int, reference: str) -> None:
        """Add funds while the service runs: this is another process, as an administrator's is."""
        asyncio.run(self._refill(micros, reference))

    async def _refill(self, micros: int, reference: str) -> None:
        async with await Store.open(self.database_url) as store:
            account = await store.account("main")
            assert account is not None
            at_ms = epoch_ms(datetime.now(UTC))
            refill = add_funds(
                account_id=account.id, amount_micros=micros, reference=reference, at_ms=at_ms, expires_at_ms=None
            )
            await store.apply(refill)

    def differences(self) -> list[str]:
        """Return what ``tollgate verify`` would find."""
        return asyncio.run(self._differences())

    async def _differences(self) -> list[str]:
        async with await Store.open(self.database_url) as store:
            return [str(each) for each in await store.verify()]

    def tollgate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return processes.run(["--config", str(self.settings_file), *arguments])

    # --- what holds after every test ----------------------------------------------------------------------

    def channels(self) -> list[str]:
        """Return the channels that live in Asterisk."""
        return [text for text in self.pbx.cli("core show channels concise").splitlines() if "!" in text]

    def close(self) -> None:
        """End what runs, then ask what must hold after every test."""
        if self.service is None:
            self.start_service()
        try:
            for sipp in self._sipps:
                sipp.stop()
            self.pbx.cli("channel request hangup all")
            wait_until(lambda: not self.channels(), "no channel is left")
            wait_until(lambda: not self.sessions(), f"no session is open: {self.sessions()}")
            account = self.account()
            assert account.reserved_micros == 0
            assert account.available_micros >= 0
            assert self.differences() == []
            self.stop_service()
            failures = [entry for entry in self.log_entries() if entry["event"] == "command_failed"]
            assert failures == [], failures
        finally:
            if self.service is not None:
                self.service.send_signal(signal.SIGKILL)
                self.service.wait()


def _entries(log: str) -> list[dict[str, Any]]:
    """Read a log; its last line may be half written."""
    return [json.loads(text) for text in log.splitlines() if text.startswith("{") and text.endswith("}")]
