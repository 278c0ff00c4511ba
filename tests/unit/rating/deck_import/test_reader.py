"""Rows into rates and bad rows."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.deck import PricedHours, Rate
from rating.deck_import import (
    BrokenLine,
    Cell,
    DateOrder,
    DecimalMark,
    DeckImportError,
    FeeUnit,
    ImportOptions,
    Withdrawal,
    parse_deck_csv,
    parse_price_unit,
)
from rating.deck_import.own_csv import COLUMNS, csv_cells
from rating.hours import parse_hours
from tests.unit.rating.deck_import.tables import HEADER, read

FULL = (*HEADER, "connect fee", "min charge", "initial", "increment", "barred", "valid from", "valid until", "status")
GOOD: tuple[Cell, ...] = ("44", "UK", "0.10", "0.05", "0.2", "30", "6", "no", "2026-12-01", "2027-12-01", "new")


def test_row_with_everything() -> None:
    assert read(FULL, GOOD).items == [
        Rate(
            prefix="44",
            destination="UK",
            per_minute_micros=100_000,
            connect_fee_micros=50_000,
            minimum_charge_micros=200_000,
            initial_increment_s=30,
            increment_s=6,
            effective_from_ms=1_796_083_200_000,
            effective_until_ms=1_827_619_200_000,
        )
    ]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        (0, "4.42E+03", "exponent"),
        (0, "", "needs a code"),
        (0, "44 (UK)", "digits only"),
        (1, " ", "needs a name"),
        (1, "#N/A", "needs a name"),
        (1, "x" * 201, "at most 200"),
        (2, "", "no amount"),
        (2, "#N/A", "no amount"),
        (2, "-0.1", "negative"),
        (2, "0.0000001", "--round-up"),
        (2, "10000000000", "thousand million"),
        (3, "free", "no amount"),
        (4, "-1", "negative"),
        (5, "0", "whole seconds"),
        (5, "", "whole seconds"),
        (6, "99999", "whole seconds"),
        (7, "perhaps", "yes or no"),
        (8, "soon", "no date"),
        (9, "2026-01-01", "before it begins"),
        (10, "whatever", "no change that we know"),
    ],
)
def test_row_with_a_bad_cell_names_line_column_value_and_reason(column: int, cell: str, reason: str) -> None:
    row = list(GOOD)
    row[column] = cell
    got = read(FULL, ("33", *GOOD[1:]), row)
    assert [item.prefix for item in got.items] == ["33"]
    (bad,) = got.bad
    assert (bad.line, bad.column, bad.value) == (3, FULL[column], cell.strip()[:100] if column == 1 else cell[:100])
    assert reason in bad.reason


def test_row_of_another_length_is_bad_unless_nothing_stands_beyond() -> None:
    got = read(HEADER, ("44", "UK"), ("33", "France", "0.1", ""), ("34", "Spain", "0.1", "x"))
    assert [item.prefix for item in got.items] == ["33"]
    assert [(bad.line, bad.column) for bad in got.bad] == [(2, ""), (4, "")]


def test_row_that_the_format_could_not_be_read_by_is_bad() -> None:
    got = read(HEADER, (BrokenLine("the line is not CSV"),), ("44", "UK", "0.1"))
    assert [(bad.line, bad.reason) for bad in got.bad] == [(2, "the line is not CSV")]


def test_row_that_is_a_heading_is_passed_over() -> None:
    got = read(HEADER, ("", "EUROPE", ""), ("", "", ""), (), ("44", "UK", "0.1"))
    assert (got.reading.rows, len(got.items), got.bad) == (1, 1, [])


def test_prefix_twice_names_the_other_line() -> None:
    got = read(
        HEADER, ("44", "UK", "0.1"), ("33", "France", "0.1"), ("44", "UK again", "0.2"), ("34, 34", "Spain", "1")
    )
    assert [(bad.line, bad.column, bad.value) for bad in got.bad] == [(4, "prefix", "44"), (5, "prefix", "34")]
    assert "line 2" in got.bad[0].reason
    assert "this line" in got.bad[1].reason


def test_prefix_at_other_times_is_no_clash_unless_the_earlier_says_that_it_ends_later() -> None:
    header = (*HEADER, "valid from", "valid until")
    got = read(
        header,
        ("44", "UK", "0.1", "2026-01-01", ""),
        ("44", "UK", "0.2", "2027-01-01", ""),
        ("33", "France", "0.1", "2026-01-01", "2027-06-01"),
        ("33", "France", "0.2", "2027-01-01", ""),
    )
    assert [item.prefix for item in got.items] == ["33", "44", "44"]
    assert [bad.line for bad in got.bad] == [5]


def test_country_code_beside_a_whole_code_has_to_agree() -> None:
    header = ("Country Code", "Code", "Name", "Rate")
    got = read(header, ("44", "447", "UK mobile", "0.1"), ("44", "20", "London", "0.1"), ("GB", "441", "UK", "0.1"))
    assert [item.prefix for item in got.items] == ["441", "447"]
    assert "area code" in got.bad[0].reason


def test_area_codes_are_joined_to_their_country() -> None:
    header = ("Country", "Country Code", "Area Code", "Destination", "Rate")
    got = read(
        header,
        ("Jamaica", "1", "876, 658", "Jamaica", "0.2"),
        ("Algeria", "+213", "5-6", "Mobile", "0.5"),
        ("X", "213", "1234567890123", "X", "1"),
        ("X", "y", "1", "X", "1"),
    )
    assert [(r.prefix, r.destination) for r in got.rates] == [
        ("1658", "Jamaica"),
        ("1876", "Jamaica"),
        ("2135", "Algeria Mobile"),
        ("2136", "Algeria Mobile"),
    ]
    assert [bad.column for bad in got.bad] == ["Area Code", "Country Code"]


def test_country_alone_is_the_destination() -> None:
    assert read(("Code", "Country", "Rate"), ("44", "UK", "0.1")).rates[0].destination == "UK"


def test_status_withdraws_and_bars_without_a_price() -> None:
    got = read(
        (*HEADER, "action", "valid from"),
        ("44", "UK", "", "Deleted", "2026-12-01"),
        ("33", "France", "", "Blocked", ""),
    )
    assert got.items[1] == Withdrawal("44", 1_796_083_200_000)
    assert got.rates[0].barred


def test_currency_of_another_deck_is_bad() -> None:
    rows = (
        (*HEADER, "currency"),
        ("44", "UK", "0.1", "eur"),
        ("33", "France", "0.1", "USD"),
        ("34", "Spain", "0.1", "?"),
    )
    got = read(*rows, options=ImportOptions(currency="EUR"))
    assert [bad.column for bad in got.bad] == ["currency", "currency"]
    assert len(read(*rows).items) == 3


def test_peak_and_weekend_become_periods() -> None:
    peak = parse_hours("mon-fri 08:00-20:00")
    got = read(
        ("Code", "Name", "Off-Peak", "Peak", "Weekend"),
        ("34", "Spain", "0.02", "0.03", "0.01"),
        options=ImportOptions(peak=peak),
    )
    assert got.rates[0].per_minute_micros == 20_000
    assert got.rates[0].periods == (
        PricedHours("weekend", parse_hours("sat-sun"), 10_000),
        PricedHours("peak", peak, 30_000),
    )


def test_price_units_are_converted_exactly_and_rounded_up_only_when_told() -> None:
    header = ("Code", "Name", "Price per second")
    assert read(header, ("44", "UK", "0.0005")).rates[0].per_minute_micros == 30_000
    seven = ImportOptions(price_unit=parse_price_unit("7s"))
    assert "--round-up" in read(header, ("44", "UK", "0.01"), options=seven).bad[0].reason
    rounded = read(
        header, ("44", "UK", "0.01"), options=ImportOptions(price_unit=parse_price_unit("7s"), round_up=True)
    )
    assert (rounded.rates[0].per_minute_micros, rounded.reading.rounded) == (85_715, 1)


def test_fees_beside_prices_in_cents_need_their_unit() -> None:
    rows = (("Code", "Name", "ct/min", "Setup"), ("44", "UK", "3.9", "5"))
    with pytest.raises(DeckImportError, match="--fee-unit"):
        read(*rows)
    fees = {unit: read(*rows, options=ImportOptions(fee_unit=unit)).rates[0].connect_fee_micros for unit in FeeUnit}
    assert fees == {FeeUnit.UNIT: 5_000_000, FeeUnit.CENT: 50_000}
    own = read(("Code", "Name", "ct/min", "Setup (ct)"), ("44", "UK", "3.9", "5"))
    assert own.rates[0].connect_fee_micros == 50_000


def test_decimal_mark_and_date_order_told_decide() -> None:
    rows = ((*HEADER, "valid from"), ("44", "UK", "1.234", "01/12/2026"))
    assert [bad.column for bad in read(*rows).bad] == ["valid from"] or read(*rows).bad
    told = ImportOptions(decimal_mark=DecimalMark.COMMA, date_order=DateOrder.DMY, zone=ZoneInfo("Europe/Paris"))
    (found,) = read(*rows, options=told).rates
    assert (found.per_minute_micros, found.effective_from_ms) == (1_234_000_000, 1_796_079_600_000)


def test_typed_cells_are_taken_as_they_are() -> None:
    row: tuple[Cell, ...] = (Decimal(4420), "UK", Decimal("0.0123"), datetime(2026, 12, 1))  # noqa: DTZ001
    (found,) = read((*HEADER, "valid from"), row).rates
    assert (found.prefix, found.per_minute_micros, found.effective_from_ms) == ("4420", 12_300, 1_796_083_200_000)


@pytest.mark.parametrize(
    ("cell", "increments"),
    [
        ("60/60", (60, 60)),
        ("30-6", (30, 6)),
        ("1+1", (1, 1)),
        ("60", (60, 60)),
        ("60s / 1s", (60, 1)),
        (Decimal(6), (6, 6)),
    ],
)
def test_billing_increments(cell: Cell, increments: tuple[int, int]) -> None:
    (found,) = read((*HEADER, "Billing Increment"), ("44", "UK", "0.1", cell)).rates
    assert (found.initial_increment_s, found.increment_s) == increments


cells = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["44", "44770-44779", "0.1", "1.234", "0,5", "60/60", "01/12/2026", "peak=0.1@always", "FR:36"]),
    st.decimals(allow_nan=False),
    st.datetimes(),
)
headers = st.sampled_from(
    [*COLUMNS, "Country Code", "Area Code", "Rate", "Peak", "Status", "Billing", "Currency", "", "x"]
)


@given(st.lists(headers, max_size=6), st.lists(st.lists(cells, max_size=6), max_size=6))
def test_any_table_is_read_or_refused_by_our_own_error(header: list[str], rows: list[list[Cell]]) -> None:
    peak = ImportOptions(peak=parse_hours("mon-fri 08:00-20:00"), currency="EUR")
    try:
        read(header, *rows, options=peak)
    except DeckImportError:
        return


@given(st.text(max_size=200))
def test_any_text_is_read_or_is_bad_rows(text: str) -> None:
    list(parse_deck_csv(text.splitlines(keepends=True)))
    list(parse_deck_csv(["prefix,destination,price\n", *text.splitlines(keepends=True)]))


amounts = st.integers(0, 10**14)
moments = st.none() | st.integers(1, 4 * 10**12)
hours = st.sampled_from(["always", "mon-fri 08:00-20:00", "sat-sun", "fri 22:00-06:00", "mon,wed 00:00-12:30"])
period_names = st.sampled_from(["peak", "off peak", "Heures-pleines", "a=b"])
a_period = st.builds(
    lambda name, text, micros: PricedHours(name, parse_hours(text), micros), period_names, hours, amounts
)
periods = st.lists(a_period, max_size=3).map(tuple)
names = (
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=40).map(str.strip).filter(bool)
)


@st.composite
def any_rate(draw: st.DrawFn) -> Rate:
    begin, end = sorted([draw(moments), draw(moments)], key=lambda ms: ms or 0)
    return Rate(
        prefix=draw(st.from_regex(r"[1-9][0-9]{0,14}|[A-Z]{2}:[0-9]{1,6}", fullmatch=True)),
        destination=draw(names.filter(lambda name: not name.startswith("#"))),  # an error of a spreadsheet is no name
        per_minute_micros=draw(amounts),
        connect_fee_micros=draw(amounts),
        initial_increment_s=draw(st.integers(1, 86_400)),
        increment_s=draw(st.integers(1, 86_400)),
        minimum_charge_micros=draw(amounts),
        barred=draw(st.booleans()),
        effective_from_ms=begin,
        effective_until_ms=None if end == begin else end,
        periods=draw(periods),
    )


@given(st.lists(any_rate(), max_size=8, unique_by=lambda rate: rate.prefix))
def test_rates_exported_are_imported_as_they_were(rates: list[Rate]) -> None:
    got = read(COLUMNS, *[[str(cell) for cell in csv_cells(rate)] for rate in rates])
    assert got.bad == []
    assert sorted(got.rates, key=lambda rate: rate.prefix) == sorted(rates, key=lambda rate: rate.prefix)


def test_text_without_a_header_is_one_bad_row() -> None:
    (bad,) = parse_deck_csv(["nothing\n"])
    assert not isinstance(bad, Rate)
    assert "no header" in bad.reason
