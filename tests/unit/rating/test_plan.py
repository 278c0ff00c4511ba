"""Plans: what the shipped one includes, and clear words for a plan that cannot be used."""

import pytest

from rating.destination import DestinationClass, NumberFacts, NumberType
from rating.patterns import PatternError, compile_pattern
from rating.plan import Allowance, AllowanceScope, Plan, PlanError, parse_plan

MINIMAL = 'name = "p"\ntitle = "P"\nhome_region = "FR"\ndeck = "d"\n'

ALLOWANCE = """
[[allowance]]
name = "domestic"
minutes = 120
per = "seat"
[[allowance.covers]]
regions = ["FR"]
types = ["fixed"]
"""


def test_parse_plan_minimal_includes_nothing() -> None:
    assert parse_plan(MINIMAL) == Plan(name="p", title="P", home_region="FR", deck="d")


def test_parse_plan_every_key() -> None:
    plan = parse_plan(
        MINIMAL
        + """
        included_short = ["30XX"]
        refused = ["premium", "international"]
        longest_call_s = 7200
        [[included]]
        regions = ["FR"]
        types = ["fixed", "toll_free"]
        [[included]]
        regions = ["DE", "ES"]
        types = ["fixed"]
        [away]
        patterns = ["0[13]XXXXXXXX"]
        excluded = ["0199XXXXXX"]
        """
    )
    assert plan == Plan(
        name="p",
        title="P",
        home_region="FR",
        deck="d",
        included=frozenset(
            {
                ("FR", NumberType.FIXED),
                ("FR", NumberType.TOLL_FREE),
                ("DE", NumberType.FIXED),
                ("ES", NumberType.FIXED),
            }
        ),
        included_short=("30XX",),
        refused=frozenset({DestinationClass.PREMIUM, DestinationClass.INTERNATIONAL}),
        longest_call_s=7200,
        away_patterns=("0[13]XXXXXXXX",),
        away_excluded=("0199XXXXXX",),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "the plan is not TOML"),
        (MINIMAL.replace('name = "p"\n', ""), "name must be there"),
        (MINIMAL.replace('"P"', '" "'), "title must be there"),
        (MINIMAL.replace('"p"', '"default"'), "name cannot be 'default'"),
        (MINIMAL.replace('"p"', '" p"'), "name cannot be ' p'"),
        (MINIMAL + ALLOWANCE.replace('"seat"', '"phone"'), "allowance.per cannot be 'phone'"),
        (MINIMAL + ALLOWANCE.replace("= 120", "= 0"), "allowance.minutes must be whole minutes"),
        (MINIMAL + ALLOWANCE.replace("= 120", "= true"), "allowance.minutes must be whole minutes"),
        (MINIMAL + ALLOWANCE + ALLOWANCE, "'domestic' is there twice"),
        (MINIMAL + ALLOWANCE.partition("[[allowance.covers]]")[0], "domestic covers nothing"),
        (MINIMAL + ALLOWANCE.replace('"fixed"', '"premium"'), "allowance.covers.types cannot hold"),
        (MINIMAL + ALLOWANCE + ALLOWANCE.replace("domestic", "b").replace("120", "-1"), "allowance 2.minutes must be"),
        (MINIMAL + ALLOWANCE + "seats = 3", "is not known"),
        (MINIMAL.replace('"d"', "5"), "deck must be there, as text in quotes"),
        (MINIMAL.replace('"FR"', '"France"'), "home_region 'France' is no region; write two capitals"),
        (MINIMAL + 'include_short = ["3919"]', "include_short is not known"),
        (MINIMAL + 'included_short = "3919"', "included_short must be a list of texts"),
        (MINIMAL + "included_short = [3919]", "included_short must be a list of texts"),
        (MINIMAL + 'included_short = ["3!"]', "included_short '3!' cannot be read from its character 2"),
        (MINIMAL + 'refused = ["emergency"]', "refused cannot hold 'emergency'; choose from international"),
        (MINIMAL + "longest_call_s = 0", "longest_call_s must be whole seconds, 1 or more"),
        (MINIMAL + "longest_call_s = true", "longest_call_s must be whole seconds"),
        (MINIMAL + 'longest_call_s = "1h"', "longest_call_s must be whole seconds"),
        (MINIMAL + 'included = "FR"', r"included must be tables: write \[\[included\]\]"),
        (MINIMAL + "[included]\nregions = []", r"included must be tables: write \[\[included\]\]"),
        (MINIMAL + 'away = "no"', r"away must be a table: write \[away\]"),
        (MINIMAL + '[away]\npattern = ["01"]', "away.pattern is not known"),
        (MINIMAL + '[away]\npatterns = ["01."]', "away.patterns '01.' cannot be read"),
        (MINIMAL + '[[included]]\nregions = ["XX"]', "included.regions 'XX' is no region"),
        (MINIMAL + '[[included]]\nregion = ["FR"]', "included.region is not known"),
        (MINIMAL + '[[included]]\nregions = ["FR"]\ntypes = ["premium"]', "types cannot hold 'premium'"),
        (MINIMAL + '[[included]]\nregions = ["FR"]\ntypes = ["satellite"]', "types cannot hold 'satellite'"),
        (
            MINIMAL + '[[included]]\nregions = ["FR", "GB"]\ntypes = ["toll_free"]',
            "included.types: toll_free is free at home only; take it out of the rule for GB",
        ),
    ],
)
def test_parse_plan_that_cannot_be_used_names_key_and_mend(text: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        parse_plan(text)


def facts(number_type: NumberType, region: str, number: str = "+1") -> NumberFacts:
    return NumberFacts(number=number, e164=None, region=region, number_type=number_type)


@pytest.mark.parametrize(
    ("number_type", "region", "number", "is_included"),
    [
        (NumberType.FIXED, "FR", "+33123456789", True),
        (NumberType.FIXED, "DE", "+4930901820", True),
        (NumberType.MOBILE, "DE", "+4915123456789", False),
        (NumberType.TOLL_FREE, "FR", "+33800123456", True),
        (NumberType.TOLL_FREE, "DO", "+18091234567", False),
        (NumberType.UNKNOWN, "FR", "+33700123456", False),
        (NumberType.FIXED, "MQ", "+596596301234", False),
        (NumberType.SHORT, "FR", "3919", True),
        (NumberType.SHORT, "FR", "3018", True),
        (NumberType.SHORT, "FR", "3631", False),
        (NumberType.SHORT, "FR", "30181", False),
        (NumberType.SHORT, "ES", "3919", False),
    ],
)
def test_french_office_includes(
    french_office: Plan, number_type: NumberType, region: str, number: str, is_included: bool
) -> None:
    assert french_office.includes(facts(number_type, region, number)) is is_included


def test_french_office_includes_fixed_lines_of_twelve_countries(french_office: Plan) -> None:
    abroad = {pair for pair in french_office.included if pair[0] != "FR"}
    assert len(abroad) == 12
    assert {number_type for _, number_type in abroad} == {NumberType.FIXED}


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("3919", "3919", "39190"),
        ("30XX", "3018", "3118"),
        ("0ZN[1-35]", "0125", "0124"),
        ("+33[13]X", "+3310", "3310"),
    ],
)
def test_compile_pattern_reads_as_asterisk(pattern: str, matching: str, other: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled.fullmatch(matching)
    assert not compiled.fullmatch(other)


@pytest.mark.parametrize("pattern", ["", "_01", "01.", "01!", "0[", "0[]", "0[a]", "0x", "0[5-1]", "0 1"])
def test_compile_pattern_open_or_broken_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        compile_pattern(pattern)


@pytest.mark.parametrize(
    ("scope", "owner", "limit_s"),
    [(AllowanceScope.SEAT, "", 1_800), (AllowanceScope.ACCOUNT, "", 600), (AllowanceScope.EXTENSION, "101", 600)],
)
def test_allowance_says_whose_pool_it_is_and_how_large(scope: AllowanceScope, owner: str, limit_s: int) -> None:
    allowance = Allowance(name="a", minutes=10, scope=scope, covers=frozenset({("FR", NumberType.FIXED)}))
    assert (allowance.owner("101"), allowance.limit_s(3)) == (owner, limit_s)
