"""``verify``: the balances recomputed from the journal, and the invariants."""

from collections.abc import Mapping

import typer

from rating.money import format_money
from store.records import Account
from store.store import Store
from store.verify import Check, Difference
from tollgate.cli.context import JsonOption, with_store
from tollgate.cli.errors import REFUSED
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.progress import progress_bar
from tollgate.cli.topic import topic

verify_app = topic()

_NOT_MONEY = frozenset(
    {
        Check.ENTRY,
        Check.KEY,
        Check.GAP,
        Check.PAID_TIME,
        Check.CDR,
        Check.NO_RECORD,
        Check.PROVISIONAL,
        Check.CALL_ALLOWANCE,
        Check.CALL_ALLOWANCE_HOLD,
        Check.ALLOWANCE_SLICE,
        Check.ALLOWANCE_USED,
        Check.ALLOWANCE_HELD,
        Check.CELL,
        Check.MORE,
    }
)
_OF_ACCOUNT = frozenset({Check.AVAILABLE, Check.RESERVED, Check.LOTS, Check.SESSIONS, Check.SPENT, Check.SPEND_ACCOUNT})
"""Whose subject is the account's id."""


@verify_app.command()
def verify(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Recompute every balance from the journal, and the invariants. Exit status 1 where anything differs.

    Each difference names the account, lot, call or entry, with what it should be and what it is. Calls may go on
    meanwhile.

    \b
    Examples:
      tollgate verify
      tollgate verify --json
    """

    async def work(store: Store) -> list[Document]:
        with progress_bar("verifying") as tell:
            differences = await store.verify(tell)
        accounts = {account.id: account for account in await store.accounts()}
        return [_document(difference, accounts) for difference in differences]

    found = with_store(ctx, work)
    show({"ok": not found, "differences": found}, lambda: _print(found), as_json=as_json)
    if found:
        raise typer.Exit(REFUSED)


def _document(difference: Difference, accounts: Mapping[int, Account]) -> Document:
    account = None if difference.account_id is None else accounts.get(difference.account_id)
    is_money = difference.check not in _NOT_MONEY
    return {
        "check": difference.check.value,
        "account": None if account is None else account.name,
        "subject": account.name if account is not None and difference.check in _OF_ACCOUNT else difference.subject,
        "expected": _value(difference.expected, is_money=is_money),
        "found": _value(difference.found, is_money=is_money),
        "currency": account.currency if account is not None and is_money else None,
    }


def _value(value: int | str | None, *, is_money: bool) -> int | str | None:
    return format_money(value) if isinstance(value, int) and is_money else value


def _print(found: list[Document]) -> None:
    if not found:
        say("every balance is what the journal says")
        return
    columns = ("check", "account", "subject", ">expected", ">found", "currency")
    print_table(columns, [list(row.values()) for row in found], title=f"{len(found)} differences")
