"""The browser of the tests: the machine's own, else a private one that finds itself wherever its folder lies."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.office.conftest import Install
from tollgate.office import browser
from tollgate.office.browser import find_browser, prepare_browser
from tollgate.office.debian_root import root_folder
from tollgate.office.errors import OfficeError
from tollgate.office.prepare import main

# The loader stands for a real one: it says with what it was called, or runs "chromium --version".
BUILD = """
for target; do :; done
mkdir -p "$target/usr/lib/any-linux-gnu" "$target/usr/lib/chromium"
printf '#!/bin/sh\\n[ "$4" = --version ] && echo "Chromium 156.0.1.2" && exit\\necho "$FONTCONFIG_SYSROOT" "$@"\\n' \
    > "$target/usr/lib/any-linux-gnu/ld-linux-any.so.2"
chmod +x "$target/usr/lib/any-linux-gnu/ld-linux-any.so.2"
echo "$@" >> "$(dirname "$0")/builds"
"""


@pytest.fixture(autouse=True)
def no_browser(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the machine have none."""
    monkeypatch.setattr(browser, "_INSTALLED", ("chromium",))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, which=shutil.which: None if name == "chromium" else which(name))


def test_private_one_is_built_once_and_found_again(install: Install) -> None:
    program = install("mmdebstrap", BUILD)
    assert find_browser() is None
    built = prepare_browser()
    assert built == prepare_browser() == find_browser()
    assert built.version == "156.0.1.2"
    [asked] = (program.parent / "builds").read_text(encoding="utf-8").splitlines()
    assert "--include=chromium-headless-shell,fonts-dejavu-core" in asked


def test_private_one_is_run_by_its_own_loader_libraries_and_fonts(install: Install) -> None:
    install("mmdebstrap", BUILD)
    built = prepare_browser()
    root = root_folder("chromium")
    said = subprocess.run([built.program, "--headless"], capture_output=True, text=True, check=True).stdout.split()
    folder, libraries = root / "usr/lib/chromium", root / "usr/lib/any-linux-gnu"
    assert said == [
        str(root),
        "--library-path",
        f"{libraries}:{libraries}/pulseaudio:{folder}",
        str(folder / "chromium-headless-shell"),
        "--headless",
    ]
    assert f"--browser-subprocess-path={built.program}" in built.arguments
    assert "--no-sandbox" in built.arguments


def test_machines_own_comes_first_and_has_its_sandbox_unless_root(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("mmdebstrap", "exit 99")
    own = install("chromium", "echo 'Chromium 155.0.3.4 built on Debian GNU/Linux 12 (bookworm)'")
    monkeypatch.setattr("shutil.which", lambda name: str(own) if name == "chromium" else None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    found = prepare_browser()
    assert (found.program, found.version, found.arguments) == (own, "155.0.3.4", ("--disable-gpu",))


@pytest.mark.parametrize("body", ["exit 1", "exit 0", "echo"])
def test_one_that_does_not_run_is_none(install: Install, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    own = install("chromium", body)
    monkeypatch.setattr("shutil.which", lambda name: str(own))
    assert find_browser() is None


def test_packages_without_a_browser_leave_nothing(install: Install, cache: Path) -> None:
    install("mmdebstrap", BUILD + '\nrm -r "$target/usr/lib/chromium"\n')
    with pytest.raises(OfficeError, match="holds no Chromium"):
        prepare_browser()
    assert {entry.name for entry in root_folder("chromium").parent.iterdir()} == {".lock"}


def test_preparing_says_what_to_install_where_it_cannot_be_fetched(
    install: Install, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tollgate.office.prepare._asterisk", lambda: "Asterisk")
    install("mmdebstrap", "echo 'E: no route to the mirror' >&2; exit 25")
    assert main(["--with-browser"]) == 1
    said = capsys.readouterr().err
    assert "no route to the mirror" in said
    assert "or install the package chromium." in said
