"""The plans that ship: each can be read, and covers what its comment promises and nothing beside it."""

from pathlib import Path

import pytest

from rating.decision import decide
from rating.deck import Deck
from rating.dialled import DialRules
from rating.plan import AllowanceScope, Plan, parse_plan

DATA = Path(__file__).parents[3] / "tollgate" / "data"
PLANS = {
    plan.name: plan for plan in (parse_plan(path.read_text(encoding="utf-8")) for path in DATA.glob("plan-*.toml"))
}

INCLUDED, PAID = ("plan",), ("account",)
DOMESTIC, INTERNATIONAL = ("domestic",), ("international",)
"""Who pays: the plan, the account, or the allowance of that name."""

FRENCH_PAID = {"0899123456": PAID, "00212522123456": PAID, "0262201234": PAID}
US_PAID = {"19005551212": PAID, "18765551234": PAID, "4110": None, "01144797712345": PAID}
CALLS = {
    "fr-office": {
        "0142685300": INCLUDED,
        "0612345678": INCLUDED,
        "0800123456": INCLUDED,
        "3919": INCLUDED,
        **FRENCH_PAID,
    },
    "fr-domestic-1200": {"0142685300": DOMESTIC, "0612345678": DOMESTIC, "0912345678": DOMESTIC, "0800123456": INCLUDED}
    | {"3919": INCLUDED, "00493012345678": PAID, **FRENCH_PAID},
    "fr-international-600": {"0142685300": DOMESTIC, "00493012345678": INTERNATIONAL, "0049301234567": INTERNATIONAL}
    | {"00447400123456": INTERNATIONAL, "0012125551234": INTERNATIONAL, "00447797123456": PAID, **FRENCH_PAID},
    "us-office": {"2125551234": INCLUDED, "14165551234": INCLUDED, "17875551234": INCLUDED, "8005551234": INCLUDED}
    | {"811": INCLUDED, "711": INCLUDED, "9005551212": PAID, "8765551234": PAID, "011525512345678": PAID},
    "us-domestic-120": {"2125551234": DOMESTIC, "4165551234": DOMESTIC, "8005551234": INCLUDED, "8765551234": PAID}
    | {"9005551212": PAID, "711": INCLUDED},
    "us-international-600": {"2125551234": DOMESTIC, "011525512345678": INTERNATIONAL, "011447400123456": INTERNATIONAL}
    | {"011447797123456": PAID, "8765551234": PAID},
    "mx-office": {"5512345678": INCLUDED, "8001234567": INCLUDED, "0012125551234": INCLUDED, "071": INCLUDED}
    | {"9001234567": PAID, "0034912345678": PAID},
    "mx-domestic-3000": {"5512345678": DOMESTIC, "8001234567": INCLUDED, "0012125551234": PAID},
    "mx-international-600": {"5512345678": DOMESTIC, "0012125551234": INTERNATIONAL, "0034612345678": INTERNATIONAL},
    "es-office": {"912345678": INCLUDED, "612345678": INCLUDED, "900123456": INCLUDED, "016": INCLUDED}
    | {"803123456": PAID, "902123456": PAID, "0033142685300": PAID},
    "gb-office": {"02071838750": INCLUDED, "07400123456": INCLUDED, "03331234567": INCLUDED}
    | {"08001111": INCLUDED, "101": INCLUDED, "09011234567": PAID, "07797123456": PAID, "08451234567": PAID},
    "de-office": {"03012345678": INCLUDED, "015123456789": INCLUDED, "08001234567": INCLUDED, "116117": INCLUDED}
    | {"09001234567": PAID, "01805123456": PAID},
}


def who_pays(plan: Plan, dialled: str, deck: Deck) -> tuple[str, ...] | None:
    """Return who pays; None where the number cannot be dialled at all."""
    rules = DialRules(home_region=plan.home_region)
    decision = decide(dialled, rules=rules, plan=plan, deck=deck, prepaid=True, at_ms=0)
    if decision.number is None:
        return None
    return decision.funded_by if decision.allowance is None else (decision.allowance.name,)


@pytest.mark.parametrize(
    ("plan", "dialled", "expected"),
    [
        pytest.param(name, dialled, expected, id=f"{name}-{dialled}")
        for name, calls in CALLS.items()
        for dialled, expected in calls.items()
    ],
)
def test_plan_covers_what_it_says(
    plan: str, dialled: str, expected: tuple[str, ...] | None, example_deck: Deck
) -> None:
    assert who_pays(PLANS[plan], dialled, example_deck) == expected


def test_each_home_has_its_minute_plans() -> None:
    for home in ("fr", "us", "mx"):
        for minutes in (120, 1200, 3000):
            [domestic] = PLANS[f"{home}-domestic-{minutes}"].allowances
            assert (domestic.minutes, domestic.scope) == (minutes, AllowanceScope.SEAT)
        assert [each.minutes for each in PLANS[f"{home}-international-600"].allowances] == [1200, 600]


def test_plans_are_named_after_their_files_and_their_home() -> None:
    for path in DATA.glob("plan-*.toml"):
        name = path.stem.removeprefix("plan-")
        assert PLANS[name].home_region == name[:2].upper()
        assert PLANS[name].deck == "example"


def test_pool_grows_with_its_seats_where_it_is_shared_by_them() -> None:
    [allowance] = PLANS["fr-domestic-120"].allowances
    assert allowance.limit_s(seats=3) == 3 * 120 * 60
