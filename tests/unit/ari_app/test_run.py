"""What keeps the service up: no fault of one channel or one row ends it."""

import asyncio
from typing import Any, cast

import pytest

from ari_app import run
from ari_app.ami import AmiAccess
from ari_app.client import AriAccess, AriClient
from ari_app.run import Service
from dialplan.trunks import Trunk
from rating.dialled import DialRules
from store.store import Store
from tests.unit.ari_app.office import SETTINGS
from tests.unit.charging.story import POLICY


def service() -> Service:
    return Service(
        store=cast("Store", None),
        ari=AriAccess(url="http://127.0.0.1:1", username="u", password="p", application="tollgate"),
        ami=AmiAccess(host="127.0.0.1", port=1, username="u", secret="s"),
        gate=SETTINGS,
        trunks=(Trunk(endpoint="carrier1"),),
        home_region="FR",
        policy=POLICY,
        rules=DialRules(home_region="FR"),
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    real_sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _seconds: real_sleep(0))


async def test_channel_that_cannot_be_read_does_not_end_the_comparing(monkeypatch: pytest.MonkeyPatch) -> None:
    tollgate, faults = service(), [ValueError("could not convert string to float")]

    async def compare(*_connections: Any) -> None:
        if faults:
            raise faults.pop()

    monkeypatch.setattr(tollgate._reconciler, "compare", compare)
    sweeping = asyncio.create_task(tollgate._sweep(cast("AriClient", None)))
    await asyncio.wait_for(tollgate.ready.wait(), 1)
    sweeping.cancel()

    assert faults == []


async def test_catalog_that_cannot_be_understood_does_not_end_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    tollgate, faults = service(), [KeyError(7)]

    async def load_catalog(_store: Store, known: Any) -> Any:
        if faults:
            raise faults.pop()
        return known

    monkeypatch.setattr(run, "load_catalog", load_catalog)
    keeping = asyncio.create_task(tollgate._keep_catalog())
    await asyncio.wait_for(tollgate._catalog_loaded.wait(), 1)
    keeping.cancel()

    assert faults == []
