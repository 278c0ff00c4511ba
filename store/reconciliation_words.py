"""How a report of a reconciliation is told, wherever it is: one document for programs, and the words for people."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from rating.money import format_money
from rating.written_time import iso_ms
from store.reconciliations import MoneyMoved, Reconciliation, ReconciliationCause
from store.records import Account

Accounts = Mapping[int, Account]


def report_document(report: Reconciliation, accounts: Accounts, zone: ZoneInfo) -> dict[str, Any]:
    """Return a report as JSON has it; money is an exact decimal in its account's currency."""
    return {
        "at": iso_ms(report.at_ms, zone),
        "node": report.node,
        "cause": report.cause.value,
        "alive": report.alive,
        "ended": report.ended,
        "unknown": report.unknown,
        "money": [_moved(accounts[account_id], moved) for account_id, moved in sorted(report.money.items())],
    }


def _moved(account: Account, moved: MoneyMoved) -> dict[str, str]:
    return {"account": account.name, "currency": account.currency, **_amounts(moved)}


def _amounts(moved: MoneyMoved) -> dict[str, str]:
    return {
        "charged": format_money(moved.charged_micros),
        "released": format_money(moved.released_micros),
        "refunded": format_money(moved.refunded_micros),
    }


def cause_words(cause: ReconciliationCause) -> str:
    """Return why it was made, for people."""
    return cause.value.replace("_", " ")


def money_lines(report: Reconciliation, accounts: Accounts) -> list[str]:
    """Return what it moved, for people, a line an account; those on which that is nothing have none."""
    zero, lines = format_money(0), []
    for account_id, moved in sorted(report.money.items()):
        if moved == MoneyMoved():
            continue
        account = accounts[account_id]
        said = ", ".join(f"{what} {amount}" for what, amount in _amounts(moved).items() if amount != zero)
        lines.append(f"{account.name}: {said} {account.currency}")
    return lines
