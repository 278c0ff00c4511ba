"""``verify``: the balances recomputed from the journal."""

import typer

from rating.money import format_money
from store.store import Store
from store.verify import Check, Difference
from tollgate.cli.context import JsonOption, with_store
from tollgate.cli.errors import REFUSED
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.topic import topic

verify_app = topic()

_NOT_MONEY = frozenset({Check.CDR, Check.KEY})


@verify_app.command()
def verify(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Recompute every balance from the journal, and the invariants. Exit status 1 where anything differs.

    \b
    Examples:
      tollgate verify
      tollgate verify --json
    """

    async def work(store: Store) -> list[Difference]:
        return await store.verify()

    found = [_document(difference) for difference in with_store(ctx, work)]
    show({"ok": not found, "differences": found}, lambda: _print(found), as_json=as_json)
    if found:
        raise typer.Exit(REFUSED)


def _document(difference: Difference) -> Document:
    return {
        "check": difference.check.value,
        "subject": difference.subject,
        "expected": _value(difference.check, difference.expected),
        "found": _value(difference.check, difference.found),
    }


def _value(check: Check, value: int | str | None) -> int | str | None:
    return format_money(value) if isinstance(value, int) and check not in _NOT_MONEY else value


def _print(found: list[Document]) -> None:
    if not found:
        say("every balance is what the journal says")
        return
    columns = ("check", "subject", ">expected", ">found")
    print_table(columns, [list(row.values()) for row in found], title=f"{len(found)} differences")
