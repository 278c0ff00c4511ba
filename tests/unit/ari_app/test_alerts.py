"""Alerts of the service: never waiting, never lost while there is room, each occasion once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from ari_app import alerts as module
from ari_app.alerts import Alerts
from ari_app.metrics import Metrics
from store.alerts import AlertKind
from store.errors import StoreUnavailableError
from store.operation import Operation
from store.store import Store, T

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


class FlakyStore:
    """A store that is away for as many writes as told."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.failures = 0

    async def apply(self, operation: Operation[T]) -> T:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("away")
        return await self.store.apply(operation)


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    async with Store.in_memory() as made:
        yield made


def alerts_on(store: object) -> tuple[Alerts, Metrics]:
    metrics = Metrics()
    return Alerts(store, "pbx1", metrics, lambda: NOW), metrics  # type: ignore[arg-type]  # what writes is enough


async def test_alert_is_written_with_its_moment_and_counted(store: Store) -> None:
    alerts, metrics = alerts_on(store)
    alerts.raise_alert(AlertKind.HANGUP_FAILS, "hangup:pbx1/7", call_id="pbx1/1-1", channel="7", attempts=6)
    await alerts.flush()
    [found] = await store.alerts()
    assert (found.node, found.kind, found.call_id) == ("pbx1", "hangup_fails", "pbx1/1-1")
    assert found.detail == {"channel": "7", "attempts": 6}
    assert found.at_ms == int(NOW.timestamp() * 1000)
    assert b'tollgate_alerts_total{kind="hangup_fails"} 1.0' in metrics.text()


async def test_alerts_are_written_while_the_service_runs(store: Store) -> None:
    alerts, _ = alerts_on(store)
    async with asyncio.timeout(5):
        running = asyncio.create_task(alerts.run())
        for number in range(2):
            alerts.raise_alert(AlertKind.STORE_AWAY, f"store:pbx1:{number}")
            while len(await store.alerts()) <= number:  # noqa: ASYNC110  # a store tells nobody what was written
                await asyncio.sleep(0.001)
        running.cancel()


async def test_alert_told_twice_is_counted_once(store: Store) -> None:
    alerts, metrics = alerts_on(store)
    for _ in range(3):
        alerts.raise_alert(AlertKind.STORE_AWAY, "store:pbx1:1")
    await alerts.flush()
    assert len(await store.alerts()) == 1
    assert b'tollgate_alerts_total{kind="store_away"} 1.0' in metrics.text()


async def test_alerts_wait_for_a_store_that_is_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_S", 0)
    flaky = FlakyStore(store)
    flaky.failures = 3
    alerts, _ = alerts_on(flaky)
    for number in range(2):
        alerts.raise_alert(AlertKind.STORE_AWAY, f"store:pbx1:{number}")
    await alerts.flush()
    assert [found.key for found in await store.alerts()] == ["store:pbx1:1", "store:pbx1:0"]


async def test_more_alerts_than_may_wait_are_turned_away_and_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    alerts, metrics = alerts_on(store)
    for number in range(5):
        alerts.raise_alert(AlertKind.STORE_AWAY, f"store:pbx1:{number}")
    assert b"tollgate_alerts_waiting 2.0" in metrics.text()
    assert b'tollgate_dropped_total{queue="alerts"} 3.0' in metrics.text()
    await alerts.flush()
    assert len(await store.alerts()) == 2
