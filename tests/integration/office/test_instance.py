"""A real Asterisk of our own: it starts quickly and cleanly, says why when it cannot, and never outlives us."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.integration.office.conftest import QUIET_FILES
from tollgate.office.binary import AsteriskBinary
from tollgate.office.instance import AsteriskError, AsteriskInstance


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that ended and waits for its parent does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pid: int, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.02)


def test_start_takes_calls_without_a_logged_error(instance: AsteriskInstance) -> None:
    instance.start()

    assert instance.is_running
    assert instance.log_errors() == []
    assert "System uptime" in instance.cli("core show uptime")


def test_stop_leaves_no_process_and_start_works_again(instance: AsteriskInstance) -> None:
    pids = []
    for _ in range(2):
        instance.start()
        assert instance.pid is not None
        pids.append(instance.pid)
        instance.stop()
        assert not is_alive(pids[-1])
        assert instance.pid is None

    assert pids[0] != pids[1]


def test_stop_keeps_what_its_database_holds(instance: AsteriskInstance) -> None:
    instance.start()
    instance.cli("database put tollgate key value")
    instance.stop()
    instance.start()

    assert "Value: value" in instance.cli("database get tollgate key")


def test_stop_before_start_and_twice_does_nothing(instance: AsteriskInstance) -> None:
    instance.stop()
    instance.start()
    instance.stop()
    instance.stop()

    assert not instance.is_running


def test_kill_ends_it_at_once(instance: AsteriskInstance) -> None:
    instance.start()
    pid = instance.pid
    instance.kill()

    assert pid is not None
    assert not is_alive(pid)


async def test_event_loop_goes_on_while_it_starts(instance: AsteriskInstance) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await instance.start_async()
    assert "System uptime" in await instance.cli_async("core show uptime")
    await instance.stop_async()
    ticking.cancel()

    assert ticks > 5
    assert not instance.is_running


def test_start_in_a_folder_with_a_long_path_works(binary: AsteriskBinary, tmp_path: Path) -> None:
    deep = tmp_path / ("deep folder " * 8) / "asterisk"
    with AsteriskInstance(binary, deep, QUIET_FILES) as instance:
        elsewhere = instance.control_socket.parent
        assert elsewhere.parent == Path(tempfile.gettempdir())
        assert "System uptime" in instance.cli("core show uptime")

    assert not elsewhere.exists()


def test_start_with_a_broken_configuration_tells_its_last_words(binary: AsteriskBinary, tmp_path: Path) -> None:
    broken = {**QUIET_FILES, "modules.conf": "[modules]\nautoload = no\nrequire = res_no_such.so\n"}
    instance = AsteriskInstance(binary, tmp_path / "broken", broken)

    with pytest.raises(AsteriskError, match=r"(?s)ended while it started.*res_no_such"):
        instance.start()

    assert not instance.is_running


def test_start_that_takes_too_long_is_ended(binary: AsteriskBinary, tmp_path: Path) -> None:
    instance = AsteriskInstance(binary, tmp_path / "slow", QUIET_FILES, boot_timeout_s=0.001)

    with pytest.raises(AsteriskError, match=r"did not start within 0\.001 s"):
        instance.start()

    assert not instance.is_running


def test_second_start_is_refused_while_it_runs(instance: AsteriskInstance) -> None:
    instance.start()

    with pytest.raises(AsteriskError, match="running already"):
        instance.start()

    assert instance.is_running


def test_second_instance_in_the_same_folder_is_refused(instance: AsteriskInstance, binary: AsteriskBinary) -> None:
    instance.start()
    second = AsteriskInstance(binary, instance.folder, QUIET_FILES)

    with pytest.raises(AsteriskError, match="another Asterisk runs in"):
        second.start()

    assert "System uptime" in instance.cli("core show uptime")


def test_command_to_one_that_does_not_run_is_an_error(instance: AsteriskInstance) -> None:
    instance.start()
    instance.stop()

    with pytest.raises(AsteriskError, match="took no command"):
        instance.cli("core show uptime")


def test_killed_parent_leaves_nothing_running(binary: AsteriskBinary, tmp_path: Path) -> None:
    script = (
        "import time; from pathlib import Path\n"
        "from tests.integration.office.conftest import QUIET_FILES\n"
        "from tollgate.office.asterisk import find_asterisk\n"
        "from tollgate.office.instance import AsteriskInstance\n"
        f"instance = AsteriskInstance(find_asterisk(), Path({str(tmp_path)!r}), QUIET_FILES)\n"
        "instance.start(); print(instance.pid, flush=True); time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root) as parent:
        assert parent.stdout is not None
        asterisk_pid = int(parent.stdout.readline())
        assert is_alive(asterisk_pid)
        os.kill(parent.pid, signal.SIGKILL)

    wait_until_gone(asterisk_pid)
