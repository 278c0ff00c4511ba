"""The override table: what ships, what an administrator adds, and what is wrong in a numbering file."""

import pytest

from rating.decision import Decision, DenyReason, decide, explain
from rating.deck import Deck
from rating.destination import DestinationClass, NumberType
from rating.dialled import DialRules
from rating.numbering_file import NumberingError, parse_numbering
from rating.overrides import NumberingTable
from rating.plan import Plan
from rating.shipped import shipped_numbering

PLAN = Plan(
    name="office",
    title="Office",
    home_region="FR",
    deck="example",
    included=frozenset({("FR", NumberType.FIXED), ("FR", NumberType.MOBILE), ("IM", NumberType.MOBILE)}),
)


def decided(raw: str, text: str, deck: Deck | None = None) -> Decision:
    rules = DialRules(home_region="FR", numbering=parse_numbering(text).before(shipped_numbering()))
    return decide(raw, rules=rules, plan=PLAN, deck=deck, prepaid=True, at_ms=0)


def test_shipped_table_is_read_once_and_every_entry_has_its_source() -> None:
    table = shipped_numbering()
    assert table is shipped_numbering()
    assert len(table) > 80
    sources = [
        *(entry.source for entry in table.overrides),
        *(entry.source for entry in table.shorts),
        *(entry.source for entry in table.emergencies),
        *(entry.source for entry in table.caller_id_codes),
        *(entry.source for entry in table.carrier_codes),
    ]
    assert len(sources) == len(table)
    assert min(map(len, sources)) > 4


def test_own_entry_comes_before_the_one_that_ships() -> None:
    text = '[[override]]\ndigits = ["881"]\ntype = "mobile"\nsource = "test"'
    assert decided("00881612345678", text).number_type is NumberType.MOBILE
    assert decided("00870773123456", text).number_type is NumberType.SATELLITE


def test_type_of_an_override_decides_the_class_and_is_explained() -> None:
    text = '[[override]]\ndigits = ["33612[0-4]"]\ntype = "premium"\nsource = "our own bill"'
    decision = decided("0612345678", text)
    assert (decision.number_type, decision.destination_class) == (NumberType.PREMIUM, DestinationClass.PREMIUM)
    assert "The override table says so: region FR, type premium (our own bill)." in explain(decision.steps)
    assert decided("0612545678", text).destination_class is DestinationClass.INCLUDED


def test_region_of_an_override_decides_what_the_plan_includes() -> None:
    decision = decided("00447924123456", "")
    assert (decision.region, decision.number_type) == ("IM", NumberType.MOBILE)
    assert decision.destination_class is DestinationClass.INCLUDED


def test_barred_override_refuses_what_the_plan_includes_and_names_its_rule() -> None:
    text = '[[override]]\ndigits = ["3361234"]\nbarred = true\nsource = "the boss"\nnote = "fraud in May"'
    decision = decided("0612345678", text)
    assert (decision.destination_class, decision.deny_reason) == (DestinationClass.BARRED, DenyReason.BARRED)
    assert decision.deny_rule == "override table: 3361234 is barred"
    assert explain(decision.steps)[-1] == "The override table bars 3361234 (the boss): the call is refused."


@pytest.mark.parametrize(
    ("cost", "destination_class", "words"),
    [
        ("free", DestinationClass.INCLUDED, "costs its callers nothing"),
        ("premium", DestinationClass.PREMIUM, "costs more than an ordinary call"),
        ("ordinary", DestinationClass.NATIONAL, "costs no more than an ordinary call"),
    ],
)
def test_short_number_of_an_administrator_is_known_and_has_its_cost(
    cost: str, destination_class: DestinationClass, words: str
) -> None:
    text = f'[[short]]\nhome = ["FR"]\nnumbers = ["2XX"]\ncost = "{cost}"\nsource = "our carrier"'
    decision = decided("234", text)
    assert (decision.number_type, decision.destination_class) == (NumberType.SHORT, destination_class)
    assert any(words in told for told in explain(decision.steps))
    assert decided("2345", text).deny_reason is DenyReason.INVALID_NUMBER


def test_barred_short_number_is_refused() -> None:
    text = '[[short]]\nnumbers = ["118XXX"]\nbarred = true\nsource = "house rule"'
    assert decided("118218", text).deny_reason is DenyReason.BARRED
    assert decided("118218", text + '\ncost = "premium"').deny_reason is DenyReason.BARRED


def test_free_short_number_is_free_at_home_only() -> None:
    abroad = Plan(name="abroad", title="Abroad", home_region="ES", deck="example")
    decision = decide("3919", rules=DialRules(home_region="FR"), plan=abroad, deck=None, prepaid=True, at_ms=0)
    assert not decision.admitted
    assert decided("3919", "").funded_by == ("plan",)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        (
            '[[short]]\nhome = ["FR"]\nnumbers = ["15"]\ncost = "premium"\nsource = "s"',
            "15 is an emergency number of FR",
        ),
        ('[[short]]\nhome = ["ES", "FR"]\nnumbers = ["115"]\nbarred = true\nsource = "s"', "of FR; it always rings"),
        ('[[short]]\nnumbers = ["112"]\ncost = "free"\nbarred = true\nsource = "s"', "112 is an emergency number;"),
        (
            (
                '[[emergency]]\nhome = ["FR"]\nnumbers = ["3237"]\nsource = "s"\n'
                '[[short]]\nhome = ["FR"]\nnumbers = ["3237"]\ncost = "ordinary"\nsource = "s"'
            ),
            "3237 is an emergency number of FR",
        ),
    ],
)
def test_numbering_file_that_charges_or_bars_an_emergency_number_is_refused(text: str, mend: str) -> None:
    with pytest.raises(NumberingError, match=mend):
        parse_numbering(text, shipped_numbering())


def test_numbering_file_may_call_an_emergency_number_free() -> None:
    text = '[[short]]\nhome = ["FR"]\nnumbers = ["15"]\ncost = "free"\nsource = "s"'
    assert parse_numbering(text).shorts[0].digits == "15"


def test_caller_id_code_of_an_administrator_changes_what_a_code_does() -> None:
    text = '[[caller_id]]\nhome = ["FR"]\ncodes = ["*31#", "*99"]\neffect = "withhold"\nsource = "our PBX"'
    assert decided("*31#0612345678", text).withhold_caller_id is True
    assert decided("*990612345678", text).withhold_caller_id is True
    assert decided("*31#0612345678", "").withhold_caller_id is False
    assert decided("0612345678", text).withhold_caller_id is None


def test_carrier_code_of_an_administrator_is_taken_off() -> None:
    text = '[[carrier]]\nhome = ["FR"]\ncodes = ["8"]\ndigits_after = 9\nbecomes = "0"\nsource = "old habit"'
    assert decided("8612345678", text).number == "+33612345678"


def test_table_without_entries_leaves_the_metadata_as_it_is() -> None:
    rules = DialRules(home_region="US", numbering=NumberingTable())
    decision = decide("2129761234", rules=rules, plan=None, deck=None, prepaid=True, at_ms=0)
    assert decision.number_type is NumberType.FIXED_OR_MOBILE
    assert len(NumberingTable()) == 0


OVERRIDE = '[[override]]\ndigits = ["33"]\ntype = "premium"\nsource = "s"\n'


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("[[override", "is not TOML"),
        ("[[overrides]]\ndigits = []", "overrides is not known; write [["),
        ("override = 3", "override must be tables"),
        ("override = [3]", "override must be tables"),
        (OVERRIDE + "pirce = 3", "override 1: pirce is not known"),
        (OVERRIDE * 2 + "x = 3", "override 2: x is not known"),
        ('[[override]]\ndigits = ["33"]\ntype = "premium"', "source must be there"),
        ('[[override]]\ndigits = ["33"]\nsource = "s"', "type is missing"),
        ('[[override]]\ndigits = ["33"]\ntype = "cheap"\nsource = "s"', "cannot be 'cheap'; choose from"),
        ('[[override]]\ndigits = ["33"]\ntype = "short"\nsource = "s"', "cannot be 'short'"),
        ('[[override]]\ndigits = ["33"]\ntype = 3\nsource = "s"', "type must be text"),
        ('[[override]]\ndigits = ["+33"]\ntype = "premium"\nsource = "s"', "digits without plus"),
        ('[[override]]\ndigits = ["33."]\ntype = "premium"\nsource = "s"', "digits cannot be used"),
        ('[[override]]\ndigits = ["1234567890123456"]\ntype = "premium"\nsource = "s"', "up to 15 digits"),
        ('[[override]]\ndigits = "33"\ntype = "premium"\nsource = "s"', "must be a list of texts"),
        ('[[override]]\ndigits = []\ntype = "premium"\nsource = "s"', "digits must be there"),
        ('[[override]]\ndigits = ["0899"]\ntype = "premium"\nsource = "s"', "'0899', which no number begins with"),
        ('[[short]]\nnumbers = "15"\ncost = "free"\nsource = "s"', 'a list of texts, such as ["3919"]'),
        ('[[caller_id]]\neffect = "show"\nsource = "s"', 'as a list of texts, such as ["*67"]'),
        ('[[override]]\ndigits = ["33"]\nregion = "XX"\nsource = "s"', "holds 'XX', which is no region"),
        ('[[override]]\ndigits = ["33"]\nbarred = "yes"\nsource = "s"', "must be true or false"),
        ('[[short]]\nnumbers = ["1X"]\nsource = "s"', "cost must be one of free, ordinary, premium"),
        ('[[short]]\nnumbers = ["1234567"]\ncost = "premium"\nsource = "s"', "up to 6 digits"),
        ('[[emergency]]\nnumbers = ["112"]\nsource = "s"', "home must name the regions"),
        ('[[emergency]]\nhome = ["FR"]\nnumbers = ["11X"]\nsource = "s"', "holds 2 to 6 digits"),
        ('[[caller_id]]\ncodes = ["*"]\neffect = "show"\nsource = "s"', "holds codes of digits"),
        ('[[caller_id]]\ncodes = ["*67"]\neffect = "hide"\nsource = "s"', "effect must be one of show, withhold"),
        ('[[carrier]]\ncodes = ["1X"]\ndigits_after = 0\nsource = "s"', "digits_after must be a whole number"),
        ('[[carrier]]\ncodes = ["1X"]\ndigits_after = true\nsource = "s"', "digits_after must be a whole number"),
        ('[[carrier]]\ncodes = ["1X"]\nbecomes = "*"\nsource = "s"', "becomes must be digits"),
    ],
)
def test_numbering_file_that_cannot_be_used_says_what_to_mend(text: str, mend: str) -> None:
    with pytest.raises(NumberingError) as caught:
        parse_numbering(text)
    assert mend in str(caught.value)
