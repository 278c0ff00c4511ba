"""Several accounts on one system: an extension belongs to one, and what it did stays with whom it belonged to then."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rating.deck import Rate
from store.renewal import renew_slice
from store.sessions import open_session
from store.settlement import settle_leg
from store.store import Store
from tests.integration.cli.terminal import Terminal
from tests.integration.store.office import PER_SECOND, make_cdr

NOW = datetime.now(UTC)
NOW_MS = int(NOW.timestamp() * 1000)


@pytest.fixture
def accounts(office: Terminal) -> Terminal:
    """Accounts main and sales with 5.00 EUR each; extension 101 belongs to main."""
    office.done("account", "add", "sales", "--timezone", "America/New_York")
    for name in ("main", "sales"):
        office.done("funds", "add", "5", "--reference", "r1", "--account", name)
    office.done("extension", "add", "101")
    return office


def on_store(folder: Path, work: Callable[[Store], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with await Store.open(f"sqlite:///{folder}/tollgate.db") as store:
            return await work(store)

    return asyncio.run(run())


async def open_call(store: Store) -> None:
    """Open a call as the gate does: on the account to which the extension belongs now."""
    extension = await store.extension("101")
    assert extension is not None
    await store.apply(
        open_session(
            call_id="a",
            node="pbx1",
            account_id=extension.account_id,
            extension="101",
            held_micros=100_000,
            paid_s=10,
            per_minute_micros=PER_SECOND.per_minute_micros,
            state="{}",
            at_ms=NOW_MS,
        )
    )


async def renew_and_settle(store: Store, rate: Rate = PER_SECOND) -> None:
    (session,) = await store.open_sessions()
    await store.apply(
        renew_slice(call_id="a", n=2, rate=rate, want_s=60, paid_until_ms=NOW_MS + 10_000, state="{}", at_ms=NOW_MS)
    )
    cdr = make_cdr("a", account_id=session.account_id, charged_micros=400_000, started_at=NOW)
    await store.apply(settle_leg(cdr=cdr, close=True, at_ms=NOW_MS + 40_000))


def test_extension_that_is_moved_leaves_its_open_call_and_its_history_behind(
    accounts: Terminal, tmp_path: Path
) -> None:
    on_store(tmp_path, open_call)

    assert accounts.json("extension", "set", "101", "--account", "sales")["account"] == "sales"

    assert accounts.json("balance")["reserved"] == "0.10"
    on_store(tmp_path, renew_and_settle)
    assert accounts.json("balance")["total"] == "4.60"
    assert accounts.json("balance", "--account", "sales")["total"] == "5.00"
    (call,) = accounts.json("activity", "--account", "main")["calls"]
    assert (call["extension"], call["account"]) == ("101", "main")
    assert accounts.json("activity", "--account", "sales")["calls"] == []
    assert accounts.json("verify")["ok"] is True


def test_extension_belongs_to_one_account_at_a_time(accounts: Terminal) -> None:
    assert "101 is there already" in accounts.fails(1, "extension", "add", "101", "--account", "sales")
    accounts.done("extension", "set", "101", "--account", "sales")
    listed = accounts.json("extension", "list")["extensions"]
    assert [(row["extension"], row["account"]) for row in listed] == [("101", "sales")]
    assert accounts.json("account", "show", "main")["extensions"] == []
    assert accounts.json("account", "show", "sales")["extensions"] == ["101"]


def test_reference_names_a_purchase_of_its_account_only(accounts: Terminal) -> None:
    """Both accounts have bought under r1 already."""
    for name in ("main", "sales"):
        (lot,) = accounts.json("funds", "list", "--account", name)["lots"]
        assert (lot["reference"], lot["amount"]) == ("r1", "5.00")
    accounts.done("funds", "adjust", "-1", "--reference", "a1", "--reason", "x", "--account", "sales")
    assert accounts.json("balance")["available"] == "5.00"
    assert accounts.json("balance", "--account", "sales")["available"] == "4.00"
