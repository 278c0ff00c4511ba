"""Calls for the ledger's benchmark: one opened and settled after the other, or at a steady rate, each opening timed."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import update

from charging.cdr import Cdr, Disposition
from rating.deck import Rate
from rating.destination import DestinationClass
from store import schema
from store.answers import Held
from store.caps import SpendDay, Spending
from store.catalog import create_account
from store.funds import add_funds
from store.operation import Operation, Sql
from store.sessions import open_session
from store.settlement import settle_leg
from store.store import Store

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
HELD_MICROS = 31_667
CHARGED_MICROS = 9_500
EXTENSION = "101"
DAY = "2026-11-02"
CHANGE_ONE_ROW = Sql(update(schema.catalog_version).values(version=schema.catalog_version.c.version + 1))
SPENDING = Spending(extension=EXTENSION, days=(SpendDay(DAY, "2026-11-01", "2026-12-01"),))


class Ledger(Protocol):
    """What is measured: something that holds money for a call, and settles it, each durably."""

    async def open(self, call_id: str) -> None:
        """Hold the first slice and write the session."""
        ...

    async def settle(self, call_id: str) -> None:
        """Write the record, charge it, release the rest and end the session."""
        ...


class OurLedger:
    """Tollgate's own, on whatever database its store is on."""

    def __init__(self, store: Store, account_id: int) -> None:
        self._store = store
        self._account_id = account_id

    async def open(self, call_id: str) -> None:
        """Open a session as the gate does."""
        answer = await self._store.apply(
            open_session(
                call_id=call_id,
                node="bench",
                account_id=self._account_id,
                extension=EXTENSION,
                held_micros=HELD_MICROS,
                paid_s=10,
                per_minute_micros=RATE.per_minute_micros,
                state="{}",
                at_ms=AT_MS,
                spending=SPENDING,
            )
        )
        assert isinstance(answer, Held)

    async def settle(self, call_id: str) -> None:
        """Settle its one leg and close it."""
        await self._store.apply(settle_leg(cdr=record(call_id, self._account_id), close=True, at_ms=AT_MS))


async def fund_account(store: Store) -> int:
    """Make an account with more money than a benchmark spends, and answer its id."""
    account_id = await store.apply(create_account(name="bench", currency="EUR", timezone="Europe/Paris", at_ms=AT_MS))
    await store.apply(
        add_funds(account_id=account_id, amount_micros=FUNDS_MICROS, reference="bench", at_ms=AT_MS, expires_at_ms=None)
    )
    return account_id


def record(call_id: str, account_id: int) -> Cdr:
    """Answer the record of a call of 3 s."""
    return Cdr(
        call_id=call_id,
        leg=1,
        node="bench",
        account_id=account_id,
        extension=EXTENSION,
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
        charged_micros=CHARGED_MICROS,
        funded_by=("account",),
        disposition=Disposition.ANSWERED,
    )


@dataclass
class Measured:
    """What one run counted: pairs of opening and settling, and how long each opening took."""

    pairs: int = 0
    elapsed_s: float = 0.0
    open_ms: list[float] = field(default_factory=list)

    @property
    def pairs_a_second(self) -> float:
        """Answer the rate."""
        return self.pairs / self.elapsed_s

    @property
    def p50_ms(self) -> float:
        """Answer the median opening."""
        return percentile(self.open_ms, 50)

    @property
    def p99_ms(self) -> float:
        """Answer the opening that one in a hundred is slower than."""
        return percentile(self.open_ms, 99)


def percentile(values: Sequence[float], percent: int) -> float:
    """Answer a percentile by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


async def hammer(ledger: Ledger, name: str, *, tasks: int, seconds: float) -> Measured:
    """Have ``tasks`` callers open and settle one call after the other for ``seconds``."""
    measured = Measured()
    began_s = time.perf_counter()

    async def call_until(end_s: float, task: int) -> None:
        n = 0
        while time.perf_counter() < end_s:
            await _pair(ledger, f"{name}-{task}-{n}", measured)
            n += 1

    await asyncio.gather(*(call_until(began_s + seconds, task) for task in range(tasks)))
    measured.elapsed_s = time.perf_counter() - began_s
    return measured


async def in_progress(ledger: Ledger, name: str, *, calls: int, talk_s: float, seconds: float) -> Measured:
    """Keep ``calls`` calls in progress, each of which talks for ``talk_s``, begun evenly one after the other."""
    measured = Measured()
    began_s = time.perf_counter()

    async def call_until(end_s: float, task: int) -> None:
        await asyncio.sleep(talk_s * task / calls)
        n = 0
        while time.perf_counter() < end_s:
            await _pair(ledger, f"{name}-{task}-{n}", measured, talk_s=talk_s)
            n += 1

    await asyncio.gather(*(call_until(began_s + seconds, task) for task in range(calls)))
    measured.elapsed_s = time.perf_counter() - began_s
    return measured


async def steady(ledger: Ledger, name: str, *, pairs_a_second: int, until: asyncio.Event) -> Measured:
    """Open and settle a call at a steady rate, whether the one before is done or not, until told to end."""
    measured = Measured()
    began_s = time.perf_counter()
    async with asyncio.TaskGroup() as calls:
        n = 0
        while not until.is_set():
            calls.create_task(_pair(ledger, f"{name}-{n}", measured))
            n += 1
            await asyncio.sleep(max(0.0, began_s + n / pairs_a_second - time.perf_counter()))
    measured.elapsed_s = time.perf_counter() - began_s
    return measured


async def writer_commit_ms(store: Store, commits: int) -> float:
    """Answer the median of changing one row by the store's writer: its thread, its batch, the event loop's turn."""
    took_ms = []
    for _ in range(commits):
        began_s = time.perf_counter()
        await store.apply(_change_one_row())
        took_ms.append((time.perf_counter() - began_s) * 1000)
    return percentile(took_ms, 50)


def _change_one_row() -> Operation[None]:
    yield CHANGE_ONE_ROW()


async def _pair(ledger: Ledger, call_id: str, measured: Measured, *, talk_s: float = 0.0) -> None:
    opened_s = time.perf_counter()
    await ledger.open(call_id)
    measured.open_ms.append((time.perf_counter() - opened_s) * 1000)
    if talk_s:
        await asyncio.sleep(talk_s)
    await ledger.settle(call_id)
    measured.pairs += 1
