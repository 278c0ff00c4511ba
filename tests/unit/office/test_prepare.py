"""The preparing command: says what it found, and one line when it cannot go on."""

from pathlib import Path

import pytest

from tests.unit.office.conftest import Install
from tollgate.office import asterisk, faketime
from tollgate.office.prepare import main


@pytest.fixture(autouse=True)
def nothing_prepared(cache: Path, bin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asterisk, "_SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(bin_dir))
    monkeypatch.setattr("os.geteuid", lambda: 1000)


def install_asterisk(install: Install) -> None:
    prefix = install("asterisk", "echo Asterisk 23.1.0").parent.parent
    for file in ("lib/asterisk/modules/chan_pjsip.so", "share/asterisk/documentation/core-en_US.xml"):
        (prefix / file).parent.mkdir(parents=True)
        (prefix / file).touch()


def test_everything_there_is_shown(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install_asterisk(install)
    sipp = install("sipp", "exit 99")

    assert main(["--with-sipp"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [f"SIPp: {sipp}"]


def test_sipp_missing_without_root_fails_clearly(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install_asterisk(install)
    install("apt-get", "exit 99")

    assert main(["--with-sipp"]) == 1
    assert "sip-tester missing (for end-to-end tests). Ask an administrator" in capsys.readouterr().err


def test_both_missing_without_root_are_told_at_once(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install("apt-get", "exit 99")

    assert main(["--with-sipp"]) == 1

    told = capsys.readouterr().err
    assert told.startswith("error: mmdebstrap and debian-archive-keyring missing (to prepare a private Asterisk).")
    assert "Or install Asterisk itself: 20.20.1 or later" in told
    assert "error: sip-tester missing" in told


def test_system_without_apt_fails_clearly(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 1
    assert "this system has no apt-get" in capsys.readouterr().err


def test_faketime_missing_without_root_fails_clearly(
    install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_asterisk(install)
    install("apt-get", "exit 99")
    monkeypatch.setattr(faketime, "_LIBRARY_FOLDERS", tmp_path)

    assert main(["--with-faketime"]) == 1
    assert "libfaketime missing (for the chaos tests). Ask an administrator" in capsys.readouterr().err
