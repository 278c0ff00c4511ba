"""``make bench``, or ``python -m tests.bench``: bare ``Dial()`` and Tollgate in turn, side by side.

docs/benchmarks.md tells the method and how to read the figures. Exit status 1 where a run failed (a call lost, books
not in order, nothing to run it with); a limit that is not kept is printed and is no failure.
"""

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

from tests.bench.pbx import Variant
from tests.bench.report import HEADING, document, run_line, table
from tests.bench.run import Run, measure
from tests.bench.service import ServiceFailedError
from tests.bench.traffic import CallsLostError, Traffic
from tollgate.office.errors import OfficeError

_RUNS = 5
_CALLS = 400
_QUICK_CALLS = 100
_TALK_MS = 1000
_ON_DISK = Path("/var/tmp")
"""Kept over restarts, so by custom not in memory as /tmp may be: a commit must cost what it costs on a disk."""


def main(arguments: list[str]) -> int:
    """Run the benchmark and return the exit status."""
    wanted = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    variants = [variant for variant in Variant if variant is not Variant.INCLUDED or wanted.included]
    rounds = wanted.runs or (1 if wanted.quick else _RUNS)
    calls = wanted.calls or (_QUICK_CALLS if wanted.quick else _CALLS)
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-", dir=wanted.folder) as name:
        machine = _machine(Path(name))
        _say(", ".join(f"{key} {value}" for key, value in machine.items()))
        for rate in wanted.rates:
            traffic = Traffic(rate=rate, calls=calls, talk_ms=_TALK_MS)
            _say(f"\n{rate} calls/s, {calls} calls a run of {_TALK_MS / 1000:g} s\n{HEADING}")
            for variant in variants * rounds:
                try:
                    run = measure(Path(name) / "run", variant, traffic, _say)
                except (CallsLostError, ServiceFailedError, OfficeError) as error:
                    sys.stderr.write(f"the {variant} run at {rate} calls/s failed: {error}\n")
                    return 1
                runs.append(run)
                _say(run_line(run))
    _say("".join(f"\n\n{table(runs, rate)}" for rate in wanted.rates))
    if wanted.json is not None:
        wanted.json.write_text(json.dumps(document(runs, machine), indent=2) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Bare Dial() and Tollgate, side by side")
    parser.add_argument("--rates", type=_rates, default=(20, 50), metavar="R,R", help="calls a second (20,50)")
    parser.add_argument("--calls", type=_positive, help=f"calls a run ({_CALLS})")
    parser.add_argument("--runs", type=_positive, help=f"runs of each variant and rate ({_RUNS})")
    parser.add_argument("--quick", action="store_true", help=f"one run each, of {_QUICK_CALLS} calls: does it work?")
    parser.add_argument("--included", action="store_true", help="measure calls inside the plan too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured there")
    parser.add_argument("--folder", type=Path, default=_ON_DISK, help="where stores and logs go while it runs")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("more than 0, please")
    return value


def _rates(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(_positive(part) for part in text.split(",")))


def _machine(folder: Path) -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "file_system": _file_system(folder),
    }


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines())
    above = {mount[1]: mount[2] for mount in mounts if folder.resolve().is_relative_to(mount[1])}
    return above[max(above, key=len)]


def _interrupt(_number: int, _frame: object) -> NoReturn:
    """End on SIGTERM as on Ctrl-C: everything that was started is ended on the way out."""
    raise KeyboardInterrupt


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
