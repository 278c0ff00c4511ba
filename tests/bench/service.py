"""The service under test: a process of its own on a fresh store, as an installation runs it, and its books after."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from ari_app.clock import epoch_ms, utc_now
from charging.cdr import Disposition
from rating.deck import Rate
from rating.deck_import import BadRow, parse_deck_csv
from rating.plan import parse_plan
from store.catalog import create_account, put_plan
from store.extensions import ExtensionSettings, add_extension
from store.funds import add_funds
from store.store import Store
from tests.bench.pbx import AMI_SECRET, ARI_PASSWORD, EXTENSIONS, HOME_REGION, TRUNK
from tests.bench.traffic import DIE_WITH_PARENT
from tollgate.office.pbx import PHONES_CONTEXT
from tollgate.office.ports import LOOPBACK, OfficePorts

NODE = "bench"
FUNDS_MICROS = 10**12
_PLAN = "plan-fr-office.toml"
_DECK = "example-deck.csv"
_READY = ("catalog_loaded", "ami_connected", "ari_connected")
_START_LIMIT_S = 20.0
_STOP_LIMIT_S = 10.0
_SETTLE_LIMIT_S = 10.0

_SETTINGS = """\
database_url = "{url}"
node = "{node}"
health_listen = ""
home_region = "{region}"

[asterisk]
ari_url = "http://{address}:{http}"
ari_password = "{ari_password}"
ami_port = {ami}
ami_secret = "{ami_secret}"
internal_context = "{context}"

[agi]
listen = ""

[portal]
listen = ""

[[trunks]]
endpoint = "{trunk}"
"""


class ServiceFailedError(Exception):
    """The service did not start, or its books are not in order; the message says what is wrong."""


def write_settings(folder: Path, ports: OfficePorts) -> Path:
    """Write the service's settings file and return it."""
    path = folder / "tollgate.toml"
    text = _SETTINGS.format(
        url=_store_url(folder),
        node=NODE,
        region=HOME_REGION,
        address=LOOPBACK,
        http=ports.http,
        ari_password=ARI_PASSWORD,
        ami=ports.ami,
        ami_secret=AMI_SECRET,
        context=PHONES_CONTEXT,
        trunk=TRUNK,
    )
    path.write_text(text, encoding="utf-8")
    return path


async def make_store(folder: Path) -> None:
    """Make the store of an office with funds that last: plan and deck are those a new installation gets."""
    data = resources.files("tollgate") / "data"
    plan_text = (data / _PLAN).read_text(encoding="utf-8")
    plan = parse_plan(plan_text)
    at_ms = epoch_ms(utc_now())
    async with await Store.create(_store_url(folder)) as store:
        await store.apply(put_plan(name=plan.name, toml=plan_text, at_ms=at_ms))
        rates = _rates((data / _DECK).read_text(encoding="utf-8").splitlines())
        await store.import_deck(name=plan.deck, currency="EUR", rates=rates, at_ms=at_ms)
        account_id = await store.apply(
            create_account(name="main", currency="EUR", timezone="Europe/Paris", plan=plan.name, at_ms=at_ms)
        )
        for extension in EXTENSIONS:
            settings = ExtensionSettings(number=extension, account_id=account_id, endpoint=f"PJSIP/{extension}")
            await store.apply(add_extension(settings, at_ms=at_ms))
        await store.apply(
            add_funds(
                account_id=account_id, amount_micros=FUNDS_MICROS, reference="bench", at_ms=at_ms, expires_at_ms=None
            )
        )


@contextmanager
def serving(folder: Path, settings: Path) -> Iterator[int]:
    """Run ``tollgate serve`` until the end of the block; yields its process id once it takes calls.

    Raises:
        ServiceFailedError: it does not start, or does not end in order.
    """
    log = folder / "service.log"
    command = (sys.executable, "-m", "tollgate", "--config", str(settings), "serve")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOLLGATE_")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            (*DIE_WITH_PARENT, *command),
            cwd=Path(__file__).parents[2],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_ready(process, log)
        yield process.pid
        process.send_signal(signal.SIGTERM)
        if process.wait(_STOP_LIMIT_S) != 0:
            raise ServiceFailedError(f"the service ended with {process.returncode}:\n{_tail(log)}")
    finally:
        process.kill()
        process.wait(5)


async def wait_settled(folder: Path) -> None:
    """Wait until no session is open.

    Raises:
        ServiceFailedError: one stays open.
    """
    deadline = time.monotonic() + _SETTLE_LIMIT_S
    async with await Store.open(_store_url(folder)) as store:
        while left := await store.open_sessions():
            if time.monotonic() > deadline:
                raise ServiceFailedError(f"{len(left)} sessions stay open after the calls have ended")
            await asyncio.sleep(0.05)


async def check_books(folder: Path, *, calls: int, paid: bool) -> None:
    """Check that every call has one record, that paid ones and no others were charged, and every balance.

    Raises:
        ServiceFailedError: something differs.
    """
    async with await Store.open(_store_url(folder)) as store:
        differences = await store.verify()
        records = [record async for record in store.cdrs()]
    if differences:
        raise ServiceFailedError(f"verify found {len(differences)} differences, the first: {differences[0]}")
    wrong = [
        record
        for record in records
        if record.disposition is not Disposition.ANSWERED or (record.charged_micros > 0) is not paid
    ]
    if len(records) != calls or wrong:
        raise ServiceFailedError(
            f"{len(records)} records for {calls} calls, {len(wrong)} of them not as they should: {wrong[:1]}"
        )


def _store_url(folder: Path) -> str:
    return f"sqlite:///{folder.resolve()}/tollgate.db"


def _rates(lines: Sequence[str]) -> Iterator[Rate]:
    for row in parse_deck_csv(lines):
        assert not isinstance(row, BadRow), f"the example deck has a bad row: {row}"
        yield row


def _wait_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while not all(word in (text := log.read_text(errors="replace")) for word in _READY):
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServiceFailedError(f"the service does not start:\n{text[-2000:]}")
        time.sleep(0.05)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
