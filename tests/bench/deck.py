"""What a deck of a million rates costs: in memory, at a look-up, at its import, and to the calls meanwhile.

Run it from the project's folder: ``python -m tests.bench.deck [--rates 1000000] [--folder /var/tmp]``. The
import runs in a process of its own, as ``tollgate rates import`` does, while this one opens calls and, once
the deck is in force, loads it into memory as the service does: what calls wait for the store and how long the
event loop stands still are measured from the calls' side.
"""

import argparse
import asyncio
import gc
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from rating.deck import Deck, DeckRows, Rate
from rating.dialled import DialRules
from store.catalog import create_account
from store.funds import add_funds
from store.payers import Catalog, empty_catalog, load_catalog
from store.sessions import open_session
from store.store import Store

AT_MS = 1_793_610_000_000
LOOK_UPS = 100_000
CALL_EVERY_S = 0.01
TICK_S = 0.001
DECK = "bench"


def rates(number: int, seed: int = 1) -> Iterator[Rate]:
    """Yield that many rates of different prefixes, in order: 8 digits, some thousands of destinations and prices."""
    chance = random.Random(seed)
    step = 90_000_000 // number
    for n in range(number):
        prefix = str(10_000_000 + n * step + chance.randrange(step))
        yield Rate(
            prefix=prefix,
            destination=f"Place {prefix[:4]} {'mobile' if n % 3 else 'fixed'}",
            per_minute_micros=chance.randrange(1_000_000),
            connect_fee_micros=chance.choice((0, 0, 50_000)),
            initial_increment_s=chance.choice((1, 30, 60)),
            increment_s=chance.choice((1, 6, 60)),
        )


def resident_mb() -> float:
    """Answer this process's memory, now."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def spread(times_s: list[float]) -> str:
    """Answer times in ms: the middle, the hundredth, the worst."""
    times = sorted(times_s)
    p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
    return f"p50 {p50 * 1000:6.1f} ms   p99 {p99 * 1000:6.1f} ms   worst {times[-1] * 1000:6.1f} ms"


def in_memory(number: int) -> None:
    """Build a deck of so many rates, weigh it, and look numbers up in it."""
    gc.collect()
    before_mb = resident_mb()
    rows = DeckRows()
    spent_s = longest_s = 0.0
    for rate in rates(number):
        begun_s = time.thread_time()
        rows.append(rate)
        took_s = time.thread_time() - begun_s
        spent_s += took_s
        longest_s = max(longest_s, took_s)
    deck = Deck.of_rows(DECK, "EUR", rows)
    gc.collect()
    print(f"build     {spent_s:6.1f} s   longest step {longest_s * 1000:.1f} ms   {resident_mb() - before_mb:.0f} MB")
    chance = random.Random(2)
    every = max(1, number // LOOK_UPS)
    numbers = [f"+{rate.prefix}{chance.randrange(1000)}" for n, rate in enumerate(rates(number)) if n % every == 0]
    chance.shuffle(numbers)
    begun_s = time.perf_counter()
    found = sum(deck.lookup(number, AT_MS) is not None for number in numbers)
    took_s = time.perf_counter() - begun_s
    print(f"look-up   {len(numbers) / took_s:6.0f} a second, {found * 100 // len(numbers)} % found")


class Calls:
    """One call after the other is opened, and the event loop's pulse is felt."""

    def __init__(self, store: Store, account_id: int) -> None:
        self._store = store
        self._account_id = account_id
        self.opened_s: list[float] = []
        self.stalls_s: list[float] = []

    async def open_calls(self) -> None:
        """Open a call every hundredth of a second and note how long each took; until cancelled."""
        for n in count():
            begun_s = time.perf_counter()
            await self._store.apply(
                open_session(
                    call_id=f"bench-{n}",
                    node="bench",
                    account_id=self._account_id,
                    extension="101",
                    held_micros=31_667,
                    paid_s=10,
                    per_minute_micros=190_000,
                    state="{}",
                    at_ms=AT_MS,
                )
            )
            self.opened_s.append(time.perf_counter() - begun_s)
            await asyncio.sleep(CALL_EVERY_S)

    async def feel_pulse(self) -> None:
        """Note by how much the event loop is late, each time; until cancelled."""
        while True:
            begun_s = time.perf_counter()
            await asyncio.sleep(TICK_S)
            self.stalls_s.append(time.perf_counter() - begun_s - TICK_S)

    def report(self, phase: str) -> None:
        """Print what calls waited for and forget it."""
        print(f"  {phase:<18} open {spread(self.opened_s)}   loop late {spread(self.stalls_s)}")
        self.opened_s.clear()
        self.stalls_s.clear()


async def import_into(url: str, number: int) -> None:
    """Import a deck into the store there; runs in a process of its own."""
    async with await Store.open(url) as store:
        await store.import_deck(name=DECK, currency="EUR", rates=rates(number), at_ms=AT_MS)


async def import_beside(url: str, number: int) -> float:
    """Import in another process and answer how long it took, seconds."""
    begun_s = time.perf_counter()
    arguments = ("-m", "tests.bench.deck", "--rates", str(number), "--import-into", url)
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    if await process.wait() != 0:
        raise RuntimeError("the import failed; its message is above")
    return time.perf_counter() - begun_s


async def load(store: Store, known: Catalog) -> Catalog:
    """Load the catalog as the service does, and say how long it took."""
    before_mb = resident_mb()
    begun_s = time.perf_counter()
    catalog = await load_catalog(store, known)
    print(f"load      {time.perf_counter() - begun_s:6.1f} s   {resident_mb() - before_mb:.0f} MB")
    return catalog


async def beside_calls(folder: Path, number: int) -> None:
    """Import twice, so that the second time a generation is deleted, and load, all beside calls."""
    url = f"sqlite:///{folder / 'deck.db'}"
    async with await Store.create(url) as store:
        account_id = await store.apply(create_account(name="bench", currency="EUR", timezone="UTC", at_ms=AT_MS))
        await store.apply(
            add_funds(account_id=account_id, amount_micros=10**15, reference="bench", at_ms=AT_MS, expires_at_ms=None)
        )
        calls = Calls(store, account_id)
        tasks = [asyncio.create_task(calls.open_calls()), asyncio.create_task(calls.feel_pulse())]
        try:
            await asyncio.sleep(3)
            calls.report("alone")
            print(f"import    {await import_beside(url, number):6.1f} s")
            calls.report("while importing")
            catalog = await load(store, empty_catalog(DialRules(home_region="FR")))
            calls.report("while loading")
            print(f"replace   {await import_beside(url, number):6.1f} s")
            calls.report("while replacing")
            await load(store, catalog)
            calls.report("while reloading")
        finally:
            for task in tasks:
                task.cancel()


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    parser.add_argument("--import-into", metavar="URL", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.import_into:
        asyncio.run(import_into(wanted.import_into, wanted.rates))
        return
    print(f"{wanted.rates} rates")
    in_memory(wanted.rates)
    with tempfile.TemporaryDirectory(prefix="tollgate-bench-", dir=wanted.folder) as name:
        asyncio.run(beside_calls(Path(name), wanted.rates))


if __name__ == "__main__":
    main()
