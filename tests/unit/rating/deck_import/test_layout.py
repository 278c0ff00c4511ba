"""Headers: which columns mean what, in which unit and currency."""

import pytest

from rating.deck_import import DeckImportError, Field, ImportOptions, NoHeaderError, parse_price_unit
from rating.deck_import.layout import Layout, find_layout
from rating.hours import parse_hours
from tests.unit.rating.deck_import.tables import Rows


def layout(*headers: str, options: ImportOptions | None = None) -> Layout:
    return find_layout(Rows([headers, ["x"] * len(headers)]), options or ImportOptions())


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ("prefix destination per_minute", "prefix destination price"),
        ("Dial Code|Country|Destination|Rate|Connection Fee", "prefix country destination price connect_fee"),
        ("Country Code|Area Code|Name|Cost/min", "country_code area_code destination price"),
        ("Country Code|Name|Cost per Minute", "prefix destination price"),
        ("Préfixe|Libellé|Prix HT|Frais connexion|Date d'effet", "prefix destination price connect_fee from"),
        ("Indicatif|Pays|Tarif (€/min)|Durée minimum|Palier", "prefix country price initial increment"),
        ("Código|Destino|Precio por min|Establecimiento|Desde", "prefix destination price connect_fee from"),
        ("Vorwahl|Ziel|Preis|Verbindungsentgelt|Taktung|bis", "prefix destination price connect_fee billing until"),
        ("Code|Name|EUR/min", "prefix destination price"),
        ("Code|Name|Rate|Initial Increment (s)|Increment (sec)", "prefix destination price initial increment"),
        ("Code|Name|Rate|Status|Currency|Blocked", "prefix destination price status currency barred"),
        ("Code|Name|Rate|Min charge|Billing Increment", "prefix destination price minimum_charge billing"),
    ],
)  # fmt: skip
def test_header_in_usual_words_is_recognized(headers: str, fields: str) -> None:
    names = headers.split("|") if "|" in headers else headers.split()
    assert layout(*names).columns == {Field[field.upper()]: index for index, field in enumerate(fields.split())}


@pytest.mark.parametrize(
    ("header", "seconds", "cents", "currency"),
    [
        ("Rate", None, None, None),
        ("Rate (EUR/min)", 60, None, "EUR"),
        ("Preis ct/min", 60, True, None),
        ("Price per second", 1, None, None),
        ("Price per 30 seconds", 30, None, None),
        ("Prix par seconde", 1, None, None),
        ("Rate $/6s", 6, None, None),
        ("Precio por minuto €", 60, None, "EUR"),
        ("Rate in cents", None, True, None),
        ("Rate USD", None, None, "USD"),
        ("Preis pro Sekunde (Cent)", 1, True, None),
        ("Rate p/min", 60, True, None),
    ],
)
def test_header_tells_unit_and_currency(
    header: str, seconds: int | None, cents: bool | None, currency: str | None
) -> None:
    unit = layout("Code", "Name", header).units[2]
    assert (unit.seconds, unit.cents, unit.currency) == (seconds, cents, currency)


def test_header_after_titles_and_comments_is_found() -> None:
    rows = Rows(
        [["Price list 2026"], [], ["# code, rate"], ["Code", "Name", "Rate", "Trunk"], ["44", "UK", "0.1", "a"]]
    )
    found = find_layout(rows, ImportOptions())
    assert (found.line, found.unused) == (4, ("Trunk",))


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ("Code|Name", "no column known as price"),
        ("Name|Rate", "no column known as prefix"),
        ("Code|Name|Rate|Price", "'Rate' and 'Price' could all be the price"),
        ("Code|Name|Peak|Off-Peak", "--peak"),
        ("Code|Name|Peak", "off-peak price"),
        ("Code|Name|Rate|Off-Peak", "ordinary price"),
        ("Area Code|Name|Rate", "without a country code"),
        ("Code|Name|Rate|Min duration", "no further one"),
        ("Code|Name|Rate USD", "is in USD and the deck in EUR"),
    ],
)  # fmt: skip
def test_header_that_cannot_be_used_says_what_to_do(headers: str, message: str) -> None:
    with pytest.raises(DeckImportError, match=message):
        layout(*headers.split("|"), options=ImportOptions(currency="EUR"))


def test_header_of_nothing_says_so() -> None:
    with pytest.raises(NoHeaderError, match="no rows"):
        find_layout(Rows([]), ImportOptions())


def test_columns_told_win_and_have_to_be_there() -> None:
    told = ImportOptions(columns={"Old": Field.PRICE, "rate": Field.UNUSED})
    assert layout("Code", "Name", "Rate", "OLD", options=told).columns[Field.PRICE] == 3
    with pytest.raises(NoHeaderError, match="'Old'"):
        layout("Code", "Name", "Rate", options=told)


def test_columns_in_two_currencies_the_deck_s_own_is_taken() -> None:
    found = layout("Code", "Name", "Rate USD", "Rate EUR", options=ImportOptions(currency="EUR"))
    assert found.columns[Field.PRICE] == 3


def test_peak_prices_with_their_hours_leave_the_ordinary_price_out() -> None:
    peak = ImportOptions(peak=parse_hours("mon-fri 08:00-20:00"))
    found = layout("Code", "Name", "Rate", "Peak", "Off-Peak", options=peak)
    assert Field.PRICE not in found.columns


@pytest.mark.parametrize(
    ("text", "micros"),
    [("minute", 10**6), ("second", 60 * 10**6), ("30s", 2 * 10**6), ("cent/minute", 10**4), ("cent/6s", 10**5)],
)
def test_price_unit(text: str, micros: int) -> None:
    assert parse_price_unit(text).micros_per_minute == micros


@pytest.mark.parametrize("text", ["", "hour", "0s", "9999s", "cent", "euro/minute"])
def test_price_unit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DeckImportError, match="price unit"):
        parse_price_unit(text)
