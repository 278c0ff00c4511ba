"""An extension's permissions (:mod:`rating.permissions`) applied to one call: refusals, and what lets it pass.

Each rule answers None where it has nothing against the call. The steps of rules that let a call pass are told too,
so that an explanation shows which limits it met.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rating.calendar import later
from rating.deck import Rate
from rating.destination import DestinationClass
from rating.money import format_money
from rating.periods import highest_per_minute_micros, highest_per_minute_micros_within
from rating.permissions import Permissions, format_destinations
from rating.reasons import Denial, DenyReason, Refusal, Step


def denied(permissions: Permissions, region: str, destination_class: DestinationClass) -> Refusal | None:
    """Refuse what the deny list has."""
    entry = None if permissions.deny is None else permissions.deny.entry_for(region, destination_class)
    if entry is None:
        return None
    extension = permissions.extension
    return Refusal(
        Denial(DenyReason.DESTINATION_DENIED, f"extension {extension}: deny list has {entry}"),
        Step("deny_list_has", {"extension": extension, "destinations": entry}),
    )


def not_in_allow_list(permissions: Permissions, region: str, destination_class: DestinationClass) -> Refusal | None:
    """Refuse a call that is not included, where the allow list has not its destination."""
    allow = permissions.allow
    if allow is None or allow.entry_for(region, destination_class) is not None:
        return None
    extension = permissions.extension
    rule = (
        f"extension {extension}: allow list {format_destinations(allow)} has neither {region} nor {destination_class}"
    )
    values = {"extension": extension, "destinations": ", ".join(allow.entries)}
    return Refusal(Denial(DenyReason.DESTINATION_DENIED, rule), Step("not_in_allow_list", values))


def outside_hours(permissions: Permissions, local: datetime) -> Refusal | None:
    """Refuse a call that is not included at another hour; ``local`` is the dialling on the account's wall clock."""
    if permissions.hours is None or permissions.hours.hold(local):
        return None
    extension, hours = permissions.extension, permissions.hours_text
    return Refusal(
        Denial(DenyReason.OUTSIDE_HOURS, f"extension {extension}: hours {hours}"),
        Step("outside_hours", {"extension": extension, "hours": hours}),
    )


def rate_too_high(permissions: Permissions, dearest_micros: int, currency: str) -> Refusal | None:
    """Keep money away from a price per minute above the highest that the extension may pay."""
    most_micros = permissions.max_rate_micros
    if most_micros is None or dearest_micros <= most_micros:
        return None
    extension = permissions.extension
    rule = (
        f"extension {extension}: highest price {format_money(most_micros)} {currency} a minute, "
        f"this is {format_money(dearest_micros)}"
    )
    values: dict[str, str | int] = {
        "extension": extension,
        "most_micros": most_micros,
        "per_minute_micros": dearest_micros,
        "currency": currency,
    }
    return Refusal(Denial(DenyReason.RATE_TOO_HIGH, rule), Step("rate_too_high", values))


def dearest_micros(rates: Sequence[Rate], local: datetime, ring_limit: timedelta, longest_call_s: int | None) -> int:
    """Return the highest price per minute that may be due in a call.

    Args:
        rates: the prices one of which is in force at the answer, one or more.
        local: the moment of dialling, in the account's time zone.
        ring_limit: how long the call may ring.
        longest_call_s: how long it may talk; None: without limit, so that it may reach the dearest hour of all.
    """
    if longest_call_s is None:
        return max(map(highest_per_minute_micros, rates))
    until = later(local, ring_limit + timedelta(seconds=longest_call_s))
    return max(highest_per_minute_micros_within(rate, local, until) for rate in rates)


def passed_steps(permissions: Permissions, region: str, destination_class: DestinationClass) -> list[Step]:
    """Return which limits a call that is not included has met: allow list and hours."""
    extension, steps = permissions.extension, []
    entry = None if permissions.allow is None else permissions.allow.entry_for(region, destination_class)
    if entry is not None:
        steps.append(Step("allow_list_has", {"extension": extension, "destinations": entry}))
    if permissions.hours is not None:
        steps.append(Step("within_hours", {"extension": extension, "hours": permissions.hours_text}))
    return steps


def rate_passed_steps(permissions: Permissions, currency: str) -> list[Step]:
    """Return the step that names the highest price, where there is one and money may pay."""
    if permissions.max_rate_micros is None:
        return []
    most_micros = permissions.max_rate_micros
    return [Step("rate_within", {"extension": permissions.extension, "most_micros": most_micros, "currency": currency})]


def longest_call_steps(permissions: Permissions, plan_s: int | None, general_s: int | None = None) -> list[Step]:
    """Return the step that names the longest call, where it is the extension's own limit or the one for all calls."""
    own_s = permissions.longest_call_s
    limit_s = general_s if plan_s is None else plan_s
    if own_s is not None and (limit_s is None or own_s < limit_s):
        return [Step("longest_call", {"extension": permissions.extension, "longest_s": own_s})]
    if general_s is not None and plan_s is None:
        return [Step("longest_call_of_all", {"longest_s": general_s})]
    return []


def longest_call_s(permissions: Permissions, plan_s: int | None, general_s: int | None) -> int | None:
    """Return how long a call may last; None is for ever.

    It is the shorter of the extension's own limit and the plan's, or ``general_s`` where the plan has none.
    """
    own_s = permissions.longest_call_s
    limit_s = general_s if plan_s is None else plan_s
    if own_s is None or limit_s is None:
        return limit_s if own_s is None else own_s
    return min(own_s, limit_s)
