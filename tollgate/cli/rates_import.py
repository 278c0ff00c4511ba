"""``rates import``: a carrier's price list into a deck."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Annotated

import typer

from ari_app.clock import epoch_ms, utc_now
from rating.deck import Rate
from rating.deck_import import Change, PriceChanges
from store.deck_loading import RateSource
from store.records import DeckInfo
from store.store import Store
from tollgate.cli.context import MAIN_ACCOUNT, AccountOption, JsonOption, require_account, with_store
from tollgate.cli.deck_changes import change_cells, changes_file, counts_sentence, raise_document
from tollgate.cli.deck_file import DeckFile, read_deck_file, without_collecting
from tollgate.cli.deck_merge import DeckMerge
from tollgate.cli.deck_use import DeckUse, deck_use
from tollgate.cli.errors import CheckFailedError, RefusedError
from tollgate.cli.import_options import import_options
from tollgate.cli.money import check_currency
from tollgate.cli.output import Document, print_table, say, show, with_progress
from tollgate.cli.rate_names import DeckOption, check_deck_name
from tollgate.cli.times import zone

_MOST_SHOWN = 50
"""Bad rows in the table for people; `--json` has all."""


@dataclass(frozen=True, slots=True)
class _Imported:
    """What was read and compared, and whether it is in force."""

    currency: str
    file: DeckFile
    changes: PriceChanges
    use: DeckUse
    applied: bool
    zone: tzinfo


def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or XLSX, as the carrier sends it.")],
    deck: DeckOption,
    *,
    currency: Annotated[
        str | None, typer.Option(metavar="EUR", help="Of the prices; the deck's, or the account's.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="The file is the whole deck: what it does not name is removed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and compare, change nothing.")] = False,
    changes_to: Annotated[
        Path | None, typer.Option("--changes", metavar="FILE", help="Write every price that changes to this CSV.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Import the good rows without the bad.")] = False,
    sheet: Annotated[str | None, typer.Option(metavar="NAME", help="Of a workbook; the first with prices.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar='FIELD="HEADER"', help='What a column means, as price="Rate EUR"; repeatable.'),
    ] = None,
    price_unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="minute, second, 30s, cent/minute, cent/6s …")
    ] = None,
    fee_unit: Annotated[str | None, typer.Option(metavar="unit|cent", help="Of connection fees and minimums.")] = None,
    decimal: Annotated[str | None, typer.Option(metavar="point|comma", help="What separates decimals.")] = None,
    date_order: Annotated[str | None, typer.Option(metavar="dmy|mdy", help="Day or month first.")] = None,
    code_separator: Annotated[
        str | None, typer.Option(metavar="C", help="What separates codes in a cell, where a comma is uncertain.")
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Whose midnight a date is; the account's.")
    ] = None,
    last_day: Annotated[
        bool, typer.Option("--last-day", help="An end date is the last day of a price, not the first without.")
    ] = False,
    round_up: Annotated[
        bool, typer.Option("--round-up", help="Round prices with over 6 decimals a minute up.")
    ] = False,
    peak: Annotated[
        str | None, typer.Option(metavar="HOURS", help='When peak prices hold, as "mon-fri 08:00-20:00".')
    ] = None,
    weekend: Annotated[str | None, typer.Option(metavar="HOURS", help="When weekend prices hold; sat-sun.")] = None,
    account: AccountOption = MAIN_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Load a carrier's price list: all of it or, where a row is bad, nothing. Calls go on meanwhile.

    Headers, delimiter, encoding, decimals and dates are recognized; what could be read in two ways is refused
    with the option that tells. First comes what would change: new, raised, lowered, removed prices.

    A deck that is there gets the file's prices added: a row without a date replaces the price of its prefix,
    one with a later effective date leaves today's price in force until then, and prefixes that the file does
    not name stay. With --replace the file is the whole deck. The new prices are in force from one moment to the
    next; calls keep the price they began with.

    \b
    Examples:
      tollgate rates import carrier.xlsx --deck carrier --dry-run --changes changes.csv
      tollgate rates import carrier.csv --deck carrier --replace
      tollgate rates import increases.csv --deck carrier --date-order dmy
      tollgate rates import list.csv --deck carrier --column price="Rate EUR" --price-unit cent/minute
      tollgate rates import peak.csv --deck carrier --peak "mon-fri 08:00-20:00"
    """
    check_deck_name(deck)
    wanted_currency = None if currency is None else check_currency(currency)
    told_zone = None if timezone is None else zone(timezone)

    async def work(store: Store) -> _Imported:
        payer = await require_account(store, account)
        there = await store.deck(deck)
        in_currency = _currency_of(deck, there, wanted_currency or (there.currency if there else payer.currency))
        options = import_options(
            currency=in_currency,
            zone=told_zone or zone(payer.timezone),
            columns=column or [],
            price_unit=price_unit,
            fee_unit=fee_unit,
            decimal=decimal,
            date_order=date_order,
            code_separator=code_separator,
            last_day=last_day,
            round_up=round_up,
            peak=peak,
            weekend=weekend,
        )
        read = read_deck_file(file, sheet, options)
        now_ms = epoch_ms(utc_now())
        merged = DeckMerge(deck, there.generation if there else 0, read.new, replace)
        with changes_file(changes_to, options.zone) as on_change:
            changes = await merged.changes(store, now_ms, on_change)
        if not as_json:
            _say_found(read, changes, options.zone)
        applied = not dry_run and read.is_usable(skip_bad=skip_bad)
        if applied:
            await _apply(store, merged, changes.rates_after, in_currency, now_ms)
        return _Imported(in_currency, read, changes, await deck_use(store, deck), applied, options.zone)

    with without_collecting():
        done = with_store(ctx, work)
    show(_document(done, dry_run=dry_run), lambda: _say_done(done), as_json=as_json)
    if not done.file.is_usable(skip_bad=skip_bad):
        raise _bad_deck(done.file)


async def _apply(store: Store, merged: DeckMerge, rates_after: int, currency: str, at_ms: int) -> None:
    rates, what = merged.rates(store), f"importing {merged.deck}"
    shown: RateSource = (
        with_progress(rates, rates_after, what)
        if isinstance(rates, Iterator)
        else _stream_with_progress(rates, rates_after, what)
    )
    await store.import_deck(name=merged.deck, currency=currency, rates=shown, at_ms=at_ms)


async def _stream_with_progress(rates: AsyncIterator[Rate], total: int, what: str) -> AsyncIterator[Rate]:
    """Hand a stream on under the same bar as a list."""
    bar = iter(with_progress(range(total), total, what))
    async for rate in rates:
        next(bar, None)
        yield rate
    next(bar, None)  # it ends


def _currency_of(deck: str, there: DeckInfo | None, wanted: str) -> str:
    if there is not None and there.currency != wanted:
        raise RefusedError(
            f"deck {deck} is in {there.currency}, not {wanted}", "import under another name, or name --currency"
        )
    return wanted


def _bad_deck(file: DeckFile) -> CheckFailedError:
    if not file.bad_rows:
        return CheckFailedError("the file has no rates, nothing was imported", "check the file")
    way_out = "correct them, or leave them out by --skip-bad" if len(file.new) else "correct them"
    rows = "1 row" if len(file.bad_rows) == 1 else f"{len(file.bad_rows)} rows"
    return CheckFailedError(f"{rows} cannot be used, nothing was imported", way_out)


def _document(done: _Imported, *, dry_run: bool) -> Document:
    file, changes = done.file, done.changes
    return {
        "deck": done.use.deck,
        "currency": done.currency,
        "table": file.table,
        "rows": file.rows,
        "rates": file.new.rates,
        "destinations": file.new.destinations,
        "changes": {change.value: changes.counts[change] for change in Change},
        "largest_raises": [raise_document(found, done.zone) for found in changes.largest_raises()],
        "without_a_price_now": changes.unpriced,
        "rounded_up": file.rounded,
        "unused_columns": list(file.unused),
        "bad_rows": [row.document() for row in file.bad_rows],
        "dry_run": dry_run,
        "imported": done.applied,
        "used_by": list(done.use.used_by),
    }


def _say_found(file: DeckFile, changes: PriceChanges, account_zone: tzinfo) -> None:
    """Say what was read and what would change, before anything is."""
    if file.bad_rows:
        shown = [row.cells() for row in file.bad_rows[:_MOST_SHOWN]]
        print_table((">line", "column", "value", "why"), shown, title="bad rows")
        if len(file.bad_rows) > _MOST_SHOWN:
            say(f"… and {len(file.bad_rows) - _MOST_SHOWN} more bad rows; --json has them all")
    say(
        f"{file.table}: {file.rows} rows, {len(file.bad_rows)} bad; "
        f"{file.new.rates} rates for {file.new.destinations} destinations"
    )
    if file.new.rates:
        say(counts_sentence(changes))
    raises = [change_cells(found, account_zone) for found in changes.largest_raises()]
    if raises:
        rows = [(prefix, destination, old, new, at[:16]) for prefix, destination, _, at, old, new in raises]
        print_table(("prefix", "destination", "from", "to", "at"), rows, title="largest raises, per minute")
    if file.rounded:
        say(f"{file.rounded} rows had prices with more than 6 decimals a minute; they are rounded up")
    if file.unused:
        say(f"columns not used: {', '.join(file.unused)}")
    if changes.unpriced:
        say(f"{changes.unpriced} prefixes have no price before a later date; until then calls there are refused")


def _say_done(done: _Imported) -> None:
    what = "imported and in force" if done.applied else "read, nothing was changed"
    say(f"deck {done.use.deck} in {done.currency}: {what}")
    if done.applied:
        say(done.use.sentence)
