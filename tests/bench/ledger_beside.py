"""What else a store is busy with, each in a process of its own: a report, a deck import, ours and SQLite's own backup.

``python -m tests.bench.ledger_beside WORK URL FOLDER`` does it until it is killed; an import until it is done.
"""

import asyncio
import contextlib
import io
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

from rating.deck_import import ImportOptions
from store.store import Store
from tests.bench.deck_import import write_file
from tollgate.cli.app import run
from tollgate.cli.deck_file import read_deck_file
from tollgate.cli.deck_merge import DeckMerge

AT_ONCE = "SQLite's .backup"
IMPORTED_ROWS = 100_000
_READY = b"ready\n"
_LONGEST_WORK_S = 180


@asynccontextmanager
async def beside(work: str, url: str, folder: Path, *, seconds: float) -> AsyncIterator[asyncio.Event]:
    """Run ``work`` beside the block; the event is set when it is done, an endless one after ``seconds``."""
    command = (sys.executable, "-m", "tests.bench.ledger_beside", work, url, str(folder))
    process = await asyncio.create_subprocess_exec(*command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)
    assert process.stdout is not None
    over = asyncio.Event()

    async def watch() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _LONGEST_WORK_S if work == "import" else seconds)
        over.set()

    watcher: asyncio.Task[None] | None = None
    try:
        said = await process.stdout.readline()
        assert said == _READY, f"{work} did not start"
        watcher = asyncio.create_task(watch())
        yield over
        assert process.returncode in (None, 0), f"{work} failed beside the calls"
    finally:
        if watcher is not None:
            watcher.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _report(url: str) -> None:
    """Read all records and their totals over and over, as ``tollgate activity`` does."""
    async with await Store.open(url) as store:
        _say_ready()
        while True:
            await store.extension_totals()
            async for _ in store.cdrs():
                pass


async def _import(url: str, folder: Path) -> None:
    """Import a deck as ``tollgate rates import`` does."""
    path = folder / "carrier.csv"
    write_file(path, IMPORTED_ROWS)
    async with await Store.open(url) as store:
        _say_ready()
        read = read_deck_file(path, None, ImportOptions(currency="EUR", zone=UTC))
        merged = DeckMerge("beside", 0, read.new, replace=False)
        await merged.changes(store, 0)
        await store.import_deck(name="beside", currency="EUR", rates=merged.rates(store), at_ms=0)


def _back_up(url: str, folder: Path) -> None:
    """Back up over and over by ``tollgate backup``."""
    os.environ["TOLLGATE_DATABASE_URL"] = url
    _say_ready()
    while True:
        copy = folder / "backup.db"
        with contextlib.redirect_stdout(io.StringIO()):
            assert run(["backup", str(copy)]) == 0
        copy.unlink()


def _back_up_at_once(url: str, folder: Path) -> None:
    """Copy the database over and over as ``.backup`` of SQLite's shell does."""
    source = sqlite3.connect(url.removeprefix("sqlite:///"))
    _say_ready()
    while True:
        copy = folder / "backup.db"
        copy.unlink(missing_ok=True)
        target = sqlite3.connect(copy)
        source.backup(target)
        target.close()


def _say_ready() -> None:
    sys.stdout.buffer.write(_READY)
    sys.stdout.flush()


def main(arguments: list[str]) -> None:
    """Do one kind of work."""
    work, url, folder = arguments
    if work == "backup":
        _back_up(url, Path(folder))
    elif work == AT_ONCE:
        _back_up_at_once(url, Path(folder))
    else:
        asyncio.run(_report(url) if work == "report" else _import(url, Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
