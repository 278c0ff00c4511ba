"""The service: keeps the connections to Asterisk, hands events to their calls, compares what lives with what is open.

No event is replayed after a reconnect, and events are lost: after each connect and every half minute the channels
that live are compared with the sessions that are open (:mod:`ari_app.comparing`, :mod:`ari_app.reconcile`).
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import structlog

from ari_app.access import AmiAccess, AriAccess
from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.asterisk_cdr import CdrFile
from ari_app.backoff import Backoff
from ari_app.client import AriClient, JsonObject
from ari_app.clock import Clock, epoch_ms, steady_s, utc_now
from ari_app.comparing import Comparing
from ari_app.complaints import Complaints
from ari_app.decode import (
    WANTED_EVENTS,
    ApplicationReplaced,
    AriEvent,
    CallerEntered,
    FarEndsJoined,
    MalformedEventError,
    TimedEvent,
    decode_event,
)
from ari_app.errors import AmiUnavailableError, AriUnavailableError, AsteriskError
from ari_app.execute import CommandExecutor
from ari_app.findings import Findings
from ari_app.gate import GateSettings
from ari_app.leg_records import no_leg_records
from ari_app.measuring import measure_calls, measure_lines, measure_state, measure_store
from ari_app.metrics import Metrics
from ari_app.nodes import NodeKeeper
from ari_app.overload import LoopLag, Overload
from ari_app.readiness import Readiness
from ari_app.reconcile import Reconciler
from ari_app.reports import Reports
from ari_app.store_watch import StoreWatch
from ari_app.switchboard import Switchboard
from ari_app.ungated import UngatedLegs
from ari_app.ungated_verdict import UngatedAction
from charging import events as ev
from charging.call import Call
from charging.policy import NODE_LOST_S, MeteringPolicy
from dialplan.trunks import Trunk
from rating.dialled import DialRules
from store.alerts import AlertKind
from store.caps import SpendLimits
from store.errors import StoreError
from store.payers import empty_catalog, load_catalog
from store.reconciliations import ReconciliationCause
from store.store import Store

log = structlog.get_logger(__name__)

CATALOG_POLL_S = 1.0
CLOCK_POLL_S = 0.25
MOST_LATE = timedelta(minutes=5)
"""An event that is older, or that far ahead, was stamped by a clock that is wrong; unless it has waited for us."""
DRAIN_S = 3.0
"""How long a service that stops waits for what was asked of store and Asterisk, and then for its reports."""
GATE_EMPTY_S = 1.0
GATE_LOOK_S = 0.005


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
        longest_call_s: int | None = None,
        node_lost_s: int = NODE_LOST_S,
        cdr_file: Path | None = None,
        ungated: UngatedAction = UngatedAction.HANG_UP,
        new_ari: Callable[[AriAccess, Callable[[JsonObject], None], Complaints], AriClient] = AriClient,
        new_ami: Callable[[AmiAccess, Complaints], AmiAdapter] = AmiAdapter,
    ) -> None:
        """Wire the service up; :meth:`run` starts it. ``new_ari`` and ``new_ami`` make the connections to Asterisk."""
        self._store = store
        self._node = gate.node
        self._ari_access = ari
        self._new_ari = new_ari
        self._trunks = trunks
        self.ari: AriClient | None = None
        self._clock = Clock()
        self._lag = LoopLag()
        self.metrics = Metrics()
        self._ari_complaints = Complaints(self.metrics.ari_messages)
        self._handled = self.metrics.ari_messages.labels("handled")
        self.ami = new_ami(ami, Complaints(self.metrics.ami_messages))
        self.alerts = Alerts(store, gate.node, self.metrics, utc_now)
        self.store_watch = StoreWatch(store, self.alerts, self.metrics, gate.node, utc_now)
        read_cdrs = no_leg_records if cdr_file is None else CdrFile(cdr_file).read
        self._executor = CommandExecutor(
            self.store_watch,
            self,
            self.alerts,
            policy,
            trunks,
            home_region,
            self._limits_of,
            self._account_of,
            self.metrics,
            read_cdrs,
        )
        self.switchboard = Switchboard(
            gate, policy, self._executor, self, empty_catalog(rules, longest_call_s), self._clock
        )
        self._ungated = UngatedLegs(
            setting=ungated,
            gate=gate,
            trunks=trunks,
            policy=policy,
            switchboard=self.switchboard,
            executor=self._executor,
            lines=self,
            store=store,
            store_watch=self.store_watch,
            alerts=self.alerts,
            metrics=self.metrics,
            limits_of=self._limits_of,
        )
        self.switchboard.strays = self._ungated
        self._reconciler = Reconciler(store, self.switchboard, gate.node, self.alerts, read_cdrs)
        self._reports = Reports(store, gate.node, self.metrics, self.switchboard.calls.__contains__)
        self._comparing = Comparing(self._compare, self._compared)
        self.switchboard.answer_missed = self._answer_missed
        self._nodes = NodeKeeper(store, gate.node, policy, node_lost_s, self.store_watch.is_there)
        self.switchboard.overload = self._overload = Overload(
            calls=self.switchboard.calls, ami=lambda: self.ami, store_is_busy=lambda: store.is_busy, lag=self._lag
        )
        self._replaced = asyncio.Event()
        self._catalog_loaded = asyncio.Event()
        self._catalog_read_s = steady_s()
        self.ready = asyncio.Event()
        self._measure()

    def _measure(self) -> None:
        measure_calls(self.metrics, self.switchboard, self._executor, self._nodes)
        measure_store(self.metrics, self._store, is_up=lambda: self.readiness().store)
        measure_lines(self.metrics, lambda: self.ari, self.ami)
        measure_state(self.metrics, self.switchboard, self._lag, lambda: steady_s() - self._catalog_read_s)

    def readiness(self) -> Readiness:
        """Return which of the parts that a paid call needs are there."""
        return Readiness(
            ari=self.ari is not None,
            ami=self.ami.connected,
            store=self._nodes.is_seen and not self.store_watch.is_away,
            catalog=self._catalog_loaded.is_set(),
            compared=self.ready.is_set(),
        )

    async def empty_gate(self) -> None:
        """Return when no caller waits for a verdict, or soon: then nobody is refused for the service's going.

        At first callers are judged as ever, in the hope of a moment when none waits; then paid calls are refused, so
        that the rest have their verdicts. Who calls once :meth:`run` has been cancelled is answered by the dialplan.
        """
        for self._overload.is_stopping in (False, True):
            with suppress(TimeoutError):
                async with asyncio.timeout(GATE_EMPTY_S):
                    while self.switchboard.is_judging:  # noqa: ASYNC110  # verdicts tell nobody
                        await asyncio.sleep(GATE_LOOK_S)
                    return

    async def run(self) -> None:
        """Serve until cancelled.

        Raises:
            ApplicationTakenError: another instance took the application over.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.alerts.run())
                group.create_task(self._reports.run())
                group.create_task(self._watch_clock())
                group.create_task(self._keep_catalog())
                group.create_task(self._nodes.run())
                group.create_task(self._keep_ami())
                group.create_task(self._keep_ari())
                group.create_task(self._stop_when_replaced())
        finally:
            # In a task of its own: in one that has been cancelled, as it is when a part of its group fails too, time
            # limits raise CancelledError in place of TimeoutError up to Python 3.11.2, which is Debian 12's.
            await asyncio.create_task(self._close())

    async def _close(self) -> None:
        """Take nothing more on, and finish what has been begun, as long as that takes no longer than the limits."""
        self._ungated.stop()
        self.switchboard.stop()
        await self._executor.drain(DRAIN_S)
        await self._flush()
        self.ami.close()

    # --- what is kept up ----------------------------------------------------------------------------------

    async def _keep_catalog(self) -> None:
        while True:
            try:
                known = self.switchboard.catalog
                self.switchboard.catalog = catalog = await load_catalog(self._store, known)
                self._catalog_read_s = steady_s()
                self._catalog_loaded.set()
                if catalog is not known:
                    log.info("catalog_loaded", version=catalog.version, extensions=len(catalog.payers))
            except StoreError as error:
                log.warning("catalog_not_read", error=repr(error))
            except Exception:  # the calls that talk need this service: the catalog stays as it was
                log.exception("catalog_not_read")
            await asyncio.sleep(CATALOG_POLL_S)

    async def _watch_clock(self) -> None:
        """Have every deadline armed anew where the machine's clock was set: Asterisk counts them by it."""
        known = self._clock.jumped
        while True:
            await self._lag.pause(CLOCK_POLL_S)
            if (jumped := self._clock.jumped) == known:
                continue
            jump_ms, known = (jumped - known) // timedelta(milliseconds=1), jumped
            key = f"clock:{self._node}:{epoch_ms(utc_now())}"
            self.alerts.raise_alert(AlertKind.CLOCK_JUMPED, key, jump_ms=jump_ms)
            for live in tuple(self.switchboard.calls.values()):
                live.post(ev.ClockSet(live.now()))
            self._comparing.ask(ReconciliationCause.SWEEP)  # an answer may have gone by unseen: its deadline too is off

    async def _flush(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self._reports.flush()
                await self.alerts.flush()

    async def _keep_ami(self) -> None:
        backoff, is_first = Backoff(), True
        while True:
            try:
                await self.ami.connect()
            except AmiUnavailableError as error:
                log.warning("ami_unavailable", error=str(error))
                await backoff.pause()
                continue
            backoff.connected()
            self.metrics.connections.labels("ami").inc()
            log.info("ami_connected")
            if not is_first:
                self._comparing.ask(ReconciliationCause.AMI_RECONNECT)
            is_first = False
            await self.ami.wait_lost()
            self._reconciler.lost(utc_now())
            log.warning("ami_lost")
            await backoff.pause()

    async def _keep_ari(self) -> None:
        # Who registers answers for every caller: without the catalog all would be refused, the dialplan does better.
        await self._catalog_loaded.wait()
        backoff = Backoff()
        while True:
            try:
                await self._serve_ari(backoff)
            except AriUnavailableError as error:
                log.warning("ari_unavailable", error=str(error))
            await backoff.pause()

    async def _serve_ari(self, backoff: Backoff) -> None:
        """Connect, subscribe, reconcile, and listen until the connection is lost."""
        client = self._new_ari(self._ari_access, self._on_event, self._ari_complaints)
        await client.connect()
        listening = asyncio.create_task(client.listen())
        sweeping: asyncio.Task[None] | None = None
        try:
            await self._introduce(client)
            self.ari = client
            backoff.connected()
            self.metrics.connections.labels("ari").inc()
            log.info("ari_connected", version=str(client.version))
            self._comparing.ask(ReconciliationCause.ARI_RECONNECT)
            self._reconciler.reconnected()
            sweeping = asyncio.create_task(self._comparing.run(client))
            await listening
            self._reconciler.lost(utc_now())
            log.warning("ari_lost")
        finally:
            self.ari = None
            self.ready.clear()
            self.switchboard.lose_sight()
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

    def _answer_missed(self) -> None:
        self._reconciler.reconnected()
        self._comparing.ask(ReconciliationCause.SWEEP)

    async def _compare(self, client: AriClient) -> Findings:
        return await self._reconciler.compare(client, self.ami)

    def _compared(self, cause: ReconciliationCause, found: Findings) -> None:
        self._reports.keep(cause, found)
        if not self.ready.is_set():
            self.ready.set()
            log.info("service_ready")

    async def _stop_when_replaced(self) -> None:
        await self._replaced.wait()
        raise ApplicationTakenError("another instance registered the same ARI application: this one stops")

    def _limits_of(self, call: Call) -> SpendLimits:
        return self.switchboard.catalog.spend_limits(call.extension, call.account_id)

    def _account_of(self, call: Call) -> str:
        return self.switchboard.catalog.account_name(call.account_id)

    # --- events -------------------------------------------------------------------------------------------

    def _on_event(self, document: JsonObject) -> None:
        """Hand an event on; whatever it stirs up must not stop those of other calls."""
        try:
            self._handle(document)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is the matter of one event
            self._ari_complaints.note("failed", "event_not_handled", error=error, event_type=document.get("type"))

    def _handle(self, document: JsonObject) -> None:
        try:
            event = decode_event(document)
        except MalformedEventError as error:
            self._ari_complaints.note("malformed", "ari_event_malformed", error_text=str(error))
            return
        self._take(event if event is None or isinstance(event, ApplicationReplaced) else self._dated(event))

    def _dated(self, event: TimedEvent) -> TimedEvent:
        """Return an event that happened lately: what Asterisk says it did long ago, or will, its clock is wrong about.

        Events are not replayed, so none is older than we stood still; it is taken to have happened now.
        """
        now, at = utc_now(), self._clock.present(event.at)
        if abs(now - at) <= MOST_LATE or self._has_waited(now - at):
            # A call begins in the time of day as it is; a call that lives takes the stamp in its own.
            return replace(event, at=at) if isinstance(event, CallerEntered) and at != event.at else event
        stamped_at = event.at.isoformat()
        self._ari_complaints.note("misdated", "event_misdated", event_type=type(event).__name__, stamped_at=stamped_at)
        return replace(event, at=now)

    def _has_waited(self, late: timedelta) -> bool:
        return timedelta() < late <= MOST_LATE + timedelta(seconds=self._lag.stood_still_s())

    def _take(self, event: AriEvent | None) -> None:
        match event:
            case None:
                self.metrics.ari_messages.labels("unknown").inc()
                return
            case ApplicationReplaced():
                self._replaced.set()
            case CallerEntered():
                self.switchboard.caller_entered(event)
            case FarEndsJoined():
                self.switchboard.far_ends_joined(event)
            case _:
                self.switchboard.channel_event(event)
        self._handled.inc()
