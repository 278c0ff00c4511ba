"""What an extension's permissions make of calls of every class: the table of issue's rules, hours, prices, limits."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rating.decision import Decision, DenyReason, decide, explain
from rating.deck import Deck, PricedHours, Rate
from rating.destination import DestinationClass, NumberType
from rating.dialled import DialRules
from rating.hours import parse_hours
from rating.permissions import ALL_PERMITTED, Permissions, parse_destinations
from rating.plan import Allowance, AllowanceScope, Plan

PARIS = ZoneInfo("Europe/Paris")
RULES = DialRules(home_region="FR", extensions=frozenset({"101", "102"}))
MONDAY_TEN = datetime(2026, 11, 2, 10, tzinfo=PARIS)
SUNDAY_TEN = datetime(2026, 11, 1, 10, tzinfo=PARIS)
GERMAN = Allowance(
    name="germany", minutes=60, scope=AllowanceScope.EXTENSION, covers=frozenset({("DE", NumberType.FIXED)})
)
PLAN = Plan(
    name="office",
    title="Office",
    home_region="FR",
    deck="test",
    included=frozenset({("FR", NumberType.FIXED)}),
    allowances=(GERMAN,),
    longest_call_s=7_200,
)


def rate(prefix: str, per_minute_micros: int, **changes: object) -> Rate:
    values: dict[str, object] = {"destination": f"To {prefix}", "initial_increment_s": 1, "increment_s": 1, **changes}
    return Rate(prefix=prefix, per_minute_micros=per_minute_micros, **values)  # type: ignore[arg-type]


DECK = Deck(
    "test",
    "EUR",
    [
        rate("33", 100_000),
        rate("338", 800_000, connect_fee_micros=9_000_000),
        rate("44", 200_000),
        rate("49", 300_000),
        rate("870", 5_000_000),
    ],
)
NUMBERS = {
    "emergency": "112",
    "internal": "102",
    "included": "0142685300",
    "allowance": "004930901820",
    "national": "0612345678",
    "premium": "0899123456",
    "international": "00442079460018",
    "no country": "00870776123456",
}


def decided(
    what: str,
    permissions: Permissions,
    *,
    at: datetime = MONDAY_TEN,
    plan: Plan = PLAN,
    deck: Deck | None = DECK,
    prepaid: bool = True,
    ring_limit_ms: int = 120_000,
    longest_call_s: int | None = None,
) -> Decision:
    return decide(
        NUMBERS[what],
        rules=RULES,
        plan=plan,
        deck=deck,
        prepaid=prepaid,
        at_ms=int(at.timestamp() * 1000),
        ring_limit_ms=ring_limit_ms,
        permissions=permissions,
        zone=PARIS,
        longest_call_s=longest_call_s,
    )


def allowing(text: str) -> Permissions:
    return Permissions(extension="101", allow=parse_destinations(text))


def denying(text: str) -> Permissions:
    return Permissions(extension="101", deny=parse_destinations(text))


OFFICE_HOURS = Permissions(extension="101", hours=parse_hours("mon-fri 08:00-19:00"))
NOTHING = Permissions(
    extension="101",
    allow=parse_destinations("NR"),
    deny=parse_destinations("included,national,premium,international,FR,GB,DE,001"),
    hours=parse_hours("sat 03:00-03:01"),
    max_rate_micros=0,
    longest_call_s=1,
    max_calls=0,
)
DENIED, HOURS, HIGH = DenyReason.DESTINATION_DENIED, DenyReason.OUTSIDE_HOURS, DenyReason.RATE_TOO_HIGH

# One row a rule; a column what becomes of a call of that class: None is admitted.
TABLE: list[tuple[str, Permissions, datetime, dict[str, DenyReason]]] = [
    ("no limit", Permissions(extension="101"), SUNDAY_TEN, {}),
    ("everything forbidden", NOTHING, MONDAY_TEN, dict.fromkeys(set(NUMBERS) - {"emergency", "internal"}, DENIED)),
    ("deny region", denying("GB"), MONDAY_TEN, {"international": DENIED}),
    ("deny home", denying("FR"), MONDAY_TEN, dict.fromkeys(("included", "national", "premium"), DENIED)),
    ("deny no country", denying("001"), MONDAY_TEN, {"no country": DENIED}),
    ("deny included", denying("included"), MONDAY_TEN, {"included": DENIED}),
    ("deny national", denying("national"), MONDAY_TEN, {"national": DENIED}),
    ("deny premium", denying("premium"), MONDAY_TEN, {"premium": DENIED}),
    (
        "deny international",
        denying("international"),
        MONDAY_TEN,
        dict.fromkeys(("international", "allowance", "no country"), DENIED),
    ),
    (
        "allow region",
        allowing("GB"),
        MONDAY_TEN,
        dict.fromkeys(("allowance", "national", "premium", "no country"), DENIED),
    ),
    (
        "allow class",
        allowing("national"),
        MONDAY_TEN,
        dict.fromkeys(("allowance", "international", "premium", "no country"), DENIED),
    ),
    (
        "allow included only",
        allowing("included"),
        MONDAY_TEN,
        dict.fromkeys(("allowance", "national", "international", "premium", "no country"), DENIED),
    ),
    (
        "deny wins over allow",
        Permissions(allow=parse_destinations("FR,GB"), deny=parse_destinations("premium,GB")),
        MONDAY_TEN,
        dict.fromkeys(("allowance", "international", "premium", "no country"), DENIED),
    ),
    ("within hours", OFFICE_HOURS, MONDAY_TEN, {}),
    (
        "outside hours",
        OFFICE_HOURS,
        SUNDAY_TEN,
        dict.fromkeys(("allowance", "national", "international", "premium", "no country"), HOURS),
    ),
    (
        "highest price",
        Permissions(extension="101", max_rate_micros=200_000),
        MONDAY_TEN,
        dict.fromkeys(("premium", "no country"), HIGH),
    ),
    ("connect fee is no rate", Permissions(max_rate_micros=800_000), MONDAY_TEN, {"no country": HIGH}),
]


@pytest.mark.parametrize(("permissions", "at", "refused"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
@pytest.mark.parametrize("what", NUMBERS)
def test_call_under_a_rule_is_made_or_refused_by_it(
    permissions: Permissions, at: datetime, refused: dict[str, DenyReason], what: str
) -> None:
    decision = decided(what, permissions, at=at)
    assert decision.deny_reason is refused.get(what)
    assert decision.admitted == (what not in refused)
    assert (decision.deny_rule is None) == decision.admitted
    if not decision.admitted:
        assert decision.funded_by == ()
    for language in ("en", "es", "fr"):
        assert explain(decision.steps, language)


@pytest.mark.parametrize("what", ["emergency", "internal"])
def test_call_that_nothing_touches_is_the_same_under_any_permissions(what: str) -> None:
    assert decided(what, NOTHING) == decided(what, ALL_PERMITTED)


@pytest.mark.parametrize(
    ("what", "permissions", "at", "rule", "said"),
    [
        (
            "international",
            denying("GB"),
            MONDAY_TEN,
            "extension 101: deny list has GB",
            "The deny list of extension 101 has GB: the call is refused.",
        ),
        (
            "included",
            denying("included"),
            MONDAY_TEN,
            "extension 101: deny list has included",
            "The deny list of extension 101 has included: the call is refused.",
        ),
        (
            "international",
            allowing("DE,premium"),
            MONDAY_TEN,
            "extension 101: allow list DE,premium has neither GB nor international",
            "Beyond what its plan includes, extension 101 may only call DE, premium: the call is refused.",
        ),
        (
            "international",
            OFFICE_HOURS,
            SUNDAY_TEN,
            "extension 101: hours mon-fri 08:00-19:00",
            (
                "Beyond what its plan includes, extension 101 may only call in the hours mon-fri 08:00-19:00: "
                "the call is refused."
            ),
        ),
        (
            "premium",
            Permissions(extension="101", max_rate_micros=500_000),
            MONDAY_TEN,
            "extension 101: highest price 0.50 EUR a minute, this is 0.80",
            "Extension 101 may pay at most 0.50 EUR a minute, and up to 0.80 EUR may be due: the call is refused.",
        ),
    ],
)
def test_refusal_names_its_rule(what: str, permissions: Permissions, at: datetime, rule: str, said: str) -> None:
    decision = decided(what, permissions, at=at)
    assert decision.deny_rule == rule
    assert explain(decision.steps)[-1] == said


def test_classes_and_days_are_words_of_the_language() -> None:
    assert "surtaxée" in explain(decided("premium", denying("premium")).steps, "fr")[-1]
    assert "tarificación adicional" in explain(decided("premium", denying("premium")).steps, "es")[-1]
    assert "lun-vie 08:00-19:00" in explain(decided("premium", OFFICE_HOURS, at=SUNDAY_TEN).steps, "es")[-1]


def test_rules_that_let_a_call_pass_are_told() -> None:
    permissions = Permissions(
        extension="101",
        allow=parse_destinations("GB"),
        hours=parse_hours("mon 08:00-19:00"),
        max_rate_micros=200_000,
        longest_call_s=600,
    )
    said = explain(decided("international", permissions).steps)
    assert said[3:5] == [
        "The allow list of extension 101 has GB.",
        "It is within the hours of extension 101: mon 08:00-19:00.",
    ]
    assert said[-2:] == [
        "That is within the 0.20 EUR a minute that extension 101 may pay.",
        "A call of extension 101 may last 600 s.",
    ]


def test_price_that_is_refused_is_shown() -> None:
    decision = decided("international", denying("GB"))
    assert decision.rate is not None
    assert decision.rate.prefix == "44"
    assert decided("included", denying("FR")).rate is None


@pytest.mark.parametrize("permissions", [Permissions(extension="101", max_rate_micros=299_999), ALL_PERMITTED])
def test_allowance_is_used_though_money_may_not_follow(permissions: Permissions) -> None:
    decision = decided("allowance", permissions, prepaid=permissions is not ALL_PERMITTED)
    assert decision.admitted
    assert (decision.rate, decision.funded_by) == (None, ("allowance",))
    assert decision.unfunded_rate is not None
    assert decision.after_allowance is not None
    expected = DenyReason.PREPAID_OFF if permissions is ALL_PERMITTED else DenyReason.RATE_TOO_HIGH
    assert decision.after_allowance.reason is expected
    assert explain(decision.steps)[-1].endswith("it ends with the allowance.")


@pytest.mark.parametrize(
    ("plan_s", "own_s", "limit_s"),
    [(None, None, None), (7_200, None, 7_200), (None, 600, 600), (7_200, 600, 600), (600, 7_200, 600), (600, 600, 600)],
)
@pytest.mark.parametrize("what", ["included", "allowance", "international"])
def test_longest_call_is_the_shorter_of_the_plan_s_and_the_extension_s(
    plan_s: int | None, own_s: int | None, limit_s: int | None, what: str
) -> None:
    plan = Plan(
        name="p",
        title="P",
        home_region="FR",
        deck="test",
        included=PLAN.included,
        allowances=(GERMAN,),
        longest_call_s=plan_s,
    )
    decision = decided(what, Permissions(extension="101", longest_call_s=own_s), plan=plan)
    assert decision.longest_call_s == limit_s
    told = [step for step in decision.steps if step.key == "longest_call"]
    assert bool(told) == (own_s is not None and (plan_s is None or own_s < plan_s))


@pytest.mark.parametrize(
    ("plan_s", "own_s", "limit_s", "told"),
    [
        (None, None, 14_400, ["longest_call_of_all"]),
        (None, 600, 600, ["longest_call"]),
        (None, 20_000, 14_400, ["longest_call_of_all"]),
        (20_000, None, 20_000, []),
        (600, None, 600, []),
    ],
)
def test_longest_call_of_all_holds_where_the_plan_has_none(
    plan_s: int | None, own_s: int | None, limit_s: int, told: list[str]
) -> None:
    plan = replace(PLAN, longest_call_s=plan_s)
    permissions = Permissions(extension="101", longest_call_s=own_s)
    decision = decided("included", permissions, plan=plan, longest_call_s=14_400)
    assert decision.longest_call_s == limit_s
    assert [step.key for step in decision.steps if step.key.startswith("longest_call")] == told
    emergency = decide(
        "112", rules=RULES, plan=plan, deck=None, prepaid=True, at_ms=0, permissions=permissions, longest_call_s=14_400
    )
    assert emergency.longest_call_s is None


def test_longest_call_holds_where_only_the_allowance_pays() -> None:
    decision = decided("allowance", Permissions(extension="101", longest_call_s=60), prepaid=False)
    assert decision.longest_call_s == 60
    assert [step.key for step in decision.steps][-2:] == ["only_allowance_prepaid_off", "longest_call"]


PEAK = PricedHours("peak", parse_hours("mon-fri 08:00-20:00"), 900_000)
PEAK_DECK = Deck("test", "EUR", [rate("44", 200_000, periods=(PEAK,))])


@pytest.mark.parametrize(
    ("at", "longest_s", "refused"),
    [
        (datetime(2026, 11, 2, 10, tzinfo=PARIS), 60, True),
        (datetime(2026, 11, 2, 7, 0, tzinfo=PARIS), 60, False),
        (datetime(2026, 11, 2, 7, 0, tzinfo=PARIS), 3_480, False),  # rings for 2 min at most, talks until 8:00
        (datetime(2026, 11, 2, 7, 0, tzinfo=PARIS), 3_481, True),
        (datetime(2026, 11, 1, 10, tzinfo=PARIS), None, True),  # without a limit it may reach any hour
    ],
)
def test_peak_that_may_be_due_in_the_call_counts(at: datetime, longest_s: int | None, refused: bool) -> None:
    plan = Plan(name="p", title="P", home_region="FR", deck="test")
    permissions = Permissions(extension="101", max_rate_micros=500_000, longest_call_s=longest_s)
    decision = decided("international", permissions, at=at, deck=PEAK_DECK, plan=plan)
    assert (decision.deny_reason is DenyReason.RATE_TOO_HIGH) == refused


def test_price_that_begins_while_it_rings_counts() -> None:
    at_ms = int(MONDAY_TEN.timestamp() * 1000)
    deck = Deck(
        "test",
        "EUR",
        [rate("44", 200_000, effective_until_ms=at_ms + 1_000), rate("44", 600_000, effective_from_ms=at_ms + 1_000)],
    )
    permissions = Permissions(extension="101", max_rate_micros=500_000)
    assert decided("international", permissions, deck=deck).deny_reason is DenyReason.RATE_TOO_HIGH
    assert decided("international", permissions, deck=deck, ring_limit_ms=999).admitted


@pytest.mark.parametrize(
    ("utc", "admitted"),
    [
        # Summer time ends on 25 October 2026 at 03:00: Paris is UTC+2 before, UTC+1 after.
        (datetime(2026, 10, 23, 6, 0, tzinfo=UTC), True),
        (datetime(2026, 10, 23, 5, 59, tzinfo=UTC), False),
        (datetime(2026, 10, 26, 6, 0, tzinfo=UTC), False),
        (datetime(2026, 10, 26, 7, 0, tzinfo=UTC), True),
        (datetime(2026, 10, 26, 17, 59, tzinfo=UTC), True),
        (datetime(2026, 10, 26, 18, 0, tzinfo=UTC), False),
    ],
)
def test_hours_are_those_of_the_account_s_wall_clock(utc: datetime, admitted: bool) -> None:
    assert decided("international", OFFICE_HOURS, at=utc).admitted == admitted


@pytest.mark.parametrize("utc", [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)])
def test_hour_that_comes_twice_is_permitted_twice(utc: datetime) -> None:
    night = Permissions(extension="101", hours=parse_hours("sun 02:00-03:00"))
    assert decided("international", night, at=utc).admitted


def test_hour_that_the_clock_skips_never_comes() -> None:
    # 29 March 2026: 02:00 is followed by 03:00.
    skipped = Permissions(extension="101", hours=parse_hours("sun 02:00-03:00"))
    for minute in (59, 0):
        hour = 0 if minute else 1
        assert not decided("international", skipped, at=datetime(2026, 3, 29, hour, minute, tzinfo=UTC)).admitted


def test_class_of_a_denied_call_is_its_own() -> None:
    assert decided("premium", denying("FR")).destination_class is DestinationClass.PREMIUM
    assert decided("included", denying("FR")).destination_class is DestinationClass.INCLUDED
