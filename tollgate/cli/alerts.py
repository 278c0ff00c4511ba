"""``alerts``: what those who run the PBX are to be told."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from ari_app.clock import epoch_ms
from rating.money import format_money
from rating.written_time import from_ms, iso_ms, local_time
from store.alerts import MOST_ALERTS, Alert, AlertDetail, AlertKind
from store.office_zone import office_zone
from store.store import Store
from tollgate.cli.context import JsonOption, with_store
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.times import parse_instant
from tollgate.cli.topic import topic

alerts_app = topic()

_WORDS = {
    AlertKind.UNGATED_LEG: "a leg towards a carrier that never passed the gate",
    AlertKind.HANGUP_FAILS: "a leg does not end; it is still tried",
    AlertKind.DEADLINE_REFUSED: "Asterisk took no deadline for a paid leg",
    AlertKind.STORE_AWAY: "the store could not be written",
    AlertKind.CLOCK_JUMPED: "the machine's clock was set",
    AlertKind.SESSION_DAMAGED: "the saved state of an open call cannot be read",
    AlertKind.LOST_CALL: "nobody knows when this call ended",
}


@alerts_app.command()
def alerts(
    ctx: typer.Context,
    node: Annotated[str | None, typer.Option(metavar="N", help="Only this PBX's.")] = None,
    since: Annotated[str | None, typer.Option(metavar="T", help="Raised at or after this time.")] = None,
    limit: Annotated[int, typer.Option(metavar="COUNT", min=1, max=MOST_ALERTS, help="At most so many.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List alerts, the newest first: what was wrong with a call, the store, the clock. Each occasion is there once.

    \b
    Examples:
      tollgate alerts
      tollgate alerts --since 2026-11-21
      tollgate alerts --node pbx2 --json
    """

    async def work(store: Store) -> tuple[list[Alert], ZoneInfo]:
        own_zone = await office_zone(store)
        since_ms = None if since is None else epoch_ms(parse_instant(since, own_zone))
        return await store.alerts(node=node, since_ms=since_ms, limit=limit), own_zone

    found, own_zone = with_store(ctx, work)
    document: Document = {"alerts": [_document(alert, own_zone) for alert in found]}
    show(document, lambda: _print(found, own_zone), as_json=as_json)


def _document(alert: Alert, own_zone: ZoneInfo) -> Document:
    return {
        "at": iso_ms(alert.at_ms, own_zone),
        "node": alert.node,
        "kind": alert.kind,
        "call_id": alert.call_id,
        "detail": _shown(alert.detail),
    }


def _shown(detail: AlertDetail) -> Document:
    """Return the details in the units of JSON: money as a decimal of the account's currency."""
    shown: Document = {}
    for name, value in detail.items():
        if isinstance(value, int) and name.endswith("_micros"):
            shown[name.removesuffix("_micros")] = format_money(value)
        else:
            shown[name] = value
    return shown


def _print(found: list[Alert], own_zone: ZoneInfo) -> None:
    if not found:
        say("there are no alerts")
        return
    rows = [
        (
            local_time(from_ms(alert.at_ms), own_zone),
            alert.node,
            alert_words(alert.kind),
            alert.call_id,
            _details(alert),
        )
        for alert in found
    ]
    print_table(("when", "node", "what", "call", "details"), rows)


def alert_words(kind: str) -> str:
    """Return what an alert of this kind says, for people; a kind that is not known here by its name."""
    return _WORDS[AlertKind(kind)] if kind in set(AlertKind) else kind


def _details(alert: Alert) -> str:
    return ", ".join(f"{name} {value}" for name, value in _shown(alert.detail).items())
