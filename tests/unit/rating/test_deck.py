"""Rates and decks: what a rate may be, the longest prefix, and reading a deck's CSV."""

import pytest

from rating.deck import BadRow, Deck, Rate, RateError, parse_deck_csv


def rate(prefix: str, destination: str = "Test", *, barred: bool = False) -> Rate:
    return Rate(
        prefix=prefix,
        destination=destination,
        per_minute_micros=100_000,
        initial_increment_s=1,
        increment_s=1,
        barred=barred,
    )


@pytest.mark.parametrize("prefix", ["", "+44", "044", "44 7", "1234567890123456", "fr:3", "FR:", "FR:1234567", "٤"])
def test_rate_prefix_of_no_namespace_refused(prefix: str) -> None:
    with pytest.raises(RateError, match="is no prefix"):
        rate(prefix)


@pytest.mark.parametrize("prices_micros", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_rate_negative_price_refused(prices_micros: tuple[int, int, int]) -> None:
    per_minute_micros, connect_fee_micros, minimum_charge_micros = prices_micros
    with pytest.raises(RateError, match="never negative"):
        Rate(
            prefix="44",
            destination="Test",
            per_minute_micros=per_minute_micros,
            connect_fee_micros=connect_fee_micros,
            initial_increment_s=1,
            increment_s=1,
            minimum_charge_micros=minimum_charge_micros,
        )


@pytest.mark.parametrize("increments", [(0, 1), (1, 0), (-1, 1), (86_401, 1)])
def test_rate_increment_out_of_range_refused(increments: tuple[int, int]) -> None:
    initial_increment_s, increment_s = increments
    with pytest.raises(RateError, match="between 1 and 86400"):
        Rate(
            prefix="44",
            destination="Test",
            per_minute_micros=1,
            initial_increment_s=initial_increment_s,
            increment_s=increment_s,
        )


def test_lookup_longest_prefix_wins_and_a_barred_one_bars() -> None:
    deck = Deck("d", "EUR", [rate("44"), rate("447"), rate("447797", "Jersey"), rate("4477971", barred=True)])
    found = {number: deck.lookup(number) for number in ("+442", "+4471", "+4477972", "447797123456", "+44", "+4")}
    assert {number: hit and hit.prefix for number, hit in found.items()} == {
        "+442": "44",
        "+4471": "447",
        "+4477972": "447797",
        "447797123456": "4477971",
        "+44": "44",
        "+4": None,
    }


def test_lookup_short_number_never_meets_a_country_code() -> None:
    deck = Deck("d", "EUR", [rate("36", "Hungary"), rate("FR:3", "French short")])
    hungary, short = deck.lookup("+363112345"), deck.lookup("FR:3631")
    assert hungary is not None
    assert hungary.destination == "Hungary"
    assert short is not None
    assert short.destination == "French short"
    assert deck.lookup("ES:3631") is None
    assert deck.lookup("FR:118218") is None


def test_lookup_empty_deck_finds_nothing() -> None:
    assert Deck("d", "EUR", []).lookup("+33612345678") is None


def test_deck_same_prefix_twice_refused() -> None:
    with pytest.raises(RateError, match="44 is priced twice"):
        Deck("d", "EUR", [rate("44"), rate("44")])


HEADER = "prefix,destination,per_minute,connect_fee,initial_increment_s,increment_s,minimum_charge,barred"


def read(*lines: str) -> list[Rate | BadRow]:
    return list(parse_deck_csv(lines))


def test_parse_deck_csv_all_columns() -> None:
    assert read(HEADER, "447797,Jersey mobile,0.19,0.05,30,6,0.10,no", "FR:3,Short,0.80,,60,60,,yes") == [
        Rate(
            prefix="447797",
            destination="Jersey mobile",
            per_minute_micros=190_000,
            connect_fee_micros=50_000,
            initial_increment_s=30,
            increment_s=6,
            minimum_charge_micros=100_000,
        ),
        Rate(
            prefix="FR:3",
            destination="Short",
            per_minute_micros=800_000,
            initial_increment_s=60,
            increment_s=60,
            barred=True,
        ),
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ("prefix,destination,per_minute", "44,UK,0.10"),
        ("\ufeffprefix;destination;per_minute\n", "44;UK;0.10\n"),
        ("# an example", "", "Prefix, Destination ,PER_MINUTE\r\n", "", ' 44 ,"UK", 0.10 \r\n'),
        ("\ufeff# an example", "per_minute,prefix,destination", "0.10,44,UK"),
    ],
)
def test_parse_deck_csv_dialects_of_the_same_rate(lines: tuple[str, ...]) -> None:
    assert read(*lines) == [rate("44", "UK")]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "the header lacks prefix, destination, per_minute"),
        ("prefix,destination", "the header lacks per_minute"),
        ("prefix,destination,per_minute,valid_from", "not known: valid_from"),
        ("prefix,destination,per_minute,prefix", "names a column twice"),
        ("prefix,destination,per_minute,increment_s", "give both"),
    ],
)
def test_parse_deck_csv_unusable_header_ends_the_reading(header: str, reason: str) -> None:
    (row,) = read(header, "44,UK,0.10")
    assert isinstance(row, BadRow)
    assert reason in row.reason or header == ""


def test_parse_deck_csv_no_lines_is_a_bad_header() -> None:
    assert read() == [BadRow(1, "", "", "the header lacks prefix, destination, per_minute")]


@pytest.mark.parametrize(
    ("line", "column", "value"),
    [
        ("4.42E+03,UK,0.10,,1,1,,", "prefix", "4.42E+03"),
        ("+44,UK,0.10,,1,1,,", "prefix", "+44"),
        ("44,,0.10,,1,1,,", "destination", ""),
        ("44,UK,,,1,1,,", "per_minute", ""),
        ("44,UK,-0.10,,1,1,,", "per_minute", "-0.10"),
        ("44,UK,1e-1,,1,1,,", "per_minute", "1e-1"),
        ("44,UK,0.10,free,1,1,,", "connect_fee", "free"),
        ("44,UK,0.10,,0,1,,", "initial_increment_s", "0"),
        ("44,UK,0.10,,1,,,", "increment_s", ""),
        ("44,UK,0.10,,1,99999,,", "increment_s", "99999"),
        ("44,UK,0.10,,1,1,-1,", "minimum_charge", "-1"),
        ("44,UK,0.10,,1,1,,perhaps", "barred", "perhaps"),
        ("44,UK,0.10", "", "44,UK,0.10"),
        ("33,France again,0.10,,1,1,,", "prefix", "33"),
    ],
)
def test_parse_deck_csv_bad_row_names_line_column_and_value(line: str, column: str, value: str) -> None:
    rows = read("# example", HEADER, "33,France,0.02,,1,1,,", "", line, "34,Spain,0.02,,1,1,,")
    assert [type(row) for row in rows] == [Rate, BadRow, Rate]
    bad = rows[1]
    assert isinstance(bad, BadRow)
    assert (bad.line, bad.column, bad.value) == (5, column, value)
    assert bad.reason


def test_parse_deck_csv_twice_names_the_first_line() -> None:
    rows = read("prefix,destination,per_minute", "44,UK,0.10", "44,UK,0.20")
    assert rows[1] == BadRow(3, "prefix", "44", "line 2 has the same prefix")


def test_parse_deck_csv_line_that_is_not_csv_is_reported_and_passed() -> None:
    rows = read("prefix,destination,per_minute", "33,Fra\rnce,0.02", "44,UK,0.10")
    assert isinstance(rows[0], BadRow)
    assert (rows[0].line, rows[0].column) == (2, "")
    assert "not CSV" in rows[0].reason
    assert rows[1] == rate("44", "UK")
