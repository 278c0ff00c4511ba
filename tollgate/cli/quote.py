"""``quote``: what a call would be and cost, decided by the same catalog and the same code as the gate's."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from rating.decision import Decision, DenyReason, FundsVerdict, decide, explain, quote_funds, reading_steps
from rating.deck import Rate
from rating.destination import DestinationClass
from rating.money import format_money
from rating.price import billable_s, charge_micros
from store.payers import Payer, empty_catalog, load_catalog
from store.records import Account
from store.store import Store
from tollgate.cli.context import MAIN_ACCOUNT, JsonOption, on_store, require_account, settings_of, with_currency
from tollgate.cli.errors import REFUSED, BadInputError
from tollgate.cli.output import Document, print_fields, say, show
from tollgate.cli.times import iso, parse_instant, zone
from tollgate.cli.topic import topic
from tollgate.settings import Settings

quote_app = topic()

_LONGEST_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What the gate would say, and the price of the seconds asked for."""

    account: Account
    payer: Payer | None
    """None where there is no such extension."""
    decision: Decision
    verdict: FundsVerdict
    deny_rule: str | None
    duration_s: int | None
    at: datetime | None

    @property
    def price_currency(self) -> str:
        """The currency of the rate: the deck's, though only one in the account's own can be charged."""
        deck = None if self.payer is None else self.payer.deck
        return self.account.currency if deck is None else deck.currency

    @property
    def billable_s(self) -> int | None:
        """The seconds that would be charged; on a free call the seconds talked, on a refused one None."""
        if self.duration_s is None or self._has_no_price:
            return None
        rate = self.decision.rate
        return self.duration_s if rate is None else billable_s(rate, self.duration_s * 1000)

    @property
    def charge_micros(self) -> int | None:
        """What they would cost, were there funds enough."""
        if self.billable_s is None:
            return None
        rate = self.decision.rate
        return 0 if rate is None else charge_micros(rate, self.billable_s)

    @property
    def _has_no_price(self) -> bool:
        # Refused for want of money alone, the call still has a price.
        return not self.verdict.admitted and self.verdict.deny_reason is not DenyReason.NO_FUNDS


@quote_app.command()
def quote(
    ctx: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As a phone would dial it.")],
    extension: Annotated[
        str | None, typer.Option(metavar="E", help="Who calls; by default a caller under the account's plan.")
    ] = None,
    account: Annotated[str | None, typer.Option(metavar="A", help="The account; the extension's, or main.")] = None,
    at: Annotated[
        str | None, typer.Option(metavar="T", help="When; the prices in force do not depend on it yet.")
    ] = None,
    duration: Annotated[int | None, typer.Option(metavar="S", min=0, max=_LONGEST_S, help="Seconds to price.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what would happen to a call, without a call: class, price, how long the funds last, and why.

    Exit status 1 where the call would be refused.

    \b
    Examples:
      tollgate quote 00447797123456 --duration 60
      tollgate quote 0612345678 --extension 101 --json
    """
    settings = settings_of(ctx)

    async def work(store: Store) -> Quote:
        return await _quote(
            store, settings, number=number, extension=extension, account=account, at=at, duration_s=duration
        )

    found = asyncio.run(on_store(settings, work))
    show(_document(found), lambda: _print(found), as_json=as_json)
    if not found.verdict.admitted:
        raise typer.Exit(REFUSED)


async def _quote(
    store: Store,
    settings: Settings,
    *,
    number: str,
    extension: str | None,
    account: str | None,
    at: str | None,
    duration_s: int | None,
) -> Quote:
    catalog = await load_catalog(store, empty_catalog(settings.dial_rules()))
    payer = None if extension is None else catalog.payer(extension)
    charged = await _account(store, payer, account)
    if extension is None:
        payer = catalog.payer_for_account(charged)
    decision = decide(
        number,
        rules=catalog.rules,
        plan=None if payer is None else payer.plan,
        deck=None if payer is None else payer.deck,
        prepaid=payer is not None and payer.prepaid,
    )
    verdict, deny_rule = _verdict(decision, payer, charged, extension or "")
    return Quote(
        account=charged,
        payer=payer,
        decision=decision,
        verdict=verdict,
        deny_rule=deny_rule,
        duration_s=duration_s,
        at=None if at is None else parse_instant(at, zone(charged.timezone)),
    )


async def _account(store: Store, payer: Payer | None, named: str | None) -> Account:
    """Return who would pay: the extension's account, or the one named."""
    if payer is None:
        return await require_account(store, named or MAIN_ACCOUNT)
    if named is not None and named != payer.account.name:
        raise BadInputError(
            f"extension {payer.extension} belongs to account {payer.account.name}, not {named}",
            "leave --account out",
        )
    return await require_account(store, payer.account.name)


def _verdict(
    decision: Decision, payer: Payer | None, account: Account, extension: str
) -> tuple[FundsVerdict, str | None]:
    """Return the gate's verdict in the gate's order (``ari_app.gate.judge``), then the funds'; and the rule."""
    if decision.destination_class is DestinationClass.EMERGENCY:
        return quote_funds(decision, 0), None
    if payer is None:
        return _refused(DenyReason.UNKNOWN_EXTENSION), f"there is no extension {extension}"
    if decision.deny_reason is None and decision.rate is not None and payer.fault is not None:
        return _refused(DenyReason.NO_RATE), payer.fault
    verdict = quote_funds(decision, account.available_micros)
    if verdict.deny_reason is DenyReason.NO_FUNDS:
        return verdict, f"account {account.name}: the first hold is more than what is available"
    return verdict, decision.deny_rule


def _refused(reason: DenyReason) -> FundsVerdict:
    return FundsVerdict(admitted=False, max_duration_s=0, first_hold_micros=0, deny_reason=reason)


def _document(found: Quote) -> Document:
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
        "funded_by": list(decision.funded_by) if verdict.admitted else [],
        "max_duration_s": verdict.max_duration_s,
    }
    if found.duration_s is not None:
        charge = found.charge_micros
        document["charge"] = None if charge is None else format_money(charge)
        document["billable_s"] = found.billable_s
    if found.at is not None:
        document["at"] = iso(found.at, zone(found.account.timezone))
    document["steps"] = _steps(found)
    return document


def _rate_document(found: Quote, rate: Rate) -> Document:
    deck = None if found.payer is None or found.payer.deck is None else found.payer.deck.name
    document: Document = {
        "deck": deck,
        "prefix": rate.prefix,
        "destination": rate.destination,
        "per_minute": format_money(rate.per_minute_micros),
        "connect_fee": format_money(rate.connect_fee_micros),
        "initial_increment_s": rate.initial_increment_s,
        "increment_s": rate.increment_s,
    }
    if found.price_currency != found.account.currency:
        document["currency"] = found.price_currency
    if rate.minimum_charge_micros:
        document["minimum_charge"] = format_money(rate.minimum_charge_micros)
    return document


def _steps(found: Quote) -> list[str]:
    """Return the decision's own steps, then what the payer, the funds and the duration add."""
    steps = found.decision.steps
    if found.verdict.deny_reason is DenyReason.UNKNOWN_EXTENSION:
        steps = reading_steps(steps)
    return [*explain(steps), *_payer_steps(found), *_funds_steps(found)]


def _payer_steps(found: Quote) -> list[str]:
    reason = found.verdict.deny_reason
    if reason is None or reason in {found.decision.deny_reason, DenyReason.NO_FUNDS}:
        return []
    return [f"{_sentence(found.deny_rule or reason)}: the call is refused."]


def _funds_steps(found: Quote) -> list[str]:
    if found.decision.rate is None or found._has_no_price:
        return []
    currency, verdict = found.account.currency, found.verdict
    available = with_currency(found.account.available_micros, currency)
    hold = with_currency(verdict.first_hold_micros, currency)
    if not verdict.admitted:
        steps = [f"{hold} must be held before it rings and only {available} are available: it is refused."]
    else:
        steps = [f"{hold} are held before it rings; {available} last for {verdict.max_duration_s} s."]
    if found.charge_micros is not None:
        cost = with_currency(found.charge_micros, currency)
        steps.append(f"{found.duration_s} s are charged as {found.billable_s} s and cost {cost}.")
    return steps


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _print(found: Quote) -> None:
    decision, verdict = found.decision, found.verdict
    currency = found.account.currency
    rate = decision.rate
    charge = found.charge_micros
    limit_s = verdict.max_duration_s
    print_fields(
        {
            "number": decision.number,
            "region": decision.region,
            "type": decision.number_type,
            "class": decision.destination_class,
            "price": None
            if rate is None
            else f"{with_currency(rate.per_minute_micros, found.price_currency)} a minute",
            "verdict": "admitted" if verdict.admitted else f"refused: {verdict.deny_reason}",
            "rule": found.deny_rule,
            "at most": None if limit_s is None or not verdict.admitted else f"{limit_s} s",
            "charge": None if charge is None else with_currency(charge, currency),
        }
    )
    say("")
    for step in _steps(found):
        say(f"- {step}")
