"""The service: keeps the connections to Asterisk, hands events to their calls, compares what lives with what is open.

No event is replayed after a reconnect, and events are lost: after each connect and every ``SWEEP_S`` seconds the
channels that live are compared with the sessions that are open (:mod:`ari_app.reconcile`).
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from ari_app.ami import AmiAccess, AmiAdapter
from ari_app.client import AriAccess, AriClient, JsonObject
from ari_app.decode import (
    WANTED_EVENTS,
    ApplicationReplaced,
    CallerEntered,
    FarEndsJoined,
    MalformedEventError,
    decode_event,
)
from ari_app.errors import AmiUnavailableError, AriUnavailableError, AsteriskError
from ari_app.execute import CommandExecutor
from ari_app.gate import GateSettings
from ari_app.nodes import NodeKeeper
from ari_app.reconcile import Reconciler
from ari_app.switchboard import Switchboard
from charging.call import Call
from charging.policy import NODE_LOST_S, MeteringPolicy
from dialplan.trunks import Trunk
from rating.dialled import DialRules
from store.caps import SpendLimits
from store.errors import StoreError
from store.payers import empty_catalog, load_catalog
from store.store import Store

log = structlog.get_logger(__name__)

SWEEP_S = 30.0
CATALOG_POLL_S = 1.0
RECONNECT_S = (0.2, 0.5, 1.0, 2.0, 5.0)
DRAIN_S = 3.0


class ApplicationTakenError(AsteriskError):
    """Another instance registered the same application; going on would mean two services on one Asterisk."""


class Service:
    """One Tollgate on one Asterisk."""

    def __init__(
        self,
        *,
        store: Store,
        ari: AriAccess,
        ami: AmiAccess,
        gate: GateSettings,
        trunks: tuple[Trunk, ...],
        home_region: str,
        policy: MeteringPolicy,
        rules: DialRules,
        node_lost_s: int = NODE_LOST_S,
    ) -> None:
        """Wire the service up; :meth:`run` starts it."""
        self._store = store
        self._ari_access = ari
        self._trunks = trunks
        self.ari: AriClient | None = None
        self.ami = AmiAdapter(ami)
        self._executor = CommandExecutor(store, self, policy, trunks, home_region, self._limits_of)
        self.switchboard = Switchboard(gate, policy, self._executor, self, empty_catalog(rules))
        self._reconciler = Reconciler(store, self.switchboard, gate.node)
        self._nodes = NodeKeeper(store, gate.node, policy, node_lost_s)
        self._replaced = asyncio.Event()
        self._catalog_loaded = asyncio.Event()
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            ApplicationTakenError: another instance took the application over.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_catalog())
                group.create_task(self._nodes.run())
                group.create_task(self._keep_ami())
                group.create_task(self._keep_ari())
                group.create_task(self._stop_when_replaced())
        finally:
            self.switchboard.stop()
            await self._executor.drain(DRAIN_S)
            self.ami.close()

    # --- what is kept up ----------------------------------------------------------------------------------

    async def _keep_catalog(self) -> None:
        while True:
            try:
                known = self.switchboard.catalog
                self.switchboard.catalog = catalog = await load_catalog(self._store, known)
                self._catalog_loaded.set()
                if catalog is not known:
                    log.info("catalog_loaded", version=catalog.version, extensions=len(catalog.payers))
            except StoreError as error:
                log.warning("catalog_not_read", error=repr(error))
            except Exception:  # the calls that talk need this service: the catalog stays as it was
                log.exception("catalog_not_read")
            await asyncio.sleep(CATALOG_POLL_S)

    async def _keep_ami(self) -> None:
        attempt = 0
        while True:
            try:
                await self.ami.connect()
            except AmiUnavailableError as error:
                log.warning("ami_unavailable", error=str(error))
                await asyncio.sleep(RECONNECT_S[min(attempt, len(RECONNECT_S) - 1)])
                attempt += 1
                continue
            attempt = 0
            log.info("ami_connected")
            await self.ami.wait_lost()
            log.warning("ami_lost")

    async def _keep_ari(self) -> None:
        # Who registers answers for every caller: without the catalog all would be refused, the dialplan does better.
        await self._catalog_loaded.wait()
        attempt = 0
        while True:
            try:
                async with self._connected_ari():
                    attempt = 0
            except AriUnavailableError as error:
                log.warning("ari_unavailable", error=str(error))
            await asyncio.sleep(RECONNECT_S[min(attempt, len(RECONNECT_S) - 1)])
            attempt += 1

    @asynccontextmanager
    async def _connected_ari(self) -> AsyncIterator[None]:
        """Connect, subscribe, reconcile, and listen until the connection is lost."""
        client = AriClient(self._ari_access, self._on_event)
        await client.connect()
        listening = asyncio.create_task(client.listen())
        sweeping: asyncio.Task[None] | None = None
        try:
            await self._introduce(client)
            self.ari = client
            log.info("ari_connected", version=str(client.version))
            sweeping = asyncio.create_task(self._sweep(client))
            await listening
            log.warning("ari_lost")
            yield
        finally:
            self.ari = None
            self.ready.clear()
            for task in (listening, sweeping):
                if task is not None:
                    task.cancel()
            await client.close()

    async def _introduce(self, client: AriClient) -> None:
        """Say which events we want; the filter outlives the socket, so it is set on every connect."""
        replies = [await client.filter(WANTED_EVENTS)]
        for trunk in self._trunks:
            reply = await client.subscribe(f"endpoint:PJSIP/{trunk.endpoint}")
            if not reply.done:
                log.error("trunk_not_subscribed", trunk=trunk.endpoint, status=reply.status)
            replies.append(reply)
        if not replies[0].done:
            raise AriUnavailableError(f"the event filter was refused with status {replies[0].status}")

    async def _sweep(self, client: AriClient) -> None:
        """Compare channels and sessions now and then again and again."""
        while True:
            try:
                await self._reconciler.compare(client, self.ami)
                if not self.ready.is_set():
                    self.ready.set()
                    log.info("service_ready")
            except (AsteriskError, StoreError) as error:
                log.warning("not_reconciled", error=repr(error))
                await asyncio.sleep(1.0)
                continue
            except Exception:  # one channel that cannot be read must not end all comparing
                log.exception("not_reconciled")
                await asyncio.sleep(1.0)
                continue
            await asyncio.sleep(SWEEP_S)

    async def _stop_when_replaced(self) -> None:
        await self._replaced.wait()
        raise ApplicationTakenError("another instance registered the same ARI application: this one stops")

    def _limits_of(self, call: Call) -> SpendLimits:
        return self.switchboard.catalog.spend_limits(call.extension, call.account_id)

    # --- events -------------------------------------------------------------------------------------------

    def _on_event(self, document: JsonObject) -> None:
        """Hand an event on; whatever it stirs up must not stop those of other calls."""
        try:
            self._handle(document)
        except Exception:
            log.exception("event_not_handled", event_type=document.get("type"))

    def _handle(self, document: JsonObject) -> None:
        try:
            event = decode_event(document)
        except MalformedEventError as error:
            log.warning("ari_event_malformed", error=str(error))
            return
        match event:
            case None:
                return
            case ApplicationReplaced():
                self._replaced.set()
            case CallerEntered():
                self.switchboard.caller_entered(event)
            case FarEndsJoined():
                self.switchboard.far_ends_joined(event)
            case _:
                self.switchboard.channel_event(event)
