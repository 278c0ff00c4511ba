"""``tollgate serve``: wires the settings, the store and the service together and runs until it is stopped."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from typing import NoReturn

import structlog

from ari_app.clock import utc_now
from ari_app.gate import GateSettings
from ari_app.run import Service
from dialplan.trunks import Trunk
from store.store import Store
from tollgate.fastagi import agi_server, serve_agi
from tollgate.health import HealthServer
from tollgate.housekeeping import keep_house
from tollgate.logs import configure_logs
from tollgate.only_instance import only_instance
from tollgate.portal import portal_of
from tollgate.settings import Settings, SettingsError
from tollgate.supervision import keep_informed
from tollgate.systemd import Systemd

log = structlog.get_logger(__name__)


async def run_service(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        SettingsError: no trunk is configured.
        StoreError: the store cannot be opened.
        AlreadyServedError: a service with this store and node runs already.
        ApplicationTakenError: another instance runs on the same Asterisk.
    """
    configure_logs(settings.log_level)
    trunks = settings.trunk_list()
    if not trunks:
        raise SettingsError("no trunk is configured: name at least one in [[trunks]] of the settings")
    async with only_instance(settings):
        await _serve(settings, trunks)


async def _serve(settings: Settings, trunks: tuple[Trunk, ...]) -> None:
    policy = settings.metering_policy()
    async with await Store.open(settings.database_url) as store:
        service = Service(
            store=store,
            ari=settings.ari_access(),
            ami=settings.ami_access(),
            gate=GateSettings(
                node=settings.node,
                trunk_endpoints=tuple(trunk.endpoint for trunk in trunks),
                ring_limit_ms=policy.ring_limit(len(trunks)) // timedelta(milliseconds=1),
            ),
            trunks=trunks,
            home_region=settings.home_region,
            rules=settings.dial_rules(),
            policy=policy,
            longest_call_s=settings.call_limit_s,
            node_lost_s=settings.node_lost_s,
            cdr_file=settings.asterisk.cdr_file,
            ungated=settings.ungated_legs,
        )
        systemd = Systemd.of_environment()
        async with AsyncExitStack() as beside:
            await beside.enter_async_context(
                _beside(keep_house(store, settings.warn_before_expiry_days, clock=utc_now))
            )
            if (address := settings.health_address()) is not None:
                health = HealthServer(address, service.readiness, service.metrics)
                await beside.enter_async_context(_beside(health.run()))
            if (address := settings.agi_address()) is not None:
                await beside.enter_async_context(_beside(serve_agi(address, agi_server(service, store))))
            if (address := settings.portal_address()) is not None:
                portal = portal_of(settings.portal.public_url, store, service.metrics)
                await beside.enter_async_context(_beside(portal.run(address)))
            if systemd.address:
                await beside.enter_async_context(_beside(keep_informed(systemd, service, store.writer_stats)))
            _leave_out_of_collections()
            await _until_stopped(service, systemd)


def _leave_out_of_collections() -> None:
    """Have the collector of garbage pass over what start-up made, which stays to the end.

    Going through the modules' hundreds of thousands of objects takes 40 ms, in which no call is answered.
    """
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def _beside(work: Coroutine[None, None, NoReturn]) -> AsyncIterator[None]:
    """Do endless ``work`` until the block ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _until_stopped(service: Service, systemd: Systemd) -> None:
    """Serve until a signal. Calls that talk go on then, with their holds and with their deadlines in Asterisk."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    serving = asyncio.create_task(service.run())
    stopping = asyncio.create_task(stopped.wait())
    log.info("service_started")
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        systemd.stopping()
        if not serving.done():
            await service.empty_gate()
    finally:
        stopping.cancel()
        if not serving.done():
            serving.cancel()
    try:
        await serving
    except asyncio.CancelledError:
        log.info("service_stopped")
    except BaseExceptionGroup as group:
        raise _first_cause(group) from group


def _first_cause(error: BaseException) -> BaseException:
    """Return the error inside a task group's, which is what a person wants to read."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
