"""The verdict on dialled digits: number, destination class, rate, or the reason why not.

The order of the questions is fixed. Can the digits be read? Is it an emergency (then nothing else counts), or
inside the office? Does the deck bar it? Does the plan include it? Only then does it cost money: does the plan
allow its class, is prepaid on, is there a price? Whether the funds suffice is asked last and separately
(:func:`quote_funds`), since they change while a decision does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rating.deck import Deck, Rate
from rating.destination import DestinationClass, NumberFacts, NumberType, describe
from rating.dialled import Dialled, DialledKind, DialRules, Unreadable, read_dialled
from rating.money import format_money
from rating.plan import Plan
from rating.price import affordable_s, charge_micros, first_hold_s
from rating.sentences import SENTENCES


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
FUNDED_BY_ACCOUNT = "account"


class Step(NamedTuple):
    """One step of a decision: a key of :mod:`rating.sentences` and the values of its sentence."""

    key: str
    values: Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What would happen to a call, but for the funds.

    ``number`` is what may be dialled, None where the digits could not be read. ``rate`` is set where one
    applies: for paid calls and barred ones. ``deny_rule`` names the rule behind ``deny_reason``.
    ``funded_by`` is empty for refused calls and for those that need nobody to pay. ``longest_call_s`` is the
    plan's limit.
    """

    dialled: str
    number: str | None = None
    e164: str | None = None
    region: str | None = None
    number_type: NumberType | None = None
    destination_class: DestinationClass | None = None
    rate: Rate | None = None
    deny_reason: DenyReason | None = None
    deny_rule: str | None = None
    funded_by: tuple[str, ...] = ()
    longest_call_s: int | None = None
    steps: tuple[Step, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether the call may be made, if it can be paid for."""
        return self.deny_reason is None


@dataclass(frozen=True, slots=True)
class FundsVerdict:
    """Whether funds suffice for a decision.

    ``max_duration_s`` is None where nothing limits the call, 0 where it is refused. ``first_hold_micros`` is
    what must be held before it rings.
    """

    admitted: bool
    max_duration_s: int | None
    first_hold_micros: int
    deny_reason: DenyReason | None


def decide(raw: str, *, rules: DialRules, plan: Plan | None, deck: Deck | None, prepaid: bool) -> Decision:
    """Decide on dialled digits. Total: any text has a decision, and none raises.

    ``plan`` is None where no extension was found or it has none, ``deck`` where the plan's deck is missing;
    emergency and internal calls need neither. ``prepaid`` says whether the extension may make paid calls.
    """
    dialled = read_dialled(raw, rules)
    if isinstance(dialled, Unreadable):
        steps = (_dialled_step(raw), Step(f"unreadable_{dialled.detail}", {}))
        return Decision(
            dialled=raw,
            deny_reason=DenyReason.INVALID_NUMBER,
            deny_rule=f"reading: {dialled.detail}",
            steps=steps,
        )
    facts = describe(dialled, rules.home_region)
    return _Deciding(dialled, facts, plan, deck, rules.home_region).decide(prepaid=prepaid)


def quote_funds(decision: Decision, available_micros: int) -> FundsVerdict:
    """Say whether the available funds let a call begin, and for how long they would last."""
    if decision.deny_reason is not None:
        return FundsVerdict(False, 0, 0, decision.deny_reason)
    if decision.rate is None:
        return FundsVerdict(True, decision.longest_call_s, 0, None)
    rate = decision.rate
    first_hold_micros = charge_micros(rate, first_hold_s(rate))
    if available_micros < first_hold_micros:
        return FundsVerdict(False, 0, first_hold_micros, DenyReason.NO_FUNDS)
    max_duration_s = affordable_s(rate, available_micros)
    if decision.longest_call_s is not None:
        max_duration_s = min(max_duration_s, decision.longest_call_s)
    return FundsVerdict(True, max_duration_s, first_hold_micros, None)


def explain(steps: tuple[Step, ...], language: str = "en") -> list[str]:
    """Write the steps as plain sentences, in order; English where a language is not there."""
    sentences = SENTENCES.get(language, SENTENCES["en"])
    return [sentences[step.key].format(**_words(step.values)) for step in steps]


def reading_steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps up to how the digits read: all that is true where nobody was found whose plan counts."""
    ends = (n for n, step in enumerate(steps, start=1) if step.key.startswith(("read_", "unreadable_")))
    return steps[: next(ends)]


def _words(values: Mapping[str, str | int]) -> dict[str, str]:
    return {
        name: format_money(value) if isinstance(value, int) and name.endswith("_micros") else str(value)
        for name, value in values.items()
    }


class _Deciding:
    """One decision on a number that could be read."""

    __slots__ = ("deck", "dialled", "facts", "home_region", "plan", "steps")

    def __init__(
        self, dialled: Dialled, facts: NumberFacts, plan: Plan | None, deck: Deck | None, home_region: str
    ) -> None:
        self.dialled = dialled
        self.facts = facts
        self.plan = plan
        self.deck = deck
        self.home_region = home_region if plan is None else plan.home_region
        self.steps = [_dialled_step(dialled.raw)]
        self.steps += [Step(what, {"digits": digits}) for what, digits in dialled.taken_off]
        self.steps.append(_reading_step(dialled.kind, facts))

    def decide(self, *, prepaid: bool) -> Decision:
        kind = self.dialled.kind
        if kind is DialledKind.EMERGENCY:
            return self._free(DestinationClass.EMERGENCY, Step("emergency", {}))
        if kind is DialledKind.INTERNAL:
            return self._free(DestinationClass.INTERNAL, Step("internal", {}))
        rate = self._rate()
        if rate is not None and rate.barred:
            return self._barred(rate)
        if self.plan is not None and self.plan.includes(self.facts):
            return self._included(self.plan)
        return self._paid(rate, prepaid=prepaid)

    def _rate(self) -> Rate | None:
        if self.deck is None:
            return None
        facts = self.facts
        return self.deck.lookup(facts.e164 or f"{facts.region}:{facts.number}")

    def _barred(self, rate: Rate) -> Decision:
        values = {"deck": self._deck_name, "prefix": rate.prefix, "destination": rate.destination}
        return self._denied(
            DestinationClass.BARRED,
            DenyReason.BARRED,
            f"deck {self._deck_name}: prefix {rate.prefix} is barred",
            Step("barred", values),
            rate,
        )

    def _included(self, plan: Plan) -> Decision:
        self.steps.append(Step("included", {"plan": plan.name}))
        return self._decision(
            DestinationClass.INCLUDED, funded_by=(FUNDED_BY_PLAN,), longest_call_s=plan.longest_call_s
        )

    def _paid(self, rate: Rate | None, *, prepaid: bool) -> Decision:
        paid_class = self._paid_class()
        plan = self.plan
        if plan is None:
            self.steps.append(Step("no_plan", {"destination_class": paid_class}))
        else:
            self.steps.append(Step("not_included", {"plan": plan.name, "destination_class": paid_class}))
            if paid_class in plan.refused:
                step = Step("plan_refuses", {"plan": plan.name, "destination_class": paid_class})
                rule = f"plan {plan.name}: {paid_class} is refused"
                return self._denied(paid_class, DenyReason.DESTINATION_DENIED, rule, step, rate)
        if not prepaid:
            step = Step("prepaid_off", {})
            return self._denied(paid_class, DenyReason.PREPAID_OFF, "extension: prepaid is off", step, rate)
        if rate is None or self.deck is None:
            return self._no_rate(paid_class)
        self.steps += _rate_steps(self.deck, rate)
        limit_s = None if plan is None else plan.longest_call_s
        return self._decision(paid_class, rate=rate, funded_by=(FUNDED_BY_ACCOUNT,), longest_call_s=limit_s)

    def _paid_class(self) -> DestinationClass:
        if self.facts.is_premium:
            return DestinationClass.PREMIUM
        at_home = self.facts.region == self.home_region
        return DestinationClass.NATIONAL if at_home else DestinationClass.INTERNATIONAL

    def _no_rate(self, paid_class: DestinationClass) -> Decision:
        if self.deck is None:
            step, rule = Step("no_deck", {}), "plan: no deck"
        else:
            step, rule = (
                Step("no_rate", {"deck": self.deck.name}),
                f"deck {self.deck.name}: no prefix matches",
            )
        return self._denied(paid_class, DenyReason.NO_RATE, rule, step, None)

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
            deny_reason=deny_reason,
            deny_rule=deny_rule,
            funded_by=funded_by,
            longest_call_s=longest_call_s,
            steps=tuple(self.steps),
        )


def _dialled_step(raw: str) -> Step:
    return Step("dialled", {"raw": raw}) if raw.strip() else Step("dialled_nothing", {})


def _reading_step(kind: DialledKind, facts: NumberFacts) -> Step:
    values = {"number": facts.number, "region": facts.region, "number_type": facts.number_type}
    return Step(f"read_{kind}", values)


def _rate_steps(deck: Deck, rate: Rate) -> list[Step]:
    steps = [
        Step(
            "rate",
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
    if rate.connect_fee_micros:
        steps.append(Step("connect_fee", {"connect_fee_micros": rate.connect_fee_micros, "currency": deck.currency}))
    if rate.minimum_charge_micros:
        steps.append(
            Step("minimum_charge", {"minimum_charge_micros": rate.minimum_charge_micros, "currency": deck.currency})
        )
    return steps
