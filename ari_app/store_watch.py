"""Whether the store takes what calls ask of it: an alert tells when it does not, the log when it does again."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from ari_app.alerts import Alerts
from ari_app.clock import epoch_ms
from ari_app.metrics import Metrics
from store.alerts import AlertKind
from store.errors import StoreOverloadedError, StoreUnavailableError
from store.operation import Operation
from store.store import Store

log = structlog.get_logger(__name__)
T = TypeVar("T")

COMES_AND_GOES = timedelta(seconds=30)
"""A store that goes away again so soon is told of already."""


class StoreWatch:
    """Passes operations on to the store, and notices when it is away."""

    def __init__(
        self, store: Store, alerts: Alerts, metrics: Metrics, node: str, clock: Callable[[], datetime]
    ) -> None:
        """Begin with a store that is there."""
        self._store = store
        self._alerts = alerts
        self._metrics = metrics
        self._node = node
        self._clock = clock
        self._away_since: datetime | None = None
        self._back_at: datetime | None = None

    @property
    def is_away(self) -> bool:
        """Whether the newest answer was that the store could not be written, or none."""
        return self._away_since is not None

    async def apply(self, operation: Operation[T], what: str, *, limit_s: float | None = None) -> T:
        """Run an operation; ``what`` it is for is counted where it fails.

        Args:
            limit_s: How long to wait for the answer, which may still come to be done afterwards; None: for ever.

        Raises:
            StoreError: as ``store.Store.apply``.
            TimeoutError: no answer within ``limit_s``.
        """
        return await self._watched(self._store.apply(operation), what, limit_s)

    async def begin(self, operation: Operation[T], what: str, *, limit_s: float | None = None) -> T:
        """Run an operation as :meth:`apply` does, unless the store has enough to do with what talks already.

        Raises:
            StoreOverloadedError: so many requests wait that nothing new is to begin.
            StoreError, TimeoutError: as :meth:`apply` does.
        """
        return await self._watched(self._store.apply_unless_busy(operation), what, limit_s)

    def is_there(self) -> None:
        """Take in that the store was written."""
        if self._away_since is not None:
            away_s = (self._clock() - self._away_since).total_seconds()
            log.warning("store_back", away_s=round(away_s, 1))
            self._away_since, self._back_at = None, self._clock()

    async def _watched(self, answer_of: Awaitable[T], what: str, limit_s: float | None) -> T:
        try:
            async with asyncio.timeout(limit_s):
                answer = await answer_of
        except StoreOverloadedError:
            self._metrics.failures.labels("store", what).inc()
            raise
        except StoreUnavailableError as error:
            self._failed(what, str(error))
            raise
        except TimeoutError:
            self._failed(what, f"no answer within {limit_s} s")
            raise
        except Exception:  # it is there, and would not have it
            self.is_there()
            raise
        self.is_there()
        return answer

    def _failed(self, what: str, error: str) -> None:
        self._metrics.failures.labels("store", what).inc()
        if self._away_since is None:
            self._away_since = now = self._clock()
            if self._back_at is not None and abs(now - self._back_at) < COMES_AND_GOES:
                return  # it is told of
            key = f"store:{self._node}:{epoch_ms(self._away_since)}"
            self._alerts.raise_alert(AlertKind.STORE_AWAY, key, error=error)
