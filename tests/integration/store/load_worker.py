"""A process of its own that makes calls on a store, and writes down each step of theirs once that is durable."""

import asyncio
from pathlib import Path
from typing import TextIO

from store.answers import Held
from store.store import Store
from tests.integration.store.office import Office
from tests.processes import FORKS

TASKS = 8
LIMIT_S = 120


class LoadWorker:
    """Runs tasks that make ``calls`` calls each; a line for each step is in the file ``log``."""

    def __init__(self, url: str, name: str, calls: int, log: Path) -> None:
        self._log = log
        log.touch()
        self._process = FORKS.Process(target=work, args=(url, name, calls, log), daemon=True)
        self._process.start()

    def lines(self) -> list[str]:
        """Answer the lines that are whole."""
        return [line for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    async def end(self) -> int | None:
        """Wait for its end and answer its status, None where it does not end."""
        await asyncio.to_thread(self._process.join, LIMIT_S)
        return self._process.exitcode

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self._process.kill()


def work(url: str, name: str, calls: int, log: Path) -> None:
    """Be the worker: in the process of its own."""
    with log.open("a") as lines:
        asyncio.run(_work(url, name, calls, lines))


async def _work(url: str, name: str, calls: int, lines: TextIO) -> None:
    async with await Store.open(url) as store:
        office = Office(store, account_id=1)
        await asyncio.gather(*(_make_calls(office, f"{name}-{task}", calls, lines) for task in range(TASKS)))


async def _make_calls(office: Office, name: str, calls: int, lines: TextIO) -> None:
    """Open a call and settle it, ``calls`` times or until there is no money."""
    for n in range(calls):
        call_id = f"{name}-{n}"
        if not isinstance(await office.open(call_id, held_micros=1_000, paid_s=10), Held):
            return
        print(f"opened {call_id}", file=lines, flush=True)
        await office.settle(call_id, 700)
        print(f"settled {call_id}", file=lines, flush=True)
