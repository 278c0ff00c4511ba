"""``tollgate serve``: wires the settings, the store and the service together and runs until it is stopped."""

import asyncio
import fcntl
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import quote

import structlog

from ari_app.errors import AsteriskError
from ari_app.gate import GateSettings
from ari_app.run import Service
from dialplan.trunks import Trunk
from store.errors import StoreUnavailableError
from store.location import database_path
from store.store import Store
from tollgate.logs import configure_logs
from tollgate.settings import Settings, SettingsError

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
    with _only_instance(settings):
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
        )
        await _until_stopped(service)


class AlreadyServedError(AsteriskError):
    """A service with this store and this node's name runs already."""


@contextmanager
def _only_instance(settings: Settings) -> Iterator[None]:
    """Hold the lock of this store and node: the newcomer gives way, so that no call is left by the one that talks.

    Raises:
        AlreadyServedError: the lock is held.
        StoreError: the store's place cannot be written.
    """
    path = database_path(settings.database_url)
    try:
        lock = path.with_name(f"{path.name}.{quote(settings.node, safe='')}.lock").open("w")
    except OSError as error:
        raise StoreUnavailableError(f"{path.parent} cannot be written: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise AlreadyServedError(
                f"a service runs already with the store {path} as node {settings.node}; stop it first"
            ) from error
        yield


async def _until_stopped(service: Service) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    serving = asyncio.create_task(service.run())
    stopping = asyncio.create_task(stopped.wait())
    log.info("service_started")
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
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
