"""What the gate would say of a call, and what it would cost: decided by the gate's own code on what its catalog has."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from ari_app.clock import epoch_ms, utc_now
from rating.calendar import later, period_at
from rating.caps import CapUse, TooManyCalls
from rating.decision import (
    FUNDED_BY_ALLOWANCE,
    Decision,
    DenyReason,
)
from rating.destination import DestinationClass
from rating.funding import CapWindow, FundsVerdict, quote_funds
from rating.funds_denial import PayerNames, first_hold_denial
from rating.price import LONGEST_PAID_S, billable_s, charge_micros
from store.caps import SpendLimits
from store.payers import Payer, decide_for, load_catalog_for
from store.records import Account
from store.store import Store
from tollgate.cli.context import MAIN_ACCOUNT, require_account
from tollgate.cli.errors import BadInputError
from tollgate.cli.spending import account_day, cap_windows, read_spend
from tollgate.cli.times import parse_instant, zone
from tollgate.settings import Settings

_LONGEST = timedelta(seconds=2 * LONGEST_PAID_S)
"""The longest that one call may last: by an allowance, then by money."""
_WANT_OF_MONEY = frozenset({DenyReason.NO_FUNDS, DenyReason.CAP_REACHED, DenyReason.TOO_MANY_CALLS})


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What the gate would say, and the price of the seconds asked for."""

    account: Account
    payer: Payer | None
    """None where there is no such extension."""
    extension: str
    """The one asked about; empty for somebody under the account's own plan."""
    decision: Decision
    verdict: FundsVerdict
    cap_uses: Sequence[CapUse]
    """What is used of each cap on the day of the call and in its month, where money may pay."""
    open_calls: int
    """How many calls of the extension hold money."""
    deny_rule: str | None
    allowance_left_s: int
    """What nobody used or holds of the decision's allowance this month; 0 where it has none."""
    allowance_lasts_s: int
    """How long one call could talk by it: on into the next month, which has its own."""
    duration_s: int | None
    at: datetime
    """The moment of the call, in the account's time zone."""

    @property
    def price_currency(self) -> str:
        """The currency of the rate: the deck's, though only one in the account's own can be charged."""
        deck = None if self.payer is None else self.payer.deck
        return self.account.currency if deck is None else deck.currency

    @property
    def funded_by(self) -> tuple[str, ...]:
        """Who pays, in the order used; an allowance that is used up does not."""
        if not self.verdict.admitted:
            return ()
        names = self.decision.funded_by
        return names if self.allowance_left_s else tuple(name for name in names if name != FUNDED_BY_ALLOWANCE)

    @property
    def has_price(self) -> bool:
        """Whether the seconds have a price: those of a call that is refused for want of money alone have, too."""
        return self.verdict.admitted or self.verdict.deny_reason in _WANT_OF_MONEY

    @cached_property
    def allowance_s(self) -> int | None:
        """How many of the seconds asked for the allowance would pay."""
        # An answered call uses one second at least.
        return None if self.duration_s is None else min(max(1, self.duration_s), self.allowance_lasts_s)

    @cached_property
    def charged_s(self) -> int | None:
        """The seconds that would be charged after the allowance, in whole increments."""
        if self.duration_s is None or self.allowance_s is None or not self.has_price:
            return None
        beyond_s = self.duration_s - self.allowance_s
        if self.decision.rate is None or (self.allowance_s and beyond_s <= 0):
            return 0
        return billable_s(self.decision.rate, beyond_s * 1000)

    @property
    def billable_s(self) -> int | None:
        """The seconds of the call as its record would have them; None where it would be refused."""
        if self.charged_s is None or self.allowance_s is None:
            return None
        free_s = self.duration_s if self.decision.rate is None and self.decision.allowance is None else None
        return self.allowance_s + self.charged_s if free_s is None else free_s

    @cached_property
    def charge_micros(self) -> int | None:
        """What they would cost, were there funds enough."""
        if self.charged_s is None or self.allowance_s is None:
            return None
        rate = self.decision.rate
        if rate is None:
            return 0
        return charge_micros(rate, self.charged_s, later(self.at, timedelta(seconds=self.allowance_s)))


async def find_quote(
    store: Store,
    settings: Settings,
    *,
    number: str,
    extension: str | None,
    account: str | None,
    at: str | None,
    duration_s: int | None,
) -> Quote:
    """Ask what would become of a call.

    Args:
        extension: who calls; None: somebody under the account's own plan.
        account: whose money; None: the extension's account, or main.
        at: the moment, as an administrator writes it; None: now.
        duration_s: seconds to price.

    Raises:
        BadInputError: there is no such account, it is not the extension's, or the moment cannot be read.
    """
    catalog = await load_catalog_for(store, settings.dial_rules(), number, settings.call_limit_s)
    payer = None if extension is None else catalog.payer(extension)
    charged = await _account(store, payer, account)
    if extension is None:
        payer = catalog.payer_for_account(charged)
    account_zone = zone(charged.timezone)
    moment = utc_now() if at is None else parse_instant(at, account_zone)
    charged = await _funds_at(store, charged, epoch_ms(moment))
    local = moment.astimezone(account_zone)
    policy = settings.metering_policy()
    ring_limit = policy.ring_limit(max(1, len(settings.trunk_list())))
    decision = decide_for(payer, number, catalog, epoch_ms(moment), ring_limit // timedelta(milliseconds=1))
    left = await _allowance_left(store, charged, payer, decision, local)
    limits = await _limits(store, charged, payer, decision, local, ring_limit)
    funds = quote_funds(
        decision,
        charged.available_micros,
        left.lasts_s,
        local,
        least_s=policy.first_hold_s,
        ring_limit=ring_limit,
        caps=limits.windows,
        too_many=limits.too_many,
    )
    verdict, deny_rule = _verdict(decision, payer, PayerNames(extension or "", charged.name), funds, charged)
    return Quote(
        account=charged,
        payer=payer,
        extension=extension or "",
        decision=decision,
        verdict=verdict,
        deny_rule=deny_rule,
        cap_uses=limits.today,
        open_calls=limits.open_calls,
        allowance_left_s=left.this_month_s,
        allowance_lasts_s=left.lasts_s,
        duration_s=duration_s,
        at=local,
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


@dataclass(frozen=True, slots=True)
class _AllowanceLeft:
    this_month_s: int = 0
    lasts_s: int = 0


async def _funds_at(store: Store, account: Account, at_ms: int) -> Account:
    """Return the account with what new calls could use then, of today's funds: what has expired by then is gone."""
    balance = await store.balance(account.id)
    assert balance is not None, "accounts are never deleted"
    return replace(account, available_micros=balance.usable_micros(at_ms))


async def _allowance_left(
    store: Store, account: Account, payer: Payer | None, decision: Decision, at: datetime
) -> _AllowanceLeft:
    """Return what is left of the decision's allowance, and how long a call that begins now could talk by it."""
    allowance = decision.allowance
    if allowance is None or payer is None or payer.plan is None:
        return _AllowanceLeft()
    owner = allowance.owner(payer.extension)
    lefts_s, lasts_s, begins = [], 0, at
    while lasts_s < LONGEST_PAID_S:
        month = period_at(begins, zone(account.timezone), account.month_day)
        gone_s = sum(
            use.used_s + use.held_s
            for use in await store.allowance_uses(account.id, month.first_day.isoformat())
            if (use.plan, use.allowance, use.extension) == (payer.plan.name, allowance.name, owner)
        )
        lefts_s.append(max(0, allowance.limit_s(payer.seats) - gone_s))
        until_end_s = month.seconds_left(begins)
        lasts_s += min(lefts_s[-1], until_end_s)
        if lefts_s[-1] < until_end_s:
            break
        begins = month.ends_at
    return _AllowanceLeft(lefts_s[0], min(lasts_s, LONGEST_PAID_S))


@dataclass(frozen=True, slots=True)
class _SpendLimits:
    """What limits the spending of a call, from its day on and for as long as it may last."""

    windows: Sequence[CapWindow] = ()
    today: Sequence[CapUse] = ()
    too_many: TooManyCalls | None = None
    open_calls: int = 0


async def _limits(
    store: Store, account: Account, payer: Payer | None, decision: Decision, at: datetime, ring_limit: timedelta
) -> _SpendLimits:
    """Return what the caps leave and the calls that hold money now, where money may pay for the call."""
    if payer is None or decision.rate is None or decision.deny_reason is not None:
        return _SpendLimits()
    until = later(at, ring_limit + _LONGEST)
    spend = await read_spend(store, account, at, until)
    caps = SpendLimits(payer.caps, payer.account_caps)
    open_calls, most_calls = spend.open_calls(payer.extension), payer.permissions.max_calls
    return _SpendLimits(
        cap_windows(spend, account, payer.extension, caps, at, until),
        spend.cap_uses(account_day(account, at), payer.extension, caps),
        None if most_calls is None or open_calls < most_calls else TooManyCalls(most_calls),
        open_calls,
    )


def _verdict(
    decision: Decision, payer: Payer | None, names: PayerNames, funds: FundsVerdict, account: Account
) -> tuple[FundsVerdict, str | None]:
    """Return the gate's verdict in the gate's order (``ari_app.gate.judge``), and the rule that refuses."""
    if payer is None and decision.destination_class is not DestinationClass.EMERGENCY:
        return FundsVerdict(False, 0, 0, DenyReason.UNKNOWN_EXTENSION), f"there is no extension {names.extension}"
    if funds.admitted or decision.deny_reason is not None:
        return funds, decision.deny_rule
    denial = first_hold_denial(
        names,
        hold_micros=funds.first_hold_micros,
        available_micros=account.available_micros,
        limit=funds.limit,
        has_allowance=decision.allowance is not None,
        after_allowance=decision.after_allowance,
    )
    return funds, denial.rule
