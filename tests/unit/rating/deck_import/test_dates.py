"""Dates: forms, the order of day and month, midnight in the zone."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rating.deck_import import DateOrder
from rating.deck_import.dates import DateFormatError, proven_orders, read_date_ms
from rating.deck_import.model import Cell

PARIS = ZoneInfo("Europe/Paris")


def at(cell: Cell, order: DateOrder | None = None, *, last_day: bool = False) -> str:
    ms = read_date_ms(cell, order, PARIS, last_day=last_day)
    return datetime.fromtimestamp(ms // 1000, UTC).astimezone(PARIS).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    "cell",
    [
        "2026-12-01",
        "2026/12/01",
        "20261201",
        "01.12.2026",
        "1.12.26",
        "1-Dec-26",
        "01 dec 2026",
        "1 décembre 2026",
        "1 de diciembre de 2026",
        "1. Dezember 2026",
        "Dec 1, 2026",
        "2026-12-01 00:00:00",
        "2026-12-01T00:00",
        "2026-12-01T00:00:00+01:00",
        "01.12.2026 00:00",
        "01.12.2026 12:00 AM",
        datetime(2026, 12, 1),  # noqa: DTZ001  # a cell of a spreadsheet has no zone
    ],
)
def test_date_in_every_form_is_midnight_in_the_zone(cell: Cell) -> None:
    assert at(cell) == "2026-12-01 00:00"


def test_date_with_a_time_is_that_time() -> None:
    assert at("2026-12-01 14:30") == "2026-12-01 14:30"
    assert at("01/12/2026 2:30 PM", DateOrder.DMY) == "2026-12-01 14:30"
    assert read_date_ms("2026-12-01T00:00:00.500Z", None, PARIS) % 1000 == 500


def test_date_as_last_day_ends_with_it() -> None:
    assert at("2026-12-31", last_day=True) == "2027-01-01 00:00"
    assert at("2026-12-31 18:00", last_day=True) == "2026-12-31 18:00"


def test_date_between_slashes_needs_an_order() -> None:
    assert at("01/12/2026", DateOrder.DMY) == "2026-12-01 00:00"
    assert at("01/12/2026", DateOrder.MDY) == "2026-01-12 00:00"
    with pytest.raises(DateFormatError, match="--date-order"):
        at("01/12/2026")
    with pytest.raises(DateFormatError, match="in the order mdy"):
        at("13/12/2026", DateOrder.MDY)


@pytest.mark.parametrize(
    ("cells", "orders"),
    [
        (["01/12/2026", "13/12/2026"], {DateOrder.DMY}),
        (["01/12/2026", "12/13/2026"], {DateOrder.MDY}),
        (["01/12/2026"], set()),
        (["13/12/2026", "12/13/2026"], {DateOrder.DMY, DateOrder.MDY}),
        (["13.12.2026"], set()),
        (["13-01-2026 10:00"], {DateOrder.DMY}),
    ],
)
def test_date_orders_that_cells_prove(cells: list[Cell], orders: set[DateOrder]) -> None:
    assert proven_orders(cells) == orders


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "soon",
        "2026-13-01",
        "2026-02-30",
        "46357",
        Decimal(46357),
        "32/12/2026",
        "1-Foo-26",
        "2026-12-01 25:00",
        "2026-12-01 13:00 pm",
        "2026-12-01 x",
        "0001-01-01",
        "2026-12-01T99:00:00+01:00",
    ],
)
def test_date_that_is_none_is_refused(cell: Cell) -> None:
    with pytest.raises(DateFormatError):
        at(cell, DateOrder.DMY)


@given(st.text(max_size=25) | st.decimals() | st.datetimes(), st.sampled_from([None, *DateOrder]))
def test_date_of_any_cell_is_a_date_or_refused(cell: Cell, order: DateOrder | None) -> None:
    assert len(proven_orders([cell])) <= 1
    try:
        assert read_date_ms(cell, order, PARIS) >= -(10**8)
    except DateFormatError:
        return
