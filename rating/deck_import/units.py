"""What a price is for: an amount of the currency or of its hundredth, a minute, a second, some seconds.

A carrier tells it in the header (``Rate (ct/min)``, ``Prix par seconde``) or the importing person by an option.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from rating.deck_import.errors import DeckImportError
from rating.deck_import.fields import plain

LONGEST_UNIT_S = 3600


@dataclass(frozen=True, slots=True)
class PriceUnit:
    """``cents`` are hundredths of the currency; ``seconds`` is what an amount pays for."""

    seconds: int = 60
    cents: bool = False

    @property
    def micros_per_minute(self) -> Fraction:
        """What an amount of 1 is in micro-units of the currency a minute; exact."""
        return Fraction(1_000_000 * 60, self.seconds * (100 if self.cents else 1))


_UNIT = re.compile(r"(?:(cent|unit)/)?(?:(minute|second)|([0-9]{1,4})s)")


def parse_price_unit(text: str) -> PriceUnit:
    """Read ``minute``, ``second``, ``30s``, ``cent/minute``, ``cent/second`` or ``cent/6s``.

    Raises:
        DeckImportError: it is none of these.
    """
    match = _UNIT.fullmatch(text.strip().lower())
    seconds = 0 if match is None else {"minute": 60, "second": 1}.get(match[2] or "", int(match[3] or 0))
    if match is None or not 1 <= seconds <= LONGEST_UNIT_S:
        raise DeckImportError(
            f"{text!r} is no price unit; write minute, second, 30s, cent/minute, cent/second or cent/6s"
        )
    return PriceUnit(seconds, cents=match[1] == "cent")


@dataclass(frozen=True, slots=True)
class HeaderUnit:
    """What a header says beside its name: None where it does not say it."""

    seconds: int | None
    cents: bool | None
    currency: str | None


_CURRENCY_SIGNS = {"€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "₽": "RUB"}
# A bare $ is the currency of two dozen countries; it says nothing that could be checked.
_CURRENCY_WORDS = {"euro": "EUR", "euros": "EUR"}
CODES = frozenset(
    [
        "AED",
        "ARS",
        "AUD",
        "BGN",
        "BOB",
        "BRL",
        "CAD",
        "CHF",
        "CLP",
        "CNY",
        "COP",
        "CRC",
        "CZK",
        "DKK",
        "DOP",
        "EGP",
        "EUR",
        "GBP",
        "GTQ",
        "HKD",
        "HNL",
        "HUF",
        "IDR",
        "ILS",
        "INR",
        "ISK",
        "JPY",
        "KES",
        "KRW",
        "MAD",
        "MXN",
        "MYR",
        "NGN",
        "NIO",
        "NOK",
        "NZD",
        "PAB",
        "PEN",
        "PHP",
        "PKR",
        "PLN",
        "PYG",
        "QAR",
        "RON",
        "RUB",
        "SAR",
        "SEK",
        "SGD",
        "THB",
        "TND",
        "TRY",
        "TWD",
        "UAH",
        "USD",
        "UYU",
        "VND",
        "XAF",
        "XOF",
        "ZAR",
    ]
)
_CENTS = frozenset(
    [
        "cent",
        "cents",
        "ct",
        "cts",
        "centime",
        "centimes",
        "centimo",
        "centimos",
        "centavo",
        "centavos",
        "pence",
        "penny",
        "eurocent",
        "eurocents",
        "uscents",
        "centesimi",
        "c",
        "p",
    ]
)
_FILLERS = frozenset(["in", "en", "excl", "vat", "ht", "tax", "a", "la", "the"])
_PER_MINUTE = re.compile(r"(?:per|par|por|pro|a|je|the|la)? ?(?:minute|minutes|min|mins|minuto|minutos|mn)")
_PER_SECONDS = re.compile(
    r"(?:per|par|por|pro|a|je) ?([0-9]{0,4}) ?"
    r"(?:seconds?|secs?|s|secondes?|segundos?|seg|sekunden?|sek)(?= |$)"
)
_AFTER_SLASH = re.compile(r"/ *([0-9]{0,4}) *(min\w*|mn|m|sec\w*|s|sek\w*|seg\w*)\b")
_SPACES = re.compile(r"\s+")


def split_unit(header: str) -> tuple[str, HeaderUnit]:
    """Separate a header's name, in plain words, from the unit and currency it tells."""
    slash = _AFTER_SLASH.search(header.casefold())
    if slash is None:
        seconds, words = _worded_seconds(plain(header))
    else:
        seconds = _length_s(slash[1], minutes=slash[2].startswith("m"))
        words = plain(_AFTER_SLASH.sub(" ", header.casefold()))
    currency = next((code for sign, code in _CURRENCY_SIGNS.items() if sign in header), None)
    cents = True if "¢" in header else None
    rest = []
    for word in words.split():
        if word in _CENTS:
            cents = True
        elif word.upper() in CODES or word in _CURRENCY_WORDS:
            currency = _CURRENCY_WORDS.get(word, word.upper())
        elif word not in _FILLERS:
            rest.append(word)
    return " ".join(rest), HeaderUnit(seconds, cents, currency)


def _worded_seconds(words: str) -> tuple[int | None, str]:
    match = _PER_SECONDS.search(words)
    if match is not None and _whole_words(words, match):
        return _length_s(match[1], minutes=False), _without(words, match)
    match = re.search(rf"(?:^|(?<= )){_PER_MINUTE.pattern}(?:$|(?= ))", words)
    if match is not None and not re.fullmatch(r"min|mins", match[0]):
        return 60, _without(words, match)
    if words.endswith(" min") or words == "min":
        return 60, words.removesuffix("min").strip()
    return None, words


def _whole_words(words: str, match: re.Match[str]) -> bool:
    before, after = words[: match.start()], words[match.end() :]
    return (not before or before.endswith(" ")) and (not after or after.startswith(" "))


def _without(words: str, match: re.Match[str]) -> str:
    return _SPACES.sub(" ", f"{words[: match.start()]} {words[match.end() :]}").strip()


def _length_s(digits: str, *, minutes: bool) -> int:
    return int(digits or 1) * (60 if minutes else 1)
