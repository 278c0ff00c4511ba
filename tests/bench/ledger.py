"""How many calls a second the ledger opens and settles, durably, and how long one opening takes.

``python -m tests.bench.ledger`` measures ours and one ORM transaction per operation in turn, on SQLite and on
PostgreSQL, on the same disk in the same run, so that the ratio holds where the absolute numbers do not; then openings
at a steady rate while other processes read, import and back up. Exit status 1 where a limit is missed;
docs/benchmarks.md tells the method.
"""

import argparse
import asyncio
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from store.store import Store
from tests.bench.big_journal import write_journal
from tests.bench.ledger_beside import AT_ONCE, beside
from tests.bench.ledger_calls import (
    Measured,
    OurLedger,
    fund_account,
    hammer,
    in_progress,
    percentile,
    steady,
    writer_commit_ms,
)
from tests.bench.ledger_orm import OrmLedger
from tests.postgres import Cluster, running_cluster
from tollgate.office.postgresql import find_postgresql

_ON_DISK = Path("/var/tmp")
"""Kept over restarts, so by custom not in memory as /tmp may be: a commit must cost what it costs on a disk."""
_LEAST_TIMES_SQLITE = 6.0
_LEAST_TIMES_POSTGRESQL = 3.0
_MOST_COMMITS = 5.0
_MOST_BESIDE_MS = 50.0
_TALK_S = 0.5
"""Of a call in progress: 16 of them are 32 openings a second, far more than an office of 16 busy phones has."""
_STEADY_PAIRS = 20
_ORM_CONNECTIONS = (1, 4, 16)
_COMMITS = 300
_REPORTED_ENTRIES = 625_000
"""Of the store that the report reads: 200 000 records."""
_BESIDE = ("nothing", "report", "import", "backup")
"""The backup is ``tollgate backup``; SQLite's own comes last, for comparison."""


class Limits:
    """What was asked of the figures, printed as they come in; remembers whether all were kept."""

    def __init__(self) -> None:
        self.are_kept = True

    def check(self, what: str, *, kept: bool) -> None:
        """Print a limit and whether it is kept."""
        self.are_kept = self.are_kept and kept
        _say(f"  {'PASS' if kept else 'FAIL'}  {what}")


async def compare(
    name: str,
    new_url: Callable[[], str],
    commit_ms: float,
    arguments: argparse.Namespace,
    limits: Limits,
    *,
    least_times: float,
) -> None:
    """Measure ours and the ORM, each on a fresh store, and check the ratio and an opening's p99."""
    _say(f"\n{name}, {arguments.seconds:g} s each")
    talking = await measure_openings(new_url(), commit_ms, arguments)
    limits.check(
        f"p99 of an opening, {arguments.tasks} calls in progress, is {talking:.1f} commits by the writer, "
        f"at most {_MOST_COMMITS:g}",
        kept=talking <= _MOST_COMMITS,
    )
    ours = await measure_ours(new_url(), arguments)
    _say(_line(f"ours, {arguments.tasks} callers", ours))
    _say(f"  p99 of an opening by callers that never pause is {ours.p99_ms / commit_ms:.1f} bare commits by themselves")
    theirs = []
    for connections in _ORM_CONNECTIONS:
        measured = await measure_orm(new_url(), connections, arguments)
        _say(_line(f"ORM, {connections} connections", measured))
        theirs.append(measured.pairs_a_second)
    times = ours.pairs_a_second / max(theirs)
    limits.check(f"{times:.1f} times the ORM at its best, at least {least_times:g}", kept=times >= least_times)


async def measure_openings(url: str, commit_ms: float, arguments: argparse.Namespace) -> float:
    """Measure openings among calls that talk; answer their p99 in commits of one row that go the same way.

    That way is the writer's: its thread or its questions to the server, and the event loop's turn. The bare commit is
    one on a connection of its own, with nothing around it.
    """
    async with await Store.create(url) as store:
        ledger = OurLedger(store, await fund_account(store))
        writer_ms = await writer_commit_ms(store, _COMMITS)
        measured = await in_progress(
            ledger, "talking", calls=arguments.tasks, talk_s=_TALK_S, seconds=arguments.seconds
        )
    _say(f"a bare commit by itself {commit_ms:.2f} ms, by the writer {writer_ms:.2f} ms")
    _say(_line(f"ours, {arguments.tasks} in progress", measured))
    _say(f"  p99 of an opening among calls in progress is {measured.p99_ms / commit_ms:.1f} bare commits by themselves")
    return measured.p99_ms / writer_ms


async def measure_ours(url: str, arguments: argparse.Namespace) -> Measured:
    """Measure our ledger on a fresh store, whose books have to be in order afterwards."""
    async with await Store.create(url) as store:
        ledger = OurLedger(store, await fund_account(store))
        measured = await hammer(ledger, "call", tasks=arguments.tasks, seconds=arguments.seconds)
        assert await store.verify() == [], "the books are not in order"
        return measured


async def measure_orm(url: str, connections: int, arguments: argparse.Namespace) -> Measured:
    """Measure the baseline on a fresh store; it keeps the same books, so they are checked the same way."""
    async with await Store.create(url) as store:
        account_id = await fund_account(store)
        async with OrmLedger.on(url, account_id, connections=connections) as ledger:
            measured = await hammer(ledger, "call", tasks=arguments.tasks, seconds=arguments.seconds)
        assert await store.verify() == [], "the books are not in order"
        return measured


def sqlite_commit_ms(folder: Path) -> float:
    """Answer the median of inserting one row durably, by itself."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, word TEXT)")
    took_ms = []
    for _ in range(_COMMITS):
        began_s = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO bare (word) VALUES ('word')")
        connection.execute("COMMIT")
        took_ms.append((time.perf_counter() - began_s) * 1000)
    connection.close()
    return percentile(took_ms, 50)


async def postgresql_commit_ms(url: str) -> float:
    """Answer the median of inserting one row durably, by itself."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE bare (id BIGSERIAL PRIMARY KEY, word TEXT)")
    took_ms = []
    for _ in range(_COMMITS):
        began_s = time.perf_counter()
        await connection.execute("BEGIN; INSERT INTO bare (word) VALUES ('word'); COMMIT")
        took_ms.append((time.perf_counter() - began_s) * 1000)
    await connection.close()
    return percentile(took_ms, 50)


async def measure_beside(folder: Path, arguments: argparse.Namespace, limits: Limits) -> None:
    """Measure openings at a steady rate while another process is busy with the same store."""
    url = f"sqlite:///{folder / 'beside.db'}"
    _say(f"\nSQLite with 200 000 records, {_STEADY_PAIRS} calls a second, beside")
    async with await Store.create(url) as store:
        engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:", 1))
        async with engine.begin() as connection:
            await write_journal(connection, _REPORTED_ENTRIES)
        await engine.dispose()
        ledger = OurLedger(store, await fund_account(store))
        for work in _BESIDE:
            measured = await _steady_beside(ledger, work, url, folder, arguments.beside_seconds)
            _say(_line(work, measured))
            limits.check(
                f"p99 of an opening beside {work} is {measured.p99_ms:.1f} ms, at most {_MOST_BESIDE_MS:g}",
                kept=measured.p99_ms <= _MOST_BESIDE_MS,
            )
        _say(_line(AT_ONCE, await _steady_beside(ledger, AT_ONCE, url, folder, arguments.beside_seconds)))


async def _steady_beside(ledger: OurLedger, work: str, url: str, folder: Path, seconds: float) -> Measured:
    if work == "nothing":
        over = asyncio.Event()
        asyncio.get_running_loop().call_later(seconds, over.set)
        return await steady(ledger, work, pairs_a_second=_STEADY_PAIRS, until=over)
    async with beside(work, url, folder, seconds=seconds) as over:
        return await steady(ledger, work, pairs_a_second=_STEADY_PAIRS, until=over)


async def main(arguments: argparse.Namespace) -> int:
    """Measure everything, print it, and answer the exit status."""
    limits = Limits()
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-", dir=arguments.folder) as name:
        folder = Path(name)
        stores = (f"sqlite:///{folder / f'{n}.db'}" for n in range(100))
        await compare(
            "SQLite",
            lambda: next(stores),
            sqlite_commit_ms(folder),
            arguments,
            limits,
            least_times=_LEAST_TIMES_SQLITE,
        )
        if find_postgresql() is None:
            _say("\nPostgreSQL is missing: `make postgresql` installs it")
            limits.are_kept = False
        else:
            with running_cluster(flush=True) as cluster:
                await _compare_postgresql(cluster, arguments, limits)
        await measure_beside(folder, arguments, limits)
    return 0 if limits.are_kept else 1


async def _compare_postgresql(cluster: Cluster, arguments: argparse.Namespace, limits: Limits) -> None:
    def new_url() -> str:
        return cluster.url(cluster.create_database())

    commit_ms = await postgresql_commit_ms(new_url())
    await compare("PostgreSQL", new_url, commit_ms, arguments, limits, least_times=_LEAST_TIMES_POSTGRESQL)


def _line(name: str, measured: Measured) -> str:
    return (
        f"{name:<22}{measured.pairs_a_second:>8.0f} pairs/s   "
        f"opening p50 {measured.p50_ms:7.2f} ms  p99 {measured.p99_ms:7.2f} ms"
    )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ledger", description="Ours and an ORM, side by side")
    parser.add_argument("--tasks", type=int, default=16, help="calls at a time (16)")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each measurement (5)")
    parser.add_argument("--beside-seconds", type=float, default=15.0, help="of the steady calls beside others (15)")
    parser.add_argument("--folder", type=Path, default=_ON_DISK, help="where stores go while it runs")
    return parser


if __name__ == "__main__":
    sys.exit(asyncio.run(main(_parser().parse_args())))
