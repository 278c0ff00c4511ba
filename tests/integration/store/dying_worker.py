"""Processes that die at every step of a transaction: ``python -m tests.integration.store.dying_worker URL``.

A child does a call's whole work and kills itself before its first statement; the next one before its second, and so on,
until one comes to the end: between any two statements, before each commit and after it. Each first looks at the books
that the last one left, and does its work again, as whoever got no answer does. The store has an account 1.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

from charging.cdr import EndSource
from store.errors import CallSettledError
from store.expiry import expire_lots
from store.funds import add_funds, adjust_funds
from store.lost_calls import charge_provisionally
from store.operation import Operation
from store.provisional import take_back
from store.renewal import renew_slice
from store.sessions import open_session, save_session
from store.settlement import settle_leg
from store.store import Store
from tests.integration.store.office import PER_SECOND, T0_MS, make_cdr
from tests.statements import share_statements

BOUGHT_MICROS, CHARGED_MICROS, ADJUSTED_MICROS = 500_000, 170_000, 50_000
EXPIRES_MS = T0_MS + 30_000
LOST_MS = T0_MS + 60_000


def work(name: str) -> Iterator[Operation[Any]]:
    """Yield a call's operations: fund, call, talk, be lost and found, settle, adjust; the rest expires.

    Whatever was done before changes nothing when it is done again.
    """
    yield add_funds(account_id=1, amount_micros=BOUGHT_MICROS, reference=name, at_ms=T0_MS, expires_at_ms=EXPIRES_MS)
    yield open_session(
        call_id=name,
        node="pbx1",
        account_id=1,
        extension="101",
        held_micros=100_000,
        paid_s=10,
        per_minute_micros=600_000,
        state="{}",
        at_ms=T0_MS,
    )
    yield save_session(call_id=name, state="{}", at_ms=T0_MS, paid_until_ms=T0_MS + 10_000)
    yield renew_slice(
        call_id=name,
        n=2,
        rate=PER_SECOND,
        want_s=20,
        paid_until_ms=T0_MS + 10_000,
        state="{}",
        at_ms=T0_MS + 5_000,
    )
    yield adjust_funds(
        account_id=1, amount_micros=-ADJUSTED_MICROS, reference=f"{name} less", reason="test", at_ms=T0_MS + 6_000
    )
    lost = make_cdr(name, account_id=1, charged_micros=300_000)
    lost = replace(lost, end_source=EndSource.LAST_SEEN, provisional=True)
    yield charge_provisionally(cdr=lost, seen_at_ms=None, at_ms=LOST_MS)
    yield take_back(call_id=name, at_ms=LOST_MS)
    found = make_cdr(name, account_id=1, charged_micros=CHARGED_MICROS)
    yield settle_leg(cdr=found, close=True, at_ms=LOST_MS)
    yield expire_lots(account_id=1, at_ms=LOST_MS)


class Fate:
    """Counts steps, and dies at one of them."""

    def __init__(self, dies_at: int | None) -> None:
        self._steps = count()
        self._dies_at = dies_at

    def step(self) -> None:
        """Go on, or die as a process that is killed does."""
        if next(self._steps) == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, operation: Operation[Any]) -> Operation[Any]:
        """Yield an operation's statements, each of which may be the one before which it ends."""
        try:
            statement = next(operation)
            while True:
                self.step()
                rows = yield statement
                statement = operation.send(rows)
        except StopIteration as stop:
            self.step()  # all is done, nothing is committed
            return stop.value


async def do(store: Store, name: str, fate: Fate) -> None:
    """Do a call's work on the store."""
    for operation in work(name):
        try:
            await store.apply(fate.watch(operation))
        except CallSettledError:
            continue  # it was settled before the death
        fate.step()


async def live_and_die(url: str, life: int) -> None:
    """See that what died before left the books right, do its work again, then a call of one's own as far as may be."""
    async with await Store.open(url) as store:
        found = await store.verify()
        assert found == [], found
        if life:
            await do(store, f"call{life - 1}", Fate(None))
        await do(store, f"call{life}", Fate(life))


def in_child(run: Coroutine[Any, Any, None]) -> int:
    """Run in a forked process; answer how it ended, as ``waitstatus_to_exitcode`` does."""
    pid = os.fork()
    if pid == 0:
        try:
            asyncio.run(run)
        except BaseException:  # noqa: BLE001  # a forked child must end here, whatever happened
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    run.close()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


async def warm_up(url: str) -> None:
    """Do a call's work and prove the books: what is compiled and imported now, each child has from the start."""
    async with await Store.open(url) as store:
        await do(store, "first", Fate(None))
        assert await store.verify() == []


def main(url: str) -> int:
    """Live and die until one comes to the end; print how many calls were made."""
    share_statements()
    asyncio.run(warm_up(url))
    for life in count():
        ended = in_child(live_and_die(url, life))
        if ended not in {0, -signal.SIGKILL}:
            return 1
        if ended == 0:
            print(life + 2)
            return 0
    raise AssertionError("count() has no end")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
