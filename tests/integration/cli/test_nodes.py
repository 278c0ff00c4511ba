"""``nodes``, ``nodes retire``, and what ``calls`` and ``doctor`` say of several PBXs on one store."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from charging.saved import dump_session
from rating.destination import DestinationClass
from store.lost_calls import charge_provisionally
from store.nodes import seen
from store.sessions import open_session, save_session
from store.settlement import settle_leg
from store.store import Store
from tests.integration.cli.fake_asterisk import FakeAsterisk
from tests.integration.cli.terminal import Terminal
from tests.integration.cli.test_calls import session
from tests.integration.store.office import PER_SECOND, make_cdr

T = TypeVar("T")
LOST, OPEN = "1.10-1", "2.20-1"


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def in_store(folder: Path, work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with await Store.open(f"sqlite:///{folder}/tollgate.db") as store:
            return await work(store)

    return asyncio.run(run())


async def _open(store: Store, call_id: str, node: str) -> None:
    state = session(call_id, PER_SECOND, DestinationClass.INTERNATIONAL, 30)
    await store.apply(
        open_session(
            call_id=call_id,
            node=node,
            account_id=1,
            extension="101",
            held_micros=600_000,
            paid_s=60,
            per_minute_micros=600_000,
            state=dump_session(state),
            at_ms=now_ms(),
        )
    )


@pytest.fixture
def two_nodes(office: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """An office with 10 EUR as node pbx1, which serves, and pbx2, silent for five minutes with a lost call."""
    monkeypatch.setenv("TOLLGATE_NODE", "pbx1")
    office.done("funds", "add", "10", "--reference", "r1")

    async def prepare(store: Store) -> None:
        silent_ms = now_ms() - 300_000
        await store.apply(seen(name="pbx1", at_ms=now_ms()))
        await store.apply(seen(name="pbx2", at_ms=silent_ms))
        await _open(store, OPEN, "pbx1")
        await _open(store, LOST, "pbx2")
        cdr = replace(make_cdr(LOST, account_id=1, charged_micros=600_000), provisional=True)
        assert await store.apply(charge_provisionally(cdr=cdr, seen_at_ms=silent_ms, at_ms=now_ms()))

    in_store(tmp_path, prepare)
    return office


def test_nodes_shows_who_shares_the_store(two_nodes: Terminal) -> None:
    first, second = two_nodes.json("nodes")["nodes"]

    assert datetime.fromisoformat(first.pop("last_seen_at")).tzinfo is not None
    assert first == {"node": "pbx1", "this_one": True, "silent": False, "open_calls": 1, "lost_calls": 0}
    second.pop("last_seen_at")
    assert second == {"node": "pbx2", "this_one": False, "silent": True, "open_calls": 0, "lost_calls": 1}
    shown = two_nodes.done("nodes").out
    assert "pbx1 (this one)" in shown
    assert "5 min ago" in shown


def test_nodes_of_a_new_store_says_that_there_are_none(office: Terminal) -> None:
    assert office.json("nodes") == {"nodes": []}
    assert "no service has run" in office.done("nodes").out


def test_nodes_retire_makes_lost_calls_final_and_forgets_the_node(two_nodes: Terminal, tmp_path: Path) -> None:
    assert two_nodes.json("nodes", "retire", "pbx2") == {"node": "pbx2", "settled_calls": 1, "charged": "0.60"}

    assert [node["node"] for node in two_nodes.json("nodes")["nodes"]] == ["pbx1"]
    balance = two_nodes.json("balance")
    assert (balance["available"], balance["reserved"]) == ("8.80", "0.60")
    assert two_nodes.json("verify")["ok"] is True
    assert "no node pbx2" in two_nodes.fails(1, "nodes", "retire", "pbx2")


def test_nodes_retire_refuses_a_node_that_serves(two_nodes: Terminal) -> None:
    assert "pbx1 was heard of 0 s ago" in two_nodes.fails(1, "nodes", "retire", "pbx1").replace("1 s ago", "0 s ago")


def test_nodes_retire_refuses_a_node_with_calls_that_are_not_charged_yet(two_nodes: Terminal, tmp_path: Path) -> None:
    in_store(tmp_path, lambda store: _open(store, "3.30-1", "pbx2"))

    assert "has 1 call that is not charged yet" in two_nodes.fails(1, "nodes", "retire", "pbx2")

    assert two_nodes.json("nodes")["nodes"][1]["lost_calls"] == 1


def test_calls_of_several_nodes_name_theirs_and_a_lost_one_says_so(asterisk: FakeAsterisk, two_nodes: Terminal) -> None:
    asterisk.resources["channels"] = []

    calls: dict[str, Any] = {call["call_id"]: call for call in two_nodes.json("calls")["calls"]}

    lost = calls[LOST]
    assert (lost["state"], lost["node"], lost["cost"], lost["held"]) == ("lost", "pbx2", "0.60", "0.00")
    assert (lost["talked_s"], lost["left_s"]) == (None, None)
    assert (calls[OPEN]["state"], calls[OPEN]["node"]) == ("talking", "pbx1")
    shown = two_nodes.done("calls").out
    assert "node" in shown
    assert "pbx2" in shown


def test_activity_tells_a_provisional_record_from_a_final_one(two_nodes: Terminal) -> None:
    [record] = two_nodes.json("activity")["calls"]
    assert (record["call_id"], record["charged"], record["provisional"]) == (LOST, "0.60", True)

    two_nodes.done("nodes", "retire", "pbx2")

    [record] = two_nodes.json("activity")["calls"]
    assert (record["charged"], record["provisional"]) == ("0.60", False)


def test_doctor_warns_of_a_silent_node_with_calls_and_says_how_to_settle_them(
    two_nodes: Terminal, tmp_path: Path
) -> None:
    [check] = [check for check in two_nodes("doctor", "--json").document["checks"] if check["name"] == "nodes"]

    assert check["status"] == "WARN"
    assert "pbx1 (this one): serves, 1 open" in check["detail"]
    assert "pbx2: silent, last seen 5 min ago, 0 open, 1 lost calls charged provisionally" in check["detail"]
    assert "tollgate nodes retire pbx2" in check["mend"]

    two_nodes.done("nodes", "retire", "pbx2")
    [check] = [check for check in two_nodes("doctor", "--json").document["checks"] if check["name"] == "nodes"]
    assert check["status"] == "OK"


def test_doctor_is_content_with_a_silent_node_that_has_no_calls(two_nodes: Terminal, tmp_path: Path) -> None:
    """A node that was shut down in good order; its lost call is settled by its own service."""
    cdr = make_cdr(LOST, account_id=1, charged_micros=10_000)
    in_store(tmp_path, lambda store: store.apply(settle_leg(cdr=cdr, close=True, at_ms=now_ms())))

    [check] = [check for check in two_nodes("doctor", "--json").document["checks"] if check["name"] == "nodes"]

    assert (check["status"], check["mend"]) == ("OK", None)
    assert "pbx2: silent" in check["detail"]


def test_doctor_names_the_calls_whose_state_cannot_be_read(two_nodes: Terminal, tmp_path: Path) -> None:
    async def damage(store: Store) -> None:
        [row] = await store.open_sessions(node="pbx1")
        await store.apply(save_session(call_id=row.call_id, state="{", at_ms=now_ms()))

    in_store(tmp_path, damage)

    [check] = [check for check in two_nodes("doctor", "--json").document["checks"] if check["name"] == "sessions"]

    assert check["status"] == "WARN"
    assert f"{OPEN} of pbx1" in check["detail"]
    assert "tollgate funds adjust" in check["mend"]
