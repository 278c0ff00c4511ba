"""Fixtures of the command line's tests: an installation of its own each, in a folder of its own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cli.fake_asterisk import FakeAsterisk
from tests.integration.cli.terminal import Terminal
from tollgate.cli.app import run


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no TOLLGATE_* variable of whoever runs the tests in, and start in an empty folder."""
    for name in list(os.environ):
        if name.startswith("TOLLGATE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def terminal(capfd: pytest.CaptureFixture[str]) -> Terminal:
    """The command line in an empty folder, in this process."""
    return Terminal(capfd)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ``tollgate init`` was run, to be copied."""
    folder = tmp_path_factory.mktemp("installation")
    before = Path.cwd()
    os.chdir(folder)
    try:
        assert run(["init"]) == 0
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def office(terminal: Terminal, installation: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The command line where ``init`` was run: account main in EUR, the French plan, the example deck."""
    for file in installation.iterdir():
        shutil.copy(file, tmp_path / file.name)
    monkeypatch.setenv("TOLLGATE_DATABASE_URL", f"sqlite:///{tmp_path}/tollgate.db")
    return terminal


@pytest.fixture
def asterisk(office: Terminal, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAsterisk]:
    """The edges of an Asterisk, and settings that lead to them and to one trunk."""
    with FakeAsterisk() as served:
        monkeypatch.setenv("TOLLGATE_ASTERISK__ARI_URL", f"http://127.0.0.1:{served.http_port}")
        monkeypatch.setenv("TOLLGATE_ASTERISK__AMI_PORT", str(served.ami_port))
        monkeypatch.setenv("TOLLGATE_ASTERISK__ARI_PASSWORD", served.password)
        monkeypatch.setenv("TOLLGATE_ASTERISK__AMI_SECRET", served.password)
        monkeypatch.setenv("TOLLGATE_TRUNKS", '[{"endpoint": "carrier"}]')
        yield served
