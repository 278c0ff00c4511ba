"""The real service on a real store, with a fake Asterisk at the other end of its lines."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ari_app.run import Service
from charging.cdr import Cdr
from charging.policy import MeteringPolicy
from dialplan.trunks import Trunk
from rating.deck import Rate
from rating.dialled import DialRules
from store.catalog import put_plan
from store.extensions import ExtensionSettings, add_extension
from tests.integration.ari_app.fake_asterisk import FakeAsterisk, fake_asterisk
from tests.integration.store.office import EUR, PER_SECOND, T0_MS, Office, open_office
from tests.unit.ari_app.office import SETTINGS

PLAN = """
name = "fr-office"
title = "French office"
home_region = "FR"
deck = "example"
[[included]]
regions = ["FR"]
types = ["fixed"]
"""


@dataclass
class Serving:
    """A service, what it serves, and where it keeps its books."""

    service: Service
    asterisk: FakeAsterisk
    office: Office

    async def cdrs(self) -> list[Cdr]:
        """Return the records so far."""
        return [cdr async for cdr in self.office.store.cdrs()]

    async def cdr(self) -> Cdr:
        """Wait for the first record, and return it."""
        async with asyncio.timeout(60):
            while not (found := await self.cdrs()):  # noqa: ASYNC110  # the store tells nobody
                await asyncio.sleep(0.01)
        return found[0]

    def counted(self, outcome: str, neighbour: str = "ari") -> float:
        """Return how many messages of a neighbour were of this outcome."""
        value = self.service.metrics.registry.get_sample_value(
            f"tollgate_{neighbour}_messages_total", {"outcome": outcome}
        )
        return value or 0.0


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Serving]:
    """Start the service, and wait until it is ready for paid calls."""
    async with open_office(folder, funds_micros=EUR) as office, fake_asterisk() as asterisk:
        await _fill(office)
        service = Service(
            store=office.store,
            ari=asterisk.ari,
            ami=asterisk.ami,
            gate=SETTINGS,
            trunks=(Trunk(endpoint="carrier1"), Trunk(endpoint="carrier2")),
            home_region="FR",
            policy=MeteringPolicy(),
            rules=DialRules(home_region="FR"),
        )
        running = asyncio.create_task(service.run())
        try:
            async with asyncio.timeout(60):
                await service.ready.wait()
            yield Serving(service, asterisk, office)
        finally:
            running.cancel()
            await asyncio.wait([running])


async def _fill(office: Office) -> None:
    async def rates() -> AsyncIterator[Rate]:
        yield PER_SECOND

    await office.store.import_deck(name="example", currency="EUR", rates=rates(), at_ms=T0_MS)
    await office.store.apply(put_plan(name="fr-office", toml=PLAN, at_ms=T0_MS))
    settings = ExtensionSettings(number="101", account_id=office.account_id, endpoint="PJSIP/101", plan="fr-office")
    await office.store.apply(add_extension(settings, at_ms=T0_MS))
