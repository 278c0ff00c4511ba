"""Alerts and reports of reconciliations: kept once each, read newest first, of one node or of all."""

from dataclasses import replace

import pytest

from store import reconciliations
from store.alerts import AlertDetail, AlertKind, record_alert
from store.operation import Operation
from store.reconciliations import MoneyMoved, Reconciliation, ReconciliationCause, record_reconciliation
from tests.integration.store.office import T0_MS, Office


def alert(key: str, *, node: str = "pbx1", at_ms: int = T0_MS, detail: AlertDetail | None = None) -> Operation[bool]:
    return record_alert(
        key=key, node=node, kind=AlertKind.HANGUP_FAILS, call_id="pbx1/1-1", detail=detail or {}, at_ms=at_ms
    )


async def test_alert_of_the_same_occasion_is_recorded_once(office: Office) -> None:
    assert await office.store.apply(alert("hangup:pbx1/7", detail={"channel": "7", "attempts": 6}))
    assert not await office.store.apply(alert("hangup:pbx1/7", detail={"channel": "7", "attempts": 12}))
    [found] = await office.store.alerts()
    assert (found.kind, found.node, found.call_id, found.at_ms) == ("hangup_fails", "pbx1", "pbx1/1-1", T0_MS)
    assert found.detail == {"channel": "7", "attempts": 6}


async def test_alerts_come_newest_first_of_one_node_and_since_a_moment(office: Office) -> None:
    for number, node in enumerate(("pbx1", "pbx2", "pbx1")):
        await office.store.apply(alert(f"hangup:{number}", node=node, at_ms=T0_MS + number))
    assert [found.key for found in await office.store.alerts()] == ["hangup:2", "hangup:1", "hangup:0"]
    assert [found.key for found in await office.store.alerts(node="pbx1")] == ["hangup:2", "hangup:0"]
    assert [found.key for found in await office.store.alerts(since_ms=T0_MS + 1, limit=1)] == ["hangup:2"]


def report(number: int, node: str = "pbx1") -> Reconciliation:
    return Reconciliation(
        node=node,
        cause=ReconciliationCause.START,
        at_ms=T0_MS + number,
        alive=number,
        ended=2,
        unknown=1,
        money={7: MoneyMoved(charged_micros=30, released_micros=20, refunded_micros=10)},
    )


async def test_report_is_read_as_it_was_recorded(office: Office) -> None:
    await office.store.apply(record_reconciliation(report(1)))
    await office.store.apply(record_reconciliation(report(2, "pbx2")))
    assert await office.store.reconciliations() == [report(2, "pbx2"), report(1)]
    assert await office.store.reconciliations("pbx1") == [report(1)]


async def test_reports_older_than_the_newest_ones_of_their_node_go(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciliations, "KEPT", 3)
    await office.store.apply(record_reconciliation(report(9, "pbx2")))
    for number in range(5):
        await office.store.apply(record_reconciliation(report(number)))
    assert [found.alive for found in await office.store.reconciliations("pbx1")] == [4, 3, 2]
    assert len(await office.store.reconciliations("pbx2")) == 1


async def test_reports_are_read_by_pages_and_by_cause(office: Office) -> None:
    for number, cause in enumerate((ReconciliationCause.START, ReconciliationCause.SWEEP, ReconciliationCause.START)):
        await office.store.apply(record_reconciliation(replace(report(number), cause=cause)))
    read = office.store.reconciliations
    assert [found.alive for found in await read(skip=1, limit=1)] == [1]
    assert [found.alive for found in await read(cause=ReconciliationCause.START)] == [2, 0]
    assert [found.alive for found in await read("pbx1", cause=ReconciliationCause.START, skip=1)] == [0]
    assert await read("pbx2", cause=ReconciliationCause.SWEEP) == await read(skip=3) == []


async def test_newest_report_of_each_node_is_read(office: Office) -> None:
    for number, node in enumerate(("pbx2", "pbx1", "pbx2", "pbx1")):
        await office.store.apply(record_reconciliation(report(number, node)))
    assert await office.store.newest_reconciliations() == [report(3), report(2, "pbx2")]
