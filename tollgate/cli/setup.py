"""``init``: the settings file, the store, the portal's first user."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from store.location import locate, shown_url
from tollgate.cli.context import JsonOption, settings_file_of
from tollgate.cli.installation import ADMINISTRATOR, Installation, Wishes, install, plan_installation
from tollgate.cli.output import Document, say, show
from tollgate.cli.topic import topic
from tollgate.settings import SETTINGS_FILE

init_app = topic()


@init_app.command()
def init(
    ctx: typer.Context,
    home_region: Annotated[
        str | None, typer.Option(metavar="FR", help="Where the office is; FR unless a variable says otherwise.")
    ] = None,
    currency: Annotated[
        str | None, typer.Option(metavar="EUR", help="The account's currency; the home region's by default.")
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(metavar="Europe/Paris", help="The account's calendar; the home region's by default."),
    ] = None,
    plan: Annotated[
        str | None, typer.Option(metavar="NAME", help="The account's plan; the shipped one of the home region.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the settings file, the store, the account main and the portal's first user; say what to do next.

    Refuses where a store exists. A settings file that is there already is kept and used. The password of that user is
    shown this once.

    \b
    Examples:
      tollgate init
      tollgate init --home-region MX --currency MXN --timezone America/Mexico_City
      tollgate --config /etc/tollgate/tollgate.toml init
    """
    settings_file = settings_file_of(ctx) or Path(os.environ.get("TOLLGATE_CONFIG") or SETTINGS_FILE)
    wishes = Wishes(home_region=home_region, currency=currency, timezone=timezone, plan=plan)
    planned = plan_installation(settings_file, wishes)
    rates = asyncio.run(install(planned))
    show(_document(planned, rates), lambda: _say_installed(planned, rates), as_json=as_json)


def _document(planned: Installation, rates: int) -> Document:
    return {
        "settings_file": str(planned.settings_file),
        "database_url": shown_url(planned.database_url),
        "home_region": planned.home_region,
        "account": planned.account,
        "currency": planned.currency,
        "timezone": planned.timezone,
        "plan": planned.plan.name,
        "deck": {"name": planned.plan.deck, "rates": rates, "example": True},
        "administrator": {"name": ADMINISTRATOR, "password": planned.admin_password},
        "next": list(_next_steps(planned)),
    }


def _say_installed(planned: Installation, rates: int) -> None:
    made = "written, it holds secrets" if planned.settings_text is not None else "was there, kept"
    say(f"settings  {planned.settings_file} ({made})")
    say(f"store     {locate(planned.database_url).shown}")
    say(f"account   {planned.account}: {planned.currency}, {planned.timezone}, plan {planned.plan.name}")
    say(
        f"deck      {planned.plan.deck}: {rates} EXAMPLE prices, invented and read as {planned.currency}; "
        "replace them by your carrier's"
    )
    say(f"portal    user {ADMINISTRATOR}, password {planned.admin_password}    it is shown this once, keep it")
    say("")
    say("next:")
    for number, step in enumerate(_next_steps(planned), start=1):
        say(f"  {number}. {step}")


def _next_steps(planned: Installation) -> tuple[str, ...]:
    return (
        f"name your trunks in {planned.settings_file}",
        "tollgate dialplan --output /etc/asterisk    and include the files as they say",
        "tollgate extension add 101 --endpoint PJSIP/101",
        "tollgate funds add 10.00 --reference first-purchase",
        f"tollgate rates import YOUR-CARRIER.csv --deck {planned.plan.deck} --replace",
        "tollgate quote 00447797123456 --duration 60",
        "tollgate serve    and in another terminal: tollgate doctor",
    )
