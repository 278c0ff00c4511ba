"""Reports of reconciliations: written once the calls are settled whose ends a comparison found.

Keeping a report never waits and never fails. Those that cannot be written yet are kept in memory, a bounded number of
them, in order. What a comparison moved is read from the journal; where its settlements take longer than
``SETTLED_WITHIN_S`` although the store answers, the report has what was moved by then. A service that is killed before
loses its report and nothing else: what it settled is in the journal, what it did not is found at the next start.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ari_app.clock import epoch_ms
from ari_app.findings import Findings
from ari_app.metrics import Metrics
from store.errors import StoreError
from store.reconciliations import (
    CallMoney,
    MoneyMoved,
    Reconciliation,
    ReconciliationCause,
    record_reconciliation,
)
from store.store import Store

log = structlog.get_logger(__name__)

MOST_WAITING = 100
SETTLED_WITHIN_S = 60.0
LOOK_S = 0.5
STORE_LIMIT_S = 5.0


@dataclass(slots=True)
class _Waiting:
    cause: ReconciliationCause
    found: Findings
    settled_by_s: float
    """On the event loop's clock: no settlement is waited for any longer."""


class Reports:
    """Takes findings, and writes their reports in a task of its own."""

    def __init__(self, store: Store, node: str, metrics: Metrics, is_open: Callable[[str], bool]) -> None:
        """Begin with none; ``is_open`` says whether a call is still to be settled."""
        self._store = store
        self._node = node
        self._metrics = metrics
        self._is_open = is_open
        self._waiting: deque[_Waiting] = deque()
        self._some = asyncio.Event()
        self._writing = asyncio.Lock()
        metrics.gauge("reports_waiting", "Reports of reconciliations not written yet", lambda: len(self._waiting))

    def keep(self, cause: ReconciliationCause, found: Findings) -> None:
        """Have a report written; a sweep that found nothing leaves none."""
        if cause is ReconciliationCause.SWEEP and not found.is_something:
            log.debug("reconciled", cause=cause.value, alive=found.alive)
            return
        log.info(
            "reconciled",
            cause=cause.value,
            alive=found.alive,
            adopted=len(found.adopted),
            ended=len(found.ended),
            ends={str(source or "unanswered"): found.count(source) for source in set(found.ended.values())},
            unknown=len(found.unknown),
        )
        if len(self._waiting) >= MOST_WAITING:
            self._metrics.dropped.labels("reports").inc()
            return
        self._waiting.append(_Waiting(cause, found, _now_s() + SETTLED_WITHIN_S))
        self._some.set()

    async def run(self) -> None:
        """Write reports, in order, until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._waiting:
                if not await self._written(self._waiting[0]):
                    await asyncio.sleep(LOOK_S)

    async def flush(self) -> None:
        """Write what waits, with what has been moved by now; the first that the store does not take ends it."""
        for report in self._waiting:
            report.settled_by_s = _now_s()
        while self._waiting and await self._written(self._waiting[0]):
            pass

    async def _written(self, report: _Waiting) -> bool:
        """Write a report and let it go; return whether that was done."""
        async with self._writing:  # a service that stops flushes while the report may be on its way
            return not self._is_next(report) or await self._write_next(report)

    def _is_next(self, report: _Waiting) -> bool:
        return bool(self._waiting) and self._waiting[0] is report

    async def _write_next(self, report: _Waiting) -> bool:
        if _now_s() < report.settled_by_s and any(map(self._is_open, report.found.ended)):
            return False
        try:
            async with asyncio.timeout(STORE_LIMIT_S):
                await self._write(report)
        except (StoreError, TimeoutError) as error:
            log.warning("reconciliation_not_written", error=repr(error))
            report.settled_by_s = _now_s() + SETTLED_WITHIN_S  # settlements wait for the store too
            return False
        except Exception:  # one that cannot be written must not keep the others back
            log.exception("reconciliation_not_written")
        self._waiting.popleft()
        return True

    async def _write(self, report: _Waiting) -> None:
        found = report.found
        moved = await self._store.moved_since(found.last_entry or 0, {*found.ended, *found.resumed})
        await self._store.apply(
            record_reconciliation(
                Reconciliation(
                    node=self._node,
                    cause=report.cause,
                    at_ms=epoch_ms(found.at),
                    alive=found.alive,
                    ended=len(found.ended),
                    unknown=len(found.unknown),
                    money=_by_account(moved),
                )
            )
        )


def _by_account(moved: list[CallMoney]) -> dict[int, MoneyMoved]:
    accounts: dict[int, MoneyMoved] = {}
    for call in moved:
        accounts[call.account_id] = accounts.get(call.account_id, MoneyMoved()) + call.moved
    return accounts


def _now_s() -> float:
    return asyncio.get_running_loop().time()
