"""When comparisons are made: one at a time, again after a failure, and once more for what asks meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from ari_app import comparing
from ari_app.client import AriClient
from ari_app.clock import utc_now
from ari_app.comparing import Comparing
from ari_app.errors import AmiUnavailableError
from ari_app.findings import Findings
from store.errors import StoreUnavailableError
from store.reconciliations import ReconciliationCause as Cause
from tests.unit.ari_app.office import until

NO_CLIENT = cast("AriClient", None)


class Comparer:
    """Compares when it is let, and notes how many do at once."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.at_once = self.most_at_once = 0
        self.go = asyncio.Event()
        self.go.set()
        self.causes: list[Cause] = []
        self.comparing = Comparing(self.compare, lambda cause, _found: self.causes.append(cause))

    async def compare(self, _client: AriClient) -> Findings:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.go.wait()
        finally:
            self.at_once -= 1
        if self.faults:
            raise self.faults.pop(0)
        return Findings(at=utc_now(), last_entry=0)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.comparing.run(NO_CLIENT))
        try:
            async with asyncio.timeout(5):
                yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "RETRY_S", 0.001)


async def test_start_is_compared_and_then_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "SWEEP_S", 0.001)
    comparer = Comparer()
    async with comparer.running():
        await until(lambda: len(comparer.causes) >= 3)
    assert comparer.causes[:3] == [Cause.START, Cause.SWEEP, Cause.SWEEP]


async def test_what_asks_while_one_runs_has_one_more_afterwards() -> None:
    comparer = Comparer()
    comparer.go.clear()
    async with comparer.running():
        await until(lambda: comparer.at_once)
        for _ in range(3):
            comparer.comparing.ask(Cause.AMI_RECONNECT)
        comparer.go.set()
        await until(lambda: len(comparer.causes) == 2)
        await asyncio.sleep(0.02)
    assert comparer.causes == [Cause.START, Cause.AMI_RECONNECT]
    assert comparer.most_at_once == 1


async def test_several_that_ask_at_once_have_one_under_the_weightiest_name() -> None:
    comparer = Comparer()
    comparer.comparing.ask(Cause.AMI_RECONNECT)
    comparer.comparing.ask(Cause.ARI_RECONNECT)
    async with comparer.running():
        await until(lambda: comparer.causes)
        comparer.comparing.ask(Cause.AMI_RECONNECT)
        comparer.comparing.ask(Cause.ARI_RECONNECT)
        await until(lambda: len(comparer.causes) == 2)
    assert comparer.causes == [Cause.START, Cause.ARI_RECONNECT]


async def test_comparison_that_fails_is_tried_again_under_its_name() -> None:
    """One channel that cannot be read does not end the comparing either."""
    faults = (AmiUnavailableError("away"), StoreUnavailableError("away"), ValueError("no float"))
    comparer = Comparer(*faults)
    async with comparer.running():
        await until(lambda: comparer.causes)
    assert comparer.causes == [Cause.START]
    assert comparer.faults == []


async def test_comparison_whose_connection_is_lost_is_made_over_the_next_one() -> None:
    comparer = Comparer()
    comparer.go.clear()
    async with comparer.running():
        await until(lambda: comparer.at_once)
    assert comparer.at_once == 0
    comparer.go.set()
    comparer.comparing.ask(Cause.ARI_RECONNECT)
    async with comparer.running():
        await until(lambda: comparer.causes)
    assert comparer.causes == [Cause.START]
