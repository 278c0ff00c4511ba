"""This node among those that share its store: its sign of life, and its eye on the others' lost calls.

A sign is one small commit every ``BEAT_S`` seconds, in a task of its own: no call waits for it, and it does not wait
for the disk, since a sign that a power cut takes away is of no use any more. Every ``LOOK_S``
seconds the calls of nodes that are silent are charged what they hold, as soon as that is past
(:mod:`store.lost_calls`). Their own node takes it back when it returns (:mod:`ari_app.reconcile`). So are its own
calls whose saved state cannot be read: nobody can go on with them (:mod:`store.damaged_calls`).
"""

import asyncio
from collections.abc import Callable

import structlog

from ari_app.clock import epoch_ms, utc_now
from ari_app.saved_calls import session_of_row
from ari_app.silence import SilenceWatch
from charging.cdr import Cdr
from charging.lost import CLOCK_MARGIN, lost_record
from charging.policy import MeteringPolicy
from charging.saved import SavedSessionError
from store.cdr_rows import from_ms
from store.damaged_calls import damaged_record, is_damaged
from store.errors import StoreError, StoreOverloadedError, StoreUnavailableError
from store.lost_calls import charge_provisionally
from store.nodes import NodeInfo, seen
from store.records import OpenSession
from store.store import Store

log = structlog.get_logger(__name__)

BEAT_S = 5.0
LOOK_S = 15.0
STORE_LIMIT_S = 5.0
"""A sign that takes longer than this to write counts as not written."""
MOST_AT_ONCE = 200
"""Lost calls that are charged at one look; the sign of life must not wait for thousands."""
LONGEST_GAP_S = 3 * LOOK_S
"""Where this node could not look for as long, it begins to watch anew."""


class NodeKeeper:
    """Shows this node to the others, and charges the calls of those that are silent."""

    def __init__(
        self,
        store: Store,
        node: str,
        policy: MeteringPolicy,
        node_lost_s: int,
        on_seen: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what is needed; :meth:`run` starts it. ``on_seen`` is told of each sign that the store took."""
        self._on_seen = on_seen
        self._store = store
        self._node = node
        self._policy = policy
        self._watch = SilenceWatch(node, lost_after_s=node_lost_s, longest_gap_s=LONGEST_GAP_S)
        self._look_at_s = 0.0
        self._damaged: set[str] = set()
        """Calls whose state cannot be read, each told once."""
        self.is_seen = False
        """Whether the newest sign was written: the store takes writes, also where no call asks it for any."""
        self.charged_calls = 0
        """How many lost calls were charged what they held."""

    async def run(self) -> None:
        """Write signs and look at the others' until cancelled."""
        while True:
            try:
                await self.beat(asyncio.get_running_loop().time())
            except (StoreError, TimeoutError) as error:
                log.warning("node_not_seen", error=repr(error))
                self._not_seen()
            except Exception:  # the calls that talk need this service
                log.exception("node_not_seen")
                self._not_seen()
            await asyncio.sleep(BEAT_S)

    def _not_seen(self) -> None:
        self._watch.forget()
        self.is_seen = False

    async def beat(self, now_s: float) -> None:
        """Write a sign, and look at the others where it is time to.

        Args:
            now_s: The monotonic clock, which is the event loop's.

        Raises:
            StoreError, TimeoutError: the store did not take the sign, or did not answer.
        """
        async with asyncio.timeout(STORE_LIMIT_S):
            await self._store.apply_unflushed(seen(name=self._node, at_ms=epoch_ms(utc_now())))
        self.is_seen = True
        self._on_seen()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            nodes = await self._store.nodes()
            for node in self._watch.look(nodes, now_s):
                if node.open_calls:
                    await self._charge_calls(node)
            for node in nodes:
                if node.name == self._node and node.open_calls:
                    await self._charge_damaged_calls(node)

    async def _charge_calls(self, node: NodeInfo) -> None:
        """Charge a silent node's calls whose paid time is past."""
        rows = [row for row in await self._store.open_sessions(node=node.name) if not row.is_lost]
        charged = 0
        for row in rows:
            if charged == MOST_AT_ONCE:
                return
            charged += await self._charge(row, node)

    async def _charge_damaged_calls(self, own: NodeInfo) -> None:
        """Charge this node's own calls that nobody can go on with, since their state cannot be read."""
        now = utc_now()
        for row in await self._store.open_sessions(own.name, quiet_since_ms=epoch_ms(now - CLOCK_MARGIN)):
            cdr = None if row.is_lost else damaged_record(row, self._policy, at=now)
            if cdr is not None and is_damaged(row):
                await self._charge_record(row, cdr, own)

    async def _charge(self, row: OpenSession, node: NodeInfo) -> bool:
        now = utc_now()
        try:
            session = session_of_row(row)
        except SavedSessionError:
            if row.call_id not in self._damaged:
                self._damaged.add(row.call_id)
                log.exception("saved_session_damaged", call_id=row.call_id, node=node.name)
            cdr = damaged_record(row, self._policy, at=now)
        else:
            last_seen_at = from_ms(max(node.seen_at_ms or 0, row.updated_at_ms))
            cdr = lost_record(session, self._policy, last_seen_at=last_seen_at, at=now)
        return cdr is not None and await self._charge_record(row, cdr, node)

    async def _charge_record(self, row: OpenSession, cdr: Cdr, node: NodeInfo) -> bool:
        now = utc_now()
        operation = charge_provisionally(cdr=cdr, seen_at_ms=node.seen_at_ms, at_ms=epoch_ms(now))
        try:
            if not await self._store.apply(operation):
                return False
        except (StoreUnavailableError, StoreOverloadedError):
            raise
        except StoreError as error:  # its account's books are wrong: that keeps nobody else's calls from being charged
            log.error("lost_call_not_charged", call_id=row.call_id, node=node.name, error=repr(error))  # noqa: TRY400
            return False
        self.charged_calls += 1
        log.warning("lost_call_charged", call_id=row.call_id, node=node.name, charged_micros=cdr.charged_micros)
        return True
