"""Several processes on one store, and one that is killed in the middle of its work."""

import asyncio
import signal
import sys
from pathlib import Path

from store.store import Store
from tests.integration.store.conftest import ON_DISK
from tests.integration.store.load_worker import TASKS
from tests.integration.store.office import EUR, open_office

pytestmark = ON_DISK

ROOT = Path(__file__).parents[3]


async def start_worker(url: str, name: str, calls: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.store.load_worker",
        url,
        name,
        str(calls),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )


async def read_lines(worker: asyncio.subprocess.Process, count: int) -> list[str]:
    assert worker.stdout is not None
    return [(await worker.stdout.readline()).decode() for _ in range(count)]


async def test_processes_that_write_at_once_lose_nothing(database: str) -> None:
    calls = 15
    async with open_office(database, funds_micros=EUR) as office:
        workers = [await start_worker(database, name, calls) for name in ("one", "two")]
        outputs = [await worker.communicate() for worker in workers]
        assert [worker.returncode for worker in workers] == [0, 0]
        made = 2 * TASKS * calls
        assert sum(output.count(b"settled") for output, _ in outputs) == made
        assert await office.money() == (EUR - made * 700, 0)
        assert len({cdr.call_id async for cdr in office.store.cdrs()}) == made


async def test_processes_that_race_for_the_last_money_never_share_it(database: str) -> None:
    """Each call holds 1000 and spends 700: the money is enough for a part of what both processes want."""
    async with open_office(database, funds_micros=50_000) as office:
        workers = [await start_worker(database, name, 60) for name in ("one", "two")]
        outputs = [await worker.communicate() for worker in workers]
        settled = sum(output.count(b"settled") for output, _ in outputs)
        assert await office.money() == (50_000 - settled * 700, 0)
        assert 0 <= 50_000 - settled * 700 < 1_000 * 2 * TASKS


async def test_a_killed_process_leaves_all_it_promised_and_nothing_half_done(database: str) -> None:
    async with open_office(database, funds_micros=EUR):
        pass
    worker = await start_worker(database, "victim", 10_000)
    lines = await read_lines(worker, 200)
    worker.send_signal(signal.SIGKILL)
    rest, _ = await worker.communicate()
    promised = [line.split() for line in [*lines, *rest.decode().splitlines(keepends=True)] if line.endswith("\n")]
    async with await Store.open(database) as store:
        assert await store.verify() == []
        recorded = {cdr.call_id async for cdr in store.cdrs()}
        opened = {session.call_id for session in await store.open_sessions()}
    assert {call_id for what, call_id in promised if what == "settled"} <= recorded
    assert {call_id for what, call_id in promised if what == "opened"} <= recorded | opened
    assert len(opened) <= TASKS
