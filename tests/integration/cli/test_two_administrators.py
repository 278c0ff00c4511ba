"""Two administrators at once: neither takes back what the other has changed meanwhile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from store.catalog import set_account
from store.extensions import set_extensions
from store.store import Store
from tests.integration.cli.catalog_worker import CatalogWorker
from tests.integration.cli.terminal import Terminal
from tests.postgres import fresh_database

TIMES = 6
LIMIT_S = 120


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database for the store, named by the environment."""
    if request.param == "sqlite":
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", f"sqlite:///{tmp_path}/tollgate.db")
        yield
        return
    with fresh_database() as url:
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", url)
        yield


@pytest.fixture
def shared(place: None, terminal: Terminal) -> Terminal:
    """Account main and extension 101 on that database."""
    terminal.done("init")
    terminal.done("extension", "add", "101")
    return terminal


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Operations that another administrator applies just before the next one of the command."""
    waiting: list[Any] = []
    apply = Store.apply

    async def apply_after_others(store: Store, operation: Any) -> Any:
        while waiting:
            await apply(store, waiting.pop())
        return await apply(store, operation)

    monkeypatch.setattr(Store, "apply", apply_after_others)
    yield waiting
    assert not waiting


def test_account_set_keeps_what_another_administrator_has_just_set(shared: Terminal, meanwhile: list[Any]) -> None:
    meanwhile.append(set_account(name="main", monthly_cap_micros=7_000_000, timezone="UTC"))
    set_now = shared.json("account", "set", "main", "--daily-cap", "5")
    assert (set_now["daily_cap"], set_now["monthly_cap"], set_now["timezone"]) == ("5.00", "7.00", "UTC")


def test_extension_set_keeps_what_another_administrator_has_just_set(shared: Terminal, meanwhile: list[Any]) -> None:
    meanwhile.append(set_extensions({"101": {"prepaid": False, "deny_list": "premium"}}))
    set_now = shared.json("extension", "set", "101", "--daily-cap", "5")
    assert (set_now["daily_cap"], set_now["prepaid"], set_now["deny"]) == ("5.00", False, ["premium"])


def test_import_keeps_what_another_administrator_has_just_set(shared: Terminal, meanwhile: list[Any]) -> None:
    Path("in.csv").write_text("extension,daily_cap,prepaid\n101,5,\n102,6,off\n")
    meanwhile.append(set_extensions({"101": {"prepaid": False, "deny_list": "premium"}}))
    assert shared.json("extension", "import", "in.csv") == {"added": 1, "changed": 1, "bad_rows": []}
    set_now = shared.json("extension", "show", "101")
    assert (set_now["daily_cap"], set_now["prepaid"], set_now["deny"]) == ("5.00", False, ["premium"])


def test_import_that_another_change_stops_writes_nothing(shared: Terminal, meanwhile: list[Any]) -> None:
    shared.done("extension", "add", "102")
    Path("in.csv").write_text("extension,endpoint,daily_cap\n101,,5\n103,PJSIP/desk,\n")
    meanwhile.append(set_extensions({"102": {"endpoint": "PJSIP/desk"}}))
    assert "extension 102 is there already, with endpoint PJSIP/desk" in shared.fails(
        1, "extension", "import", "in.csv"
    )
    assert shared.json("extension", "show", "101")["daily_cap"] is None


def test_import_that_another_change_stops_half_way_says_how_far_it_came(
    shared: Terminal, meanwhile: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tollgate.cli.extension_parts.EXTENSIONS_AT_ONCE", 1)
    shared.done("extension", "add", "102")
    Path("in.csv").write_text("extension,endpoint,daily_cap\n101,,5\n103,PJSIP/desk,\n")
    meanwhile.append(set_extensions({"102": {"endpoint": "PJSIP/desk"}}))
    said = shared.fails(1, "extension", "import", "in.csv")
    assert said.startswith("error: the first 1 of 2 extensions were written: extension 102 is there already")
    assert said.endswith("; import the file again\n")
    assert shared.json("extension", "show", "101")["daily_cap"] == "5.00"


def test_processes_that_set_different_fields_at_once_lose_nothing(shared: Terminal) -> None:
    workers = [CatalogWorker(field, TIMES) for field in ("daily_cap", "monthly_cap")]
    try:
        assert [worker.end(LIMIT_S) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
    for shown in (shared.json("account", "show", "main"), shared.json("extension", "show", "101")):
        assert (shown["daily_cap"], shown["monthly_cap"]) == (f"{TIMES}.00", f"{TIMES}.00")
