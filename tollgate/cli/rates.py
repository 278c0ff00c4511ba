"""``rates``: decks of prices, in and out."""

import csv
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, TextIO

import typer

from ari_app.clock import epoch_ms, utc_now
from rating.deck import Deck, Rate
from rating.dialled import Unreadable, read_dialled
from rating.plan import PlanError, parse_plan
from store.records import Account, DeckInfo
from store.store import Store
from tollgate.cli.context import (
    MAIN_ACCOUNT,
    AccountOption,
    JsonOption,
    require_account,
    settings_of,
    with_store,
)
from tollgate.cli.deck_file import Checked, check_deck, read_rates
from tollgate.cli.deck_use import DeckUse, deck_use
from tollgate.cli.errors import REFUSED, BadInputError, CheckFailedError, RefusedError
from tollgate.cli.files import output_to
from tollgate.cli.money import check_currency
from tollgate.cli.output import Document, print_fields, print_table, say, show, with_progress, write_json_stream
from tollgate.cli.rate_document import rate_document
from tollgate.cli.streams import closing
from tollgate.cli.times import iso_ms, zone
from tollgate.cli.topic import topic
from tollgate.settings import Settings

rates_app = topic("Decks of prices, and what a number costs by them.")

DeckOption = Annotated[str, typer.Option("--deck", metavar="D", help="The deck.")]
_COLUMNS = (
    "prefix",
    "destination",
    "per_minute",
    "connect_fee",
    "initial_increment_s",
    "increment_s",
    "minimum_charge",
    "barred",
)
_LONGEST_NAME = 60
_NAME = re.compile(rf"[A-Za-z0-9_.-]{{1,{_LONGEST_NAME}}}")


@rates_app.command("import")
def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header, as `rates export` writes.")],
    deck: DeckOption,
    currency: Annotated[str | None, typer.Option(metavar="EUR", help="Of the prices; the account's.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of the deck there is.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and report, change nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows without the bad.")] = False,
    account: AccountOption = MAIN_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Load a deck of prices: all of it or, where a row is bad, nothing. Calls go on meanwhile.

    Columns: prefix, destination, per_minute and, where wanted, connect_fee, initial_increment_s and increment_s,
    minimum_charge, barred. Prefixes are E.164 digits, or a short number as FR:3631. The new prices are in force
    from one moment to the next; calls keep the price they began with.

    \b
    Examples:
      tollgate rates import carrier.csv --deck carrier --dry-run
      tollgate rates import carrier.csv --deck carrier --replace
    """
    _check_name(deck)
    wanted_currency = None if currency is None else check_currency(currency)
    checked = check_deck(file)
    writes = not dry_run and checked.is_usable(skip_bad=skip_bad)

    async def work(store: Store) -> tuple[str, DeckUse]:
        payer = await require_account(store, account)
        in_currency = wanted_currency or payer.currency
        await _check_deck_there(store, deck, in_currency, replace=replace)
        if writes:
            rates = with_progress(read_rates(file, skip_bad=skip_bad), checked.rates, f"importing {deck}")
            await store.import_deck(name=deck, currency=in_currency, rates=rates, at_ms=epoch_ms(utc_now()))
        return in_currency, await deck_use(store, deck)

    in_currency, use = with_store(ctx, work)
    document = {
        "deck": deck,
        "currency": in_currency,
        "rates": checked.rates,
        "bad_rows": [row.document() for row in checked.bad_rows],
        "dry_run": dry_run,
        "imported": writes,
        "used_by": list(use.used_by),
    }
    show(document, lambda: _say_imported(use, in_currency, checked, imported=writes), as_json=as_json)
    if not checked.is_usable(skip_bad=skip_bad):
        raise _bad_deck(checked)


def _check_name(deck: str) -> None:
    if not _NAME.fullmatch(deck):
        raise BadInputError(
            f"{deck!r} is no name of a deck",
            f"write at most {_LONGEST_NAME} characters: letters A-Z and a-z, digits, - _ .",
        )


async def _check_deck_there(store: Store, deck: str, currency: str, *, replace: bool) -> None:
    there = await store.deck(deck)
    if there is None or there.generation == 0:
        return
    if not replace:
        raise RefusedError(f"there is a deck {deck} already", "--replace puts this one in its place")
    if there.currency != currency:
        raise RefusedError(
            f"deck {deck} is in {there.currency}, not {currency}", "import under another name, or name --currency"
        )


def _bad_deck(checked: Checked) -> CheckFailedError:
    if not checked.bad_rows:
        return CheckFailedError("the file has no rates, nothing was imported", "check the file")
    way_out = "correct them, or leave them out by --skip-bad" if checked.rates else "correct them"
    return CheckFailedError(f"rows that are no rates: {len(checked.bad_rows)}; nothing was imported", way_out)


def _say_imported(use: DeckUse, currency: str, checked: Checked, *, imported: bool) -> None:
    if checked.bad_rows:
        rows = [row.cells() for row in checked.bad_rows]
        print_table((">line", "column", "value", "why"), rows, title="bad rows")
    done = "imported and in force" if imported else "read, nothing was changed"
    say(f"deck {use.deck} in {currency}: {checked.rates} rates, {len(checked.bad_rows)} bad rows; {done}")
    if imported:
        say(use.sentence)


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
    deck: Annotated[str | None, typer.Option(metavar="D", help="The deck; that of the account's plan.")] = None,
    account: AccountOption = MAIN_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Find the price of a number: the rate of the longest prefix. Exit status 1 where there is none.

    \b
    Examples:
      tollgate rates lookup 00447797123456
      tollgate rates lookup FR:3631 --deck carrier
    """
    key = _lookup_key(number, settings_of(ctx))

    async def work(store: Store) -> tuple[DeckInfo, Rate | None]:
        info = await _require_deck(store, deck or await _deck_of_plan(store, account))
        rates = [rate async for rate in store.deck_rates(info.name)]
        return info, Deck(info.name, info.currency, rates).lookup(key)

    info, rate = with_store(ctx, work)
    document: Document = {
        "number": key,
        "deck": info.name,
        "currency": info.currency,
        "rate": None if rate is None else rate_document(rate),
    }
    shown = {"number": key, "deck": f"{info.name} ({info.currency})"}
    shown |= {"rate": "none: such a call is refused"} if rate is None else _words(rate)
    show(document, lambda: print_fields(shown), as_json=as_json)
    if rate is None:
        raise typer.Exit(REFUSED)


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


@rates_app.command("export")
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
    writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    async for rate in rates:
        writer.writerow(_words(rate))


def _words(rate: Rate) -> Document:
    """Return a rate for people and for CSV, as an import reads it."""
    return rate_document(rate) | {"barred": "yes" if rate.barred else "no"}
