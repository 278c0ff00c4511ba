"""Which Asterisk is used: an installed one that is good, else the private one, else none; and why."""

from pathlib import Path

import pytest

from tests.unit.office.conftest import Install
from tollgate.office import asterisk
from tollgate.office.asterisk import find_asterisk

pytestmark = pytest.mark.usefixtures("cache", "only_our_path")


@pytest.fixture
def only_our_path(bin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide an Asterisk that this machine has."""
    monkeypatch.setattr(asterisk, "_SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(bin_dir))


def install_whole(install: Install, version_line: str) -> Path:
    program = install("asterisk", f"echo '{version_line}'")
    prefix = program.parent.parent
    for file in ("lib/asterisk/modules/chan_pjsip.so", "share/asterisk/documentation/core-en_US.xml"):
        (prefix / file).parent.mkdir(parents=True)
        (prefix / file).touch()
    return program


def test_installed_and_recent_is_used(install: Install) -> None:
    program = install_whole(install, "Asterisk 22.10.1")

    found = find_asterisk()

    assert found is not None
    assert found.argv_prefix == (str(program),)
    assert found.modules_dir == program.parent.parent / "lib/asterisk/modules"
    assert found.data_dir == program.parent.parent / "share/asterisk"


@pytest.mark.parametrize(
    ("version_line", "told"),
    [
        ("Asterisk 18.10.0~dfsg", "is 18.10.0 and cannot be used: needed is 20.20.1 or later in the 20 line"),
        ("Asterisk GIT-master", "is of an unknown version and cannot be used"),
    ],
)
def test_installed_and_unsuitable_is_told_and_passed_over(install: Install, version_line: str, told: str) -> None:
    install_whole(install, version_line)
    lines: list[str] = []

    assert find_asterisk(lines.append) is None
    assert told in lines[0]


def test_installed_without_modules_is_told_and_passed_over(install: Install) -> None:
    install("asterisk", "echo 'Asterisk 22.10.1'")
    lines: list[str] = []

    assert find_asterisk(lines.append) is None
    assert "without its PJSIP modules" in lines[0]


def test_installed_and_broken_is_told_and_passed_over(install: Install) -> None:
    install("asterisk", "exit 1")
    lines: list[str] = []

    assert find_asterisk(lines.append) is None
    assert "of an unknown version" in lines[0]


def test_nothing_installed_and_nothing_prepared_is_none() -> None:
    lines: list[str] = []

    assert find_asterisk(lines.append) is None
    assert lines == []
