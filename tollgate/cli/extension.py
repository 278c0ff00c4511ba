"""``extension``: who calls."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from ari_app.clock import epoch_ms, utc_now
from store.catalog import ExtensionSettings, add_extension, set_extension
from store.errors import UnknownExtensionError
from store.records import Extension
from store.store import Store
from tollgate.cli import extension_csv
from tollgate.cli.context import MAIN_ACCOUNT, JsonOption, require_account, settings_of, with_store
from tollgate.cli.errors import BadInputError, CheckFailedError
from tollgate.cli.extension_values import (
    check_endpoint,
    check_language,
    check_number,
    default_endpoint,
    read_switch,
    switch,
)
from tollgate.cli.output import Document, print_fields, print_table, say, show
from tollgate.cli.topic import topic

extension_app = topic("Extensions: who calls. Each is a phone that Asterisk has authenticated, on one account.")

ACCOUNTS_PLAN = "default"
"""The plan of an extension that has none of its own."""

Number = Annotated[str, typer.Argument(metavar="E", help="The extension's number, such as 101.")]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", metavar="PJSIP/101", help="Its phone; PJSIP and its number.")
]
PlanOption = Annotated[
    str | None, typer.Option("--plan", metavar="P", help="Its plan; 'default' is its account's.")
]
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
    check_number(number, settings_of(ctx).home_region)
    changes = _Changes(endpoint or default_endpoint(number), plan, account or MAIN_ACCOUNT, prepaid, language, name)

    async def work(store: Store) -> Document:
        new = ExtensionSettings(number=number, account_id=0, endpoint="")
        settings = await changes.apply(store, new)
        await store.apply(add_extension(settings, at_ms=epoch_ms(utc_now())))
        return await _read(store, number)

    _show_one(with_store(ctx, work), as_json=as_json)


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
    changes = _Changes(endpoint, plan, account, prepaid, language, name)
    if changes.are_none:
        raise BadInputError("nothing to change", "give an option, see `tollgate extension set --help`")

    async def work(store: Store) -> Document:
        settings = await changes.apply(store, _settings_of(await _require(store, number)))
        await store.apply(set_extension(settings))
        return await _read(store, number)

    _show_one(with_store(ctx, work), as_json=as_json)


@extension_app.command("show")
def show_one(ctx: typer.Context, number: Number, as_json: JsonOption = False) -> None:
    """Show an extension.

    \b
    Examples:
      tollgate extension show 101 --json
    """

    async def work(store: Store) -> Document:
        return await _read(store, number)

    _show_one(with_store(ctx, work), as_json=as_json)


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
        account_id = None if account is None else (await require_account(store, account)).id
        names = {known.id: known.name for known in await store.accounts()}
        return [_document(found, names[found.account_id]) for found in await store.extensions(account_id)]

    found = with_store(ctx, work)
    columns = ("extension", "endpoint", "account", "plan", "prepaid", "language", "name")
    rows = [[row[column] if column != "prepaid" else _on_off(row) for column in columns] for row in found]
    show({"extensions": found}, lambda: print_table(columns, rows), as_json=as_json)


@extension_app.command("import")
def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header; `export` writes the same.")],
    as_json: JsonOption = False,
) -> None:
    """Add and change many extensions at once, by CSV: all of them or, where a row is bad, none.

    Columns: extension and, where wanted, endpoint, account, plan, prepaid, language, name. For an extension that
    is there already, an empty cell or a missing column keeps what it has.

    \b
    Examples:
      tollgate extension import phones.csv
    """
    home_region = settings_of(ctx).home_region
    rows, bad_rows = extension_csv.read_rows(file, home_region)

    async def work(store: Store) -> tuple[int, int]:
        operation, counts = await extension_csv.plan_changes(store, rows, at_ms=epoch_ms(utc_now()))
        await store.apply(operation)
        return counts

    added, changed = (0, 0) if bad_rows else with_store(ctx, work)
    document: Document = {
        "added": added,
        "changed": changed,
        "bad_rows": [row.document() for row in bad_rows],
    }
    show(document, lambda: _say_imported(added, changed, bad_rows), as_json=as_json)
    if bad_rows:
        raise CheckFailedError(f"{len(bad_rows)} bad rows, nothing was imported", "correct them and import again")


@extension_app.command("export")
def export_file(
    ctx: typer.Context,
    output: Annotated[Path | None, typer.Option(metavar="F", help="Write here instead of stdout.")] = None,
) -> None:
    """Write all extensions as CSV, in the form that `import` reads.

    \b
    Examples:
      tollgate extension export --output phones.csv
    """

    async def work(store: Store) -> list[Document]:
        names = {known.id: known.name for known in await store.accounts()}
        return [_document(found, names[found.account_id]) for found in await store.extensions()]

    extension_csv.write_rows(with_store(ctx, work), output)


class _Changes:
    """The options of ``add`` and ``set``; None keeps what is there."""

    def __init__(
        self,
        endpoint: str | None,
        plan: str | None,
        account: str | None,
        prepaid: str | None,
        language: str | None,
        display_name: str | None,
    ) -> None:
        self._endpoint = None if endpoint is None else check_endpoint(endpoint)
        self._plan = plan
        self._account = account
        self._prepaid = None if prepaid is None else read_switch(prepaid)
        self._language = None if language is None else check_language(language)
        self._display_name = display_name
        self.are_none = all(option is None for option in (endpoint, plan, account, prepaid, language, display_name))

    async def apply(self, store: Store, settings: ExtensionSettings) -> ExtensionSettings:
        """Return ``settings`` with the changes.

        Raises:
            UnknownAccountError: there is no such account.
        """
        if self._account is not None:
            settings = replace(settings, account_id=(await require_account(store, self._account)).id)
        if self._plan is not None:
            settings = replace(settings, plan=None if self._plan == ACCOUNTS_PLAN else self._plan)
        return replace(
            settings,
            endpoint=settings.endpoint if self._endpoint is None else self._endpoint,
            prepaid=settings.prepaid if self._prepaid is None else self._prepaid,
            language=self._language or settings.language,
            display_name=settings.display_name if self._display_name is None else self._display_name,
        )
