"""``alerts`` and ``reconciliations``, and what doctor says of them."""

from pathlib import Path
from typing import Any

import pytest

from ari_app.clock import epoch_ms, utc_now
from store.alerts import AlertKind, record_alert
from store.reconciliations import MoneyMoved, Reconciliation, ReconciliationCause, record_reconciliation
from store.store import Store
from tests.integration.cli.terminal import Terminal
from tests.integration.cli.test_nodes import in_store

HOUR_MS = 3_600_000


@pytest.fixture
def own(office: Terminal, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """An office that is node pbx1."""
    monkeypatch.setenv("TOLLGATE_NODE", "pbx1")
    return office


def now_ms() -> int:
    return epoch_ms(utc_now())


def tell(folder: Path, key: str, kind: AlertKind, *, node: str = "pbx1", hours_ago: int = 0, **detail: Any) -> None:
    async def work(store: Store) -> None:
        at_ms = now_ms() - hours_ago * HOUR_MS
        await store.apply(record_alert(key=key, node=node, kind=kind, call_id="pbx1/1.1-1", detail=detail, at_ms=at_ms))

    in_store(folder, work)


def report(folder: Path, *, node: str = "pbx1", unknown: int = 0, money: dict[int, MoneyMoved] | None = None) -> None:
    async def work(store: Store) -> None:
        made = Reconciliation(
            node=node,
            cause=ReconciliationCause.AMI_RECONNECT,
            at_ms=now_ms(),
            alive=3,
            ended=2,
            unknown=unknown,
            money=money or {},
        )
        await store.apply(record_reconciliation(made))

    in_store(folder, work)


def doctors(office: Terminal, name: str) -> dict[str, Any]:
    [check] = [check for check in office("doctor", "--json").document["checks"] if check["name"] == name]
    return dict(check)


def test_without_any_there_is_nothing_to_show(own: Terminal) -> None:
    assert own.json("alerts") == {"alerts": []}
    assert own.json("reconciliations") == {"reconciliations": []}
    assert "no alerts" in own.done("alerts").out
    assert "no reports" in own.done("reconciliations").out
    assert doctors(own, "alerts")["status"] == doctors(own, "reconciliation")["status"] == "OK"


def test_alerts_come_newest_first_of_one_node_and_since_a_time(own: Terminal, tmp_path: Path) -> None:
    tell(tmp_path, "clock:1", AlertKind.CLOCK_JUMPED, hours_ago=30, jump_ms=3_600_000)
    tell(tmp_path, "lost:1", AlertKind.LOST_CALL, node="pbx2", charged_micros=400_000)
    shown = own.json("alerts")["alerts"]
    assert [alert["kind"] for alert in shown] == ["lost_call", "clock_jumped"]
    shown[0].pop("at")
    assert shown[0] == {
        "node": "pbx2",
        "kind": "lost_call",
        "call_id": "pbx1/1.1-1",
        "detail": {"charged": "0.40"},
    }
    assert [alert["node"] for alert in own.json("alerts", "--node", "pbx1")["alerts"]] == ["pbx1"]
    today = utc_now().isoformat(timespec="seconds").replace("+00:00", "Z")[:10]
    assert len(own.json("alerts", "--since", f"{today}T00:00:00+00:00", "--limit", "1")["alerts"]) == 1
    assert "nobody knows when this call ended" in own.done("alerts").out
    assert "no time" in own.fails(2, "alerts", "--since", "yesterday")


def test_doctor_warns_of_the_last_days_alerts(own: Terminal, tmp_path: Path) -> None:
    tell(tmp_path, "clock:1", AlertKind.CLOCK_JUMPED, hours_ago=30, jump_ms=3_600_000)
    assert doctors(own, "alerts")["status"] == "OK"
    tell(tmp_path, "store:1", AlertKind.STORE_AWAY, hours_ago=5, error="disk full")
    tell(tmp_path, "hangup:1", AlertKind.HANGUP_FAILS, hours_ago=3, channel="1.1", attempts=6)
    check = doctors(own, "alerts")
    assert check["status"] == "WARN"
    assert check["detail"].startswith("2 alerts in the last day; the newest: a leg does not end")
    assert "(pbx1, 3 h ago)" in check["detail"]


def test_reconciliations_name_what_was_found_and_the_money(own: Terminal, tmp_path: Path) -> None:
    moved = MoneyMoved(charged_micros=400_000, released_micros=200_000)
    report(tmp_path, money={1: moved})
    report(tmp_path, node="pbx2", unknown=1)
    newest, older = own.json("reconciliations")["reconciliations"]
    assert (newest["node"], newest["unknown"], newest["money"]) == ("pbx2", 1, [])
    older.pop("at")
    assert older == {
        "node": "pbx1",
        "cause": "ami_reconnect",
        "alive": 3,
        "ended": 2,
        "unknown": 0,
        "money": [
            {"account": "main", "currency": "EUR", "charged": "0.40", "released": "0.20", "refunded": "0.00"},
        ],
    }
    assert len(own.json("reconciliations", "--node", "pbx1", "--limit", "1")["reconciliations"]) == 1
    assert "main: charged 0.40, released 0.20 EUR" in own.done("reconciliations").out


def test_doctor_tells_of_this_nodes_newest_reconciliation(own: Terminal, tmp_path: Path) -> None:
    report(tmp_path, money={1: MoneyMoved(charged_micros=400_000)})
    report(tmp_path, node="pbx2", unknown=7)
    check = doctors(own, "reconciliation")
    assert check["status"] == "OK"
    assert check["detail"].startswith("ami reconnect, ")
    assert check["detail"].endswith("ago: 3 alive, 2 ended, 0 unknown; main: charged 0.40 EUR")


def test_doctor_warns_where_nobody_answers_for_a_call(own: Terminal, tmp_path: Path) -> None:
    report(tmp_path, unknown=1)
    assert doctors(own, "reconciliation")["status"] == "WARN"
