"""Runs the test of a file system that is really full, in mounts of its own: whatever ends it, none is left behind."""

import os
import subprocess
import sys
from pathlib import Path

LIMIT_S = 240
OWN_MOUNTS = "a test mounts a small file system: run it as root, or where users may have namespaces (unshare -rm)"


def _run_in_own_mounts(command: list[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    """Run a command with mounts of its own: as root, else in a namespace in which it is root.

    Its processes are of a namespace too, so that none outlives it: they are killed with the first.
    """
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    unshared = ["unshare", *as_root, "--mount", "--pid", "--fork", "--kill-child", "--", *command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(unshared, capture_output=True, text=True, env=environment, timeout=limit_s, check=False)


def test_full_file_system_is_met_without_loss() -> None:
    assert _run_in_own_mounts(["true"], 30).returncode == 0, OWN_MOUNTS
    file = Path(__file__).with_name("full_file_system.py")
    run = _run_in_own_mounts([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)], LIMIT_S)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "1 passed" in run.stdout
