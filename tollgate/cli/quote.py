"""``quote``: what a call would be and cost, decided by the same catalog and the same code as the gate's."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from rating.decision import explain
from rating.deck import Rate
from rating.money import format_money
from rating.periods import per_minute_micros_at
from store.store import Store
from tollgate.cli.context import JsonOption, on_store, settings_of
from tollgate.cli.errors import REFUSED
from tollgate.cli.output import Document, print_fields, say, show
from tollgate.cli.quote_steps import quote_steps
from tollgate.cli.quote_words import header
from tollgate.cli.quoting import Quote, find_quote
from tollgate.cli.rate_document import rate_document
from tollgate.cli.times import zone
from tollgate.cli.topic import topic

quote_app = topic()

_LONGEST_S = 86_400


class Language(StrEnum):
    """The languages of explanations."""

    EN = "en"
    ES = "es"
    FR = "fr"


@quote_app.command()
def quote(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As a phone would dial it.")],
    extension: Annotated[
        str | None, typer.Option(metavar="E", help="Who calls; by default a caller under the account's plan.")
    ] = None,
    account: Annotated[
        str | None, typer.Option(metavar="A", help="Who pays; the extension's account by default, or main.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="T", help="When: prices come and go, and months begin anew. Now by default.")
    ] = None,
    duration: Annotated[int | None, typer.Option(metavar="S", min=0, max=_LONGEST_S, help="Seconds to price.")] = None,
    language: Annotated[Language | None, typer.Option(help="Of the explanation; by default the extension's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what would happen to a call, without a call: class, price, how long the funds last, and why.

    Exit status 1 where the call would be refused.

    \b
    Examples:
      tollgate quote 00447797123456 --duration 60
      tollgate quote 0612345678 --extension 101 --json
      tollgate quote +525512345678 --at 2026-12-24T18:00 --language es
    """
    settings = settings_of(ctx)

    async def work(store: Store) -> Quote:
        return await find_quote(
            store, settings, number=number, extension=extension, account=account, at=at, duration_s=duration
        )

    found = asyncio.run(on_store(settings, work))
    spoken = language or (None if found.payer is None else found.payer.language) or Language.EN
    steps = explain(quote_steps(found), spoken)
    show(_document(found, steps, at=at), lambda: _print(found, steps, spoken), as_json=as_json)
    if not found.verdict.admitted:
        raise typer.Exit(REFUSED)


def _document(found: Quote, steps: list[str], *, at: str | None) -> Document:
    decision, verdict = found.decision, found.verdict
    document: Document = {
        "dialled": decision.dialled,
        "e164": decision.e164,
        "region": decision.region,
        "number_type": decision.number_type,
        "class": decision.destination_class,
        "rate": None if decision.rate is None else _rate_document(found, decision.rate),
        "admitted": verdict.admitted,
        "deny_reason": verdict.deny_reason,
        "deny_rule": found.deny_rule,
        "funded_by": list(found.funded_by),
        "max_duration_s": verdict.max_duration_s,
    }
    if decision.allowance is not None:
        document["allowance"] = {
            "name": decision.allowance.name,
            "minutes": decision.allowance.minutes,
            "per": decision.allowance.scope,
            "left_s": found.allowance_left_s,
        }
    if found.duration_s is not None:
        charge = found.charge_micros
        document["charge"] = None if charge is None else format_money(charge)
        document["billable_s"] = found.billable_s
        if decision.allowance is not None:
            document["allowance_s"] = found.allowance_s
    if at is not None:
        document["at"] = found.at.isoformat(timespec="milliseconds")
    document["steps"] = steps
    return document


def _rate_document(found: Quote, rate: Rate) -> Document:
    deck = None if found.payer is None or found.payer.deck is None else found.payer.deck.name
    document: Document = {"deck": deck, **rate_document(rate, zone(found.account.timezone))}
    if rate.periods:
        # What a minute costs at the moment of the call; beside it the price outside of all periods.
        document["off_peak_per_minute"] = document["per_minute"]
        document["per_minute"] = format_money(per_minute_micros_at(rate, found.at))
    del document["barred"]  # that is the call's class
    if not rate.minimum_charge_micros:
        del document["minimum_charge"]
    if found.price_currency != found.account.currency:
        document["currency"] = found.price_currency
    return document


def _print(found: Quote, steps: list[str], locale: str) -> None:
    print_fields(header(found, locale))
    say("")
    for step in steps:
        say(f"- {step}")
