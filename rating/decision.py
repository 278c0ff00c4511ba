"""The verdict on dialled digits: number, destination class, rate, or the reason why not.

The order of the questions is fixed. Can the digits be read? Is it an emergency (then nothing else counts), or
inside the office? Does the deck bar it? Does the plan include it, and the extension's deny list not? Only then does
it cost minutes or money: do the extension's lists and hours permit it, does the plan allow its class, is prepaid on,
is there a price, and none too high? Whether the funds suffice is asked last and separately (:mod:`rating.funding`),
since they change while a decision does not.

What an allowance covers is made with its minutes first. Whatever would keep only money away (the plan, prepaid off,
no price, one too high) then says that none follows: the call ends with the allowance.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeGuard

from rating.decision_steps import dialled_step, override_step, rate_steps, reading_step, unreadable_step
from rating.deck import Deck, Rate
from rating.destination import DestinationClass, NumberFacts, NumberType, describe
from rating.dialled import Dialled, DialledKind, DialRules, Unreadable, read_dialled
from rating.general_rates import is_general_rate
from rating.overrides import Override, ShortOverride
from rating.permission_rules import (
    dearest_micros,
    denied,
    longest_call_s,
    longest_call_steps,
    not_in_allow_list,
    outside_hours,
    passed_steps,
    rate_passed_steps,
    rate_too_high,
)
from rating.permissions import ALL_PERMITTED, Permissions
from rating.plan import Allowance, Plan
from rating.reasons import Denial, DenyReason, Refusal, Step
from rating.sentences import sentence

__all__ = [
    "FUNDED_BY_ACCOUNT",
    "FUNDED_BY_ALLOWANCE",
    "FUNDED_BY_PLAN",
    "RING_LIMIT_MS",
    "Decision",
    "Denial",
    "DenyReason",
    "Step",
    "decide",
    "explain",
    "reading_steps",
    "without_money",
]

FUNDED_BY_PLAN = "plan"
FUNDED_BY_ALLOWANCE = "allowance"
FUNDED_BY_ACCOUNT = "account"

RING_LIMIT_MS = 600_000
"""How long a call may ring where nobody says otherwise: a price that begins meanwhile may be the one at the answer."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What would happen to a call, but for the funds.

    ``number`` is what may be dialled, None where the digits could not be read. ``rate`` is set where one
    applies: for paid calls and barred ones. ``later_rates`` are those that follow it while the call may ring, each
    with its beginning (UTC ms): the price in force at the answer counts. ``deny_rule`` names the rule behind
    ``deny_reason``. ``funded_by`` is empty for refused calls and for those that need nobody to pay.
    ``longest_call_s`` is the plan's limit, or the one for all calls where it has none, or the extension's if shorter.

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


def decide(
    raw: str,
    *,
    rules: DialRules,
    plan: Plan | None,
    deck: Deck | None,
    prepaid: bool,
    at_ms: int,
    ring_limit_ms: int = RING_LIMIT_MS,
    permissions: Permissions = ALL_PERMITTED,
    zone: tzinfo = UTC,
    longest_call_s: int | None = None,
) -> Decision:
    """Decide on dialled digits. Total: any text has a decision, and none raises.

    ``at_ms`` is the moment, in UTC milliseconds since 1970: prices come and go. ``plan`` is None where no
    extension was found or it has none, ``deck`` where the plan's deck is missing; emergency and internal calls need
    neither. ``prepaid`` says whether the extension may make paid calls. ``ring_limit_ms`` is how long the call may
    ring, on all trunks together. ``permissions`` are the extension's, ``zone`` the account's, on whose wall clock
    hours are. ``longest_call_s`` limits the calls that the plan does not.
    """
    dialled = read_dialled(raw, rules)
    if isinstance(dialled, Unreadable):
        steps = (dialled_step(raw), unreadable_step(dialled))
        return Decision(
            dialled=raw,
            deny_reason=DenyReason.INVALID_NUMBER,
            deny_rule=f"reading: {dialled.detail}",
            steps=steps,
        )
    facts = describe(dialled, rules)
    place = plan.home_region if plan is not None else rules.home_region
    when = _When(at_ms, ring_limit_ms, zone)
    return _Deciding(dialled, facts, plan, deck, place, when, permissions, longest_call_s).decide(prepaid=prepaid)


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


@dataclass(frozen=True, slots=True)
class _When:
    """The moment of dialling, in UTC milliseconds, and how long the call may ring after it."""

    at_ms: int
    ring_limit_ms: int
    zone: tzinfo

    @property
    def rings_until_ms(self) -> int:
        return self.at_ms + self.ring_limit_ms

    @property
    def local(self) -> datetime:
        """The moment on the account's wall clock."""
        return (_EPOCH + timedelta(milliseconds=self.at_ms)).astimezone(self.zone)


class _Deciding:
    """One decision on a number that could be read."""

    __slots__ = ("deck", "dialled", "facts", "general_limit_s", "home_region", "permissions", "plan", "steps", "when")

    def __init__(
        self,
        dialled: Dialled,
        facts: NumberFacts,
        plan: Plan | None,
        deck: Deck | None,
        home_region: str,
        when: _When,
        permissions: Permissions,
        general_limit_s: int | None,
    ) -> None:
        self.general_limit_s = general_limit_s
        self.when = when
        self.dialled = dialled
        self.facts = facts
        self.plan = plan
        self.deck = deck
        self.home_region = home_region
        self.permissions = permissions
        self.steps = [dialled_step(dialled.raw)]
        self.steps += [Step(what, {"digits": digits}) for what, digits in dialled.taken_off]
        self.steps.append(reading_step(dialled.kind, facts))
        if facts.is_by_beginning:
            self.steps.append(Step("read_by_beginning", {"region": facts.region, "number_type": facts.number_type}))
        if facts.override is not None:
            self.steps.append(override_step(facts, facts.override))

    def decide(self, *, prepaid: bool) -> Decision:
        kind = self.dialled.kind
        if kind is DialledKind.EMERGENCY:
            return self._free(DestinationClass.EMERGENCY, Step("emergency", {}))
        if kind is DialledKind.INTERNAL:
            return self._free(DestinationClass.INTERNAL, Step("internal", {}))
        if self.facts.override is not None and self.facts.is_barred:
            return self._barred_by_override(self.facts.override)
        rate = self._rate(self.when.at_ms)
        if rate is not None and rate.barred:
            return self._barred(rate)
        if self.plan is not None and self.plan.includes(self.facts):
            return self._included(self.plan)
        return self._paid(rate, prepaid=prepaid)

    def _rate(self, at_ms: int) -> Rate | None:
        return None if self.deck is None else self.deck.lookup(self.facts.deck_key, at_ms)

    def _later_rates(self, rate: Rate) -> tuple[tuple[int, Rate], ...]:
        """Return the other prices that may be in force when the call is answered, in order.

        Where a price ends and none follows, the one the call was let through at stays.
        """
        later: list[tuple[int, Rate]] = []
        change_ms = self.deck.next_change_ms(self.when.at_ms) if self.deck is not None else None
        while self.deck is not None and change_ms is not None and change_ms <= self.when.rings_until_ms:
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
        denial = Denial(DenyReason.BARRED, f"deck {self._deck_name}: prefix {rate.prefix} is barred")
        return self._refused(DestinationClass.BARRED, Refusal(denial, Step("barred", values)), rate)

    def _barred_by_override(self, override: Override | ShortOverride) -> Decision:
        denial = Denial(DenyReason.BARRED, f"override table: {override.digits} is barred")
        step = Step("barred_by_override", {"digits": override.digits, "source": override.source})
        return self._refused(DestinationClass.BARRED, Refusal(denial, step), None)

    def _included(self, plan: Plan) -> Decision:
        self.steps.append(Step("included", {"plan": plan.name}))
        refusal = denied(self.permissions, self.facts.region, DestinationClass.INCLUDED)
        if refusal is not None:
            return self._refused(DestinationClass.INCLUDED, refusal, None)
        self._tell_longest_call()
        return self._decision(
            DestinationClass.INCLUDED, funded_by=(FUNDED_BY_PLAN,), longest_call_s=self._longest_call_s
        )

    def _paid(self, rate: Rate | None, *, prepaid: bool) -> Decision:
        paid_class = self._paid_class()
        allowance = None if self.plan is None else self.plan.allowance_for(self.facts)
        self.steps.append(self._funding_step(paid_class, allowance))
        refusal = self._not_permitted(paid_class)
        if refusal is not None:
            return self._refused(paid_class, refusal, rate)
        self.steps += passed_steps(self.permissions, self.facts.region, paid_class)
        refusal = self._refusal(paid_class, rate, prepaid=prepaid)
        if refusal is None:
            assert rate is not None
            return self._with_money(paid_class, rate, allowance)
        if allowance is None:
            return self._refused(paid_class, refusal, rate)
        self.steps.append(Step(f"only_allowance_{refusal.step.key}", refusal.step.values))
        self._tell_longest_call()
        return self._decision(
            paid_class,
            allowance=allowance,
            after_allowance=refusal.denial,
            unfunded_rate=rate,
            funded_by=(FUNDED_BY_ALLOWANCE,),
            longest_call_s=self._longest_call_s,
        )

    def _with_money(self, paid_class: DestinationClass, rate: Rate, allowance: Allowance | None) -> Decision:
        """Admit a call that money may pay for, after its allowance where it has one."""
        assert self.deck is not None
        self.steps += rate_steps(self.deck, rate)
        self.steps += rate_passed_steps(self.permissions, self.deck.currency)
        self._tell_longest_call()
        return self._decision(
            paid_class,
            rate=rate,
            later_rates=self._later_rates(rate),
            allowance=allowance,
            funded_by=(FUNDED_BY_ACCOUNT,) if allowance is None else (FUNDED_BY_ALLOWANCE, FUNDED_BY_ACCOUNT),
            longest_call_s=self._longest_call_s,
        )

    def _not_permitted(self, paid_class: DestinationClass) -> Refusal | None:
        """Return why the extension may not make the call at all, though it were paid for."""
        permissions, region = self.permissions, self.facts.region
        refusal = denied(permissions, region, paid_class) or not_in_allow_list(permissions, region, paid_class)
        if refusal is not None or permissions.hours is None:
            return refusal
        return outside_hours(permissions, self.when.local)

    @property
    def _longest_call_s(self) -> int | None:
        return longest_call_s(self.permissions, self._plan_limit_s, self.general_limit_s)

    @property
    def _plan_limit_s(self) -> int | None:
        return None if self.plan is None else self.plan.longest_call_s

    def _tell_longest_call(self) -> None:
        self.steps += longest_call_steps(self.permissions, self._plan_limit_s, self.general_limit_s)

    def _funding_step(self, paid_class: DestinationClass, allowance: Allowance | None) -> Step:
        if self.plan is None:
            return Step("no_plan", {"destination_class": paid_class})
        values = {"plan": self.plan.name, "destination_class": paid_class}
        if allowance is None:
            return Step("not_included", values)
        return Step(
            f"allowance_{allowance.scope}", {**values, "allowance": allowance.name, "minutes": allowance.minutes}
        )

    def _refusal(self, paid_class: DestinationClass, rate: Rate | None, *, prepaid: bool) -> Refusal | None:
        """Return why money may not pay for the call, and the step that says so; None where it may."""
        plan, deck = self.plan, self.deck
        if plan is not None and paid_class in plan.refused:
            step = Step("plan_refuses", {"plan": plan.name, "destination_class": paid_class})
            rule = f"plan {plan.name}: {paid_class} is refused"
            return Refusal(Denial(DenyReason.DESTINATION_DENIED, rule), step)
        if not prepaid:
            extension = self.permissions.extension
            denial = Denial(DenyReason.PREPAID_OFF, f"extension {extension}: prepaid is off")
            return Refusal(denial, Step("prepaid_off", {"extension": extension}))
        if deck is None:
            return Refusal(Denial(DenyReason.NO_RATE, "plan: no deck"), Step("no_deck", {}))
        if rate is None:
            rule = f"deck {deck.name}: no prefix matches"
            return Refusal(Denial(DenyReason.NO_RATE, rule), Step("no_rate", {"deck": deck.name}))
        if self._is_general(rate):
            rule = f"deck {deck.name}: prefix {rate.prefix} prices ordinary numbers, not premium ones"
            values = {"deck": deck.name, "prefix": rate.prefix, "destination": rate.destination}
            return Refusal(Denial(DenyReason.NO_RATE, rule), Step("general_rate", values))
        return self._rate_too_high(deck, rate)

    def _rate_too_high(self, deck: Deck, rate: Rate) -> Refusal | None:
        if self.permissions.max_rate_micros is None:
            return None
        rates = (rate, *(follower for _, follower in self._later_rates(rate)))
        ring_limit = timedelta(milliseconds=self.when.ring_limit_ms)
        dearest = dearest_micros(rates, self.when.local, ring_limit, self._longest_call_s)
        return rate_too_high(self.permissions, dearest, deck.currency)

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

    def _refused(self, destination_class: DestinationClass, refusal: Refusal, rate: Rate | None) -> Decision:
        """Refuse the call; a price that counts for it, were it made, is told."""
        denial = refusal.denial
        self.steps.append(refusal.step)
        priced = None if denial.reason is DenyReason.NO_RATE else rate
        return self._decision(destination_class, rate=priced, deny_reason=denial.reason, deny_rule=denial.rule)

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
