"""What the rating tests share: the plan and the deck that ship."""

from pathlib import Path

import pytest

from rating.deck import Deck, Rate
from rating.deck_import import parse_deck_csv
from rating.plan import Plan, parse_plan

DATA = Path(__file__).parents[3] / "tollgate" / "data"


@pytest.fixture(scope="session")
def french_office() -> Plan:
    return parse_plan((DATA / "plan-fr-office.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def example_deck() -> Deck:
    lines = (DATA / "example-deck.csv").read_text(encoding="utf-8").splitlines()
    rows = list(parse_deck_csv(lines))
    assert all(isinstance(row, Rate) for row in rows)
    return Deck("example", "EUR", [row for row in rows if isinstance(row, Rate)])
