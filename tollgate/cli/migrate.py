"""``migrate``: the store's schema brought up to date, or a whole store moved to another database."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

import typer

from store import migrate as schema
from store.errors import OpenCallsError, StoreNotEmptyError, StoreSchemaError
from store.location import Location, SqliteLocation, locate, shown_url
from store.move import move_store
from store.store import Store
from tollgate.cli.context import JsonOption, settings_of
from tollgate.cli.errors import BadInputError, CheckFailedError, RefusedError
from tollgate.cli.output import Document, print_fields, say, show
from tollgate.cli.progress import progress_bar
from tollgate.cli.topic import topic

migrate_app = topic()


@migrate_app.command()
def migrate(
    ctx: typer.Context,
    source_url: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="Move the whole store of this database here.")
    ] = None,
    with_open_calls: Annotated[
        bool, typer.Option("--with-open-calls", help="With --from: open calls move with what they hold.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the store's schema up to date. Safe to repeat, and while the service runs.

    With --from everything in another database is moved to the one of the settings, which has to be empty: every row
    with its id, in one transaction, then the balances are verified. Stop the services first. The source stays as
    it is.

    \b
    Examples:
      tollgate migrate
      TOLLGATE_DATABASE_URL=postgresql://tollgate@db/tollgate tollgate migrate --from sqlite:////var/lib/tollgate.db
    """
    url = settings_of(ctx).database_url
    if source_url is not None:
        _move(source_url, url, with_open_calls=with_open_calls, as_json=as_json)
    elif with_open_calls:
        raise BadInputError("--with-open-calls says how to move a store", "name the one to move by --from")
    else:
        _upgrade(url, as_json=as_json)


def _upgrade(url: str, *, as_json: bool) -> None:
    location = locate(url)
    if isinstance(location, SqliteLocation) and not location.path.is_file():
        raise RefusedError(f"there is no store at {location.path}", "run `tollgate init`")
    changed = schema.found_revision(location) != schema.head_revision()
    schema.upgrade(url)
    revision = schema.head_revision()
    result = "brought up to" if changed else "was at"
    show(
        {"database_url": shown_url(url), "revision": revision, "changed": changed},
        lambda: say(f"the store at {location.shown} {result} schema {revision}"),
        as_json=as_json,
    )


def _move(source_url: str, target_url: str, *, with_open_calls: bool, as_json: bool) -> None:
    source, target = locate(source_url), locate(target_url)
    if source == target:
        raise BadInputError("--from names the database of the settings itself", "name the one to move from")
    _require_current(source_url, source)
    schema.upgrade(target_url)
    rows = _moved(source, target, with_open_calls=with_open_calls)
    differences = asyncio.run(_differences(target_url))
    document: Document = {
        "from": shown_url(source_url),
        "to": shown_url(target_url),
        "rows": dict(rows),
        "differences": differences,
    }
    show(document, lambda: _say_moved(source, target, rows), as_json=as_json)
    if differences:
        raise CheckFailedError(
            f"{differences} balances differ in {target.shown}, as they do in {source.shown}",
            "`tollgate verify` names them",
        )


def _require_current(url: str, location: Location) -> None:
    try:
        schema.ensure_current(url)
    except StoreSchemaError as error:
        raise RefusedError(
            f"the store to move, {location.shown}, does not have this version's schema",
            "set TOLLGATE_DATABASE_URL to it and run `tollgate migrate` first",
        ) from error


def _moved(source: Location, target: Location, *, with_open_calls: bool) -> Mapping[str, int]:
    try:
        with progress_bar("moving") as tell:
            return asyncio.run(move_store(source, target, with_open_calls=with_open_calls, progress=tell))
    except StoreNotEmptyError as error:
        raise RefusedError(
            f"{target.shown} is not empty: {error}", "move to an empty database; nothing was changed"
        ) from error
    except OpenCallsError as error:
        raise RefusedError(
            str(error), "let them end and stop the service, or move them with their holds by --with-open-calls"
        ) from error


async def _differences(url: str) -> int:
    async with await Store.open(url) as store:
        return len(await store.verify())


def _say_moved(source: Location, target: Location, rows: Mapping[str, int]) -> None:
    print_fields({name: count for name, count in rows.items() if count})
    say("")
    say(f"moved {sum(rows.values())} rows from {source.shown} to {target.shown}; every table was counted there")
    say("next: set database_url to the new place on every node, then start the services")
