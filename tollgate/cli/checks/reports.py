"""Checks of what the running service has told: its newest reconciliation, and the alerts of the last day."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from ari_app.clock import epoch_ms, utc_now
from store.alerts import MOST_ALERTS, Alert
from store.cdr_rows import from_ms
from store.errors import StoreError
from store.reconciliation_words import cause_words, money_lines
from store.reconciliations import Reconciliation
from store.records import Account
from store.store import Store
from tollgate.cli.alerts import alert_words
from tollgate.cli.checks.check import Check, ok, warn
from tollgate.cli.counted import counted
from tollgate.cli.node_states import ago
from tollgate.settings import Settings

_LATELY = timedelta(days=1)


async def check_reports(settings: Settings) -> list[Check]:
    """Check what the service of this node has reported; nothing where the store cannot be read, which is told apart."""
    now = utc_now()
    try:
        async with await Store.open(settings.database_url) as store:
            accounts = {account.id: account for account in await store.accounts()}
            reports = await store.reconciliations(settings.node, limit=1)
            alerts = await store.alerts(since_ms=epoch_ms(now - _LATELY))
    except StoreError:
        return []
    return [check_reconciliation(reports, accounts, now), check_alerts(alerts, now)]


def check_reconciliation(reports: list[Reconciliation], accounts: Mapping[int, Account], now: datetime) -> Check:
    """Check that the newest comparison of what lives with what is open found nothing that nobody answers for."""
    if not reports:
        return ok("reconciliation", "none has been reported yet")
    newest = reports[0]
    found = f"{newest.alive} alive, {newest.ended} ended, {newest.unknown} unknown"
    money = "; ".join(money_lines(newest, accounts))
    detail = f"{cause_words(newest.cause)}, {ago(from_ms(newest.at_ms), now)}: {found}{f'; {money}' if money else ''}"
    if newest.unknown:
        return warn("reconciliation", detail, "tollgate alerts says which; docs/restarts.md what that means")
    return ok("reconciliation", detail)


def check_alerts(alerts: list[Alert], now: datetime) -> Check:
    """Check that nothing was alerted in the last day."""
    if not alerts:
        return ok("alerts", "none in the last day")
    count = f"{MOST_ALERTS} alerts or more" if len(alerts) >= MOST_ALERTS else counted(len(alerts), "alert")
    newest = alerts[0]
    said = f"{alert_words(newest.kind)} ({newest.node}, {ago(from_ms(newest.at_ms), now)})"
    return warn("alerts", f"{count} in the last day; the newest: {said}", "tollgate alerts lists them")
