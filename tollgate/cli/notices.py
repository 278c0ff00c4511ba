"""``notices``: what the administrators of accounts are to be told."""

from collections.abc import Mapping
from typing import Annotated

import typer

from rating.money import format_money
from rating.written_time import from_ms, iso_ms, local_day, local_time
from store.notices import NoticeKind
from store.records import Account, Notice
from store.store import Store
from tollgate.cli.context import JsonOption, require_account, with_store
from tollgate.cli.output import Document, print_table, say, show
from tollgate.cli.times import zone
from tollgate.cli.topic import topic

notices_app = topic()


@notices_app.command()
def notices(
    ctx: typer.Context,
    account: Annotated[str | None, typer.Option(metavar="A", help="Only this account's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what accounts were told, the newest first: funds that expire soon, funds that have expired.

    \b
    Examples:
      tollgate notices
      tollgate notices --account sales --json
    """

    async def work(store: Store) -> list[tuple[Notice, Account]]:
        account_id = None if account is None else (await require_account(store, account)).id
        accounts = {known.id: known for known in await store.accounts()}
        return [(notice, accounts[notice.account_id]) for notice in await store.notices(account_id)]

    found = with_store(ctx, work)
    document: Document = {"notices": [_document(notice, payer) for notice, payer in found]}
    show(document, lambda: _print(found), as_json=as_json)


def _document(notice: Notice, payer: Account) -> Document:
    return {
        "account": payer.name,
        "currency": payer.currency,
        "kind": notice.kind,
        "at": iso_ms(notice.at_ms, zone(payer.timezone)),
        **_shown_detail(notice.detail, payer),
    }


def _shown_detail(detail: Mapping[str, int | str], payer: Account) -> Document:
    """Return what a notice says in the units of JSON: money in the account's currency, instants in its time zone."""
    shown: Document = {}
    for name, value in detail.items():
        if isinstance(value, int) and name.endswith("_micros"):
            shown[name.removesuffix("_micros")] = format_money(value)
        elif isinstance(value, int) and name.endswith("_at_ms"):
            shown[name.removesuffix("_ms")] = iso_ms(value, zone(payer.timezone))
        else:
            shown[name] = value
    return shown


def _print(found: list[tuple[Notice, Account]]) -> None:
    if not found:
        say("there are no notices")
        return
    rows = [
        (local_time(from_ms(notice.at_ms), zone(payer.timezone)), payer.name, _sentence(notice, payer))
        for notice, payer in found
    ]
    print_table(("when", "account", "what"), rows)


def _sentence(notice: Notice, payer: Account) -> str:
    detail = notice.detail
    match notice.kind:
        case NoticeKind.LOT_EXPIRES:
            return f"{_money(detail, 'remaining', payer)} of {detail['reference']} expire on {_day(detail, payer)}"
        case NoticeKind.LOT_EXPIRED:
            return f"{_money(detail, 'expired', payer)} of {detail['reference']} expired on {_day(detail, payer)}"
        case _:
            said = ", ".join(f"{name} {value}" for name, value in _shown_detail(detail, payer).items())
            return f"{notice.kind}: {said}"


def _money(detail: Mapping[str, int | str], name: str, payer: Account) -> str:
    return f"{format_money(int(detail[f'{name}_micros']))} {payer.currency}"


def _day(detail: Mapping[str, int | str], payer: Account) -> str:
    return local_day(int(detail["expires_at_ms"]), zone(payer.timezone))
