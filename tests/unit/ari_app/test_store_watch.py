"""Whether the store is away: told once when it goes, forgotten when it is back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from ari_app.alerts import Alerts
from ari_app.metrics import Metrics
from ari_app.store_watch import StoreWatch
from store.errors import StoreOverloadedError, StoreUnavailableError, UnknownCallError
from store.nodes import seen
from store.operation import Operation
from store.sessions import close_session
from store.store import Store, T

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


class Stage:
    """A store in front of which faults happen, what watches it, and what was told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.fault: Exception | None = None
        self.is_mute = False
        self.now = NOW
        self.metrics = Metrics()
        self.alerts = Alerts(store, "pbx1", self.metrics, lambda: self.now)
        self.watch = StoreWatch(self, self.alerts, self.metrics, "pbx1", lambda: self.now)  # type: ignore[arg-type]

    async def apply(self, operation: Operation[T]) -> T:
        if self.is_mute:
            await asyncio.sleep(60)
        if self.fault is not None:
            raise self.fault
        return await self.store.apply(operation)

    async def sign(self) -> None:
        await self.watch.apply(seen(name="pbx1", at_ms=1), "sign", limit_s=0.01)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with Store.in_memory() as store:
        yield Stage(store)


async def test_store_that_goes_away_is_told_of_once_until_it_is_back(stage: Stage) -> None:
    stage.fault = StoreUnavailableError("disk I/O error")
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            await stage.sign()
    away = [stage.watch.is_away]
    stage.fault = None
    await stage.sign()
    away.append(stage.watch.is_away)
    assert away == [True, False]
    stage.fault, stage.now = StoreUnavailableError("disk I/O error"), NOW.replace(minute=5)
    with pytest.raises(StoreUnavailableError):
        await stage.sign()

    await stage.alerts.flush()
    assert [(alert.kind, alert.detail) for alert in await stage.store.alerts()] == [
        ("store_away", {"error": "disk I/O error"})
    ] * 2
    assert b'tollgate_failures_total{neighbour="store",what="sign"} 4.0' in stage.metrics.text()


async def test_store_that_comes_and_goes_is_told_of_once(stage: Stage) -> None:
    for second in range(0, 50, 5):  # a disk that is nearly full takes some writes
        stage.now = NOW.replace(second=second)
        stage.fault = StoreUnavailableError("database or disk is full")
        with pytest.raises(StoreUnavailableError):
            await stage.sign()
        assert stage.watch.is_away
        stage.fault = None
        await stage.sign()

    await stage.alerts.flush()
    assert len(await stage.store.alerts()) == 1


async def test_store_that_does_not_answer_in_time_is_away(stage: Stage) -> None:
    stage.is_mute = True
    with pytest.raises(TimeoutError):
        await stage.sign()
    assert stage.watch.is_away


async def test_store_that_refuses_an_operation_or_has_too_many_is_there(stage: Stage) -> None:
    with pytest.raises(UnknownCallError):
        await stage.watch.apply(close_session(call_id="pbx1/7-1", at_ms=1), "settlement")
    stage.fault = StoreOverloadedError("4096 requests wait for the store already")
    with pytest.raises(StoreOverloadedError):
        await stage.sign()
    assert not stage.watch.is_away
    assert b'tollgate_failures_total{neighbour="store",what="sign"} 1.0' in stage.metrics.text()
