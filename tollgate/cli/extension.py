"""``extension``: who calls."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ari_app.clock import epoch_ms, utc_now
from store.catalog import add_extension, set_extension
from store.errors import UnknownExtensionError
from store.records import Extension
from store.store import Store
from tollgate.cli.bad_lines import BadLine
from tollgate.cli.context import MAIN_ACCOUNT, JsonOption, require_account, settings_of, with_store
from tollgate.cli.errors import BadInputError, CheckFailedError
from tollgate.cli.extension_changes import (
    ACCOUNTS_PLAN,
    ExtensionChanges,
    apply_changes,
    new_extension,
    read_changes,
)
from tollgate.cli.extension_changes import settings_of as extension_settings
from tollgate.cli.extension_csv import import_extensions, read_extensions, write_extensions
from tollgate.cli.files import output_to
from tollgate.cli.output import Document, print_fields, print_table, say, show, write_json
from tollgate.cli.topic import topic

extension_app = topic("Extensions: who calls. Each is a phone that Asterisk has authenticated, on one account.")

Number = Annotated[str, typer.Argument(metavar="E", help="The extension's number, such as 101.")]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", metavar="PJSIP/101", help="Its phone; PJSIP and its number.")
]
PlanOption = Annotated[str | None, typer.Option("--plan", metavar="P", help="Its plan; 'default' is its account's.")]
OwnerOption = Annotated[str | None, typer.Option("--account", metavar="A", help="Who pays; main.")]
PrepaidOption = Annotated[
    Literal["on", "off"] | None, typer.Option("--prepaid", help="Whether it may make paid calls; on.")
]
LanguageOption = Annotated[str | None, typer.Option("--language", metavar="fr", help="Its language; en.")]
NameOption = Annotated[str | None, typer.Option("--name", metavar="TEXT", help="Whose it is.")]


@extension_app.command("add")
def add(
    ctx: typer.Context,
    number: Number,
    endpoint: EndpointOption = None,
    plan: PlanOption = None,
    account: OwnerOption = None,
    prepaid: PrepaidOption = None,
    language: LanguageOption = None,
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an extension.

    \b
    Examples:
      tollgate extension add 101
      tollgate extension add 102 --endpoint PJSIP/desk-102 --plan fr-office --prepaid off
    """
    options = _fields(endpoint, plan, account or MAIN_ACCOUNT, prepaid, language, name)
    changes = read_changes(number, options, settings_of(ctx).home_region)

    async def work(store: Store) -> Document:
        account_id = (await require_account(store, account or MAIN_ACCOUNT)).id
        settings = apply_changes(new_extension(number, account_id), changes, account_id)
        await store.apply(add_extension(settings, at_ms=epoch_ms(utc_now())))
        return await _read(store, number)

    _show_extension(with_store(ctx, work), as_json=as_json)


@extension_app.command("set")
def set_one(
    ctx: typer.Context,
    number: Number,
    endpoint: EndpointOption = None,
    plan: PlanOption = None,
    account: OwnerOption = None,
    prepaid: PrepaidOption = None,
    language: LanguageOption = None,
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change what is given, and keep the rest.

    \b
    Examples:
      tollgate extension set 101 --prepaid off
      tollgate extension set 101 --plan default --account sales
    """
    options = _fields(endpoint, plan, account, prepaid, language, name)
    if all(option is None for option in options.values()):
        raise BadInputError("nothing to change", "give an option, see `tollgate extension set --help`")
    changes = read_changes(number, options, settings_of(ctx).home_region)

    async def work(store: Store) -> Document:
        before = extension_settings(await _require(store, number))
        await store.apply(set_extension(apply_changes(before, changes, await _account_id(store, changes))))
        return await _read(store, number)

    _show_extension(with_store(ctx, work), as_json=as_json)


@extension_app.command("show")
def show_one(ctx: typer.Context, number: Number, as_json: JsonOption = False) -> None:
    """Show an extension.

    \b
    Examples:
      tollgate extension show 101 --json
    """

    async def work(store: Store) -> Document:
        return await _read(store, number)

    _show_extension(with_store(ctx, work), as_json=as_json)


@extension_app.command("list")
def list_all(
    ctx: typer.Context,
    account: Annotated[str | None, typer.Option(metavar="A", help="Only this account's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the extensions, of all accounts or of one.

    \b
    Examples:
      tollgate extension list
      tollgate extension list --account sales
    """

    async def work(store: Store) -> list[Document]:
        return await _read_all(store, account)

    found = with_store(ctx, work)
    columns = ("extension", "endpoint", "account", "plan", "prepaid", "language", "name")
    rows = [[_cell(row, column) for column in columns] for row in found]
    show({"extensions": found}, lambda: print_table(columns, rows), as_json=as_json)


@extension_app.command("import")
def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, as `export` writes it.")],
    as_json: JsonOption = False,
) -> None:
    """Add and change many extensions at once, by CSV: all of them or, where a row is bad, none.

    Columns: extension and, where wanted, endpoint, account, plan, prepaid, language, name. An empty cell keeps
    what the extension has, or gives a new one the default.

    \b
    Examples:
      tollgate extension import phones.csv
    """
    rows, bad = read_extensions(file, settings_of(ctx).home_region)

    async def work(store: Store) -> tuple[int, int, list[BadLine]]:
        return await import_extensions(store, rows, at_ms=epoch_ms(utc_now()))

    added, changed = 0, 0
    if not bad:
        added, changed, bad = with_store(ctx, work)
    document = {"added": added, "changed": changed, "bad_rows": [line.document() for line in bad]}
    show(document, lambda: _say_imported(added, changed, bad), as_json=as_json)
    if bad:
        raise CheckFailedError(f"{len(bad)} bad rows, nothing was imported", "correct them and import again")


@extension_app.command("export")
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
        return await _read_all(store, None)

    found = with_store(ctx, work)
    with output_to(output) as file:
        if as_json:
            write_json({"extensions": found}, file)
        else:
            write_extensions([{**row, "prepaid": _cell(row, "prepaid")} for row in found], file)


def _fields(
    endpoint: str | None,
    plan: str | None,
    account: str | None,
    prepaid: str | None,
    language: str | None,
    name: str | None,
) -> dict[str, str | None]:
    return {
        "endpoint": endpoint,
        "plan": plan,
        "account": account,
        "prepaid": prepaid,
        "language": language,
        "name": name,
    }


async def _account_id(store: Store, changes: ExtensionChanges) -> int | None:
    return None if changes.account is None else (await require_account(store, changes.account)).id


async def _require(store: Store, number: str) -> Extension:
    found = await store.extension(number)
    if found is None:
        raise UnknownExtensionError(f"there is no extension {number}; `tollgate extension list` shows them")
    return found


async def _read(store: Store, number: str) -> Document:
    found = await _require(store, number)
    account = await store.account_by_id(found.account_id)
    assert account is not None, "the store's foreign key"
    return _document(found, account.name)


async def _read_all(store: Store, account: str | None) -> list[Document]:
    account_id = None if account is None else (await require_account(store, account)).id
    names = {known.id: known.name for known in await store.accounts()}
    return [_document(found, names[found.account_id]) for found in await store.extensions(account_id)]


def _document(found: Extension, account_name: str) -> Document:
    return {
        "extension": found.number,
        "endpoint": found.endpoint,
        "account": account_name,
        "plan": found.plan,
        "prepaid": found.prepaid,
        "language": found.language,
        "name": found.display_name,
    }


def _cell(row: Document, column: str) -> str | None:
    value = row[column]
    if column == "prepaid":
        return "on" if value else "off"
    return ACCOUNTS_PLAN if column == "plan" and value is None else value


def _show_extension(document: Document, *, as_json: bool) -> None:
    shown = {column: _cell(document, column) for column in document}
    show(document, lambda: print_fields(shown), as_json=as_json)


def _say_imported(added: int, changed: int, bad: list[BadLine]) -> None:
    if bad:
        print_table((">line", "column", "value", "why"), [line.cells() for line in bad], title="bad rows")
    else:
        say(f"{added} extensions added, {changed} changed")
