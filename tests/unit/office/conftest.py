"""Stand-ins for programs: small scripts on a PATH of the test's own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

Install = Callable[[str, str], Path]
"""Puts a shell script on the PATH: its name, its body."""


@pytest.fixture
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that comes first on the PATH."""
    folder = tmp_path / "prefix" / "sbin"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


@pytest.fixture
def install(bin_dir: Path) -> Install:
    def write(name: str, body: str) -> Path:
        program = bin_dir / name
        program.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        program.chmod(0o755)
        return program

    return write


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder; returns where private roots go in it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tollgate" / "asterisk"
