"""``verify``: the balances recomputed from the journal."""

from collections.abc import Mapping

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
_OF_ACCOUNT = frozenset({Check.AVAILABLE, Check.RESERVED, Check.LOTS, Check.SESSIONS, Check.SPENT})
"""Whose subject is the account's id."""


@verify_app.command()
def verify(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Recompute every balance from the journal, and the invariants. Exit status 1 where anything differs.

    \b
    Examples:
      tollgate verify
      tollgate verify --json
    """

    async def work(store: Store) -> list[Document]:
        differences = await store.verify()
        names = {str(account.id): account.name for account in await store.accounts()}
        return [_document(difference, names) for difference in differences]

    found = with_store(ctx, work)
    show({"ok": not found, "differences": found}, lambda: _print(found), as_json=as_json)
    if found:
        raise typer.Exit(REFUSED)


def _document(difference: Difference, account_names: Mapping[str, str]) -> Document:
    check, subject = difference.check, difference.subject
    return {
        "check": check.value,
        "subject": account_names.get(subject, subject) if check in _OF_ACCOUNT else subject,
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
