"""Stores that commands have filled, made once for the tests of a file and copied for each."""

import shutil
from pathlib import Path

import pytest

from tollgate.cli.app import run


def prepared_store(installation: Path, folder: Path, *commands: tuple[str, ...]) -> Path:
    """Run commands on a copy of the installation's store in ``folder``, and answer the store's file."""
    store = Path(shutil.copy(installation / "tollgate.db", folder))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("TOLLGATE_DATABASE_URL", f"sqlite:///{store}")
        for command in commands:
            assert run(list(command)) == 0, command
    return store
