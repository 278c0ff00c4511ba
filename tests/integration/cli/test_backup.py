"""``backup``: what an administrator sees of it."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.cli.terminal import Terminal
from tests.postgres import PASSWORD

REPOSITORY = Path(__file__).parents[3]


def test_backup_is_a_store_of_its_own(office: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office.json("funds", "add", "5", "--reference", "r1")
    made = office.json("backup", "copy.db")
    assert set(made) == {"database_url", "file", "bytes", "pages", "revision", "elapsed_ms"}
    assert (made["file"], made["bytes"]) == ("copy.db", (tmp_path / "copy.db").stat().st_size)
    office.json("funds", "add", "5", "--reference", "r2")
    monkeypatch.setenv("TOLLGATE_DATABASE_URL", f"sqlite:///{tmp_path}/copy.db")
    assert office.json("balance")["total"] == "5.00"
    assert office.json("verify")["ok"] is True


def test_backup_says_what_it_copied(office: Terminal) -> None:
    said = office.done("backup", "copy.db").out
    assert "to copy.db" in said
    assert "found whole" in said


def test_backup_to_a_file_that_is_there_is_refused(office: Terminal, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    assert "name a new file" in office.fails(1, "backup", "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"
    assert "make it first" in office.fails(1, "backup", "nowhere/copy.db")


def test_backup_of_a_store_on_a_server_names_the_servers_own_way(
    office: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOLLGATE_DATABASE_URL", f"postgresql://tollgate:{quote(PASSWORD, safe='')}@db.example/tollgate")
    said = office.fails(2, "backup", "copy.db")
    assert "pg_dump" in said
    assert PASSWORD not in said


def test_backup_on_a_terminal_shows_its_progress(office: Terminal) -> None:
    ours, theirs = os.openpty()
    try:
        subprocess.run(
            (sys.executable, "-m", "tollgate", "backup", "copy.db", "--json"),
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "TERM": "xterm"},
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=True,
            timeout=60,
        )
        shown = os.read(ours, 10_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "checking" in shown
