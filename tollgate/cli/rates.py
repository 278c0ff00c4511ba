"""``rates``: decks of prices, in and out."""

import csv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, TextIO

import typer

from ari_app.clock import epoch_ms, utc_now
from rating.deck import Deck, Rate
from rating.deck_import import COLUMNS, csv_cells
from rating.dialled import Unreadable, read_dialled
from rating.plan import PlanError, parse_plan
from rating.written_time import iso_ms
from store.records import Account, DeckInfo
from store.store import Store
from tollgate.cli.context import MAIN_ACCOUNT, AccountOption, JsonOption, require_account, settings_of, with_store
from tollgate.cli.errors import REFUSED, BadInputError, RefusedError
from tollgate.cli.files import output_to
from tollgate.cli.output import Document, print_table, show, write_json_stream
from tollgate.cli.rate_document import rate_document
from tollgate.cli.rate_found import LookedUp
from tollgate.cli.rate_names import DeckOption
from tollgate.cli.rates_import import import_file
from tollgate.cli.streams import closing
from tollgate.cli.times import parse_instant, zone
from tollgate.cli.topic import topic
from tollgate.settings import Settings

rates_app = topic(
    "Decks of prices, and what a number costs by them.",
    ("tollgate rates import carrier.csv --deck carrier --dry-run", "tollgate rates lookup 00447797123456"),
)

rates_app.command("import", short_help="Load a carrier's price list.")(import_file)


@rates_app.command("list")
def list_all(ctx: typer.Context, account: AccountOption = MAIN_ACCOUNT, as_json: JsonOption = False) -> None:
    """List the decks; times are in the account's time zone.

    \b
    Examples:
      tollgate rates list
    """

    async def work(store: Store) -> tuple[Account, list[DeckInfo]]:
        return await require_account(store, account), await store.decks()

    payer, decks = with_store(ctx, work)
    documents = [
        {"deck": deck.name, "currency": deck.currency, "updated_at": iso_ms(deck.updated_at_ms, zone(payer.timezone))}
        for deck in decks
        if deck.generation
    ]
    rows = [list(document.values()) for document in documents]
    show({"decks": documents}, lambda: print_table(("deck", "currency", "updated at"), rows), as_json=as_json)


@rates_app.command("lookup")
def lookup(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As a phone would dial it, or FR:3631.")],
    deck: Annotated[
        str | None, typer.Option(metavar="D", help="The deck; that of the account's plan by default.")
    ] = None,
    at: Annotated[str | None, typer.Option(metavar="T", help="A date, or 2026-12-01T14:30; now by default.")] = None,
    account: AccountOption = MAIN_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Find the price of a number: the rate of the longest prefix. Exit status 1 where there is none.

    Prices of the same prefix that are loaded ahead are shown too. Times are in the account's time zone.

    \b
    Examples:
      tollgate rates lookup 00447797123456
      tollgate rates lookup 00447797123456 --at 2027-01-01
      tollgate rates lookup FR:3631 --deck carrier
    """
    key = _lookup_key(number, settings_of(ctx))

    async def work(store: Store) -> tuple[Account, DeckInfo, list[Rate]]:
        payer = await require_account(store, account)
        info = await _require_deck(store, deck or await _deck_of_plan(store, account))
        return payer, info, await store.rates_of(info.name, key)

    payer, info, candidates = with_store(ctx, work)
    account_zone = zone(payer.timezone)
    at_ms = epoch_ms(utc_now() if at is None else parse_instant(at, account_zone))
    rate = Deck(info.name, info.currency, candidates).lookup(key, at_ms)
    found = LookedUp(key, info, rate, _later(candidates, rate, at_ms))
    show(found.document(account_zone), lambda: found.say(account_zone), as_json=as_json)
    if rate is None:
        raise typer.Exit(REFUSED)


def _later(candidates: list[Rate], rate: Rate | None, at_ms: int) -> list[Rate]:
    """Return the prices loaded ahead of the prefix that was found, or of all where none is in force."""
    return [
        later
        for later in candidates
        if (rate is None or later.prefix == rate.prefix)
        and later.effective_from_ms is not None
        and later.effective_from_ms > at_ms
    ]


def _lookup_key(number: str, settings: Settings) -> str:
    """Return the number as decks have it: E.164, or a short number with its region."""
    if ":" in number:
        return number
    dialled = read_dialled(number, settings.dial_rules())
    if isinstance(dialled, Unreadable):
        raise BadInputError(f"{number!r} is no number: {dialled.detail}", "write it as a phone would dial it")
    return dialled.e164 or f"{settings.home_region}:{dialled.number}"


async def _deck_of_plan(store: Store, account: str) -> str:
    plan = (await require_account(store, account)).plan
    text = None if plan is None else await store.plan_text(plan)
    try:
        if text is not None:
            return parse_plan(text).deck
    except PlanError as error:
        raise RefusedError(f"plan {plan} cannot be read: {error}", "`tollgate plan import` loads one") from error
    raise RefusedError(f"account {account} has no plan", "name a deck by --deck")


async def _require_deck(store: Store, name: str) -> DeckInfo:
    info = await store.deck(name)
    if info is None or info.generation == 0:
        raise RefusedError(f"there is no deck {name}", "`tollgate rates list` shows them")
    return info


@rates_app.command("export", short_help="Write a deck as CSV.")
def export(
    ctx: typer.Context,
    deck: DeckOption,
    output: Annotated[Path | None, typer.Option(metavar="F", help="Write here instead of stdout.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a deck as CSV, in the form that `rates import` reads, or as JSON.

    \b
    Examples:
      tollgate rates export --deck example --output example.csv
    """

    async def work(store: Store) -> None:
        info = await _require_deck(store, deck)
        async with closing(store.deck_rates(deck)) as rates:
            with output_to(output) as file:
                await _write(info, rates, file, as_json=as_json)

    with_store(ctx, work)


async def _write(info: DeckInfo, rates: AsyncIterator[Rate], file: TextIO, *, as_json: bool) -> None:
    if as_json:
        head: Document = {"deck": info.name, "currency": info.currency}
        async with closing(rate_document(rate) async for rate in rates) as documents:
            await write_json_stream(head, "rates", documents, file)
        return
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    async for rate in rates:
        writer.writerow(csv_cells(rate))
