"""The verdict on dialled digits: number, destination class, rate, or the reason why not.

The order of the questions is fixed. Can the digits be read? Is it an emergency (then nothing else counts), or
inside the office? Does the deck bar it? Does the plan include it? Only then does it cost money: does the plan
allow its class, is prepaid on, is there a price? Whether the funds suffice is asked last and separately
(:mod:`rating.funding`), since they change while a decision does not.

What an allowance covers is made with its minutes first. Whatever would refuse a paid call (the plan, prepaid off,
no price) then only says that no money follows: the call ends with the allowance.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple, TypeGuard

from rating.deck import Deck, Rate
from rating.destination import DestinationClass, NumberFacts, NumberType, describe
from rating.dialled import Dialled, DialledKind, DialRules, Unreadable, read_dialled
from rating.general_rates import is_general_rate
from rating.hours import format_hours
from rating.numbering import main_region
from rating.overrides import Override, ShortOverride
from rating.plan import Allowance, Plan
from rating.sentences import sentence


class DenyReason(StrEnum):
    """Why a call was refused. The values are part of the command line's contract."""

    NO_FUNDS = "no_funds"
    NO_RATE = "no_rate"
    BARRED = "barred"
    INVALID_NUMBER = "invalid_number"
    PREPAID_OFF = "prepaid_off"
    CAP_REACHED = "cap_reached"
    TOO_MANY_CALLS = "too_many_calls"
    RATE_TOO_HIGH = "rate_too_high"
    DESTINATION_DENIED = "destination_denied"
    OUTSIDE_HOURS = "outside_hours"
    UNKNOWN_EXTENSION = "unknown_extension"
    OVERLOAD = "overload"
    GATE_LATE = "gate_late"
    GATE_HUNG = "gate_hung"
    STORE_DOWN = "store_down"


FUNDED_BY_PLAN = "plan"
FUNDED_BY_ALLOWANCE = "allowance"
FUNDED_BY_ACCOUNT = "account"

RING_LIMIT_MS = 600_000
"""How long a call may ring where nobody says otherwise: a price that begins meanwhile may be the one at the answer."""


class Step(NamedTuple):
    """One step of a decision: a key of :mod:`rating.sentences` and the values of its sentence."""

    key: str
    values: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What would happen to a call, but for the funds.

    ``number`` is what may be dialled, None where the digits could not be read. ``rate`` is set where one
    applies: for paid calls and barred ones. ``later_rates`` are those that follow it while the call may ring, each
    with its beginning (UTC ms): the price in force at the answer counts. ``deny_rule`` names the rule behind
    ``deny_reason``. ``funded_by`` is empty for refused calls and for those that need nobody to pay.
    ``longest_call_s`` is the plan's limit.

    ``allowance`` is used before money. Where no money may follow it, ``rate`` is None and ``after_allowance`` says
    why: the reason to refuse the call with once the allowance is used up. ``unfunded_rate`` is the price that money
    would have, for what a leg talks on although nothing pays for it.
    """

    dialled: str
    number: str | None = None
    e164: str | None = None
    region: str | None = None
    number_type: NumberType | None = None
    destination_class: DestinationClass | None = None
    rate: Rate | None = None
    later_rates: tuple[tuple[int, Rate], ...] = ()
    allowance: Allowance | None = None
    after_allowance: "Denial | None" = None
    unfunded_rate: Rate | None = None
    deny_reason: DenyReason | None = None
    deny_rule: str | None = None
    funded_by: tuple[str, ...] = ()
    longest_call_s: int | None = None
    withhold_caller_id: bool | None = None
    """Whether the caller's number is withheld or shown for this call; None as the PBX does it."""
    steps: tuple[Step, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether the call may be made, if it can be paid for."""
        return self.deny_reason is None


class Denial(NamedTuple):
    """Why money may not pay for a call."""

    reason: DenyReason
    rule: str


def decide(
    raw: str,
    *,
    rules: DialRules,
    plan: Plan | None,
    deck: Deck | None,
    prepaid: bool,
    at_ms: int,
    ring_limit_ms: int = RING_LIMIT_MS,
) -> Decision:
    """Decide on dialled digits. Total: any text has a decision, and none raises.

    ``at_ms`` is the moment, in UTC milliseconds since 1970: prices come and go. ``plan`` is None where no
    extension was found or it has none, ``deck`` where the plan's deck is missing; emergency and internal calls need
    neither. ``prepaid`` says whether the extension may make paid calls. ``ring_limit_ms`` is how long the call may
    ring, on all trunks together.
    """
    dialled = read_dialled(raw, rules)
    if isinstance(dialled, Unreadable):
        steps = (_dialled_step(raw), _unreadable_step(dialled))
        return Decision(
            dialled=raw,
            deny_reason=DenyReason.INVALID_NUMBER,
            deny_rule=f"reading: {dialled.detail}",
            steps=steps,
        )
    facts = describe(dialled, rules)
    moments_ms = (at_ms, at_ms + ring_limit_ms)
    return _Deciding(dialled, facts, plan, deck, rules.home_region, moments_ms).decide(prepaid=prepaid)


def without_money(decision: Decision, denial: Denial, step: Step) -> Decision:
    """Return the decision on a paid call where money may not pay for it after all: refused, or its allowance alone.

    ``step`` is the sentence of a refusal; there is one of the same key after ``only_allowance_``.
    """
    if decision.allowance is None:
        return replace(
            decision,
            deny_reason=denial.reason,
            deny_rule=denial.rule,
            funded_by=(),
            steps=(*decision.steps, step),
        )
    only = Step(f"only_allowance_{step.key}", step.values)
    return replace(
        decision,
        rate=None,
        later_rates=(),
        after_allowance=denial,
        unfunded_rate=decision.rate,
        funded_by=(FUNDED_BY_ALLOWANCE,),
        steps=(*decision.steps, only),
    )


def explain(steps: tuple[Step, ...], language: str = "en") -> list[str]:
    """Write the steps as plain sentences, in order; English where a language is not there."""
    return [sentence(step.key, step.values, language) for step in steps]


def reading_steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps up to how the digits read: all that is true where nobody was found whose plan counts."""
    ends = [n for n, step in enumerate(steps, start=1) if step.key.startswith(("read_", "unreadable_"))]
    return steps[: ends[-1]]


class _Deciding:
    """One decision on a number that could be read."""

    __slots__ = ("at_ms", "deck", "dialled", "facts", "home_region", "plan", "rings_until_ms", "steps")

    def __init__(
        self,
        dialled: Dialled,
        facts: NumberFacts,
        plan: Plan | None,
        deck: Deck | None,
        home_region: str,
        moments_ms: tuple[int, int],
    ) -> None:
        self.at_ms, self.rings_until_ms = moments_ms
        self.dialled = dialled
        self.facts = facts
        self.plan = plan
        self.deck = deck
        self.home_region = home_region if plan is None else plan.home_region
        self.steps = [_dialled_step(dialled.raw)]
        self.steps += [Step(what, {"digits": digits}) for what, digits in dialled.taken_off]
        self.steps.append(_reading_step(dialled.kind, facts))
        if facts.is_by_beginning:
            self.steps.append(Step("read_by_beginning", {"region": facts.region, "number_type": facts.number_type}))
        if facts.override is not None:
            self.steps.append(_override_step(facts, facts.override))

    def decide(self, *, prepaid: bool) -> Decision:
        kind = self.dialled.kind
        if kind is DialledKind.EMERGENCY:
            return self._free(DestinationClass.EMERGENCY, Step("emergency", {}))
        if kind is DialledKind.INTERNAL:
            return self._free(DestinationClass.INTERNAL, Step("internal", {}))
        if self.facts.override is not None and self.facts.is_barred:
            return self._barred_by_override(self.facts.override)
        rate = self._rate(self.at_ms)
        if rate is not None and rate.barred:
            return self._barred(rate)
        if self.plan is not None and self.plan.includes(self.facts):
            return self._included(self.plan)
        return self._paid(rate, prepaid=prepaid)

    def _rate(self, at_ms: int) -> Rate | None:
        if self.deck is None:
            return None
        facts = self.facts
        return self.deck.lookup(facts.e164 or f"{facts.region}:{facts.number}", at_ms)

    def _later_rates(self, rate: Rate) -> tuple[tuple[int, Rate], ...]:
        """Return the other prices that may be in force when the call is answered, in order.

        Where a price ends and none follows, the one the call was let through at stays.
        """
        later: list[tuple[int, Rate]] = []
        change_ms = self.deck.next_change_ms(self.at_ms) if self.deck is not None else None
        while self.deck is not None and change_ms is not None and change_ms <= self.rings_until_ms:
            follower = self._rate(change_ms)
            if self._may_follow(follower) and follower != (later[-1][1] if later else rate):
                later.append((change_ms, follower))
            change_ms = self.deck.next_change_ms(change_ms)
        return tuple(later)

    def _may_follow(self, rate: Rate | None) -> TypeGuard[Rate]:
        return rate is not None and not rate.barred and not self._is_general(rate)

    def _is_general(self, rate: Rate) -> bool:
        """Say whether the rate prices ordinary numbers, and this one is premium."""
        return self.facts.is_premium and is_general_rate(self.dialled.line, self.facts.override, rate)

    def _barred(self, rate: Rate) -> Decision:
        values = {"deck": self._deck_name, "prefix": rate.prefix, "destination": rate.destination}
        return self._denied(
            DestinationClass.BARRED,
            DenyReason.BARRED,
            f"deck {self._deck_name}: prefix {rate.prefix} is barred",
            Step("barred", values),
            rate,
        )

    def _barred_by_override(self, override: Override | ShortOverride) -> Decision:
        rule = f"override table: {override.digits} is barred"
        step = Step("barred_by_override", {"digits": override.digits, "source": override.source})
        return self._denied(DestinationClass.BARRED, DenyReason.BARRED, rule, step, None)

    def _included(self, plan: Plan) -> Decision:
        self.steps.append(Step("included", {"plan": plan.name}))
        return self._decision(
            DestinationClass.INCLUDED, funded_by=(FUNDED_BY_PLAN,), longest_call_s=plan.longest_call_s
        )

    def _paid(self, rate: Rate | None, *, prepaid: bool) -> Decision:
        paid_class = self._paid_class()
        plan = self.plan
        allowance = None if plan is None else plan.allowance_for(self.facts)
        self.steps.append(self._funding_step(paid_class, allowance))
        limit_s = None if plan is None else plan.longest_call_s
        refusal = self._refusal(paid_class, rate, prepaid=prepaid)
        if refusal is not None:
            denial, step = refusal
            if allowance is None:
                priced = None if denial.reason is DenyReason.NO_RATE else rate
                return self._denied(paid_class, denial.reason, denial.rule, step, priced)
            self.steps.append(Step(f"only_allowance_{step.key}", step.values))
            return self._decision(
                paid_class,
                allowance=allowance,
                after_allowance=denial,
                unfunded_rate=rate,
                funded_by=(FUNDED_BY_ALLOWANCE,),
                longest_call_s=limit_s,
            )
        assert rate is not None
        assert self.deck is not None
        self.steps += _rate_steps(self.deck, rate)
        return self._decision(
            paid_class,
            rate=rate,
            later_rates=self._later_rates(rate),
            allowance=allowance,
            funded_by=(FUNDED_BY_ACCOUNT,) if allowance is None else (FUNDED_BY_ALLOWANCE, FUNDED_BY_ACCOUNT),
            longest_call_s=limit_s,
        )

    def _funding_step(self, paid_class: DestinationClass, allowance: Allowance | None) -> Step:
        if self.plan is None:
            return Step("no_plan", {"destination_class": paid_class})
        values = {"plan": self.plan.name, "destination_class": paid_class}
        if allowance is None:
            return Step("not_included", values)
        return Step(
            f"allowance_{allowance.scope}", {**values, "allowance": allowance.name, "minutes": allowance.minutes}
        )

    def _refusal(self, paid_class: DestinationClass, rate: Rate | None, *, prepaid: bool) -> tuple[Denial, Step] | None:
        """Return why money may not pay for the call, and the step that says so; None where it may."""
        plan, deck = self.plan, self.deck
        if plan is not None and paid_class in plan.refused:
            step = Step("plan_refuses", {"plan": plan.name, "destination_class": paid_class})
            return Denial(DenyReason.DESTINATION_DENIED, f"plan {plan.name}: {paid_class} is refused"), step
        if not prepaid:
            return Denial(DenyReason.PREPAID_OFF, "extension: prepaid is off"), Step("prepaid_off", {})
        if deck is None:
            return Denial(DenyReason.NO_RATE, "plan: no deck"), Step("no_deck", {})
        if rate is None:
            return Denial(DenyReason.NO_RATE, f"deck {deck.name}: no prefix matches"), Step(
                "no_rate", {"deck": deck.name}
            )
        if self._is_general(rate):
            rule = f"deck {deck.name}: prefix {rate.prefix} prices ordinary numbers, not premium ones"
            values = {"deck": deck.name, "prefix": rate.prefix, "destination": rate.destination}
            return Denial(DenyReason.NO_RATE, rule), Step("general_rate", values)
        return None

    def _paid_class(self) -> DestinationClass:
        if self.facts.is_premium:
            return DestinationClass.PREMIUM
        at_home = self.facts.region == self.home_region
        return DestinationClass.NATIONAL if at_home else DestinationClass.INTERNATIONAL

    @property
    def _deck_name(self) -> str:
        return "" if self.deck is None else self.deck.name

    def _free(self, destination_class: DestinationClass, step: Step) -> Decision:
        self.steps.append(step)
        return self._decision(destination_class)

    def _denied(
        self,
        destination_class: DestinationClass,
        reason: DenyReason,
        rule: str,
        step: Step,
        rate: Rate | None,
    ) -> Decision:
        self.steps.append(step)
        return self._decision(destination_class, rate=rate, deny_reason=reason, deny_rule=rule)

    def _decision(
        self,
        destination_class: DestinationClass,
        *,
        rate: Rate | None = None,
        later_rates: tuple[tuple[int, Rate], ...] = (),
        allowance: Allowance | None = None,
        after_allowance: Denial | None = None,
        unfunded_rate: Rate | None = None,
        deny_reason: DenyReason | None = None,
        deny_rule: str | None = None,
        funded_by: tuple[str, ...] = (),
        longest_call_s: int | None = None,
    ) -> Decision:
        facts = self.facts
        return Decision(
            dialled=self.dialled.raw,
            number=facts.number,
            e164=facts.e164,
            region=facts.region,
            number_type=facts.number_type,
            destination_class=destination_class,
            rate=rate,
            later_rates=later_rates,
            allowance=allowance,
            after_allowance=after_allowance,
            unfunded_rate=unfunded_rate,
            deny_reason=deny_reason,
            deny_rule=deny_rule,
            funded_by=funded_by,
            longest_call_s=longest_call_s,
            withhold_caller_id=self.dialled.withhold_caller_id,
            steps=tuple(self.steps),
        )


def _dialled_step(raw: str) -> Step:
    return Step("dialled", {"raw": raw}) if raw.strip() else Step("dialled_nothing", {})


def _unreadable_step(unreadable: Unreadable) -> Step:
    code = unreadable.country_code
    values = {} if code is None else {"country_code": str(code), "region": main_region(code)}
    return Step(f"unreadable_{unreadable.detail}", values)


def _reading_step(kind: DialledKind, facts: NumberFacts) -> Step:
    values = {"number": facts.number, "region": facts.region, "number_type": facts.number_type}
    return Step(f"read_{kind}", values)


def _rate_steps(deck: Deck, rate: Rate) -> list[Step]:
    steps = [
        Step(
            _rate_key(rate),
            {
                "deck": deck.name,
                "prefix": rate.prefix,
                "destination": rate.destination,
                "currency": deck.currency,
                "per_minute_micros": rate.per_minute_micros,
                "initial_increment_s": rate.initial_increment_s,
                "increment_s": rate.increment_s,
            },
        )
    ]
    steps += [
        Step(
            "rate_hours",
            {
                "hours": format_hours(period.hours),
                "period": period.name,
                "per_minute_micros": period.per_minute_micros,
                "currency": deck.currency,
            },
        )
        for period in rate.periods
    ]
    if rate.connect_fee_micros:
        steps.append(Step("connect_fee", {"connect_fee_micros": rate.connect_fee_micros, "currency": deck.currency}))
    if rate.minimum_charge_micros:
        steps.append(
            Step("minimum_charge", {"minimum_charge_micros": rate.minimum_charge_micros, "currency": deck.currency})
        )
    return steps


def _rate_key(rate: Rate) -> str:
    if rate.initial_increment_s != rate.increment_s:
        return "rate"
    return "rate_by_second" if rate.increment_s == 1 else "rate_even"


def _override_step(facts: NumberFacts, override: Override | ShortOverride) -> Step:
    if isinstance(override, ShortOverride):
        return Step(f"read_override_{override.cost}", {"number": facts.number, "source": override.source})
    values = {"region": facts.region, "number_type": facts.number_type, "source": override.source}
    return Step("read_override", values)
