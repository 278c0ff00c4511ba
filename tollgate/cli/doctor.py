"""``doctor``: the PBX and the service, end to end."""

import asyncio
import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import structlog
import typer

from ari_app.ami import AmiAdapter
from ari_app.clock import utc_now
from ari_app.complaints import Complaints
from ari_app.errors import AmiRefusedError, AmiUnavailableError, AriUnavailableError
from ari_app.metrics import Metrics
from dialplan.render import DialplanError
from rating.errors import RatingError
from store.errors import StoreError
from tollgate.cli.ari_http import ari_http
from tollgate.cli.checks import ami as over_ami
from tollgate.cli.checks import ari as over_ari
from tollgate.cli.checks import dialplan as of_dialplan
from tollgate.cli.checks.cdr import check_cdr_file
from tollgate.cli.checks.check import Check, Status, fail, ok, warn
from tollgate.cli.checks.dialplan_show import LoadedDialplan, parse_shown
from tollgate.cli.checks.installation import check_host_name, check_settings, check_store, phone_endpoints
from tollgate.cli.checks.numbering import check_numbering
from tollgate.cli.checks.reports import check_reports
from tollgate.cli.context import JsonOption, settings_file_of, settings_of
from tollgate.cli.dialplan import away_plan
from tollgate.cli.errors import REFUSED, CliError
from tollgate.cli.output import Document, say, show
from tollgate.cli.topic import topic
from tollgate.dialplan_text import dialplan_text
from tollgate.settings import Settings, find_settings_file

doctor_app = topic()


@doctor_app.command()
def doctor(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Check the PBX end to end: each line OK, WARN or FAIL, with the mend. Exit status 1 where one fails.

    \b
    Examples:
      tollgate doctor
      tollgate doctor --json
    """
    settings = settings_of(ctx)
    with _quiet():
        checks = asyncio.run(examine(find_settings_file(settings_file_of(ctx)), settings))
    healthy = all(check.status is not Status.FAIL for check in checks)
    document: Document = {"checks": [asdict(check) for check in checks], "ok": healthy}
    show(document, lambda: _print(checks), as_json=as_json)
    if not healthy:
        raise typer.Exit(REFUSED)


@contextmanager
def _quiet() -> Iterator[None]:
    """Log nothing: what the clients log of a failed connection the checks say in their own words."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        structlog.configure(**before)


async def examine(path: Path | None, settings: Settings) -> list[Check]:
    """Run every check that can be run; where something cannot be reached, one failed check stands for its own."""
    numbering = check_numbering(settings)
    if numbering.status is Status.FAIL:
        # The other checks are made with the table that ships.
        settings = settings.model_copy(update={"numbering_file": None})
    return [
        *check_settings(path, settings),
        numbering,
        *await check_store(settings),
        *await check_reports(settings),
        *check_cdr_file(settings),
        *await _over_ari(settings),
        *await _over_ami(settings),
    ]


async def _over_ari(settings: Settings) -> list[Check]:
    async with ari_http(settings.ari_access()) as ari:
        checks: list[Check] = []
        try:
            checks.append(await over_ari.check_version(ari))
            checks += await over_ari.check_application(ari, settings)
            checks += await over_ari.check_trunks(ari, settings)
            checks.append(await over_ari.check_variables(ari))
            checks.append(await over_ari.check_modules(ari, settings))
            if settings.has_balance_by_phone:
                checks.append(await over_ari.check_sounds(ari, settings))
            checks.append(await over_ari.check_clock(ari, utc_now()))
        except AriUnavailableError as error:
            checks.append(fail("ARI", str(error), "see [asterisk] of the settings, ari.conf and http.conf"))
        return checks


async def _over_ami(settings: Settings) -> list[Check]:
    ami = AmiAdapter(settings.ami_access(), Complaints(Metrics().ami_messages))
    checks: list[Check] = []
    try:
        await ami.connect()
        checks.append(ok("AMI", f"logged in as {settings.asterisk.ami_user}"))
        checks.append(await over_ami.check_setvar(ami))
        checks.append(await over_ami.check_database(ami))
        checks += [await over_ami.check_unseen_legs(ami, trunk.endpoint) for trunk in settings.trunks]
        checks += await _by_command(ami, settings)
    except AmiUnavailableError as error:
        checks.append(fail("AMI", str(error), "see [asterisk] of the settings and manager.conf"))
    finally:
        ami.close()
    return checks


async def _by_command(ami: AmiAdapter, settings: Settings) -> list[Check]:
    """Run the checks that need the class ``command``, which the service itself does not."""
    try:
        await ami.command("core show version")
    except AmiRefusedError:
        mend = "add command to write in manager.conf while doctor runs"
        return [warn("dialplan", "our AMI user may not look at it", mend)]
    checks = [] if (listening := await over_ami.check_listening(ami)) is None else [listening]
    checks += await _of_dialplan(ami, settings)
    endpoints = [await over_ami.read_endpoint(ami, trunk.endpoint) for trunk in settings.trunks]
    checks += [over_ami.check_dead_calls(endpoint) for endpoint in endpoints]
    phones = [await over_ami.read_endpoint(ami, name) for name in await phone_endpoints(settings)]
    if (dead_phones := over_ami.check_dead_phones(phones)) is not None:
        checks.append(dead_phones)
    if not all(endpoint.parameters.get("media_address") for endpoint in endpoints):
        checks.append(check_host_name(socket.gethostname()))
    return checks


async def _of_dialplan(ami: AmiAdapter, settings: Settings) -> list[Check]:
    loaded = parse_shown(await ami.command("dialplan show"))
    return [
        await _wanted_dialplan(loaded, settings),
        *of_dialplan.check_entry(loaded, settings),
        of_dialplan.check_absolute_timeout(loaded, settings),
        await of_dialplan.check_emergency(loaded, settings, ami.command),
    ]


async def _wanted_dialplan(loaded: LoadedDialplan, settings: Settings) -> Check:
    try:
        wanted = dialplan_text(settings, await away_plan(settings))
    except (StoreError, RatingError, DialplanError, CliError) as error:
        return warn("dialplan", f"it cannot be compared: {error}", "mend that first")
    return of_dialplan.check_loaded(loaded, wanted)


_COLOURS = {Status.OK: "\x1b[32m", Status.WARN: "\x1b[33m", Status.FAIL: "\x1b[31m"}
_PLAIN = "\x1b[0m"


def _print(checks: list[Check]) -> None:
    coloured = sys.stdout.isatty()
    width = max(len(check.name) for check in checks)
    for check in checks:
        status = f"{check.status:<4}"
        if coloured:
            status = f"{_COLOURS[check.status]}{status}{_PLAIN}"
        say(f"{status}  {check.name:<{width}}  {check.detail}")
        if check.mend is not None:
            say(f"{'':4}  {'':{width}}  → {check.mend}")
    counted = [sum(check.status is status for check in checks) for status in Status]
    say(f"\n{counted[0]} OK, {counted[1]} WARN, {counted[2]} FAIL")
