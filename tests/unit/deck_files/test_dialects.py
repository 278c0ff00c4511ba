"""Carriers' files as they are sent: encodings, delimiters, languages, layouts."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rating.deck import Rate
from rating.deck_import import DateOrder, ImportOptions, Withdrawal, parse_price_unit, read_deck
from rating.hours import parse_hours
from tollgate.deck_files import open_tables

DECKS = Path(__file__).parents[2] / "data" / "decks"
PARIS = ZoneInfo("Europe/Paris")
DEC_1_MS = 1_796_079_600_000
DAY_MS = 86_400_000
PEAK = parse_hours("mon-fri 08:00-20:00")

Priced = tuple[str, str, int, int, int]
"""Prefix, destination, micro-units a minute, increments."""


def items(name: str, options: ImportOptions | None = None) -> list[Rate | Withdrawal]:
    (table,) = open_tables(DECKS / name)
    read = read_deck(table, options or ImportOptions(zone=PARIS))
    assert read.bad_rows == []
    return [item for prefix in read.new.prefixes() for item in read.new.of(prefix)]


def rates(name: str, options: ImportOptions | None = None) -> list[Rate]:
    return [item for item in items(name, options) if isinstance(item, Rate)]


@pytest.mark.parametrize(
    ("name", "priced"),
    [
        (
            "english_wholesale.csv",
            [
                ("44", "United Kingdom - Fixed", 4_500, 1, 1),
                ("447", "United Kingdom - Mobile", 12_100, 60, 60),
                ("4479", "United Kingdom - Mobile", 12_100, 60, 60),
                ("53", "Cuba", 734_500, 30, 6),
            ],
        ),
        (
            "french_semicolon.csv",
            [
                ("2126", "Maroc mobile", 390_000, 1, 1),
                ("32", "Belgique fixe", 12_300, 1, 1),
                ("596", "Martinique", 1_200_000, 1, 1),
            ],
        ),
        (
            "spanish_latin1.csv",
            [
                ("346", "España móvil", 40_000, 60, 60),
                ("507", "Panamá", 90_000, 1, 1),
                ("52", "México", 45_000, 30, 6),
            ],
        ),
        (
            "german_cents.csv",
            [
                ("41", "Schweiz", 40_000, 60, 1),
                ("43", "Österreich", 39_000, 60, 60),
                ("43650", "Österreich Mobilfunk", 52_500, 1, 1),
            ],
        ),
        (
            "two_columns.csv",
            [
                ("1876", "Jamaica", 260_000, 30, 6),
                ("44", "United Kingdom", 10_000, 1, 1),
                ("4474", "United Kingdom Mobile", 15_000, 60, 60),
                ("4475", "United Kingdom Mobile", 15_000, 60, 60),
            ],
        ),
        (
            "ranges_pipe.txt",
            [
                ("1242", "Caribbean", 240_000, 1, 1),
                ("1246", "Caribbean", 240_000, 1, 1),
                ("336", "France mobile", 20_000, 1, 1),
                ("4477", "UK mobile", 15_000, 1, 1),
            ],
        ),
        ("per_second.csv", [("49", "Germany", 30_000, 1, 1), ("4915", "Germany mobile", 60_000, 1, 1)]),
        ("utf16_tabs.txt", [("7", "Россия", 90_000, 1, 1)]),
        (
            "change_list.csv",
            [
                ("336", "France Mobile", 15_000, 1, 1),
                ("337", "France Mobile", 13_000, 1, 1),
                ("371900", "Latvia premium", 0, 1, 1),
            ],
        ),
        ("bom_thousands.csv", [("870", "Inmarsat", 1_234_500_000, 1, 1), ("881", "Satellite", 999_000_000, 1, 1)]),
        ("us_dates.csv", [("1242", "Bahamas", 240_000, 6, 6), ("1876", "Jamaica", 260_000, 6, 6)]),
        ("trailing_columns.csv", [("213", "Algeria", 90_000, 1, 1), ("2135", "Algeria mobile", 550_000, 1, 1)]),
    ],
)  # fmt: skip
def test_dialect_is_read(name: str, priced: list[Priced]) -> None:
    read = rates(name)
    assert [
        (r.prefix, r.destination, r.per_minute_micros, r.initial_increment_s, r.increment_s) for r in read
    ] == priced


def test_dialect_dates_are_midnight_in_the_zone() -> None:
    assert [r.effective_from_ms for r in rates("english_wholesale.csv")] == [DEC_1_MS] * 3 + [DEC_1_MS + 12 * DAY_MS]
    assert rates("us_dates.csv")[0].effective_from_ms == DEC_1_MS + 30 * DAY_MS
    inmarsat = rates("bom_thousands.csv")[0]
    assert (inmarsat.effective_from_ms, inmarsat.effective_until_ms) == (DEC_1_MS, DEC_1_MS + 31 * DAY_MS)


def test_dialect_fees_are_read() -> None:
    assert [r.connect_fee_micros for r in rates("french_semicolon.csv")] == [50_000, 50_000, 0]
    assert rates("bom_thousands.csv")[0].minimum_charge_micros == 2_000_000


def test_dialect_change_list_withdraws_and_bars() -> None:
    assert Withdrawal("220", DEC_1_MS) in items("change_list.csv")
    assert [r.barred for r in rates("change_list.csv")] == [False, False, True]


def test_dialect_with_peak_prices_has_periods() -> None:
    spain = rates("peak.csv", ImportOptions(peak=PEAK))[1]
    assert [(period.name, period.per_minute_micros) for period in spain.periods] == [
        ("weekend", 10_000),
        ("peak", 30_000),
    ]
    assert spain.per_minute_micros == 20_000


def test_dialect_of_our_own_is_read_exactly() -> None:
    short, uk = sorted(rates("own_form.csv"), key=lambda rate: rate.destination)
    assert (short.prefix, short.barred, short.effective_from_ms) == ("FR:3631", True, DEC_1_MS)
    assert (uk.initial_increment_s, uk.increment_s, uk.periods[0].hours) == (30, 6, PEAK)


def test_dialect_units_and_orders_told_win() -> None:
    told = ImportOptions(zone=PARIS, date_order=DateOrder.DMY, price_unit=parse_price_unit("30s"))
    assert rates("english_wholesale.csv", told)[0].per_minute_micros == 9_000
