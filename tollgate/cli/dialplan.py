"""``dialplan``: the Asterisk files for these settings."""

import asyncio
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from rating.plan import Plan, parse_plan
from store.store import Store
from tollgate.cli.asterisk_files import ARI_FILE, MANAGER_FILE, ari_text, manager_text
from tollgate.cli.context import JsonOption, on_store, settings_of
from tollgate.cli.errors import BadInputError, RefusedError
from tollgate.cli.output import say, show
from tollgate.cli.topic import topic
from tollgate.dialplan_text import dialplan_text
from tollgate.settings import Settings

dialplan_app = topic()

DIALPLAN_FILE = "tollgate.conf"


@dialplan_app.command()
def dialplan(
    ctx: typer.Context,
    output: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write all files there instead of showing the dialplan.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the dialplan for these settings, or write it with the users for ari.conf and manager.conf.

    The two snippets hold secrets and are written readable by their owner alone: hand them to Asterisk's user.

    \b
    Examples:
      tollgate dialplan
      tollgate dialplan --output /etc/asterisk && asterisk -rx "dialplan reload"
    """
    settings = settings_of(ctx)
    plan = asyncio.run(away_plan(settings))
    text = dialplan_text(settings, plan)
    if output is None:
        show({"files": {DIALPLAN_FILE: text}}, lambda: say(text.rstrip("\n")), as_json=as_json)
        return
    files = {DIALPLAN_FILE: text, ARI_FILE: ari_text(settings), MANAGER_FILE: manager_text(settings)}
    written = _write(output, files)
    show({"written": [str(path) for path in written]}, lambda: _say_written(written), as_json=as_json)


async def away_plan(settings: Settings) -> Plan | None:
    """Return the plan whose destinations ring while the service is away; None where the settings let none.

    Raises:
        RefusedError: the store has no such plan.
        StoreError: the store cannot be read.
        PlanError: the plan cannot be read.
    """
    if not settings.included_while_away:
        return None
    name = settings.default_plan

    async def work(store: Store) -> str | None:
        return await store.plan_text(name)

    text = await on_store(settings, work)
    if text is None:
        raise RefusedError(
            f"there is no plan {name}, which the settings name as default_plan",
            "`tollgate plan import` loads one; or set included_while_away = false",
        )
    return parse_plan(text)


def _write(folder: Path, files: dict[str, str]) -> list[Path]:
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = folder / name
            _replace(path, text, mode=0o644 if name == DIALPLAN_FILE else 0o600)
            written.append(path)
    except OSError as error:
        raise BadInputError(f"{folder} cannot be written: {error.strerror}", "name another folder") from error
    return written


def _replace(path: Path, text: str, *, mode: int) -> None:
    """Write a file whole or not at all: Asterisk may reload at any moment."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    if path.exists():
        _keep_access(path, new)
    new.replace(path)


def _keep_access(old: Path, new: Path) -> None:
    """Let those read the new file who may read the old one, Asterisk's user above all."""
    was = old.stat()
    with suppress(PermissionError):
        os.chown(new, was.st_uid, was.st_gid)
    new.chmod(stat.S_IMODE(was.st_mode))


def _say_written(written: list[Path]) -> None:
    for path in written:
        say(str(path))
    say("")
    say("next:")
    say("  1. in extensions.conf: #include tollgate.conf; the phones' context then holds nothing but includes:")
    say("     include => tollgate-emergency first, the context of internal calls next, include => tollgate last")
    say(f"  2. in ari.conf: #include {ARI_FILE}; in manager.conf: #include {MANAGER_FILE}; let Asterisk read both")
    say('  3. asterisk -rx "core reload", then tollgate doctor')
