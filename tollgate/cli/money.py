"""Currencies, as the command line takes them."""

from tollgate.cli.errors import BadInputError
from tollgate.cli.regions import CURRENCIES


def check_currency(code: str) -> str:
    """Return the ISO 4217 code in capitals.

    Raises:
        BadInputError: no region has such a currency.
    """
    capitals = code.upper()
    if capitals not in CURRENCIES:
        raise BadInputError(f"{code!r} is no currency", "write an ISO 4217 code such as EUR, USD or MXN")
    return capitals
