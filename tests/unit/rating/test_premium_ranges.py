"""Premium numbers of the wrong length, and premium numbers that only a general rate would price."""

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from rating.decision import Decision, DenyReason, decide, explain
from rating.deck import Deck, Rate
from rating.destination import PREMIUM_TYPES, DestinationClass, NumberType
from rating.dialled import DialRules, Unreadable, read_dialled
from rating.numbering_file import parse_numbering
from rating.plan import Plan
from rating.shipped import shipped_numbering

PREMIUM = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER)
REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
FRANCE = DialRules(home_region="FR")
BARE = Plan(name="bare", title="Bare", home_region="FR", deck="d")


def rate(prefix: str, *, barred: bool = False, until_ms: int | None = None) -> Rate:
    return Rate(
        prefix=prefix,
        destination=f"To {prefix}",
        per_minute_micros=20_000,
        initial_increment_s=1,
        increment_s=1,
        barred=barred,
        effective_until_ms=until_ms,
    )


def decided(home: str, raw: str, *prefixes: str, own: str = "", refused: tuple[str, ...] = ()) -> Decision:
    classes = frozenset(map(DestinationClass, refused))
    plan = Plan(name="p", title="P", home_region=home, deck="d", refused=classes)
    rules = DialRules(home_region=home, numbering=parse_numbering(own).before(shipped_numbering()))
    deck = Deck("d", "EUR", [rate(prefix) for prefix in prefixes])
    return decide(raw, rules=rules, plan=plan, deck=deck, prepaid=True, at_ms=0)


@pytest.mark.parametrize(
    ("home", "raw", "number_type"),
    [
        ("DE", "0900123456", NumberType.PREMIUM),
        ("DE", "0900123456789", NumberType.PREMIUM),
        ("DE", "09002123456", NumberType.PREMIUM),
        ("DE", "0137123456", NumberType.SHARED_COST),
        ("DE", "+4911833", NumberType.PREMIUM),
        ("AT", "090012345", NumberType.PREMIUM),
        ("NL", "090012345678", NumberType.PREMIUM),
    ],
)
def test_premium_number_of_another_length_is_premium_and_refused_where_the_plan_says_so(
    home: str, raw: str, number_type: NumberType
) -> None:
    decision = decided(home, raw, "1", refused=("premium",))
    assert (decision.number_type, decision.destination_class) == (number_type, DestinationClass.PREMIUM)
    assert decision.deny_reason is DenyReason.DESTINATION_DENIED


def test_premium_number_of_another_length_says_why_it_is_one() -> None:
    told = explain(decided("DE", "0900123456", "49900").steps)
    assert "No known range of DE has it; it begins like numbers of type premium there and counts as one." in told


@pytest.mark.parametrize("raw", ["015123456", "+4915123456"])
def test_ordinary_number_of_another_length_stays_unknown(raw: str) -> None:
    assert decided("DE", raw, "49").number_type is NumberType.UNKNOWN


def test_own_override_says_that_a_number_is_no_premium_one() -> None:
    own = '[[override]]\ndigits = ["49900"]\ntype = "unknown"\nsource = "test"'
    assert decided("DE", "0900123456", "49", own=own).destination_class is DestinationClass.NATIONAL


def of_another_length(region: str, number_type: int) -> list[str]:
    """Return E.164 numbers of a type with a digit more, and with one less."""
    number = phonenumbers.example_number_for_type(region, number_type)
    if number is None:
        return []
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return [f"{e164}1", e164[:-1]]


# In Japan 990 is premium in nine digits, and 99 a part of Kagoshima.
@pytest.mark.parametrize("region", [region for region in REGIONS if region != "JP"])
def test_premium_number_of_every_region_is_not_unknown_for_its_length(region: str) -> None:
    for e164 in (e164 for kind in PREMIUM for e164 in of_another_length(region, kind)):
        if isinstance(read_dialled(e164, FRANCE), Unreadable):
            continue
        decision = decide(e164, rules=FRANCE, plan=None, deck=None, prepaid=True, at_ms=0)
        assert decision.number_type is not NumberType.UNKNOWN, e164


@pytest.mark.parametrize(
    ("home", "raw", "prefixes", "found"),
    [
        ("US", "12125551212", ("1",), None),
        ("US", "12125551212", ("1", "1212"), None),
        ("US", "12129761234", ("1", "1212"), None),
        ("US", "12129761234", ("1", "1212976"), "1212976"),
        ("US", "5005551234", ("1",), None),
        ("US", "5005551234", ("1", "1500"), "1500"),
        ("PT", "808123456", ("351",), None),
        ("PT", "808123456", ("351", "351808"), "351808"),
        ("FR", "0899123456", ("33",), None),
        ("FR", "0899123456", ("33", "338"), "338"),
        ("FR", "+499001234567", ("49",), None),
        ("FR", "+979123456789", ("979",), "979"),
        ("ES", "905123456", ("34", "3490"), "3490"),
        ("MY", "1600123456", ("60", "601600"), "601600"),
        ("FR", "118218", ("FR:118",), "FR:118"),
        ("FR", "0142685300", ("33",), "33"),
    ],
)
def test_premium_number_is_never_priced_by_the_rate_of_ordinary_ones(
    home: str, raw: str, prefixes: tuple[str, ...], found: str | None
) -> None:
    decision = decided(home, raw, *prefixes)
    assert (None if decision.rate is None else decision.rate.prefix) == found
    if found is None:
        assert decision.deny_reason is DenyReason.NO_RATE
        assert "prices ordinary numbers" in (decision.deny_rule or "")
        assert explain(decision.steps)[-1].endswith("Give the deck a rate for its own range.")


@pytest.mark.parametrize(
    ("prefixes", "is_admitted"), [(("33",), False), (("33", "339"), False), (("33", "3397"), True)]
)
def test_premium_override_of_an_administrator_needs_a_rate_of_its_own(
    prefixes: tuple[str, ...], is_admitted: bool
) -> None:
    own = '[[override]]\ndigits = ["3397"]\ntype = "premium"\nsource = "our carrier"'
    assert decided("FR", "0970123456", *prefixes, own=own).admitted is is_admitted


def test_general_rate_that_is_barred_bars_premium_numbers_too() -> None:
    deck = Deck("d", "EUR", [rate("49", barred=True)])
    decision = decide("+499001234567", rules=FRANCE, plan=BARE, deck=deck, prepaid=True, at_ms=0)
    assert decision.deny_reason is DenyReason.BARRED


def test_general_rate_does_not_follow_the_one_that_ends_while_a_premium_call_rings() -> None:
    deck = Deck("d", "EUR", [rate("33"), rate("33899", until_ms=5_000)])
    decision = decide("0899123456", rules=FRANCE, plan=BARE, deck=deck, prepaid=True, at_ms=0)
    assert decision.rate is not None
    assert decision.rate.prefix == "33899"
    assert decision.later_rates == ()


@pytest.mark.parametrize("region", REGIONS)
def test_example_deck_has_a_rate_for_every_premium_range(region: str, example_deck: Deck) -> None:
    for kind in PREMIUM:
        number = phonenumbers.example_number_for_type(region, kind)
        if number is None:
            continue
        e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
        decision = decide(e164, rules=FRANCE, plan=None, deck=example_deck, prepaid=True, at_ms=0)
        assert decision.number_type in PREMIUM_TYPES, e164
        assert decision.deny_reason in (None, DenyReason.BARRED), e164
