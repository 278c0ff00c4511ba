"""``reconciliations``: what comparing live channels with open sessions found, and the money that it moved."""

from collections.abc import Mapping
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from rating.money import format_money
from store.reconciliations import KEPT, MoneyMoved, Reconciliation
from store.records import Account
from store.store import Store
from tollgate.cli.context import JsonOption, with_store
from tollgate.cli.office_zone import office_zone
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.times import from_ms, iso_ms, local_time
from tollgate.cli.topic import topic

reconciliations_app = topic()

Accounts = Mapping[int, Account]


@reconciliations_app.command()
def reconciliations(
    ctx: typer.Context,
    node: Annotated[str | None, typer.Option(metavar="N", help="Only this PBX's.")] = None,
    limit: Annotated[int, typer.Option(metavar="COUNT", min=1, max=KEPT, help="At most so many.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List reports of reconciliations, the newest first: one for each start and reconnect, and what was found between.

    Each says how many calls went on, how many had ended unseen, how many calls and legs nobody answers for, and what
    was charged, released and refunded because of it.

    \b
    Examples:
      tollgate reconciliations
      tollgate reconciliations --node pbx2 --limit 5 --json
    """

    async def work(store: Store) -> tuple[list[Reconciliation], Accounts, ZoneInfo]:
        accounts = {account.id: account for account in await store.accounts()}
        return await store.reconciliations(node, limit=limit), accounts, await office_zone(store)

    found, accounts, own_zone = with_store(ctx, work)
    document: Document = {"reconciliations": [_document(report, accounts, own_zone) for report in found]}
    show(document, lambda: _print(found, accounts, own_zone), as_json=as_json)


def _document(report: Reconciliation, accounts: Accounts, own_zone: ZoneInfo) -> Document:
    return {
        "at": iso_ms(report.at_ms, own_zone),
        "node": report.node,
        "cause": report.cause.value,
        "alive": report.alive,
        "ended": report.ended,
        "unknown": report.unknown,
        "money": [_moved(accounts[account_id], moved) for account_id, moved in sorted(report.money.items())],
    }


def _moved(account: Account, moved: MoneyMoved) -> Document:
    return {
        "account": account.name,
        "currency": account.currency,
        "charged": format_money(moved.charged_micros),
        "released": format_money(moved.released_micros),
        "refunded": format_money(moved.refunded_micros),
    }


def _print(found: list[Reconciliation], accounts: Accounts, own_zone: ZoneInfo) -> None:
    if not found:
        say("there are no reports yet")
        return
    rows = [
        (
            local_time(from_ms(report.at_ms), own_zone),
            report.node,
            cause_words(report),
            report.alive,
            report.ended,
            report.unknown,
            money_words(report, accounts),
        )
        for report in found
    ]
    print_table(("when", "node", "after", ">alive", ">ended", ">unknown", "money"), rows)


def cause_words(report: Reconciliation) -> str:
    """Return why it was made, for people."""
    return report.cause.value.replace("_", " ")


def money_words(report: Reconciliation, accounts: Accounts) -> str:
    """Return what it moved, for people; '' where that is nothing."""
    parts = []
    for account_id, moved in sorted(report.money.items()):
        account = accounts[account_id]
        amounts = {
            "charged": moved.charged_micros,
            "released": moved.released_micros,
            "refunded": moved.refunded_micros,
        }
        said = ", ".join(f"{what} {format_money(micros)}" for what, micros in amounts.items() if micros)
        if said:
            parts.append(f"{account.name}: {said} {account.currency}")
    return "; ".join(parts)
