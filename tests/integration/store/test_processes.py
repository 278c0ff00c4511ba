"""Several processes on one store, and one that is killed in the middle of its work."""

import asyncio
from pathlib import Path

from store.store import Store
from tests.integration.store.conftest import ON_DISK
from tests.integration.store.load_worker import LIMIT_S, TASKS, LoadWorker
from tests.integration.store.office import EUR, open_office

pytestmark = ON_DISK


async def two_workers(url: str, calls: int, folder: Path) -> int:
    """Have two processes make calls at once, and answer how many were settled."""
    workers = [LoadWorker(url, name, calls, folder / f"{name}.log") for name in ("one", "two")]
    assert [await worker.end() for worker in workers] == [0, 0]
    return sum(line.startswith("settled") for worker in workers for line in worker.lines())


async def test_processes_that_write_at_once_lose_nothing(database: str, tmp_path: Path) -> None:
    calls = 15
    async with open_office(database, funds_micros=EUR) as office:
        made = 2 * TASKS * calls
        assert await two_workers(database, calls, tmp_path) == made
        assert await office.money() == (EUR - made * 700, 0)
        assert len({cdr.call_id async for cdr in office.store.cdrs()}) == made


async def test_processes_that_race_for_the_last_money_never_share_it(database: str, tmp_path: Path) -> None:
    """Each call holds 1000 and spends 700: the money is enough for a part of what both processes want."""
    async with open_office(database, funds_micros=50_000) as office:
        settled = await two_workers(database, 60, tmp_path)
        assert await office.money() == (50_000 - settled * 700, 0)
        assert 0 <= 50_000 - settled * 700 < 1_000 * 2 * TASKS


async def test_a_killed_process_leaves_all_it_promised_and_nothing_half_done(database: str, tmp_path: Path) -> None:
    async with open_office(database, funds_micros=EUR):
        pass
    worker = LoadWorker(database, "victim", 10_000, tmp_path / "victim.log")
    async with asyncio.timeout(LIMIT_S):
        while len(worker.lines()) < 200:  # noqa: ASYNC110  # a file tells nobody that it grows
            await asyncio.sleep(0.01)
    worker.kill()
    await worker.end()
    promised = [line.split() for line in worker.lines()]
    async with await Store.open(database) as store:
        assert await store.verify() == []
        recorded = {cdr.call_id async for cdr in store.cdrs()}
        opened = {session.call_id for session in await store.open_sessions()}
    assert {call_id for what, call_id in promised if what == "settled"} <= recorded
    assert {call_id for what, call_id in promised if what == "opened"} <= recorded | opened
    assert len(opened) <= TASKS
