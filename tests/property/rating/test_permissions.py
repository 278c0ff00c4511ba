"""Promises about permissions: they only ever take away, and never an emergency call."""

from datetime import UTC
from zoneinfo import ZoneInfo

import phonenumbers
from hypothesis import given
from hypothesis import strategies as st

from rating.decision import Decision, decide, explain
from rating.destination import DestinationClass
from rating.dialled import DialRules
from rating.emergency import emergency_numbers
from rating.hours import MINUTES_PER_WEEK, WeeklyHours
from rating.permissions import (
    LISTABLE_CLASSES,
    NO_COUNTRY,
    DestinationList,
    Permissions,
    format_destinations,
    parse_destinations,
)
from tests.property.rating.test_rating_promises import EXAMPLE_DECK, FRENCH_OFFICE, anything, rules

REGIONS = [*sorted(phonenumbers.SUPPORTED_REGIONS), NO_COUNTRY]
lists = st.builds(
    DestinationList,
    st.frozensets(st.sampled_from(REGIONS), max_size=5),
    st.frozensets(st.sampled_from(LISTABLE_CLASSES)),
)
hours = st.tuples(st.integers(0, MINUTES_PER_WEEK - 1), st.integers(1, MINUTES_PER_WEEK)).map(
    lambda span: WeeklyHours(((min(span[0], span[1] - 1), span[1]),))
)
permissions = st.builds(
    Permissions,
    extension=st.just("101"),
    allow=st.none() | lists,
    deny=st.none() | lists,
    hours=st.none() | hours,
    max_rate_micros=st.none() | st.integers(0, 5_000_000),
    longest_call_s=st.none() | st.integers(1, 100_000),
    max_calls=st.none() | st.integers(0, 5),
)
moments_ms = st.integers(0, 4_000_000_000_000)


@given(permissions=permissions, region=st.sampled_from(REGIONS[:-1]), at_ms=moments_ms, data=st.data())
def test_emergency_is_admitted_whatever_the_permissions(
    permissions: Permissions, region: str, at_ms: int, data: st.DataObject
) -> None:
    number = data.draw(st.sampled_from(sorted(emergency_numbers(region))))
    decision = decide(
        number,
        rules=DialRules(home_region=region),
        plan=FRENCH_OFFICE,
        deck=EXAMPLE_DECK,
        prepaid=False,
        at_ms=at_ms,
        permissions=permissions,
        zone=ZoneInfo("Europe/Paris"),
    )
    assert decision.admitted
    assert decision.destination_class is DestinationClass.EMERGENCY
    assert decision.longest_call_s is None


@given(raw=anything, dial_rules=rules, permissions=permissions, prepaid=st.booleans(), at_ms=moments_ms)
def test_permissions_only_take_away(
    raw: str, dial_rules: DialRules, permissions: Permissions, prepaid: bool, at_ms: int
) -> None:
    def decided(limits: Permissions) -> Decision:
        return decide(
            raw,
            rules=dial_rules,
            plan=FRENCH_OFFICE,
            deck=EXAMPLE_DECK,
            prepaid=prepaid,
            at_ms=at_ms,
            permissions=limits,
            zone=UTC,
        )

    limited, free = decided(permissions), decided(Permissions())
    assert limited.destination_class == free.destination_class
    assert free.admitted or not limited.admitted
    assert explain(limited.steps)


@given(destinations=lists.filter(lambda each: bool(each.entries)))
def test_list_written_is_read_the_same(destinations: DestinationList) -> None:
    assert parse_destinations(format_destinations(destinations)) == destinations
