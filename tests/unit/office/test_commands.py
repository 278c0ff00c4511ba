"""Package tools: each line handed on, failures with their last words, no command left running."""

from pathlib import Path

import pytest

from tests.unit.office.conftest import Install
from tollgate.office.commands import apt_install, run_reported
from tollgate.office.errors import OfficeError


def test_output_is_handed_on_line_by_line() -> None:
    lines: list[str] = []

    run_reported(("sh", "-c", "echo one; echo two >&2"), on_line=lines.append, timeout_s=5)

    assert sorted(lines) == ["one", "two"]


def test_failure_carries_status_and_last_lines() -> None:
    with pytest.raises(OfficeError, match=r"(?s)sh failed \(exit status 3\).*the reason"):
        run_reported(("sh", "-c", "echo the reason; exit 3"), on_line=lambda _: None, timeout_s=5)


def test_command_past_its_time_is_stopped_with_its_children() -> None:
    with pytest.raises(OfficeError, match=r"stopped after 0\.2 s"):
        run_reported(("sh", "-c", "sleep 60 | cat"), on_line=lambda _: None, timeout_s=0.2)


def test_missing_command_is_named() -> None:
    with pytest.raises(OfficeError, match="cannot run no-such-command"):
        run_reported(("no-such-command",), on_line=lambda _: None, timeout_s=5)


def test_install_as_root_refreshes_the_lists_first(
    install: Install, bin_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("apt-get", 'echo "$@" >> "$(dirname "$0")/calls"')
    monkeypatch.setattr("os.geteuid", lambda: 0)
    lines: list[str] = []

    apt_install(("sip-tester",), lines.append, purpose="end-to-end tests")

    calls = (bin_dir / "calls").read_text(encoding="utf-8").splitlines()
    assert calls == ["-q update", "-q -y install --no-install-recommends sip-tester"]
    assert lines == ["installing sip-tester (end-to-end tests)"]


def test_install_without_root_says_who_can_and_how(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("apt-get", "exit 99")
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    with pytest.raises(OfficeError, match="Ask an administrator to run: apt-get update && apt-get install"):
        apt_install(("sip-tester",), lambda _: None, purpose="end-to-end tests")


def test_install_without_apt_says_so(bin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bin_dir))

    with pytest.raises(OfficeError, match="no apt-get: install it by hand"):
        apt_install(("sip-tester",), lambda _: None, purpose="end-to-end tests")
