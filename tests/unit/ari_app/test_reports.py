"""Reports of reconciliations: when they are written, and what money they name; with a real store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from ari_app import reports as module
from ari_app.findings import Findings
from ari_app.metrics import Metrics
from ari_app.reports import Reports
from charging.cdr import EndSource
from store.errors import StoreUnavailableError
from store.operation import Operation
from store.reconciliations import MoneyMoved, Reconciliation, ReconciliationCause
from store.sessions import open_session
from store.settlement import settle_leg
from store.store import Store, T
from tests.integration.store.office import EUR, T0_MS, Office, make_cdr, open_office

NODE = "pbx1"
AT = datetime.fromtimestamp(T0_MS / 1000, UTC)


class Stage:
    """A store that may be away, and calls that may be open."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.is_away = False
        self.open_calls: set[str] = set()
        self.metrics = Metrics()
        self.reports = Reports(cast("Store", self), NODE, self.metrics, self.open_calls.__contains__)

    async def apply(self, operation: Operation[T]) -> T:
        if self.is_away:
            operation.close()
            raise StoreUnavailableError("away")
        return await self.office.store.apply(operation)

    async def moved_since(self, last_entry: int, call_ids: set[str]) -> object:
        if self.is_away:
            raise StoreUnavailableError("away")
        return await self.office.store.moved_since(last_entry, call_ids)

    async def hold(self, call_id: str) -> None:
        await self.office.store.apply(
            open_session(
                call_id=call_id,
                node=NODE,
                account_id=self.office.account_id,
                extension="101",
                held_micros=100_000,
                paid_s=10,
                per_minute_micros=600_000,
                state="{}",
                at_ms=T0_MS,
            )
        )
        self.open_calls.add(call_id)

    async def settle(self, call_id: str, charged_micros: int) -> None:
        cdr = make_cdr(call_id, account_id=self.office.account_id, charged_micros=charged_micros)
        await self.office.store.apply(settle_leg(cdr=cdr, close=True, at_ms=T0_MS))
        self.open_calls.discard(call_id)

    async def found(self, **ended: EndSource | None) -> Findings:
        return Findings(at=AT, last_entry=await self.office.store.last_entry(), alive=3, ended=dict(ended))

    async def written(self, count: int = 1) -> list[Reconciliation]:
        """Wait until so many are written and nothing is left to tell of them."""
        async with asyncio.timeout(5):
            while b"tollgate_reports_waiting 0.0" not in self.metrics.text():  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.005)
        kept = await self.office.store.reconciliations()
        assert len(kept) == count
        return kept


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(module, "LOOK_S", 0.005)
    async with open_office(tmp_path, funds_micros=EUR) as office:
        made = Stage(office)
        running = asyncio.create_task(made.reports.run())
        yield made
        running.cancel()


async def test_report_is_written_once_its_calls_are_settled_and_names_their_money(stage: Stage) -> None:
    await stage.hold("before")
    await stage.settle("before", 50_000)
    await stage.hold("one")
    await stage.hold("two")
    found = await stage.found(one=EndSource.HANDLER, two=EndSource.LAST_SEEN)
    found.legs_of_nobody.add("7.7")
    stage.reports.keep(ReconciliationCause.START, found)
    await stage.settle("one", 30_000)
    await asyncio.sleep(0.05)
    assert await stage.office.store.reconciliations() == [], "a call of it is still to be settled"
    await stage.settle("two", 100_000)

    [report] = await stage.written()
    account_id = stage.office.account_id
    assert report == Reconciliation(
        node=NODE,
        cause=ReconciliationCause.START,
        at_ms=T0_MS,
        alive=3,
        ended=2,
        unknown=1,
        money={account_id: MoneyMoved(charged_micros=130_000, released_micros=70_000)},
    )


async def test_report_waits_for_a_store_that_is_away_and_then_for_its_settlements(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.hold("one")
    found = await stage.found(one=EndSource.HANDLER)
    stage.is_away = True
    monkeypatch.setattr(module, "SETTLED_WITHIN_S", 0.05)
    stage.reports.keep(ReconciliationCause.AMI_RECONNECT, found)
    await asyncio.sleep(0.2)
    monkeypatch.setattr(module, "SETTLED_WITHIN_S", 60.0)
    await asyncio.sleep(0.1)
    stage.is_away = False
    await stage.settle("one", 30_000)

    [report] = await stage.written()
    assert report.money[stage.office.account_id].charged_micros == 30_000


async def test_settlement_that_does_not_come_is_not_waited_for_for_ever(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED_WITHIN_S", 0.05)
    await stage.hold("one")
    stage.reports.keep(ReconciliationCause.START, await stage.found(one=EndSource.HANDLER))

    [report] = await stage.written()
    assert (report.ended, report.money) == (1, {})


async def test_sweep_that_found_nothing_leaves_no_report(stage: Stage) -> None:
    stage.reports.keep(ReconciliationCause.SWEEP, await stage.found())
    stage.reports.keep(ReconciliationCause.ARI_RECONNECT, replace(await stage.found(), at=AT.replace(year=2027)))
    stage.reports.keep(ReconciliationCause.SWEEP, await stage.found(one=None))

    assert [report.cause for report in await stage.written(2)] == [
        ReconciliationCause.SWEEP,
        ReconciliationCause.ARI_RECONNECT,
    ]


async def test_full_queue_turns_a_report_away_and_counts_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    for found in [await stage.found() for _ in range(3)]:
        stage.reports.keep(ReconciliationCause.START, found)

    assert b'tollgate_dropped_total{queue="reports"} 1.0' in stage.metrics.text()


async def test_service_that_stops_writes_what_it_knows(stage: Stage) -> None:
    await stage.hold("one")
    stage.reports.keep(ReconciliationCause.START, await stage.found(one=EndSource.HANDLER))
    await stage.reports.flush()

    assert [report.ended for report in await stage.office.store.reconciliations()] == [1]


async def test_report_that_is_on_its_way_when_the_service_stops_is_written_once(stage: Stage) -> None:
    stage.reports.keep(ReconciliationCause.START, await stage.found())
    await asyncio.gather(stage.reports.flush(), stage.reports.flush())

    assert len(await stage.office.store.reconciliations()) == 1
