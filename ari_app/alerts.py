"""Alerts of the running service: logged and counted at once, and written to the store as soon as it takes them.

Raising an alert never waits and never fails. Those that the store has not taken yet are kept in memory, a bounded
number of them; a full queue turns new ones away, which is counted, and all are in the log in any case.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from ari_app.clock import epoch_ms
from ari_app.metrics import Metrics
from store.alerts import AlertDetail, AlertKind, record_alert
from store.errors import StoreError
from store.store import Store

log = structlog.get_logger(__name__)

MOST_WAITING = 1000
REMEMBERED = 1000
RETRY_S = 1.0
STORE_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class _Raised:
    key: str
    kind: AlertKind
    call_id: str | None
    detail: AlertDetail
    at: datetime


class Alerts:
    """Takes alerts, and writes them to the store in a task of its own."""

    def __init__(self, store: Store, node: str, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        """Begin with none; :meth:`run` writes them down."""
        self._store = store
        self._node = node
        self._metrics = metrics
        self._clock = clock
        self._waiting: deque[_Raised] = deque()
        self._known: OrderedDict[str, None] = OrderedDict()
        self._some = asyncio.Event()
        metrics.gauge("alerts_waiting", "Alerts that the store has not taken yet", lambda: len(self._waiting))

    def raise_alert(self, kind: AlertKind, key: str, *, call_id: str | None = None, **detail: int | str | None) -> None:
        """Tell of an occasion; one that was told before is not told again.

        Args:
            key: Names the occasion; see :mod:`store.alerts` for each kind's.
        """
        if key in self._known:
            return
        self._known[key] = None
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        log.error("alert", kind=kind.value, call_id=call_id, **detail)
        self._metrics.alerts.labels(kind.value).inc()
        if len(self._waiting) >= MOST_WAITING:
            self._metrics.dropped.labels("alerts").inc()
            return
        self._waiting.append(_Raised(key, kind, call_id, detail, self._clock()))
        self._some.set()

    async def run(self) -> None:
        """Write alerts down, in order, until cancelled."""
        while True:
            await self._some.wait()
            self._some.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write down what waits; returns when the store has taken all of it."""
        while self._waiting:
            if await self._written(self._waiting[0]):
                self._waiting.popleft()
            else:
                await asyncio.sleep(RETRY_S)

    async def _written(self, alert: _Raised) -> bool:
        operation = record_alert(
            key=alert.key,
            node=self._node,
            kind=alert.kind,
            call_id=alert.call_id,
            detail=alert.detail,
            at_ms=epoch_ms(alert.at),
        )
        try:
            async with asyncio.timeout(STORE_LIMIT_S):
                await self._store.apply(operation)
        except (StoreError, TimeoutError) as error:
            log.warning("alert_not_written", key=alert.key, error=repr(error))
            return False
        except Exception:  # one that cannot be written must not keep the others back
            log.exception("alert_not_written", key=alert.key)
        return True
