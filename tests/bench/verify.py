"""What ``verify`` costs on a long journal: ``python -m tests.bench.verify [ENTRIES]`` (10 million unless told).

It writes a store with so many journal entries, and their calls, records, lots and days of spend, verifies it in a
process of its own, then again with a call, a lot and an account corrupted: each has to be named, and nothing else. It
fails where it is not, or where verifying takes over 300 MB. Beside the first verifying 20 calls a second are opened and
settled, and it is told how long an opening takes and what the write-ahead log grows to meanwhile.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import create_async_engine

from store.store import Store
from tests.bench.big_journal import Corruption, calls_of, corruptions, write_journal
from tests.bench.ledger_calls import Measured, OurLedger, fund_account, steady

_ENTRIES = 10_000_000
_MOST_MB = 300
_ON_DISK = Path("/var/tmp")
_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "cache_size = -500000")
_PAIRS_A_SECOND = 20


@dataclass(frozen=True, slots=True)
class Verified:
    """What one verifying found and took."""

    differences: frozenset[tuple[str, str]]
    took_s: float
    memory_mb: int
    rows: int


async def write_store(path: Path, entries: int) -> None:
    """Make a store with a healthy journal of that length."""
    async with await Store.create(f"sqlite:///{path}"):
        pass
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        for pragma in _PRAGMAS:  # nobody needs what a crash leaves of it
            await connection.exec_driver_sql(f"PRAGMA {pragma}")
        await connection.exec_driver_sql("BEGIN")
        await write_journal(connection, entries)
        await connection.exec_driver_sql("COMMIT")
        await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    await engine.dispose()


def verified(path: Path) -> Verified:
    """Verify a store in a process of its own, whose memory is nobody else's."""
    command = (sys.executable, "-m", "tests.bench.verify", "--alone", str(path))
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, stdout=subprocess.PIPE, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    found = frozenset((check, subject) for check, subject in said["differences"])
    return Verified(found, said["took_s"], said["memory_mb"], said["rows"])


async def verify_alone(path: Path) -> dict[str, Any]:
    """Verify a store in this process and answer what :func:`verified` reads."""
    rows = [0]

    def tell(done_rows: int, _total_rows: int) -> None:
        rows[0] = done_rows

    async with await Store.open(f"sqlite:///{path}") as store:
        began_s = time.monotonic()
        differences = await store.verify(tell)
        took_s = time.monotonic() - began_s
    return {
        "differences": [(each.check.value, each.subject) for each in differences],
        "took_s": took_s,
        "memory_mb": _peak_mb(),
        "rows": rows[0],
    }


def _peak_mb() -> int:
    """Answer the most memory that this program had; ``getrusage`` would tell the parent's where that had more."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


async def verified_beside_calls(path: Path) -> tuple[Verified, Measured, int]:
    """Verify while calls go on; answer along how long their openings took, and the bytes of the write-ahead log."""
    async with await Store.open(f"sqlite:///{path}") as store:
        ledger = OurLedger(store, await fund_account(store))
        over = asyncio.Event()
        calls = asyncio.create_task(steady(ledger, "beside", pairs_a_second=_PAIRS_A_SECOND, until=over))
        try:
            found = await asyncio.to_thread(verified, path)
            log_bytes = path.with_name(path.name + "-wal").stat().st_size
        finally:
            over.set()
        return found, await calls, log_bytes


def run_corrupted(path: Path, corruption: Corruption) -> Verified:
    """Verify with one value changed, which is changed back afterwards."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(corruption.statement)
    try:
        return verified(path)
    finally:
        connection.execute(corruption.mend)
        connection.close()


def main(arguments: list[str]) -> int:
    """Measure, report, and answer 1 where something was not found or a limit was passed."""
    if arguments[:1] == ["--alone"]:
        json.dump(asyncio.run(verify_alone(Path(arguments[1]))), sys.stdout)
        return 0
    entries = int(arguments[0]) if arguments else _ENTRIES
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-", dir=_ON_DISK) as folder:
        path = Path(folder) / "large.db"
        began_s = time.monotonic()
        asyncio.run(write_store(path, entries))
        size_mb = path.stat().st_size // 1_000_000
        _say(f"{entries} entries written in {time.monotonic() - began_s:.0f} s, {size_mb} MB")
        healthy, calls, log_bytes = asyncio.run(verified_beside_calls(path))
        is_good = _report("healthy, beside calls", healthy, frozenset())
        _say(
            f"  {_PAIRS_A_SECOND} calls a second beside it: opening p50 {calls.p50_ms:.1f} ms, "
            f"p99 {calls.p99_ms:.1f} ms; the write-ahead log grew to {log_bytes / 1e6:.1f} MB"
        )
        for corruption in corruptions(calls_of(entries)):
            found = run_corrupted(path, corruption)
            is_good = _report(f"corrupted {corruption.name}", found, corruption.differences) and is_good
    return 0 if is_good else 1


def _report(name: str, found: Verified, expected: frozenset[tuple[str, str]]) -> bool:
    is_good = found.differences == expected and found.memory_mb <= _MOST_MB
    named = ", ".join(f"{check} {subject}" for check, subject in sorted(found.differences)) or "nothing"
    _say(
        f"{'PASS' if is_good else 'FAIL'}  {name}: {found.rows} rows in {found.took_s:.1f} s, {found.memory_mb} MB "
        f"(limit {_MOST_MB}); found {named}"
    )
    return is_good


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
