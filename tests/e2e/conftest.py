"""A real Asterisk, the real service as a process of its own, SIPp as phones and as carriers.

One Asterisk serves a whole run; each test has a store and a service of its own, and is followed by the same
questions: no channel is left, no hold is open, the books are right.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ari_app.clock import epoch_ms
from charging.cdr import Cdr
from dialplan.contract import EMERGENCY_RECORDS_FAMILY, LEG_RECORDS_FAMILY
from rating.deck import Rate
from rating.deck_import import BadRow, parse_deck_csv
from rating.money import parse_money
from rating.plan import Plan, parse_plan
from store.alerts import Alert, AlertKind
from store.catalog import create_account, put_plan
from store.extensions import ExtensionSettings, add_extension
from store.funds import add_funds
from store.records import Account, OpenSession
from store.store import Store
from tests.e2e.sipp import Sipp
from tollgate.dialplan_text import dialplan_text
from tollgate.office.asterisk import find_asterisk
from tollgate.office.binary import AsteriskBinary
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import PbxSettings, SipAddress, pbx_files
from tollgate.office.ports import OfficePorts, reserved, reserved_ports
from tollgate.settings import load_settings

PLAN_FILE = Path(__file__).parents[2] / "tollgate" / "data" / "plan-fr-office.toml"
NODE = "e2e"
CARRIERS = ("carrier1", "carrier2")
EXTENSIONS = ("101", "102", "103", "104")

MARGIN = "cutoff_margin_ms = 700"
"""A leg is cut so long before its paid end that a machine which stands still for a while does not carry it past."""
SHORT_SLICES = f"first_slice_s = 4\nslice_s = 6\nleast_slice_s = 1\nrenew_lead_s = 3\n{MARGIN}"
"""Metering by which a call of some seconds is renewed several times, in time also where a process stands still."""

INCLUDED = "0612345678"
SECOND_PRICED = "00299321212"
"""Greenland: 0.60 a minute, 1/1, so a second costs 0.01."""
MINUTE_PRICED = "005352123456"
"""Cuba: 1.00 a minute, 60/60."""
WITH_CONNECT_FEE = "0899123456"
"""French premium: 0.80 a minute, connection 0.10, at least 0.50, 1/1."""
UNPRICED = "0068820123"
"""Tuvalu: this deck has no rate for it."""
DECK = """\
prefix,destination,per_minute,connect_fee,initial_increment_s,increment_s,minimum_charge
299,Greenland,0.60,0,1,1,0
53,Cuba,1.00,0,60,60,0
33899,French premium,0.80,0.10,1,1,0.50
447797,Jersey mobile,0.19,0,1,1,0
"""


@dataclass(frozen=True)
class Line:
    """Addresses and ports of one test worker, clear of those of all others on this machine."""

    number: int
    ports: OfficePorts

    def host(self, last: int) -> str:
        """Return a loopback address of this worker."""
        return f"127.0.{60 + self.number}.{last}"

    def phone(self, extension: str) -> SipAddress:
        """Return where an extension's phone is."""
        return SipAddress(self.host(int(extension) - 90), 5060)

    def carrier(self, name: str) -> SipAddress:
        """Return where a carrier is."""
        return SipAddress(self.host(200 + CARRIERS.index(name)), 5060)


@contextmanager
def own_line() -> Iterator[Line]:
    """Hold addresses and ports that nobody else on this machine uses."""
    with reserved_ports() as ports:
        for number in range(100):
            with reserved(f"test-line-{number}") as is_ours:
                if is_ours:
                    yield Line(number, ports)
                    return
    pytest.fail("a hundred tests run on this machine already")


@pytest.fixture(scope="session")
def line() -> Iterator[Line]:
    """This worker's addresses."""
    with own_line() as found:
        yield found


@pytest.fixture(scope="session")
def plan() -> Plan:
    """The shipped French plan."""
    return parse_plan(PLAN_FILE.read_text(encoding="utf-8"))


SETTINGS = """\
database_url = "{url}"
node = "{node}"
health_listen = "{health}"
{more}

[asterisk]
ari_url = "http://127.0.0.1:{http}"
ari_password = "ari-secret"
ami_port = {ami}
ami_secret = "ami-secret"
internal_context = "phones-internal"

[[trunks]]
endpoint = "carrier1"

[[trunks]]
endpoint = "carrier2"

[metering]
{metering}
"""


def settings_text(
    line: Line, url: str, metering: str = "", *, node: str = NODE, more: str = "", health: str = ""
) -> str:
    """Return a settings file for the PBX on this line; ``more`` are settings of no section."""
    ports = line.ports
    return SETTINGS.format(
        url=url, node=node, http=ports.http, ami=ports.ami, metering=metering, more=more, health=health
    )


@pytest.fixture(scope="session")
def pbx(line: Line, plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskInstance]:
    """A real Asterisk with Tollgate's dialplan, four phones and two carriers."""
    with running_pbx(line, plan, tmp_path_factory.mktemp("pbx")) as instance:
        yield instance


@contextmanager
def running_pbx(
    line: Line, plan: Plan, folder: Path, node: str = NODE, binary: AsteriskBinary | None = None
) -> Iterator[AsteriskInstance]:
    """Run a PBX on a line of its own; ``binary`` is for an Asterisk that is run otherwise than usual."""
    binary = binary or find_asterisk()
    if binary is None:
        pytest.fail("no suitable Asterisk: `make asterisk` prepares one; end-to-end tests never run without it")
    settings_file = folder / "tollgate.toml"
    settings_file.write_text(settings_text(line, f"sqlite:///{folder / 'unused.db'}", node=node), encoding="utf-8")
    files = pbx_files(
        PbxSettings(
            sip_port=line.ports.sip,
            http_port=line.ports.http,
            ami_port=line.ports.ami,
            rtp_start=line.ports.rtp_start,
            rtp_end=line.ports.simnet_rtp_end,
            ari_password="ari-secret",
            ami_secret="ami-secret",
            phones={},
            trunks={name: line.carrier(name) for name in CARRIERS},
            dialplan=dialplan_text(load_settings(settings_file), plan) + EXTRA_DIALPLAN,
            fixed_phones={extension: line.phone(extension) for extension in EXTENSIONS},
        )
    )
    with AsteriskInstance(binary, folder / "asterisk", files, name="pbx") as instance:
        assert instance.log_errors() == []
        yield instance


EXTRA_DIALPLAN = """
; Where a test sends a transferred party: a context of the PBX that has nothing to do with Tollgate.
[phones-internal]
exten => 199,1,Answer()
 same => n,Wait(60)
 same => n,Hangup()

; A broken gate: what the dialplan does with a slice that is missing, zero or text.
[phones]
exten => *70,1,Goto(broken,s,1)
exten => *71,1,Set(TG_SLICE=0)
 same => n,Goto(broken,s,1)
exten => *72,1,Set(TG_SLICE=soon)
 same => n,Goto(broken,s,1)
exten => *73,1,Set(TG_SLICE=-5)
 same => n,Goto(broken,s,1)
; A dialplan that dials another number than the one that was rated.
exten => *74,1,Set(TG_CALL=${UNIQUEID}-1)
 same => n,Set(RATED=+299321212@carrier1)
 same => n,Dial(PJSIP/+53521234567@carrier1,20,b(tg-leg^s^1(${TG_CALL}))U(tg-answer^9.7^${TG_CALL}^${RATED}))

; Ways around the gate: straight to the trunk, through a Local channel, the digits as they are, under another call's id.
exten => _*90X.,1,Dial(PJSIP/+${EXTEN:3}@carrier1,20)
 same => n,Hangup()
exten => _*91X.,1,Dial(Local/${EXTEN:3}@around-the-gate/n,20)
 same => n,Hangup()
exten => _*92X.,1,Dial(PJSIP/${EXTEN:3}@carrier1,20)
 same => n,Hangup()
exten => _*93X.,1,Dial(PJSIP/+${EXTEN:3}@carrier1,20,b(tg-leg^s^1(e2e/1.1-1)))
 same => n,Hangup()
exten => _*94X.,1,Dial(PJSIP/+${EXTEN:3}@carrier1,20,b(tg-leg^s^1(other-pbx/1.1-1)))
 same => n,Hangup()

[around-the-gate]
exten => _X.,1,Dial(PJSIP/+${EXTEN}@carrier1,20)

[broken]
exten => s,1,Set(TG_CALL=${UNIQUEID}-1)
 same => n,Set(TG_NUMBER_1=+299321212)
 same => n,Goto(tg-metered,1,1)
"""


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
    service: subprocess.Popen[bytes] | None = None
    program: tuple[str, ...] = (sys.executable, "-m", "tollgate")
    """What runs the service."""
    _sipps: list[Sipp] = field(default_factory=list)
    _media_port: int = 40000
    _log_before: str = ""
    """What earlier services of this desk logged."""

    def __post_init__(self) -> None:
        """Have Asterisk forget the legs of earlier tests, which this desk's store knows nothing of."""
        for family in (LEG_RECORDS_FAMILY, EMERGENCY_RECORDS_FAMILY):
            self.pbx.cli(f"database deltree {family}")

    # --- phones and carriers ------------------------------------------------------------------------------

    def phone(self, scenario: str, *, extension: str = "101", calls: int = 1, rate: int = 50) -> Sipp:
        """Have an extension's phone run a scenario."""
        address = self.line.phone(extension)
        return self._sipp(
            f"phone{extension}-{len(self._sipps)}",
            scenario,
            address,
            remote=("127.0.0.1", self.line.ports.sip),
            calls=calls,
            rate=rate,
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
        )
        self._sipps.append(sipp)
        return sipp

    # --- the service --------------------------------------------------------------------------------------

    def start_service(self, *, wait: bool = True) -> None:
        """Start the service as a process of its own."""
        assert self.service is None
        self._log_before = self.log() if self.log_file.exists() else ""
        log = self.log_file.open("ab")
        self.service = subprocess.Popen(
            [*self.program, "--config", str(self.settings_file), "serve"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TOLLGATE_LOG_LEVEL": "debug"},
        )
        log.close()
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
        return subprocess.run(
            [sys.executable, "-m", "tollgate", "--config", str(self.settings_file), *arguments],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

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
                self.service.kill()
                self.service.wait()


def _entries(log: str) -> list[dict[str, Any]]:
    """Read a log; its last line may be half written."""
    return [json.loads(text) for text in log.splitlines() if text.startswith("{") and text.endswith("}")]


@pytest.fixture
def make_desk(tmp_path: Path, line: Line, pbx: AsteriskInstance, plan: Plan) -> Iterator[Callable[..., Desk]]:
    """Make the test's desk: ``funds`` in EUR, ``metering`` as lines of the settings, ``more`` of the plan's TOML.

    ``settings`` are those of no section.
    """
    desks: list[Desk] = []

    def make(*, funds: str = "10.00", metering: str = "", more: str = "", settings: str = "") -> Desk:
        settings_file, url = tmp_path / "tollgate.toml", f"sqlite:///{tmp_path / 'tollgate.db'}"
        settings_file.write_text(settings_text(line, url, metering, more=settings), encoding="utf-8")
        desk = Desk(tmp_path, line, pbx, settings_file, url)
        asyncio.run(fill_store(url, plan, funds, more))
        desks.append(desk)
        desk.start_service()
        return desk

    yield make
    for desk in desks:
        desk.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """A desk with 10.00 EUR and the shipped metering."""
    return make_desk()


async def fill_store(url: str, plan: Plan, funds: str, more: str = "") -> None:
    """Make a store with the plan, the deck, the extensions and so much money."""
    at_ms = epoch_ms(datetime.now(UTC))
    rates = list(parse_deck_csv(DECK.splitlines(keepends=True)))
    assert not [row for row in rates if isinstance(row, BadRow)]
    async with await Store.create(url) as store:
        toml = PLAN_FILE.read_text(encoding="utf-8") + more
        await store.apply(put_plan(name=plan.name, toml=toml, at_ms=at_ms))
        await store.import_deck(
            name=plan.deck, currency="EUR", rates=[rate for rate in rates if isinstance(rate, Rate)], at_ms=at_ms
        )
        account_id = await store.apply(
            create_account(name="main", currency="EUR", timezone="Europe/Paris", plan=plan.name, at_ms=at_ms)
        )
        for extension in EXTENSIONS:
            settings = ExtensionSettings(number=extension, account_id=account_id, endpoint=f"PJSIP/{extension}")
            await store.apply(add_extension(settings, at_ms=at_ms))
        micros = parse_money(funds)
        if micros:
            await store.apply(
                add_funds(
                    account_id=account_id, amount_micros=micros, reference="first", at_ms=at_ms, expires_at_ms=None
                )
            )
