"""A process killed at every step of every kind of transaction leaves nothing half done and nothing done twice."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from store.records import JournalEntry
from store.store import Store
from tests.integration.store.conftest import ON_DISK
from tests.integration.store.dying_worker import ADJUSTED_MICROS, BOUGHT_MICROS, CHARGED_MICROS
from tests.integration.store.office import open_office

ROOT = Path(__file__).parents[3]
LEAST_STEPS = 60


@ON_DISK
async def test_process_killed_at_every_step_leaves_the_books_right(database: str) -> None:
    async with open_office(database):
        pass
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.store.dying_worker",
        database,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await worker.communicate()
    assert worker.returncode == 0, errors.decode()
    calls = int(output)
    assert calls >= LEAST_STEPS
    async with await Store.open(database) as store:
        account = await store.account_by_id(1)
        assert account is not None
        assert (account.available_micros, account.reserved_micros) == (0, 0)
        assert await store.verify() == []
        lots = await store.lots(1)
        assert {lot.amount_micros for lot in lots} == {BOUGHT_MICROS}
        entries = [entry async for entry in _journal(store)]
        cdrs = [cdr async for cdr in store.cdrs()]
    assert len(lots) == calls
    assert [cdr.charged_micros for cdr in cdrs] == [CHARGED_MICROS] * calls
    moved = {kind: sum(entry.amount_micros for entry in entries if entry.kind == kind) for kind in ("adjust", "expire")}
    assert moved["adjust"] == calls * ADJUSTED_MICROS
    assert moved["expire"] == calls * (BOUGHT_MICROS - ADJUSTED_MICROS - CHARGED_MICROS)


async def _journal(store: Store) -> AsyncIterator[JournalEntry]:
    after = 0
    while page := await store.journal(1, after_id=after):
        for entry in page:
            yield entry
        after = page[-1].id
