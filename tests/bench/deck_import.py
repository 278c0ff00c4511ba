"""What an import of a large price list costs: ``python -m tests.bench.deck_import [ROWS] [--xlsx]``.

It writes a carrier's file of that many rows (a million unless told), reads it with ``csv.reader`` alone three
times, then imports it by the same code as ``tollgate rates import`` while another process keeps writing to the
store, as calls do. It fails where the import takes over 15 times what ``csv.reader`` took, over 500 MB, or where a
write of the other process waited over 50 ms.

With ``--xlsx`` the file is a workbook, and the import may take as long as one reading of it by openpyxl.
"""

import argparse
import asyncio
import csv
import multiprocessing
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import openpyxl

from rating.deck_import import ImportOptions
from store.store import Store
from tollgate.cli.deck_file import read_deck_file, without_collecting
from tollgate.cli.deck_merge import DeckMerge

_ROWS = 1_000_000
_MOST_MB = 500
_MOST_WAIT_MS = 50
_LONGEST_FAREWELL_S = 5
_HEADER = "Country,Destination,Dial Code,Rate EUR/min,Connection Fee,Increment,Effective Date"


_Row = tuple[str, str, int, float, float, str, datetime]


@dataclass(frozen=True, slots=True)
class Form:
    """A form of file, and what its import is compared with."""

    ending: str
    beside: str
    """Who else reads it."""
    most_times: int
    """What the import may take, in times of that reading."""
    write: Callable[[Path, int], None]
    alone_s: Callable[[Path], float]


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of a reading by another and of the import, its memory, and the longest wait of another writer."""

    alone_s: float
    import_s: float
    memory_mb: int
    waits_ms: tuple[float, ...]

    @property
    def times(self) -> float:
        """How many times that reading the import took."""
        return self.import_s / self.alone_s


def rows_of(number: int) -> Iterator[_Row]:
    """Yield a price list: every prefix once, 5000 destinations, a few thousand prices."""
    begins = datetime(2026, 1, 1)  # noqa: DTZ001  # a cell of a spreadsheet has no zone
    for row in range(number):
        country = f"Country {row % 200}"
        price = (row * 37 % 9000) / 10000
        billing = "60/60" if row % 3 else "1/1"
        yield country, f"{country} network {row % 5000}", 10_000_000 + row * 7, price, 0.0, billing, begins


def write_file(path: Path, rows: int) -> None:
    """Write a price list as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(_HEADER + "\n")
        for country, name, code, price, fee, billing, begins in rows_of(rows):
            file.write(f"{country},{name},{code},{price:.4f},{fee:.2f},{billing},{begins:%Y-%m-%d}\n")


def csv_alone_s(path: Path) -> float:
    """Return the seconds that ``csv.reader`` takes for the file: the middle of three runs, since one is noisy."""
    return statistics.median(_one_csv_run_s(path) for _ in range(3))


def _one_csv_run_s(path: Path) -> float:
    began = time.perf_counter()
    with path.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass
    return time.perf_counter() - began


def write_xlsx(path: Path, rows: int) -> None:
    """Write a price list as a workbook, in a process of its own: the memory that it takes is not the import's."""
    with multiprocessing.get_context("spawn").Pool(1) as other:
        other.apply(_write_xlsx, (path, rows))


def _write_xlsx(path: Path, rows: int) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Rates")
    sheet.append(_HEADER.split(","))
    for row in rows_of(rows):
        sheet.append(row)
    book.save(path)


def xlsx_alone_s(path: Path) -> float:
    """Return the seconds that openpyxl takes to read a workbook once, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as other:
        return other.apply(_openpyxl_s, (path,))


def _openpyxl_s(path: Path) -> float:
    began = time.perf_counter()
    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    for _ in book.worksheets[0].iter_rows(values_only=True):
        pass
    book.close()
    return time.perf_counter() - began


_CSV = Form("csv", "csv.reader", 15, write_file, csv_alone_s)
_XLSX = Form("xlsx", "openpyxl", 1, write_xlsx, xlsx_alone_s)


async def import_s(path: Path, url: str) -> float:
    """Import the file into a new deck; return the seconds from opening it to its switch."""
    async with await Store.create(url) as store:
        began = time.perf_counter()
        read = read_deck_file(path, None, ImportOptions(currency="EUR", zone=UTC))
        assert not read.bad_rows, read.bad_rows[:3]
        merged = DeckMerge("bench", 0, read.new, replace=False)
        await merged.changes(store, 0)
        await store.import_deck(name="bench", currency="EUR", rates=merged.rates(store), at_ms=0)
        return time.perf_counter() - began


def write_meanwhile(database: Path, stop: Connection) -> None:
    """Take the store's write lock every 5 ms, as calls do, and answer how long each took in milliseconds.

    It waits as the store's writer does, by trying again every millisecond.
    """
    waits_ms = []
    connection = sqlite3.connect(database, isolation_level=None, timeout=0)
    while not stop.poll(0.005):
        began = time.perf_counter()
        while not _begins(connection):
            time.sleep(0.001)
        waits_ms.append((time.perf_counter() - began) * 1000)
        connection.execute("ROLLBACK")
    connection.close()
    with suppress(BrokenPipeError):  # nobody asks any more: the import failed
        stop.send(waits_ms)


def _begins(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def measure(form: Form, rows: int) -> Cost:
    """Measure an import of so many rows."""
    with tempfile.TemporaryDirectory() as folder:
        path, database = Path(folder) / f"carrier.{form.ending}", Path(folder) / "bench.db"
        form.write(path, rows)
        alone_s = form.alone_s(path)
        asyncio.run(_create(f"sqlite:///{database}"))
        with writer_beside(database) as waits_ms, without_collecting():
            took_s = asyncio.run(import_s(path, f"sqlite:///{database}"))
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Cost(alone_s, took_s, memory_mb, tuple(waits_ms))


@contextmanager
def writer_beside(database: Path) -> Iterator[list[float]]:
    """Have another process write meanwhile; the list has its waits in milliseconds once it has ended.

    It ends with the block, however that ends: a writer that nobody stops would keep this process from ending.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=write_meanwhile, args=(database, theirs), daemon=True)
    process.start()
    theirs.close()  # so that reading ours ends where the other process does
    waits_ms: list[float] = []
    try:
        yield waits_ms
        ours.send("stop")
        waits_ms.extend(ours.recv())
    finally:
        ours.close()
        process.join(_LONGEST_FAREWELL_S)
        process.terminate()


async def _create(url: str) -> None:
    async with await Store.create(url):
        pass


def main(arguments: list[str]) -> int:
    """Measure, report, and answer 1 where a limit was passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.deck_import")
    parser.add_argument("rows", type=int, nargs="?", default=_ROWS)
    parser.add_argument("--xlsx", action="store_const", const=_XLSX, default=_CSV, dest="form")
    told = parser.parse_args(arguments)
    rows: int = told.rows
    form: Form = told.form
    cost = measure(form, rows)
    waits_ms = sorted(cost.waits_ms)
    sys.stdout.write(
        f"{rows} rows: {form.beside} {cost.alone_s:.2f} s, import {cost.import_s:.2f} s = {cost.times:.1f} times "
        f"(limit {form.most_times}); {cost.memory_mb} MB (limit {_MOST_MB})\n"
        f"writes of another process meanwhile: {len(waits_ms)}, p99 {waits_ms[len(waits_ms) * 99 // 100]:.1f} ms, "
        f"longest {waits_ms[-1]:.1f} ms (limit {_MOST_WAIT_MS})\n"
    )
    passed = cost.times <= form.most_times and cost.memory_mb <= _MOST_MB and waits_ms[-1] <= _MOST_WAIT_MS
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
