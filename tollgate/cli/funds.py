"""``balance`` and ``funds``: what there is, purchases, corrections."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated, TypeVar

import typer

from ari_app.clock import epoch_ms, utc_now
from charging.expiry import default_expiry
from rating.money import format_money
from rating.written_time import iso_ms, iso_ms_or_none, local_day
from store import funds
from store.answers import Adjusted, Denied
from store.errors import KeyConflictError
from store.operation import Operation
from store.records import Account, Balance, JournalEntry, Lot
from store.store import Store
from tollgate.cli.context import (
    MAIN_ACCOUNT,
    AccountOption,
    JsonOption,
    amount_micros,
    require_account,
    settings_of,
    with_currency,
    with_store,
)
from tollgate.cli.errors import BadInputError, RefusedError
from tollgate.cli.lots import (
    adjustment_document,
    listed_lot_document,
    lot_document,
    print_adjustments,
    print_lots,
)
from tollgate.cli.output import Document, say, show
from tollgate.cli.times import parse_instant, zone
from tollgate.cli.topic import topic
from tollgate.housekeeping import tidy_account

T = TypeVar("T")

NEVER = "never"

balance_app = topic()
funds_app = topic(
    "Purchases of funds, each a lot with its own expiry, and corrections.",
    ("tollgate funds add 10.00 --reference invoice-117", "tollgate funds list --account sales"),
)

Reference = Annotated[str, typer.Option(metavar="REF", help="Names it for ever: said again, nothing is added twice.")]
Amount = Annotated[str, typer.Argument(metavar="AMOUNT", help="In the account's currency, such as 10.00.")]
AtOption = Annotated[str | None, typer.Option("--at", metavar="T", help="When it was bought; now by default.")]
ExpiresOption = Annotated[
    str | None,
    typer.Option(metavar="T", help="When the unspent rest expires, or never; as the settings say by default."),
]
# A correction may be negative: "-2.50" is an amount, not an option.
_NEGATIVE_AMOUNTS = {"ignore_unknown_options": True}


@balance_app.command()
def balance(ctx: typer.Context, account: AccountOption = MAIN_ACCOUNT, as_json: JsonOption = False) -> None:
    """Show what is available, what running calls hold, and the lots with money left. What is due expires first.

    \b
    Examples:
      tollgate balance
      tollgate balance --account sales --json
    """

    now, warn_days = utc_now(), settings_of(ctx).warn_before_expiry_days

    async def work(store: Store) -> Balance:
        account_id = (await require_account(store, account)).id
        await tidy_account(store, warn_days, at=now, account_id=account_id)
        found = await store.balance(account_id)
        assert found is not None, "accounts are never deleted"
        return found

    found = with_store(ctx, work)
    show(_balance_document(found), lambda: _print_balance(found, now), as_json=as_json)


def _balance_document(found: Balance) -> Document:
    account = found.account
    return {
        "account": account.name,
        "currency": account.currency,
        "available": format_money(account.available_micros),
        "reserved": format_money(account.reserved_micros),
        "total": format_money(account.total_micros),
        "expired": format_money(found.expired_micros),
        "lots": [lot_document(lot, account) for lot in found.lots],
    }


def _print_balance(found: Balance, now: datetime) -> None:
    account = found.account
    say(f"account    {account.name}")
    say(f"available  {with_currency(account.available_micros, account.currency)}")
    say(f"reserved   {with_currency(account.reserved_micros, account.currency)}, held by running calls")
    say(f"total      {with_currency(account.total_micros, account.currency)}")
    if found.expired_micros:
        say(f"expired    {with_currency(found.expired_micros, account.currency)}, unspent when its day came")
    if found.lots:
        print_lots(found.lots, account, now)


@funds_app.command("add", context_settings=_NEGATIVE_AMOUNTS)
def add(
    ctx: typer.Context,
    amount: Amount,
    reference: Reference,
    at: AtOption = None,
    expires_at: ExpiresOption = None,
    account: AccountOption = MAIN_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Add a purchase of funds. The same reference again adds nothing.

    Times are dates or date-times in the account's time zone. By default funds expire at the beginning of the same day
    12 months later (29 February: 28 February); the setting funds_expire_months is another number of months, or 0
    for never.

    \b
    Examples:
      tollgate funds add 10.00 --reference invoice-2026-117
      tollgate funds add 50 --reference voucher-8 --at 2026-11-02 --expires-at 2027-05-01
      tollgate funds add 20 --reference deposit --expires-at never
    """
    micros = amount_micros(amount, "amount")
    if micros <= 0:
        raise BadInputError(
            f"funds are added in amounts above zero, not {amount}",
            "write one such as 10.00; `tollgate funds adjust -2.50 …` corrects downwards",
        )
    _check_reference(reference)
    now, settings = utc_now(), settings_of(ctx)

    async def work(store: Store) -> tuple[Account, Lot, bool]:
        payer = await require_account(store, account)
        span = _span(at, expires_at, payer, now, settings.funds_expire_months)
        known = await _lot(store, payer, reference)
        if known is not None and known.amount_micros != micros:
            raise RefusedError(
                f"reference {reference} stands for {with_currency(known.amount_micros, payer.currency)}, "
                f"not {with_currency(micros, payer.currency)}",
                "use another reference",
            )
        if known is not None and expires_at is not None:
            _check_same_expiry(known, span, payer)
        await _apply(
            store,
            reference,
            funds.add_funds(
                account_id=payer.id,
                amount_micros=micros,
                reference=reference,
                at_ms=epoch_ms(span.purchased_at),
                expires_at_ms=_ms_or_never(span.expires_at),
            ),
        )
        await tidy_account(store, settings.warn_before_expiry_days, at=now, account_id=payer.id)
        lot = await _lot(store, payer, reference)
        assert lot is not None, "add_funds makes the lot or raises"
        return await require_account(store, account), lot, known is not None

    payer, lot, was_there = with_store(ctx, work)
    document = {
        "account": payer.name,
        "currency": payer.currency,
        **lot_document(lot, payer),
        "already_there": was_there,
        "available": format_money(payer.available_micros),
    }
    show(document, lambda: _say_added(payer, lot, now, was_there=was_there), as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Span:
    purchased_at: datetime
    expires_at: datetime | None


def _span(at: str | None, expires_at: str | None, payer: Account, now: datetime, expire_months: int) -> _Span:
    account_zone = zone(payer.timezone)
    purchased = now if at is None else parse_instant(at, account_zone)
    if purchased > now:
        raise BadInputError(f"--at {at} is in the future, when nothing has been bought yet", "add the funds then")
    if expires_at is None:
        return _Span(purchased, default_expiry(purchased, account_zone, expire_months))
    if expires_at == NEVER:
        return _Span(purchased, None)
    expires = parse_instant(expires_at, account_zone)
    if expires <= purchased:
        raise BadInputError("the funds would expire before they were purchased", "correct --at or --expires-at")
    return _Span(purchased, expires)


def _check_same_expiry(known: Lot, span: _Span, payer: Account) -> None:
    """Refuse a repetition that names another expiry than the purchase has."""
    if known.expires_at_ms == _ms_or_never(span.expires_at):
        return
    ends = iso_ms_or_none(known.expires_at_ms, zone(payer.timezone)) or NEVER
    raise RefusedError(f"reference {known.reference} is there already and expires at {ends}", "use another reference")


def _ms_or_never(expires_at: datetime | None) -> int | None:
    return None if expires_at is None else epoch_ms(expires_at)


async def _lot(store: Store, payer: Account, reference: str) -> Lot | None:
    return next((lot for lot in await store.lots(payer.id) if lot.reference == reference), None)


def _say_added(payer: Account, lot: Lot, now: datetime, *, was_there: bool) -> None:
    account_zone = zone(payer.timezone)
    amount = with_currency(lot.amount_micros, payer.currency)
    if was_there:
        say(f"{lot.reference} was there already, of {local_day(lot.purchased_at_ms, account_zone)}: nothing was added")
    else:
        say(f"added {amount} as {lot.reference}, {_fate(lot, account_zone, now)}")
    say(f"available: {with_currency(payer.available_micros, payer.currency)}")


def _fate(lot: Lot, account_zone: tzinfo, now: datetime) -> str:
    if lot.expires_at_ms is None:
        return "which never expires"
    verb = "expired" if lot.expires_at_ms <= epoch_ms(now) else "expires"
    return f"which {verb} on {local_day(lot.expires_at_ms, account_zone)}"


@funds_app.command("list", short_help="List all lots and adjustments.")
def list_all(ctx: typer.Context, account: AccountOption = MAIN_ACCOUNT, as_json: JsonOption = False) -> None:
    """List all lots of an account, spent and expired ones too, and its adjustments. What is due expires first.

    \b
    Examples:
      tollgate funds list
    """
    now, warn_days = utc_now(), settings_of(ctx).warn_before_expiry_days

    async def work(store: Store) -> tuple[Account, list[Lot], list[JournalEntry]]:
        payer = await require_account(store, account)
        await tidy_account(store, warn_days, at=now, account_id=payer.id)
        return payer, await store.lots(payer.id), await store.adjustments(payer.id)

    payer, lots, adjustments = with_store(ctx, work)
    document = {
        "account": payer.name,
        "currency": payer.currency,
        "lots": [listed_lot_document(lot, payer, now) for lot in lots],
        "adjustments": [adjustment_document(entry, payer) for entry in adjustments],
    }

    def say_all() -> None:
        print_lots(lots, payer, now)
        if adjustments:
            print_adjustments(adjustments, payer)

    show(document, say_all, as_json=as_json)


@funds_app.command("adjust", context_settings=_NEGATIVE_AMOUNTS)
def adjust(
    ctx: typer.Context,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Signed, in the account's currency, such as -2.50.")],
    reference: Reference,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept in the journal.")],
    account: AccountOption = MAIN_ACCOUNT,
    as_json: JsonOption = False,
) -> None:
    """Correct a balance, up or down. The same reference again changes nothing.

    Downwards takes only what is available; what running calls hold is theirs. Upwards makes a lot that expires as
    funds that are added do.

    \b
    Examples:
      tollgate funds adjust -2.50 --reference fix-7 --reason "invoice 117 was 47.50"
      tollgate funds adjust 5 --reference goodwill-3 --reason "bad line on 12 November"
    """
    micros = amount_micros(amount, "amount")
    if not micros:
        raise BadInputError("an adjustment by zero adjusts nothing", "write an amount such as -2.50")
    _check_reference(reference)
    if not reason.strip():
        raise BadInputError("an adjustment needs a reason", "say why: it is kept in the journal")
    now, settings = utc_now(), settings_of(ctx)

    async def work(store: Store) -> tuple[Account, Adjusted]:
        payer = await require_account(store, account)
        await tidy_account(store, settings.warn_before_expiry_days, at=now, account_id=payer.id)
        expires = default_expiry(now, zone(payer.timezone), settings.funds_expire_months)
        answer = await _apply(
            store,
            reference,
            funds.adjust_funds(
                account_id=payer.id,
                amount_micros=micros,
                reference=reference,
                reason=reason,
                at_ms=epoch_ms(now),
                expires_at_ms=_ms_or_never(expires),
            ),
        )
        if isinstance(answer, Denied):
            raise RefusedError(
                f"only {with_currency(answer.available_micros, payer.currency)} are available",
                "take less, or wait until running calls give back what they hold",
            )
        return await require_account(store, account), answer

    payer, adjusted = with_store(ctx, work)
    document = {
        "account": payer.name,
        "currency": payer.currency,
        "reference": reference,
        "amount": format_money(micros),
        "at": iso_ms(adjusted.at_ms, zone(payer.timezone)),
        "already_there": adjusted.already_there,
        "available": format_money(payer.available_micros),
    }
    show(document, lambda: _say_adjusted(payer, reference, adjusted), as_json=as_json)


def _say_adjusted(payer: Account, reference: str, adjusted: Adjusted) -> None:
    if adjusted.already_there:
        day = local_day(adjusted.at_ms, zone(payer.timezone))
        say(f"{reference} was there already, of {day}: nothing was changed")
    else:
        say(f"adjusted by {with_currency(adjusted.amount_micros, payer.currency)} as {reference}")
    say(f"available: {with_currency(payer.available_micros, payer.currency)}")


async def _apply(store: Store, reference: str, operation: Operation[T]) -> T:
    """Run an operation that is named by a reference; the store's own words on a conflict are in micro-units."""
    try:
        return await store.apply(operation)
    except KeyConflictError as error:
        raise RefusedError(
            f"reference {reference} stands for another amount or reason, or for another kind of entry",
            "use another reference",
        ) from error


def _check_reference(reference: str) -> None:
    if not reference.strip() or not reference.isprintable():
        raise BadInputError("a reference is a word that names the purchase", "write one such as invoice-117")
