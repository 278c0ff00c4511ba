"""An amount as it is said: in the decimals that its currency has. Pure."""

from typing import Final

from rating.money import MICROS_PER_UNIT

_NO_DECIMALS: Final = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
_THREE_DECIMALS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})


def currency_decimals(currency: str) -> int:
    """Return how many decimals a currency has: its minor unit in ISO 4217."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def said_amount(micros: int, currency: str) -> str:
    """Return a balance of zero or more in its currency's decimals, rounded down: nobody is told of more than there is.

    10 123 456 micro-units are ``10.12`` in EUR, ``10`` in JPY.
    """
    decimals = currency_decimals(currency)
    step = MICROS_PER_UNIT // 10**decimals
    units, minor = divmod(micros // step, 10**decimals)
    return f"{units}.{minor:0{decimals}d}" if decimals else str(units)
