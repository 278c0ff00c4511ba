"""Money: exact text in, exact text out, everything doubtful refused."""

import pytest

from rating.money import MoneyError, ceil_div, format_money, parse_money


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("0", 0),
        ("-0", 0),
        ("0.19", 190_000),
        ("10", 10_000_000),
        ("10.00", 10_000_000),
        ("+1.5", 1_500_000),
        ("-3.25", -3_250_000),
        ("0.000001", 1),
        ("999999999999.999999", 999_999_999_999_999_999),
    ],
)
def test_parse_money_plain_decimals_exact(text: str, micros: int) -> None:
    assert parse_money(text) == micros


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "1 ", " 1", "1\n", "1,5", "1.", ".5", "1.2.3", "--1", "+-1", "1e3", "4.42E+03", "NaN", "inf"),
        *("0.0000001", "1234567890123", "٣", "１", "1_000", "€1", "0x10"),
    ],
)
def test_parse_money_doubtful_text_refused(text: str) -> None:
    with pytest.raises(MoneyError, match="at most 6 decimals"):
        parse_money(text)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (-1, "-0.000001"),
        (190_000, "0.19"),
        (31_667, "0.031667"),
        (100_000, "0.10"),
        (10_000_000, "10.00"),
        (-3_250_000, "-3.25"),
        (123_400, "0.1234"),
    ],
)
def test_format_money_two_to_six_decimals(micros: int, text: str) -> None:
    assert format_money(micros) == text


@pytest.mark.parametrize(("a", "b", "quotient"), [(0, 60, 0), (1, 60, 1), (60, 60, 1), (61, 60, 2), (-1, 60, 0)])
def test_ceil_div_rounds_up(a: int, b: int, quotient: int) -> None:
    assert ceil_div(a, b) == quotient
