"""Checks of what is on this side: the settings file, the store, who pays."""

import asyncio
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from ari_app.clock import utc_now
from ari_app.ungated_verdict import UngatedAction
from store.errors import StoreError
from store.location import locate
from store.migrate import encoding_fault
from store.payers import Catalog, empty_catalog, load_catalog
from store.store import Store
from tollgate.cli.checks.check import Check, fail, ok, warn
from tollgate.cli.checks.nodes import check_nodes, check_sessions
from tollgate.cli.checks.prices import check_prices
from tollgate.settings import Settings

_MANY = 5
_PHONES = 200
"""Asterisk is asked for each."""


def check_settings(path: Path | None, settings: Settings) -> list[Check]:
    """Check the settings file and that it names a trunk."""
    return [_check_file(path), _check_trunks(settings), _check_ungated(settings)]


def _check_file(path: Path | None) -> Check:
    if path is None:
        return warn("settings", "no settings file, only TOLLGATE_* variables", "tollgate init writes one")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return warn("settings", f"{path} holds secrets and others may read it", f"chmod 600 {path}")
    return ok("settings", str(path))


def _check_trunks(settings: Settings) -> Check:
    if not settings.trunks:
        return fail("trunks", "no trunk is configured", "name at least one in [[trunks]] of the settings")
    return ok("trunks", ", ".join(trunk.endpoint for trunk in settings.trunks))


def _check_ungated(settings: Settings) -> Check:
    match settings.ungated_legs:
        case UngatedAction.HANG_UP:
            return ok("un-gated legs", "hung up within a second, and an alert tells of each")
        case UngatedAction.METER:
            return ok("un-gated legs", "paid by the extension behind them, or hung up; an alert tells of each")
        case UngatedAction.ALERT:
            mend = 'docs/ungated.md finds the way around the gate; then ungated_legs = "hang_up"'
            return warn("un-gated legs", "not ended: calls around the gate are paid by nobody", mend)


async def check_store(settings: Settings) -> list[Check]:
    """Check that the store can be read, has this version's schema, and can price its extensions' calls."""
    try:
        fault = await asyncio.to_thread(encoding_fault, locate(settings.database_url))
        async with await Store.open(settings.database_url) as store:
            catalog = await load_catalog(store, empty_catalog(settings.dial_rules(), settings.call_limit_s))
            differences = await store.verify()
            prices = await check_prices(store, settings)
            nodes = check_nodes(await store.nodes(), settings, utc_now())
            sessions = check_sessions(await store.open_sessions())
    except StoreError as error:
        return [fail("store", str(error), "tollgate migrate, or tollgate init for a new one")]
    checks = [ok("store", f"schema is current, {len(catalog.payers)} extensions"), check_payers(catalog), prices, nodes]
    checks.append(check_longest_call(catalog))
    checks += sessions
    if fault is not None:
        detail, _, mend = fault.rpartition("; ")
        checks.append(fail("encoding", detail, mend))
    if differences:
        checks.append(fail("balances", f"{len(differences)} differences", "tollgate verify names them"))
    else:
        checks.append(ok("balances", "every balance is what the journal says"))
    return checks


def check_payers(catalog: Catalog) -> Check:
    """Check that every extension's calls can be priced."""
    if not catalog.payers:
        return warn("extensions", "there are none: every paid call is refused", "tollgate extension add 101")
    faults = sorted(f"{payer.extension}: {payer.fault}" for payer in catalog.payers.values() if payer.fault)
    if faults:
        shown = "; ".join(faults[:_MANY]) + (f"; and {len(faults) - _MANY} more" if len(faults) > _MANY else "")
        return warn("extensions", f"paid calls are refused: {shown}", "load the plan or the deck that is missing")
    return ok("extensions", "each has a plan and a deck")


def check_longest_call(catalog: Catalog) -> Check:
    """Check that a call that is dead, but was never hung up, ends at last."""
    plans = {payer.plan.name for payer in catalog.payers.values() if payer.plan and payer.plan.longest_call_s is None}
    if catalog.longest_call_s is not None:
        return ok("longest call", f"{catalog.longest_call_s} s where neither plan nor extension says less")
    if not plans:
        return ok("longest call", "every plan in use has one")
    return warn(
        "longest call",
        f"none under {', '.join(sorted(plans)[:_MANY])}: a call that hangs lasts as long as its funds, or for ever",
        "longest_call_s = 14400 in the settings, or in the plan",
    )


async def phone_endpoints(settings: Settings) -> list[str]:
    """Return the names of the extensions' PJSIP endpoints, not all of very many; none where the store is away."""
    try:
        async with await Store.open(settings.database_url) as store:
            endpoints = [extension.endpoint for extension in await store.extensions()]
    except StoreError:
        return []
    return [name for name in (endpoint.removeprefix("PJSIP/") for endpoint in endpoints) if "/" not in name][:_PHONES]


def check_host_name(name: str, resolve: Callable[[str], str] = socket.gethostbyname) -> Check:
    """Check that this machine's name resolves: where it does not, Asterisk may wait for DNS at every call."""
    try:
        address = resolve(name)
    except OSError:
        return warn(
            "host name",
            f"{name} does not resolve: calls may stall for seconds",
            f"add it to /etc/hosts, and set media_address on the endpoints (127.0.1.1 {name})",
        )
    return ok("host name", f"{name} is {address}")
