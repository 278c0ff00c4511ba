"""Real numbers, as phones of many home regions dial them: what they are read as, and their class.

The numbers are in ``tests/data/numbers``, a file per home region, with how each is known. The French office has the
plan that ships; the others have a plan of their own country's fixed and mobile lines.
"""

import csv
from pathlib import Path

import pytest

from rating.decision import decide
from rating.deck import Deck
from rating.destination import NumberType
from rating.dialled import Dialled, DialRules, read_dialled
from rating.plan import Plan

NUMBERS = Path(__file__).parents[2] / "data" / "numbers"
NOTHING = "-"
AT_MS = 1_764_000_000_000

Row = tuple[str, str, str, str, str, str]
"""Home region, dialled, number, region, type, class; ``-`` where there is none."""


def _rows() -> list[Row]:
    rows = []
    for path in sorted(NUMBERS.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for cells in csv.DictReader(file):
                assert cells["why"], cells
                facts = (cells["number"], cells["region"], cells["type"], cells["class"])
                rows.append((path.stem.upper(), cells["dialled"], *facts))
    return rows


ROWS = _rows()


def _home_plan(home: str) -> Plan:
    lines = (NumberType.FIXED, NumberType.MOBILE, NumberType.FIXED_OR_MOBILE)
    included = frozenset((home, number_type) for number_type in lines)
    return Plan(name="home", title="Home", home_region=home, deck="example", included=included)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_real_number_dialled_at_home_has_its_class(row: Row, example_deck: Deck, french_office: Plan) -> None:
    home, dialled, number, region, number_type, destination_class = row
    rules = DialRules(home_region=home, extensions=frozenset({"101"}))
    plan = french_office if home == "FR" else _home_plan(home)
    decision = decide(dialled, rules=rules, plan=plan, deck=example_deck, prepaid=True, at_ms=AT_MS)
    told = (decision.number, decision.region, decision.number_type, decision.destination_class)
    assert [str(fact or NOTHING) for fact in told] == [number, region, number_type, destination_class]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_real_number_is_dialled_as_it_is_rated_and_reads_the_same_again(row: Row) -> None:
    home, dialled, number, *_ = row
    if number == NOTHING:
        return
    rules = DialRules(home_region=home, extensions=frozenset({"101"}))
    again = read_dialled(number, rules)
    assert isinstance(again, Dialled)
    assert (again.number, again.taken_off) == (number, ())
    behind_outside_line = read_dialled(f"8{dialled}", DialRules(home_region=home, outside_line="8"))
    if number != "101":
        assert isinstance(behind_outside_line, Dialled)
        assert behind_outside_line.number == number


def test_table_of_real_numbers_covers_many_home_regions() -> None:
    assert {"FR", "ES", "MX", "US", "GB", "DE"} <= {home for home, *_ in ROWS}
    assert len(ROWS) == len({row[:2] for row in ROWS}) >= 400
