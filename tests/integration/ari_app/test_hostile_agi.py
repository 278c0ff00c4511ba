"""FastAGI in the real service: the balance, and hundreds of hostile clients beside a call that does not notice."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from agi.outcome import EXPECTED, Outcome
from charging.cdr import Disposition, EndSource
from tests.hostile_agi import IDLE, hostile_clients
from tests.integration.ari_app.fake_asterisk import Caller, channel
from tests.integration.ari_app.serving import Serving, serving
from tests.unit.ari_app.office import until
from tollgate.fastagi import agi_server, serve_agi
from tollgate.listen import ListenAddress

ASKS = b"agi_network_script: balance\nagi_channel: PJSIP/101-0000000a\nagi_uniqueid: 1793610000.50\n\n"


@asynccontextmanager
async def serving_agi(folder: Path) -> AsyncIterator[tuple[Serving, ListenAddress]]:
    """Run the service with its FastAGI server beside it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = ListenAddress(*found.getsockname())
    async with serving(folder) as served:
        listening = asyncio.create_task(serve_agi(address, agi_server(served.service, served.office.store)))
        await asyncio.sleep(0)
        try:
            yield served, address
        finally:
            listening.cancel()
            await asyncio.wait([listening])


def sessions(served: Serving, *outcomes: Outcome) -> float:
    """Return how many sessions ended so."""
    read = served.service.metrics.registry.get_sample_value
    return sum(read("tollgate_agi_sessions_total", {"outcome": each}) or 0 for each in outcomes)


async def ask(address: ListenAddress) -> list[str]:
    """Ask for the balance as Asterisk does for a phone, and return what is to be set."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(ASKS)
    commands = []
    while command := (await reader.readline()).decode():
        commands.append(command)
        writer.write(b"200 result=1\n")
    writer.close()
    return commands


async def test_balance_is_that_of_the_account_of_a_channel_that_asterisk_knows(tmp_path: Path) -> None:
    async with serving_agi(tmp_path) as (served, address):
        await until(lambda: served.service.switchboard.catalog.payer_at("PJSIP/101"))
        assert await ask(address) == ['SET VARIABLE TG_BALANCE_STATUS "UNKNOWN"\n']
        served.asterisk.channels["1793610000.50"] = channel("1793610000.50", "PJSIP/101-0000000a", "Ring")
        assert await ask(address) == [
            'SET VARIABLE TG_BALANCE_MICROS "1000000"\n',
            'SET VARIABLE TG_BALANCE "1.00"\n',
            'SET VARIABLE TG_CURRENCY "EUR"\n',
            'SET VARIABLE TG_BALANCE_STATUS "OK"\n',
        ]
        served.service.ami.close()
        assert await ask(address) == ['SET VARIABLE TG_BALANCE_STATUS "UNAVAILABLE"\n']
        await until(lambda: sessions(served, *Outcome) == 3)
        assert sessions(served, Outcome.HANDLED, Outcome.UNKNOWN_EXTENSION, Outcome.UNAVAILABLE) == 3


async def test_hundreds_of_hostile_clients_disturb_no_call(tmp_path: Path) -> None:
    async with serving_agi(tmp_path) as (served, address):
        with hostile_clients(address) as made:
            caller = Caller(served.asterisk)
            for told in (caller.enters, lambda: caller.is_("Ringing"), lambda: caller.is_("Up")):
                before = made[0]
                while made[0] < before + IDLE // 2:  # noqa: ASYNC110  # a thread counts
                    await asyncio.sleep(0.005)
                await told()
            await until(lambda: served.service.switchboard.calls[caller.call_id].session.talking_leg)
            await caller.hangs_up()
            cdr = await served.cdr()
        assert (cdr.disposition, cdr.end_source) == (Disposition.ANSWERED, EndSource.EVENT)
        assert cdr.charged_micros == 10_000 * cdr.billable_s > 0
        assert sessions(served, *set(Outcome) - EXPECTED) > IDLE
        assert sessions(served, Outcome.FAILED) == 0
        assert served.asterisk.connections == 1
