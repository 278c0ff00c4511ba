"""Cells at the edge of what can be: bounds of numbers and lists, memory that is kept short, cells of odd types."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from rating.deck_import import ImportOptions, names, read_deck, reader, terms
from rating.deck_import.codes import MOST_CODES, CodeError, read_codes
from rating.deck_import.dates import DateFormatError, read_date_ms
from rating.deck_import.numbers import NumberFormatError, read_number
from rating.deck_import.period_text import PeriodTextError, parse_periods
from tests.unit.rating.deck_import.tables import Rows


def test_more_codes_than_a_cell_may_list_are_refused() -> None:
    with pytest.raises(CodeError, match=f"more than {MOST_CODES} codes"):
        read_codes("; ".join(str(44_000 + number) for number in range(MOST_CODES + 1)), None)


def test_cell_of_a_date_is_no_price() -> None:
    with pytest.raises(NumberFormatError, match="a price is a number"):
        read_number(datetime(2026, 12, 1), ".")  # noqa: DTZ001  (as a spreadsheet has it)


def test_time_that_no_clock_shows_is_no_date() -> None:
    with pytest.raises(DateFormatError, match="no time of day"):
        read_date_ms("2026-12-01 1:5", None, UTC)


@pytest.mark.parametrize("text", ["0.1", "peak=@mon", "=0.1@mon", "peak=0.1@noday", "peak=x@mon", "peak=-1@mon"])
def test_text_that_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(PeriodTextError):
        parse_periods(text)


def test_no_text_is_no_period() -> None:
    assert parse_periods(" ") == ()


@pytest.mark.parametrize(
    ("begin", "end", "reason"),
    [("1970-01-01", "", "before 1970"), ("2026-12-02", "2026-12-01", "ends before it begins")],
)
def test_price_that_no_rate_can_be_is_a_bad_row(begin: str, end: str, reason: str) -> None:
    rows = Rows([("code", "name", "price", "valid from", "valid until"), ("44", "UK", "0.1", begin, end)])
    read = read_deck(rows, ImportOptions(zone=ZoneInfo("Europe/Paris")))
    assert len(read.new) == 0
    [bad] = read.bad_rows
    assert reason in bad.reason


def test_what_is_remembered_is_kept_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_MOST_KNOWN", 2)
    monkeypatch.setattr(names, "_MOST_KNOWN", 2)
    monkeypatch.setattr(terms, "_MOST_READ", 2)
    lines = [(str(4400 + number), f"place {number}", f"0.{number + 1}") for number in range(9)]
    new = read_deck(Rows([("code", "name", "price"), *lines]), ImportOptions()).new
    assert (new.rates, new.destinations) == (9, 9)
    assert new.of("33") == []


def test_increment_alone_is_both() -> None:
    rows = Rows([("code", "name", "price", "increment"), ("44", "UK", "0.1", "60")])
    [item] = read_deck(rows, ImportOptions()).new.of("44")
    assert (item.initial_increment_s, item.increment_s) == (60, 60)  # type: ignore[union-attr]


def test_separators_alone_are_no_code() -> None:
    with pytest.raises(CodeError, match="needs a code"):
        read_codes(";;", None)


def test_price_headed_min_alone_is_that_of_a_minute() -> None:
    rows = Rows([("code", "name", "Rate EUR min"), ("44", "UK", "0.1")])
    [item] = read_deck(rows, ImportOptions(currency="EUR")).new.of("44")
    assert item.per_minute_micros == 100_000  # type: ignore[union-attr]
