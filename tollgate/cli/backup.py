"""``backup``: a checked copy of a SQLite store, while the service runs."""

import time
from pathlib import Path
from typing import Annotated

import typer

from store.backup import back_up
from store.location import PostgresLocation, locate, shown_url
from tollgate.cli.context import JsonOption, settings_of
from tollgate.cli.errors import BadInputError
from tollgate.cli.output import Document, say, show
from tollgate.cli.progress import progress_bar
from tollgate.cli.topic import topic

backup_app = topic()


@backup_app.command()
def backup(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy to make; it must not be there.")],
    as_json: JsonOption = False,
) -> None:
    """Copy the whole store to a file, in one consistent state, while the service runs.

    The copy is written in small steps, so that calls do not wait for the disk, and read back before it gets its
    name: what bears the name is whole. It is a store like the other, for `--config` or TOLLGATE_DATABASE_URL. A store
    on a PostgreSQL server is backed up by pg_dump.

    \b
    Examples:
      tollgate backup /mnt/backup/tollgate-2026-11-22.db
      tollgate backup "/mnt/backup/tollgate-$(date +%F).db" --json
    """
    url = settings_of(ctx).database_url
    location = locate(url)
    if isinstance(location, PostgresLocation):
        raise BadInputError(
            f"the store is on a PostgreSQL server, the {location.shown}",
            "back it up by `pg_dump --format=custom`, while services run; see docs/postgresql.md",
        )
    began_s = time.monotonic()
    with progress_bar("copying", afterwards="checking") as tell:
        made = back_up(location, file, progress=tell)
    elapsed_ms = round((time.monotonic() - began_s) * 1000)
    document: Document = {
        "database_url": shown_url(url),
        "file": str(file),
        "bytes": made.size_bytes,
        "pages": made.pages,
        "revision": made.revision,
        "elapsed_ms": elapsed_ms,
    }
    show(
        document,
        lambda: say(
            f"copied {location.shown} to {file}: {made.size_bytes / 1e6:.1f} MB in {elapsed_ms / 1000:.1f} s, "
            "read back and found whole"
        ),
        as_json=as_json,
    )
