"""``init``, ``migrate`` and ``doctor`` on a PostgreSQL server; several ``init`` at once on any store."""

import os
import signal
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest

from tests.integration.cli.terminal import Terminal
from tests.postgres import USER, fresh_database, shared_cluster
from tests.processes import Forked

LIMIT_S = 90


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty database of a server, named by the environment."""
    with fresh_database(migrated=False) as url:
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", url)
        yield


@contextmanager
def _database(encoding: str) -> Iterator[str]:
    """Lend a database of another encoding and return its name."""
    cluster, name = shared_cluster(), f"tollgate_{encoding.lower()}"
    locale = "LC_COLLATE 'C' LC_CTYPE 'C'"
    cluster.sql(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE template0 ENCODING {encoding} {locale}")
    try:
        yield name
    finally:
        cluster.drop_database(name)


@pytest.fixture
def latin(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database that is not UTF8, named by the environment; its name."""
    with _database("LATIN1") as name:
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", shared_cluster().url(name))
        yield name


@pytest.mark.parametrize("command", ["init", "migrate"])
def test_database_that_is_not_utf8_is_refused_with_the_mend(terminal: Terminal, latin: str, command: str) -> None:
    said = terminal.fails(1, command)
    assert said.startswith(f"error: the database {latin} has the encoding LATIN1, which cannot hold every name; ")
    assert "createdb --encoding UTF8 --template template0" in said
    assert not Path("tollgate.toml").exists()
    assert shared_cluster().sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", latin) == "0"


def test_doctor_tells_that_a_database_is_not_utf8(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    with _database("SQL_ASCII") as name:
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", shared_cluster().url(name))
        with monkeypatch.context() as earlier_version:
            earlier_version.setattr("store.migrate._encoding_fault", lambda _connection: None)
            terminal.done("init")
        checks = {check["name"]: check for check in terminal("doctor", "--json").document["checks"]}
    assert (checks["store"]["status"], checks["encoding"]["status"]) == ("OK", "FAIL")
    assert "has the encoding SQL_ASCII" in checks["encoding"]["detail"]
    assert checks["encoding"]["mend"].startswith("make another by `createdb")


def test_init_where_the_server_has_a_store_refuses(terminal: Terminal, server: None) -> None:
    terminal.done("init")
    Path("tollgate.toml").unlink()
    assert "error: a store exists at database tollgate_" in terminal.fails(1, "init")
    assert not Path("tollgate.toml").exists()


def start_init(folder: Path) -> Forked:
    """Run ``init`` in a folder of its own; what it says on stderr is in the file ``said`` there."""
    folder.mkdir()
    with chdir(folder):
        return Forked(["init"], os.environ, folder / "out", folder / "said")


@pytest.mark.parametrize("place", ["sqlite", "server"])
def test_of_several_inits_at_once_one_wins_and_the_others_say_so(
    request: pytest.FixtureRequest,
    terminal: Terminal,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if place == "server":
        request.getfixturevalue("server")
    else:
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", f"sqlite:///{tmp_path}/tollgate.db")
    running = [start_init(tmp_path / str(n)) for n in range(3)]
    try:
        statuses = [process.wait(LIMIT_S) for process in running]
    finally:
        for process in running:
            process.send_signal(signal.SIGKILL)
    said = [(tmp_path / str(n) / "said").read_text() for n in range(3)]
    assert sorted(statuses) == [0, 1, 1], said
    for status, error in zip(statuses, said, strict=True):
        if status:
            assert error.startswith(("error: a store exists at", "error: another `tollgate init` makes the store in"))
            assert error.count("\n") == 1
    settings = [folder for folder in tmp_path.iterdir() if (folder / "tollgate.toml").exists()]
    assert len(settings) == 1
    assert [account["account"] for account in terminal.json("account", "list")["accounts"]] == ["main"]
