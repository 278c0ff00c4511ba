"""Exact money: integers of micro-units, text at the edges, never float.

One unit of any currency (1 EUR, 1 USD) is 1 000 000 micro-units, so that a price with six decimals per
minute is exact. A charge is rounded up once, by :func:`ceil_div`, at the end of its own formula.
"""

import re

from rating.errors import RatingError

MICROS_PER_UNIT = 1_000_000

_DECIMALS = 6
_MONEY = re.compile(r"([+-]?)([0-9]{1,12})(?:\.([0-9]{1,6}))?")


class MoneyError(RatingError):
    """Text that is not an exact amount of money."""


def parse_money(text: str) -> int:
    """Read a decimal amount such as ``"0.19"`` or ``"-3"`` as micro-units.

    Raises:
        MoneyError: the text is not plain ASCII digits with an optional sign and at most 6 decimals, or has
            more than 12 digits before the point. Exponents, blanks, NaN and infinity are never guessed at.
    """
    match = _MONEY.fullmatch(text)
    if match is None:
        raise MoneyError(f"{text!r} is not an amount of money; write plain digits with a point and at most 6 decimals")
    sign, units, decimals = match.groups()
    micros = int(units) * MICROS_PER_UNIT + int((decimals or "").ljust(_DECIMALS, "0"))
    return -micros if sign == "-" else micros


def format_money(micros: int) -> str:
    """Write micro-units exactly, with 2 to 6 decimals: 190000 is ``"0.19"``, 1 is ``"0.000001"``."""
    units, fraction = divmod(abs(micros), MICROS_PER_UNIT)
    decimals = f"{fraction:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{units}.{decimals}"


def ceil_div(a: int, b: int) -> int:
    """Divide exactly and round up, for integers of any sign; ``b`` must not be 0."""
    return -(-a // b)
