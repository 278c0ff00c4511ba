"""``init`` and ``migrate``."""

import sqlite3
import stat
import tomllib
from pathlib import Path

import pytest

from tests.integration.cli.terminal import Terminal
from tollgate.settings import load_settings


def test_init_in_an_empty_folder_makes_a_working_installation(terminal: Terminal) -> None:
    document = terminal.json("init")
    assert document["account"] == "main"
    assert (document["currency"], document["timezone"]) == ("EUR", "Europe/Paris")
    assert document["deck"]["example"] is True
    assert document["plan"] == "fr-office"
    assert terminal.json("balance")["total"] == "0.00"
    assert terminal.json("quote", "0612345678")["class"] == "included"


def test_init_writes_secrets_that_only_the_owner_reads(terminal: Terminal) -> None:
    terminal.done("init")
    file = Path("tollgate.toml")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    settings = load_settings(file)
    secrets = {settings.ari_access().password, settings.ami_access().secret}
    assert len(secrets) == 2
    assert all(len(secret) >= 32 for secret in secrets)
    assert Path(tomllib.loads(file.read_text())["database_url"].removeprefix("sqlite:///")).is_absolute()


def test_init_says_that_prices_are_an_example_and_what_comes_next(terminal: Terminal) -> None:
    said = terminal.done("init").out
    assert "EXAMPLE" in said
    assert "tollgate dialplan --output" in said


@pytest.mark.parametrize(
    ("region", "currency", "timezone", "plan"),
    [
        ("FR", "EUR", "Europe/Paris", "fr-office"),
        ("mx", "MXN", "America/Mexico_City", "mx-office"),
        ("US", "USD", "America/New_York", "us-office"),
        ("PT", "EUR", "Europe/Lisbon", "pay-as-you-go"),
    ],
)
def test_init_of_a_home_region_chooses_its_currency_zone_and_plan(
    terminal: Terminal, region: str, currency: str, timezone: str, plan: str
) -> None:
    document = terminal.json("init", "--home-region", region)
    assert (document["currency"], document["timezone"], document["plan"]) == (currency, timezone, plan)
    assert document["home_region"] == region.upper()


def test_init_where_a_store_exists_refuses_and_changes_nothing(terminal: Terminal) -> None:
    terminal.done("init")
    before = Path("tollgate.toml").read_text()
    assert "a store exists" in terminal.fails(1, "init")
    assert Path("tollgate.toml").read_text() == before


@pytest.mark.parametrize(("written", "code"), [("UK", "GB"), ("el", "GR")])
def test_init_of_another_code_for_a_region_hints_at_the_right_one(terminal: Terminal, written: str, code: str) -> None:
    assert f"write {code}" in terminal.fails(2, "init", "--home-region", written)


def test_init_pay_as_you_go_includes_what_is_free_and_prices_the_rest(terminal: Terminal) -> None:
    terminal.done("init", "--home-region", "FR", "--plan", "pay-as-you-go")
    for free in ("0800123456", "3919", "116006"):
        assert terminal.json("quote", free)["class"] == "included"
    assert terminal("quote", "0142685300", "--json").document["class"] == "national"


def test_init_keeps_a_settings_file_that_is_there(terminal: Terminal, tmp_path: Path) -> None:
    Path("own.toml").write_text(f'database_url = "sqlite:///{tmp_path}/own.db"\nhome_region = "ES"\n')
    document = terminal.done("--config", "own.toml", "init", "--json").document
    assert document["home_region"] == "ES"
    assert Path("own.db").is_file()
    assert Path("own.toml").read_text().startswith("database_url")
    Path("own.db").unlink()
    assert "settings file says" in terminal.fails(1, "--config", "own.toml", "init", "--home-region", "FR")


@pytest.mark.parametrize(
    "option",
    [
        ("--home-region", "XX"),
        ("--currency", "EURO"),
        ("--timezone", "Europe/Nowhere"),
        ("--timezone", "../etc/passwd"),
        ("--plan", "nosuch"),
    ],
)
def test_init_with_a_bad_option_writes_nothing(terminal: Terminal, option: tuple[str, str]) -> None:
    terminal.fails(2, "init", *option)
    assert not list(Path().iterdir())


def test_init_that_cannot_finish_leaves_no_store(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tollgate.cli.installation.catalog.create_account", _locked)
    terminal.fails(1, "init")
    assert [file.name for file in Path().iterdir()] == ["tollgate.toml"]
    monkeypatch.undo()


def _locked(**_: object) -> object:
    from store.errors import StoreUnavailableError

    raise StoreUnavailableError("the database is locked; try again")


def test_database_url_of_the_environment_wins_and_is_written(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOLLGATE_DATABASE_URL", "sqlite:///elsewhere.db")
    terminal.done("init")
    monkeypatch.delenv("TOLLGATE_DATABASE_URL")
    assert f"{tmp_path}/elsewhere.db" in Path("tollgate.toml").read_text()
    assert terminal.json("balance")["available"] == "0.00"


def test_init_and_all_after_it_take_the_file_that_the_environment_names(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLGATE_CONFIG", "etc/own.toml")
    assert terminal.json("init")["settings_file"] == "etc/own.toml"
    assert terminal.json("balance")["account"] == "main"


def test_service_and_demo_without_what_they_need_say_so(terminal: Terminal) -> None:
    terminal.done("init")
    assert "no trunk" in terminal.fails(2, "serve")
    assert "error" in terminal("demo", "--json").document


def test_migrate_of_a_current_store_changes_nothing(office: Terminal) -> None:
    assert office.json("migrate")["changed"] is False


def test_migrate_of_a_store_that_is_behind_brings_it_up_to_date(terminal: Terminal) -> None:
    sqlite3.connect("tollgate.db").close()
    Path("tollgate.db").touch()
    assert "tollgate migrate" in terminal.fails(1, "balance")
    assert terminal.json("migrate")["changed"] is True
    assert "no account main" in terminal.fails(1, "balance")


def test_commands_without_a_store_say_init(terminal: Terminal) -> None:
    assert "tollgate init" in terminal.fails(1, "balance")
    assert "tollgate init" in terminal.fails(1, "migrate")


def test_settings_that_cannot_be_used_are_bad_input(terminal: Terminal) -> None:
    Path("tollgate.toml").write_text("slice = 3\n")
    assert "slice" in terminal.fails(2, "balance")
    assert "cannot be read" in terminal.fails(2, "--config", "nosuch.toml", "balance")
