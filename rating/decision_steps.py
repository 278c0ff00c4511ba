"""The steps of a decision that say what was dialled, how it was read, and what it costs."""

from rating.deck import Deck, Rate
from rating.destination import NumberFacts
from rating.dialled import DialledKind, Unreadable
from rating.hours import format_hours
from rating.numbering import main_region
from rating.overrides import Override, ShortOverride
from rating.reasons import Step


def dialled_step(raw: str) -> Step:
    """Say what was dialled."""
    return Step("dialled", {"raw": raw}) if raw.strip() else Step("dialled_nothing", {})


def unreadable_step(unreadable: Unreadable) -> Step:
    """Say why the digits are no number."""
    code = unreadable.country_code
    values = {} if code is None else {"country_code": str(code), "region": main_region(code)}
    return Step(f"unreadable_{unreadable.detail}", values)


def reading_step(kind: DialledKind, facts: NumberFacts) -> Step:
    """Say which number the digits are."""
    values = {"number": facts.number, "region": facts.region, "number_type": facts.number_type}
    return Step(f"read_{kind}", values)


def rate_steps(deck: Deck, rate: Rate) -> list[Step]:
    """Say what the call costs, at which hours, and what an answered call costs at least."""
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


def override_step(facts: NumberFacts, override: Override | ShortOverride) -> Step:
    """Say what the override table has of the number."""
    if isinstance(override, ShortOverride):
        return Step(f"read_override_{override.cost}", {"number": facts.number, "source": override.source})
    values = {"region": facts.region, "number_type": facts.number_type, "source": override.source}
    return Step("read_override", values)
