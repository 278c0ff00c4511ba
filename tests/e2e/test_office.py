"""``make run`` and ``tollgate demo`` as a new user meets them, each a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.desk import wait_until
from tollgate.office.ports import LOOPBACK


def _start(folder: Path, *options: str) -> subprocess.Popen[str]:
    with (folder.parent / "office.out").open("w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "tollgate.office", "--folder", str(folder), *options],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )


def _output(folder: Path) -> str:
    return (folder.parent / "office.out").read_text()


def _wait_running(office: subprocess.Popen[str], folder: Path) -> None:
    wait_until(lambda: "Ctrl-C ends" in _output(folder) or office.poll() is not None, "the office runs", 180)
    assert office.poll() is None, _output(folder)


def _children_of(pid: int) -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == pid:
                found |= {int(entry.name)} | _children_of(int(entry.name))
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the office keeps everything."""
    return tmp_path / "an office"


@pytest.fixture
def office(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A running office."""
    folder.parent.mkdir(exist_ok=True)
    process = _start(folder)
    try:
        _wait_running(process, folder)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            process.kill()  # takes its children along


def _tollgate(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tollgate", "--config", str(folder / "tollgate.toml"), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **variables},
    )


def test_demo_places_five_calls_and_spends_its_funds(office: subprocess.Popen[str], folder: Path) -> None:
    result = _tollgate(folder, "demo", "--json")
    assert result.returncode == 0, result.stderr
    shown = json.loads(result.stdout)
    outcome = [(call["class"], call["disposition"], call["deny_reason"], call["charge"]) for call in shown["calls"]]
    assert outcome == [
        ("included", "ANSWERED", None, "0.00"),
        ("premium", "ANSWERED", None, "0.50"),
        ("international", "ANSWERED", None, "0.10"),
        ("international", "REFUSED", "no_funds", "0.00"),
        ("emergency", "ANSWERED", None, "0.00"),
    ]
    assert shown["calls"][2]["billable_s"] == 10
    assert shown["calls"][2]["hangup_side"] == "tollgate"
    assert (shown["balance_before"], shown["balance_after"]) == ("0.60", "0.00")

    activity = json.loads(_tollgate(folder, "activity", "--account", "demo", "--json").stdout)
    assert len(activity["calls"]) == 5
    balance = json.loads(_tollgate(folder, "balance", "--json").stdout)
    assert balance["total"] == "10.00", "the demonstration spends its own account's funds alone"
    assert _tollgate(folder, "verify").returncode == 0
    doctor = _tollgate(folder, "doctor", "--json")
    failed = [check for check in json.loads(doctor.stdout)["checks"] if check["status"] == "FAIL"]
    assert failed == []


def test_demo_refuses_a_trunk_that_is_not_the_simulated_network(office: subprocess.Popen[str], folder: Path) -> None:
    settings = folder / "tollgate.toml"
    settings.write_text(settings.read_text() + '\n[[trunks]]\nendpoint = "real-carrier"\n')
    result = _tollgate(folder, "demo")
    assert result.returncode == 1
    assert "never dialled" in result.stderr
    assert json.loads(_tollgate(folder, "activity", "--account", "demo", "--json").stdout)["calls"] == []


def test_demo_refuses_where_no_office_runs(tmp_path: Path) -> None:
    initialised = _tollgate(tmp_path, "init")
    assert initialised.returncode == 0, initialised.stderr
    assert (tmp_path / "tollgate.db").exists(), "the store is made beside the settings file"
    result = _tollgate(tmp_path, "demo")
    assert result.returncode == 1
    assert "make run" in result.stderr


def test_ctrl_c_leaves_nothing_running_and_the_office_starts_again(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    office = _start(folder)
    _wait_running(office, folder)
    children = _children_of(office.pid)
    assert len(children) >= 3, "two Asterisks and the service"
    office.send_signal(signal.SIGINT)
    assert office.wait(60) == 0
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]

    office = _start(folder)
    _wait_running(office, folder)
    office.send_signal(signal.SIGTERM)
    assert office.wait(60) == 0


def test_killed_office_takes_its_children_along(folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    office = _start(folder)
    _wait_running(office, folder)
    children = _children_of(office.pid)
    office.kill()
    office.wait()
    wait_until(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()], "the children are gone")


def test_second_office_in_the_same_folder_is_refused(office: subprocess.Popen[str], folder: Path) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "tollgate.office", "--folder", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert "already" in second.stderr


def test_fixed_port_that_is_taken_is_named(folder: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((LOOPBACK, 0))
        port = taken.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "-m", "tollgate.office", "--folder", str(folder), "--sip", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 1
    assert str(port) in result.stderr
    assert "sip" in result.stderr
