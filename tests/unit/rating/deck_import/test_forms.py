"""How amounts and dates are written: told by any row of a file, wherever it stands, and always by all of them."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.deck import Rate
from rating.deck_import import (
    BadRow,
    BrokenLine,
    Cell,
    DateOrder,
    DecimalMark,
    ImportOptions,
    NumberedRow,
    Withdrawal,
    read,
    reader,
)
from rating.deck_import.own_csv import TextTable
from tests.unit.rating.deck_import.tables import HEADER, Read
from tests.unit.rating.deck_import.tables import read as read_rows

Row = Sequence[Cell]
Outcome = tuple[list[Rate | Withdrawal], list[BadRow], int, int]
DATED = (*HEADER, "connect fee", "valid from", "valid until")
MANY = 30


@pytest.fixture(autouse=True)
def short_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows decide first, and three are read at a time, so that small tables have late rows."""
    monkeypatch.setattr(read, "_ROWS_SEEN_FIRST", 2)
    monkeypatch.setattr(reader, "_ROWS_AT_ONCE", 3)


class CountedTable:
    """Counts how often it is read."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        self.times = 0
        self._table = TextTable(lines)

    def rows(self) -> Iterator[NumberedRow]:
        """Yield its rows."""
        self.times += 1
        return self._table.rows()


def outcome(got: Read) -> Outcome:
    return got.items, got.bad, got.reading.rows, got.reading.rounded


def with_all_rows_seen_first(*rows: Row, options: ImportOptions | None = None) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "_ROWS_SEEN_FIRST", 10**9)
        return outcome(read_rows(*rows, options=options))


def uncertain(number: int, *, price: str = "1.234", begins: str = "01/02/2026") -> Row:
    return (str(4400 + number), "UK", price, "", begins, "")


def test_decimal_mark_that_only_the_last_row_tells_is_that_of_all() -> None:
    rows = [HEADER, *((str(4400 + n), "UK", "1.234") for n in range(MANY)), ("33", "France", "0,5")]
    got = read_rows(*rows)
    assert got.bad == []
    assert {found.per_minute_micros for found in got.rates} == {1_234_000_000, 500_000}
    assert outcome(got) == with_all_rows_seen_first(*rows)


def test_decimal_mark_that_the_last_row_contradicts_is_uncertain_for_all() -> None:
    rows = [
        HEADER,
        ("33", "France", "0.5"),
        *((str(4400 + n), "UK", "1.234") for n in range(MANY)),
        ("34", "ES", "0,5"),
    ]
    got = read_rows(*rows)
    assert [found.prefix for found in got.rates] == ["33", "34"]
    assert len(got.bad) == MANY
    assert outcome(got) == with_all_rows_seen_first(*rows)


def test_decimal_mark_that_one_late_row_tells_and_another_contradicts_leaves_all_uncertain() -> None:
    uncertain_rows = [(str(4400 + n), "UK", "1.234") for n in range(MANY)]
    rows = [HEADER, *uncertain_rows, ("33", "France", "0.5"), *(("", "", ""),) * MANY, ("34", "Spain", "0,5")]
    got = read_rows(*rows)
    assert [found.prefix for found in got.rates] == ["33", "34"]
    assert len(got.bad) == MANY


@pytest.mark.parametrize(
    "telling",
    [
        ("33", "France", "0.1", "", "31/12/2026", ""),
        ("33", "France", "0.1", "", "", "31/12/2026"),
        ("no code", "France", "0.1", "", "31/12/2026", ""),
        ("33", "", "0.1", "", "31/12/2026", ""),
        ("33", "France", "free", "", "31/12/2026", ""),
        ("33", "France", "0.1", "", "31/12/2026", "", "beyond"),
        ("33", "France", "0.1", "", "31/12/2026"),
        ("", "", "", "", "31/12/2026", ""),
    ],
)
def test_date_order_that_only_the_last_row_tells_is_that_of_all_though_it_be_bad(telling: Row) -> None:
    between = [(BrokenLine("no CSV"),), (), ("34", "Spain"), ("x",), ("", "EUROPE", "", "", "", "")]
    rows = [DATED, *map(uncertain, range(MANY)), *between, telling]
    options = ImportOptions(decimal_mark=DecimalMark.POINT)
    got = read_rows(*rows, options=options)
    assert len([found for found in got.rates if found.prefix != "33"]) == MANY
    assert {found.effective_from_ms for found in got.rates if found.destination == "UK"} == {1_769_904_000_000}
    assert outcome(got) == with_all_rows_seen_first(*rows, options=options)


def test_forms_told_by_options_are_read_by_once() -> None:
    lines = ("code,name,price", *(f'{4400 + n},UK,"0,{n % 9 + 1}"' for n in range(MANY)), "33,France,0.5")
    told, found_out = CountedTable(lines), CountedTable(lines)
    read.read_deck(told, ImportOptions(decimal_mark=DecimalMark.COMMA))
    read.read_deck(found_out, ImportOptions())
    assert (told.times, found_out.times) == (3, 4)  # the header, a first look, the rows; and the rows again


codes = st.sampled_from(["44", "441", "33", "0033", "34; 35", "x", "", "4.4E+3", "1"])
names = st.sampled_from(["UK", "", "France", "#N/A"])
amounts = st.sampled_from(["1.234", "1,234", "0.5", "0,5", "7", "", "free", "1.234,5", "-1", "€ 1.234", " "])
dates = st.sampled_from(
    ["01/02/2026", "13/02/2026", "02/13/2026", "2026-02-01", "01.02.2026", "", "soon", "05/06/2027"]
)
full_rows = st.tuples(codes, names, amounts, amounts, dates, dates)
rows_of_any_length = st.lists(codes | amounts | dates, max_size=8).map(tuple)
broken_rows = st.just((BrokenLine("no CSV"),))
mixed_rows = full_rows | full_rows | rows_of_any_length | broken_rows


@given(
    st.lists(full_rows | mixed_rows, max_size=14),
    st.sampled_from([None, *DecimalMark]),
    st.sampled_from([None, *DateOrder]),
)
def test_rows_of_any_kind_are_read_as_if_all_were_seen_first(
    rows: list[Row], mark: DecimalMark | None, order: DateOrder | None
) -> None:
    options = ImportOptions(decimal_mark=mark, date_order=order, round_up=True)
    assert outcome(read_rows(DATED, *rows, options=options)) == with_all_rows_seen_first(DATED, *rows, options=options)
