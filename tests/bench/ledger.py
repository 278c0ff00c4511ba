"""How many calls a second the ledger opens and settles, durably, and how long one opening takes.

Run it from the project's folder: ``python -m tests.bench.ledger [--tasks 16] [--seconds 5]``. Group commit and
one commit for each operation are measured in turn in the same run, on the same disk, so that the ratio holds
where the absolute numbers do not.
"""

import argparse
import asyncio
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from charging.cdr import Cdr, Disposition
from rating.deck import Rate
from rating.destination import DestinationClass
from store import migrate
from store.answers import Held
from store.catalog import create_account
from store.funds import add_funds
from store.sessions import open_session
from store.settlement import settle_leg
from store.sqlite import LONGEST_BATCH, SqliteWriter

RATE = Rate(
    prefix="447797",
    destination="Jersey mobile",
    per_minute_micros=190_000,
    initial_increment_s=1,
    increment_s=1,
)
STARTED_AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
AT_MS = 1_793_610_000_000
FUNDS_MICROS = 10**15


@dataclass
class Measured:
    """What one run counted."""

    pairs: int = 0
    commits: int = 0
    elapsed_s: float = 0.0
    open_ms: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        """Answer the run as one line of the table."""
        times = sorted(self.open_ms)
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        rate = self.pairs / self.elapsed_s
        return (
            f"{name:<24}{rate:>9.0f} pairs/s   open p50 {p50:6.2f} ms  p99 {p99:6.2f} ms"
            f"   {2 * self.pairs / self.commits:6.1f} operations a commit"
        )


def record(call_id: str, account_id: int) -> Cdr:
    """Answer the record of a call of 3 s."""
    return Cdr(
        call_id=call_id,
        leg=1,
        node="bench",
        account_id=account_id,
        extension="101",
        endpoint="PJSIP/101",
        dialled="00447797123456",
        e164="+447797123456",
        destination_class=DestinationClass.INTERNATIONAL,
        deck="example",
        rate=RATE,
        started_at=STARTED_AT,
        answered_at=STARTED_AT,
        ended_at=STARTED_AT + timedelta(seconds=3),
        billable_s=3,
        charged_micros=9_500,
        funded_by=("account",),
        disposition=Disposition.ANSWERED,
    )


async def call_until(end_s: float, writer: SqliteWriter, account_id: int, task: int, measured: Measured) -> None:
    """Open and settle one call after the other."""
    n = 0
    while (opened_s := time.perf_counter()) < end_s:
        call_id = f"bench-{task}-{n}"
        answer = await writer.apply(
            open_session(
                call_id=call_id,
                node="bench",
                account_id=account_id,
                extension="101",
                held_micros=31_667,
                paid_s=10,
                per_minute_micros=190_000,
                state="{}",
                at_ms=AT_MS,
            )
        )
        measured.open_ms.append((time.perf_counter() - opened_s) * 1000)
        assert isinstance(answer, Held)
        await writer.apply(settle_leg(cdr=record(call_id, account_id), close=True, at_ms=AT_MS))
        measured.pairs += 1
        n += 1


async def measure(folder: Path, *, longest_batch: int, tasks: int, seconds: float) -> Measured:
    """Run ``tasks`` callers on a fresh store for ``seconds``."""
    path = folder / f"batch-{longest_batch}.db"
    await asyncio.to_thread(migrate.upgrade, f"sqlite:///{path}")
    writer = SqliteWriter(path, longest_batch=longest_batch)
    try:
        account_id = await writer.apply(
            create_account(name="bench", currency="EUR", timezone="Europe/Paris", at_ms=AT_MS)
        )
        await writer.apply(
            add_funds(
                account_id=account_id, amount_micros=FUNDS_MICROS, reference="bench", at_ms=AT_MS, expires_at_ms=None
            )
        )
        measured = Measured()
        before = writer.stats().commits
        started_s = time.perf_counter()
        callers = (call_until(started_s + seconds, writer, account_id, task, measured) for task in range(tasks))
        await asyncio.gather(*callers)
        measured.elapsed_s = time.perf_counter() - started_s
        measured.commits = writer.stats().commits - before
        return measured
    finally:
        await writer.close()


async def main(tasks: int, seconds: float) -> None:
    """Measure both and print the table."""
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name:
        folder = Path(name)
        single = await measure(folder, longest_batch=1, tasks=tasks, seconds=seconds)
        grouped = await measure(folder, longest_batch=LONGEST_BATCH, tasks=tasks, seconds=seconds)
    print(f"{tasks} calls at a time, {seconds:g} s each, every commit flushed to the disk")
    print(single.line("a commit an operation"))
    print(grouped.line("group commit"))
    ratio = grouped.pairs / grouped.elapsed_s / (single.pairs / single.elapsed_s)
    print(f"group commit is {ratio:.1f} times as fast")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=16, help="calls at a time")
    parser.add_argument("--seconds", type=float, default=5.0, help="for each of the two runs")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.tasks, arguments.seconds))
