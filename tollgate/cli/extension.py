"""``extension``: who calls."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from ari_app.clock import epoch_ms, utc_now
from store.extensions import ExtensionSettings, Written, add_extension, set_extensions
from store.store import Store
from tollgate.cli.bad_lines import BadLine
from tollgate.cli.context import MAIN_ACCOUNT, JsonOption, require_account, settings_of, with_store
from tollgate.cli.counted import counted
from tollgate.cli.errors import BadInputError, CheckFailedError
from tollgate.cli.extension_changes import check_number, read_changes
from tollgate.cli.extension_choice import check_selection, is_one_extension, select_extensions
from tollgate.cli.extension_csv import read_extensions, write_csv
from tollgate.cli.extension_documents import (
    csv_row,
    print_extensions,
    read_extension,
    read_extension_with_spend,
    read_extensions_of,
    show_extension,
)
from tollgate.cli.extension_import import import_extensions
from tollgate.cli.extension_parts import in_parts
from tollgate.cli.files import output_to
from tollgate.cli.limits import LIMIT_FIELDS
from tollgate.cli.output import Document, print_table, say, show, write_json
from tollgate.cli.topic import topic

extension_app = topic(
    "Extensions: who calls. Each is a phone that Asterisk has authenticated, on one account.",
    (
        "tollgate extension add 101 --endpoint PJSIP/101",
        "tollgate extension set 101 102 120-129 --daily-cap 5 --deny premium",
        "tollgate extension import phones.csv",
    ),
)

Numbers = Annotated[list[str], typer.Argument(metavar="E...", help="The extensions' numbers, such as 101 or 120-129.")]
Number = Annotated[str, typer.Argument(metavar="E", help="The extension's number, such as 101.")]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", metavar="PJSIP/101", help="Its phone, as pjsip.conf names it.")
]
PlanOption = Annotated[str | None, typer.Option("--plan", metavar="P", help="Its plan; 'default' is its account's.")]
OwnerOption = Annotated[str | None, typer.Option("--account", metavar="A", help="Who pays.")]
PrepaidOption = Annotated[
    Literal["on", "off"] | None, typer.Option("--prepaid", help="Whether it may make paid calls.")
]
LanguageOption = Annotated[str | None, typer.Option("--language", metavar="fr", help="Its language: en, es or fr.")]
NameOption = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Whose it is, or none.")]
DailyCapOption = Annotated[
    str | None, typer.Option("--daily-cap", metavar="M", help="The most that it may spend in a day, or none.")
]
MonthlyCapOption = Annotated[
    str | None, typer.Option("--monthly-cap", metavar="M", help="The most in a month of its account, or none.")
]
MaxCallsOption = Annotated[
    str | None, typer.Option("--max-calls", metavar="N", help="How many paid calls it may have at a time, or none.")
]
MaxRateOption = Annotated[
    str | None, typer.Option("--max-rate", metavar="M", help="The highest price per minute that it may pay, or none.")
]
LongestCallOption = Annotated[
    str | None, typer.Option("--longest-call", metavar="10m", help="How long a call may last: 600, 10m, 2h, or none.")
]
AllowOption = Annotated[
    str | None,
    typer.Option("--allow", metavar="LIST", help="Beyond its plan it may only call these: GB,national, or none."),
]
DenyOption = Annotated[
    str | None, typer.Option("--deny", metavar="LIST", help="It may never call these: GB,premium, or none.")
]
HoursOption = Annotated[
    str | None,
    typer.Option("--hours", metavar="SPEC", help="When it may call beyond its plan: 'mon-fri 08:00-19:00', or none."),
]


@extension_app.command("add")
def add(
    ctx: typer.Context,
    number: Number,
    *,
    endpoint: EndpointOption = None,
    plan: PlanOption = None,
    account: OwnerOption = None,
    prepaid: PrepaidOption = None,
    language: LanguageOption = None,
    name: NameOption = None,
    daily_cap: DailyCapOption = None,
    monthly_cap: MonthlyCapOption = None,
    max_calls: MaxCallsOption = None,
    max_rate: MaxRateOption = None,
    longest_call: LongestCallOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    hours: HoursOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an extension. It has no limits but those that are named.

    What is not named: its endpoint is PJSIP/ and its number, its account main, its plan its account's; prepaid is on
    and its language en.

    \b
    Examples:
      tollgate extension add 101
      tollgate extension add 102 --endpoint PJSIP/desk-102 --plan fr-office --prepaid off
      tollgate extension add 103 --daily-cap 5 --max-rate 0.50 --deny premium,001 --hours "mon-fri 08:00-19:00"
    """
    options = {
        "endpoint": endpoint,
        "plan": plan,
        "account": account or MAIN_ACCOUNT,
        "prepaid": prepaid,
        "language": language,
        "name": name,
        **_limit_fields(daily_cap, monthly_cap, max_calls, max_rate, longest_call, allow, deny, hours),
    }
    check_number(number, settings_of(ctx).home_region)
    changes = read_changes(options)

    async def work(store: Store) -> Document:
        account_id = (await require_account(store, account or MAIN_ACCOUNT)).id
        settings = ExtensionSettings.new(number, account_id).changed(changes.settings)
        await store.apply(add_extension(settings, at_ms=epoch_ms(utc_now())))
        return await read_extension(store, number)

    show_extension(with_store(ctx, work), as_json=as_json)


@extension_app.command("set", short_help="Change one extension or several.")
def set_some(
    ctx: typer.Context,
    numbers: Numbers,
    *,
    endpoint: EndpointOption = None,
    plan: PlanOption = None,
    account: OwnerOption = None,
    prepaid: PrepaidOption = None,
    language: LanguageOption = None,
    name: NameOption = None,
    daily_cap: DailyCapOption = None,
    monthly_cap: MonthlyCapOption = None,
    max_calls: MaxCallsOption = None,
    max_rate: MaxRateOption = None,
    longest_call: LongestCallOption = None,
    allow: AllowOption = None,
    deny: DenyOption = None,
    hours: HoursOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what is given, and keep the rest; a limit or the name is removed by none.

    Several extensions are changed at once, all or none of them. 120-129 are those that are there from 120 to 129.

    \b
    Examples:
      tollgate extension set 101 --prepaid off
      tollgate extension set 101 --plan default --account sales
      tollgate extension set 101 102 120-129 --daily-cap 5 --deny premium --longest-call 30m
      tollgate extension set 101 --daily-cap none --hours none
    """
    options = {
        "endpoint": endpoint,
        "plan": plan,
        "account": account,
        "prepaid": prepaid,
        "language": language,
        "name": name,
        **_limit_fields(daily_cap, monthly_cap, max_calls, max_rate, longest_call, allow, deny, hours),
    }
    if all(option is None for option in options.values()):
        raise BadInputError("nothing to change", "give an option, see `tollgate extension set --help`")
    is_one = is_one_extension(numbers)
    if endpoint is not None and not is_one:
        raise BadInputError("an endpoint belongs to one extension", "name one extension with --endpoint")
    check_selection(numbers, settings_of(ctx).home_region)
    changes = read_changes(options)

    async def work(store: Store) -> list[Document]:
        chosen = select_extensions(numbers, await store.extensions())
        account_id = None if account is None else (await require_account(store, account)).id
        same = changes.with_account(account_id)
        again = "give the command again: what is changed already stays as it is"
        await in_parts(store, {each.number: same for each in chosen}, set_extensions, again)
        return [await read_extension(store, each.number) for each in chosen]

    found = with_store(ctx, work)
    if is_one:
        show_extension(found[0], as_json=as_json)
    else:
        show({"extensions": found}, lambda: print_extensions(found), as_json=as_json)


@extension_app.command("show", short_help="Show an extension, its limits and its spend.")
def show_one(ctx: typer.Context, number: Number, as_json: JsonOption = False) -> None:
    """Show an extension, its limits, and what it has spent today and this month.

    \b
    Examples:
      tollgate extension show 101 --json
    """

    async def work(store: Store) -> Document:
        return await read_extension_with_spend(store, number, utc_now())

    show_extension(with_store(ctx, work), as_json=as_json)


@extension_app.command("list")
def list_all(
    ctx: typer.Context,
    account: Annotated[str | None, typer.Option(metavar="A", help="Only this account's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the extensions of all accounts, or of one.

    \b
    Examples:
      tollgate extension list
      tollgate extension list --account sales
    """

    async def work(store: Store) -> list[Document]:
        return await read_extensions_of(store, account)

    found = with_store(ctx, work)
    show({"extensions": found}, lambda: print_extensions(found), as_json=as_json)


@extension_app.command("import", short_help="Add and change many by CSV.")
def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, as `export` writes it.")],
    as_json: JsonOption = False,
) -> None:
    """Add and change many extensions at once, by CSV: all of them or, where a row is bad, none.

    Columns: extension and, where wanted, endpoint, account, plan, prepaid, language, name, daily_cap, monthly_cap,
    max_calls, max_rate, longest_call_s, allow, deny, hours. An empty cell keeps what the extension has, or gives a
    new one the default; none removes a limit or the name, and the plan default is its account's. Files that Excel
    saves as CSV are read, with ; or tabs and, where ; is between the cells, decimal commas.

    Of more than 50 rows the first may be written alone where another administrator changes the same extensions at the
    same moment. The error says so; import the file again.

    \b
    Examples:
      tollgate extension import phones.csv
    """
    rows, bad = read_extensions(file, settings_of(ctx).home_region)

    async def work(store: Store) -> tuple[Written, list[BadLine]]:
        return await import_extensions(store, rows, at_ms=epoch_ms(utc_now()))

    written = Written(added=0, changed=0)
    if not bad:
        written, bad = with_store(ctx, work)
    document = {**asdict(written), "bad_rows": [line.document() for line in bad]}
    show(document, lambda: _say_imported(written, bad), as_json=as_json)
    if bad:
        rows_said = counted(len({line.line for line in bad}), "bad row")
        raise CheckFailedError(f"{rows_said}, nothing was imported", "correct the file and import again")


@extension_app.command("export", short_help="Write all of them as CSV.")
def export_file(
    ctx: typer.Context,
    output: Annotated[Path | None, typer.Option(metavar="F", help="Write here instead of stdout.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write all extensions as CSV, in the form that `import` reads, or as JSON.

    \b
    Examples:
      tollgate extension export --output phones.csv
    """

    async def work(store: Store) -> list[Document]:
        return await read_extensions_of(store, None)

    found = with_store(ctx, work)
    with output_to(output) as file:
        if as_json:
            write_json({"extensions": found}, file)
        else:
            write_csv([csv_row(row) for row in found], file)


def _limit_fields(
    daily_cap: str | None,
    monthly_cap: str | None,
    max_calls: str | None,
    max_rate: str | None,
    longest_call: str | None,
    allow: str | None,
    deny: str | None,
    hours: str | None,
) -> dict[str, str | None]:
    return dict(
        zip(
            LIMIT_FIELDS,
            (daily_cap, monthly_cap, max_calls, max_rate, longest_call, allow, deny, hours),
            strict=True,
        )
    )


def _say_imported(written: Written, bad: list[BadLine]) -> None:
    if bad:
        print_table((">line", "column", "value", "why"), [line.cells() for line in bad], title="bad rows")
    else:
        say(f"{counted(written.added, 'extension')} added, {written.changed} changed")
