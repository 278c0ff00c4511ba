"""The contract of every command, on the real program: status, one document, one line, help with examples."""

import json
import os
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tests.integration.cli.terminal import Terminal
from tests.processes import run
from tollgate.cli.app import TOPICS

REPOSITORY = Path(__file__).parents[3]
GROUPS = {
    "account": ("add", "set", "show", "list"),
    "funds": ("add", "list", "adjust"),
    "extension": ("add", "set", "show", "list", "import", "export"),
    "plan": ("list", "show", "import"),
    "rates": ("import", "list", "lookup", "export"),
    "calls": ("hangup",),
    "nodes": ("retire",),
    "user": ("add", "list", "disable", "enable", "password"),
}
COMMANDS = [(topic,) for topic in TOPICS] + [(topic, name) for topic, names in GROUPS.items() for name in names]


def tollgate(*arguments: str, code: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the program as a shell would, in a pipe."""
    how = ["-c", code] if code else ["-m", "tollgate"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, *how, *arguments], capture_output=True, text=True, env=environment, timeout=60, check=False
    )


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_of_every_command_shows_examples(terminal: Terminal, command: tuple[str, ...]) -> None:
    said = terminal.done(*command, "--help").out
    assert said.startswith("Usage: tollgate " + " ".join(command))
    assert "\n  Examples:\n    tollgate " in said
    # A command's line in its group is whole.
    assert "..." not in said.partition("\nCommands:\n")[2]


def run_without_loading(heavy: set[str], *commands: str) -> str:
    """Run commands in one process, which must not load any of these modules; return what it printed."""
    runs = "".join(f"assert run([{command!r}]) == 0\n" for command in commands)
    check = f"loaded = {heavy} & set(sys.modules)\nassert not loaded, loaded\n"
    done = tollgate(code=f"import sys\nfrom tollgate.cli.app import run\n{runs}{check}")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_help_lists_every_command_without_loading_any() -> None:
    heavy = {"sqlalchemy", "pydantic_settings", "aiohttp", "alembic", "phonenumbers", "rich"}
    said = run_without_loading(heavy, "--help")
    for topic in TOPICS:
        assert f"\n  {topic} " in said


def test_what_only_talks_to_the_store_loads_nothing_of_what_talks_to_asterisk() -> None:
    run_without_loading({"aiohttp", "panoramisk", "prometheus_client"}, "init", "balance")


def test_what_finds_a_store_loads_nothing_of_what_makes_one(office: Terminal) -> None:
    run_without_loading({"alembic"}, "balance")


def test_nothing_typed_shows_help(terminal: Terminal) -> None:
    assert terminal.done().out == terminal.done("--help").out


def test_the_program_keeps_the_contract_in_a_pipe(office: Terminal) -> None:
    funded = run(["funds", "add", "10.00", "--reference", "r1", "--json"])
    assert (funded.returncode, funded.stderr) == (0, "")
    assert json.loads(funded.stdout)["amount"] == "10.00"
    quoted = tollgate("quote", "00447797123456", "--duration", "60", "--json")
    assert (quoted.returncode, quoted.stderr) == (0, "")
    assert json.loads(quoted.stdout)["max_duration_s"] == 3157
    refused = tollgate("init", "--json")
    assert refused.returncode == 1
    assert set(json.loads(refused.stdout)) == {"error", "hint"}
    assert json.loads(refused.stderr) == json.loads(refused.stdout)
    bad = tollgate("funds", "add", "ten", "--reference", "r2")
    assert (bad.returncode, bad.stdout, bad.stderr.count("\n")) == (2, "", 1)


def test_what_shows_its_progress_on_a_terminal_is_silent_elsewhere(office: Terminal) -> None:
    exported = run(["rates", "export", "--deck", "example", "--output", "deck.csv"])
    assert (exported.returncode, exported.stdout, exported.stderr) == (0, "", "")
    imported = run(["rates", "import", "deck.csv", "--deck", "copy", "--json"])
    assert (imported.returncode, imported.stderr) == (0, "")
    assert json.loads(imported.stdout)["imported"] is True


def test_a_reader_that_stops_early_is_no_error(office: Terminal) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    for form in ("", "--json"):
        line = f"{shlex.quote(sys.executable)} -m tollgate rates export --deck example {form} | head -1"
        done = subprocess.run(line, shell=True, capture_output=True, text=True, env=environment, check=False)
        assert (done.stdout.count("\n"), done.stderr) == (1, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nosuch",),
        ("--nosuch",),
        ("balance", "--nosuch"),
        ("balance", "surplus"),
        ("funds",),
        ("funds", "nosuch"),
        ("account", "show", "--account"),
        ("--config",),
    ],
)
def test_bad_usage_is_one_line_that_says_where_help_is(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    line = terminal.fails(2, *arguments)
    assert "--help`" in line
    as_json = terminal(*arguments, "--json")
    if as_json.status == 2:
        assert set(as_json.document) == {"error", "hint"}


def test_version_is_told(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"{name} 9.9")
    assert terminal.done("--version").out == "tollgate tollgate 9.9\n"


def test_version_without_an_installed_package_is_unknown(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    assert terminal.done("--version").out == "tollgate unknown\n"


def test_help_of_activity_says_what_leaves_no_record(terminal: Terminal) -> None:
    text = " ".join(terminal.done("activity", "--help").out.split())
    assert "between extensions that never reach the gate have no record" in text


def test_settings_that_cannot_be_used_say_what_to_do(
    office: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    missing = office("--config", "nosuch.toml", "balance", "--json")
    assert (missing.status, missing.document) == (
        2,
        {
            "error": "settings file nosuch.toml cannot be read: No such file or directory",
            "hint": "name another by --config or TOLLGATE_CONFIG, or mend its rights",
        },
    )
    Path("broken.toml").write_text("= 3")
    assert office.fails(2, "--config", "broken.toml", "balance").endswith("; correct it and try again\n")
    monkeypatch.setenv("TOLLGATE_ASTERISK__AMI_PORT", "0")
    document = office("balance", "--json").document
    assert document == {
        "error": "asterisk.ami_port in the variable TOLLGATE_ASTERISK__AMI_PORT is '0', which cannot be used",
        "hint": "write a port from 1 to 65535, such as TOLLGATE_ASTERISK__AMI_PORT=5038",
    }
    monkeypatch.delenv("TOLLGATE_ASTERISK__AMI_PORT")
    monkeypatch.setenv("TOLLGATE_HOME_REGION", "XX")
    assert office("quote", "112", "--json").document == {
        "error": "home region 'XX' is unknown",
        "hint": "write one such as FR",
    }


def test_a_database_that_cannot_be_read_says_what_to_do(office: Terminal, tmp_path: Path) -> None:
    (tmp_path / "tollgate.db").write_bytes(b"no database at all, and long enough to be looked at" * 100)
    document = office("balance", "--json").document
    assert document["error"].endswith("could not be used: file is not a database")
    assert document["hint"] == "check that it is Tollgate's, whole, and that you may use it"


def test_what_is_hostile_in_a_message_reaches_no_terminal(office: Terminal) -> None:
    line = office.fails(1, "extension", "show", "\x1b]0;owned\x07\n\u202e1")
    assert all(character.isprintable() for character in line.rstrip("\n"))
