"""``account``: who pays."""

import re
from typing import Annotated

import typer

from ari_app.clock import epoch_ms, utc_now
from rating.calendar import LAST_MONTH_DAY
from rating.money import format_money
from rating.written_time import iso_ms
from store import catalog
from store.records import Account
from store.spend import WHOLE_ACCOUNT
from store.store import Store
from tollgate.cli.allowances import allowance_documents, print_allowances
from tollgate.cli.context import MAIN_ACCOUNT, JsonOption, require_account, settings_of, with_store
from tollgate.cli.errors import BadInputError
from tollgate.cli.limits import cap_documents, limits_summary, read_caps
from tollgate.cli.money import check_currency
from tollgate.cli.output import Document, print_fields, print_table, say, show
from tollgate.cli.regions import DEFAULTS
from tollgate.cli.spending import spend_document
from tollgate.cli.times import zone
from tollgate.cli.topic import topic

account_app = topic(
    "Accounts: who pays. Money, lots and extensions belong to one account each.",
    ("tollgate account add sales", "tollgate account set main --monthly-cap 800", "tollgate account show main"),
)

_LONGEST_NAME = 64
_NAME = re.compile(rf"[A-Za-z0-9._-]{{1,{_LONGEST_NAME}}}")

MonthDay = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=LAST_MONTH_DAY,
        help="The day, 1 to 31, on which its months begin: allowances, monthly caps. In a shorter month its last one.",
    ),
]
DailyCap = Annotated[
    str | None, typer.Option(metavar="M", help="The most that all its calls may spend in a day, or none.")
]
MonthlyCap = Annotated[
    str | None, typer.Option(metavar="M", help="The most that all its calls may spend in one of its months, or none.")
]
Name = Annotated[str, typer.Argument(metavar="A", help="The account's name.")]


@account_app.command("add")
def add(
    ctx: typer.Context,
    name: Name,
    currency: Annotated[
        str | None, typer.Option(metavar="EUR", help="Of its money; that of the account main by default.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="Europe/Paris", help="Its calendar; that of the account main by default.")
    ] = None,
    month_day: MonthDay = None,
    plan: Annotated[
        str | None,
        typer.Option(
            metavar="P", help="The plan of its extensions; that of the account main by default, in the same currency."
        ),
    ] = None,
    daily_cap: DailyCap = None,
    monthly_cap: MonthlyCap = None,
    as_json: JsonOption = False,
) -> None:
    """Make an empty account. Its months begin on day 1 and it has no caps, if none are named.

    \b
    Examples:
      tollgate account add sales
      tollgate account add mexico --currency MXN --timezone America/Mexico_City
    """
    _check_name(name)
    wanted_currency = None if currency is None else check_currency(currency)
    if timezone is not None:
        zone(timezone)
    caps = read_caps(daily_cap, monthly_cap)
    home = DEFAULTS[settings_of(ctx).home_region]

    async def work(store: Store) -> Account:
        main = await store.account(MAIN_ACCOUNT)
        its_currency = wanted_currency or (main.currency if main else home.currency)
        # The plan of main is priced in its currency: an account in another one needs a plan of its own.
        inherited = main.plan if main is not None and main.currency == its_currency else None
        await store.apply(
            catalog.create_account(
                name=name,
                currency=its_currency,
                timezone=timezone or (main.timezone if main else home.timezone),
                month_day=month_day or 1,
                plan=plan or inherited,
                daily_cap_micros=caps.get("daily_cap_micros"),
                monthly_cap_micros=caps.get("monthly_cap_micros"),
                at_ms=epoch_ms(utc_now()),
            )
        )
        return await require_account(store, name)

    account = with_store(ctx, work)
    show(
        account_document(account),
        lambda: say(
            f"account {account.name}: {account.currency}, {account.timezone}, plan {account.plan}{_caps(account)}"
        ),
        as_json=as_json,
    )


def _check_name(name: str) -> None:
    """Refuse what cannot be an account's name: it is written in commands, in files and in lists."""
    if not _NAME.fullmatch(name):
        raise BadInputError(
            f"{name!r} is no name of an account",
            f"write at most {_LONGEST_NAME} characters: letters A-Z and a-z, digits, - _ .",
        )


def _caps(account: Account) -> str:
    """Write the caps that are set for the end of a line."""
    caps = limits_summary(cap_documents(account))
    return f"; {caps}" if caps else ""


@account_app.command("set", short_help="Change its calendar, plan or caps.")
def set_one(
    ctx: typer.Context,
    name: Name,
    timezone: Annotated[str | None, typer.Option(metavar="Europe/Paris", help="Its calendar.")] = None,
    month_day: MonthDay = None,
    plan: Annotated[
        str | None, typer.Option(metavar="P", help="The plan of its extensions that have none of their own.")
    ] = None,
    daily_cap: DailyCap = None,
    monthly_cap: MonthlyCap = None,
    as_json: JsonOption = False,
) -> None:
    """Change an account's calendar, plan or caps; what is not named stays. Its currency never changes.

    What calls used of an allowance is counted by the local date on which a month begins: with another day the month
    is another one, and its minutes are counted anew.

    \b
    Examples:
      tollgate account set main --month-day 15
      tollgate account set sales --plan fr-domestic-1200
      tollgate account set sales --daily-cap 50 --monthly-cap none
    """
    if all(option is None for option in (timezone, month_day, plan, daily_cap, monthly_cap)):
        raise BadInputError("there is nothing to change", "name what to change, see `tollgate account set --help`")
    if timezone is not None:
        zone(timezone)
    changes = read_caps(daily_cap, monthly_cap)
    if timezone is not None:
        changes["timezone"] = timezone
    if month_day is not None:
        changes["month_day"] = month_day
    if plan is not None:
        changes["plan"] = plan

    async def work(store: Store) -> Account:
        await store.apply(catalog.set_account(name=name, **changes))
        return await require_account(store, name)

    account = with_store(ctx, work)
    show(
        account_document(account),
        lambda: say(
            f"account {account.name}: {account.timezone}, months from day {account.month_day}, "
            f"plan {account.plan}{_caps(account)}"
        ),
        as_json=as_json,
    )


@account_app.command("show", short_help="Show an account and what it has spent.")
def show_one(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="A", help="The account's name.")] = MAIN_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Show an account, with what it has spent, and what is left of its allowances this month.

    \b
    Examples:
      tollgate account show main
      tollgate account show sales --json
    """

    async def work(store: Store) -> Document:
        account, now = await require_account(store, name), utc_now()
        extensions = await store.extensions(account.id)
        return {
            **account_document(account),
            **await spend_document(store, account, now, WHOLE_ACCOUNT, account.caps),
            "extensions": [extension.number for extension in extensions],
            "allowances": await allowance_documents(store, account, extensions, now),
        }

    document = with_store(ctx, work)
    show(document, lambda: _print_account(document), as_json=as_json)


def _print_account(document: Document) -> None:
    fields = {name: value for name, value in document.items() if name != "allowances"}
    print_fields({**fields, "extensions": ", ".join(document["extensions"]) or "none"})
    if document["allowances"]:
        say("")
        print_allowances(document["allowances"])


@account_app.command("list")
def list_all(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the accounts.

    \b
    Examples:
      tollgate account list
    """

    async def work(store: Store) -> list[Account]:
        return await store.accounts()

    accounts = with_store(ctx, work)
    columns = ("account", ">available", ">reserved", "currency", "time zone", "plan", "limits")
    rows = [
        (
            account.name,
            format_money(account.available_micros),
            format_money(account.reserved_micros),
            account.currency,
            account.timezone,
            account.plan,
            limits_summary(cap_documents(account)),
        )
        for account in accounts
    ]
    document: Document = {"accounts": [account_document(account) for account in accounts]}
    show(document, lambda: print_table(columns, rows), as_json=as_json)


def account_document(account: Account) -> Document:
    """Return an account for JSON."""
    return {
        "account": account.name,
        "currency": account.currency,
        "timezone": account.timezone,
        "month_day": account.month_day,
        "plan": account.plan,
        "available": format_money(account.available_micros),
        "reserved": format_money(account.reserved_micros),
        "total": format_money(account.total_micros),
        **cap_documents(account),
        "created_at": iso_ms(account.created_at_ms, zone(account.timezone)),
    }
