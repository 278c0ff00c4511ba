"""``init``, ``migrate`` and ``migrate --from`` where the store is on a server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.terminal import Terminal
from tests.postgres import PASSWORD, fresh_database
from tollgate.only_instance import AlreadyServedError, only_instance
from tollgate.settings import load_settings


@pytest.fixture
def server_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database that the settings' variable names."""
    with fresh_database(migrated=False) as url:
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", url)
        yield url


def test_init_on_a_server_makes_a_working_store_and_shows_no_password(terminal: Terminal, server_url: str) -> None:
    shown = terminal.done("init", "--json")
    assert PASSWORD not in shown.out
    assert terminal.json("balance")["total"] == "0.00"
    assert terminal.json("funds", "add", "5", "--reference", "r")["amount"] == "5.00"
    assert terminal.json("verify")["ok"] is True
    assert "a store exists" in terminal.fails(1, "init")


def test_init_on_a_server_can_be_done_again_after_it_failed(
    terminal: Terminal, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.delattr("tollgate.cli.installation.catalog.create_account")
        with pytest.raises(AttributeError):
            terminal("init")
    terminal.done("init")


def test_migrate_on_a_server_makes_the_schema_once(terminal: Terminal, server_url: str) -> None:
    assert terminal.json("migrate")["changed"] is True
    assert terminal.json("migrate")["changed"] is False


def test_migrate_from_a_file_moves_everything(
    office: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.json("funds", "add", "5", "--reference", "r")
    balance = office.json("balance")
    file = f"sqlite:///{tmp_path}/tollgate.db"
    assert "itself" in office.fails(2, "migrate", "--from", file)
    assert "--from" in office.fails(2, "migrate", "--with-open-calls")
    with fresh_database(migrated=False) as url:
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", url)
        moved = office.json("migrate", "--from", file)
        assert (moved["rows"]["account"], moved["rows"]["journal"], moved["differences"]) == (1, 1, 0)
        assert office.json("balance") == balance
        assert "is not empty" in office.fails(1, "migrate", "--from", file)
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", f"sqlite:///{tmp_path}/back.db")
        said = office.done("migrate", "--from", url).out
        assert "every table was counted" in said
        assert PASSWORD not in said
        assert office.json("balance") == balance


def test_migrate_from_a_store_with_another_schema_says_what_comes_first(terminal: Terminal, server_url: str) -> None:
    Path("old.db").touch()
    assert "migrate` first" in terminal.fails(1, "migrate", "--from", "sqlite:///old.db")


async def test_a_second_service_with_the_nodes_name_gives_way(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    async with only_instance(settings):
        with pytest.raises(AlreadyServedError, match="stop it first"):
            async with only_instance(settings):
                pass
        monkeypatch.setenv("TOLLGATE_NODE", "another")
        async with only_instance(load_settings()):
            pass
    async with only_instance(settings):
        pass
