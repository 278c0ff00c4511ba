"""``reconciliations``: what comparing live channels with open sessions found, and the money that it moved."""

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from rating.written_time import from_ms, local_time
from store.office_zone import office_zone
from store.reconciliation_words import Accounts, cause_words, money_lines, report_document
from store.reconciliations import KEPT, Reconciliation
from store.store import Store
from tollgate.cli.context import JsonOption, with_store
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.topic import topic

reconciliations_app = topic()


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
    document: Document = {"reconciliations": [report_document(report, accounts, own_zone) for report in found]}
    show(document, lambda: _print(found, accounts, own_zone), as_json=as_json)


def _print(found: list[Reconciliation], accounts: Accounts, own_zone: ZoneInfo) -> None:
    if not found:
        say("there are no reports yet")
        return
    rows = [
        (
            local_time(from_ms(report.at_ms), own_zone),
            report.node,
            cause_words(report.cause),
            report.alive,
            report.ended,
            report.unknown,
            "; ".join(money_lines(report, accounts)),
        )
        for report in found
    ]
    print_table(("when", "node", "after", ">alive", ">ended", ">unknown", "money"), rows)
