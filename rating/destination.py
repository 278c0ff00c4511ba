"""What a number is: its region, its type, and the words for the class a call to it falls into.

Regions are compared, never country codes: +1 is 25 countries, +44 four, +39 two. The type is the metadata's,
corrected by a table where callers are charged for something else than the metadata says.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from phonenumbers import PhoneNumberType

from rating.dialled import Dialled, DialledKind
from rating.e164 import Line
from rating.short import is_premium_short_number


class DestinationClass(StrEnum):
    """How a call is treated. ``national`` is at home but outside the plan."""

    EMERGENCY = "emergency"
    INTERNAL = "internal"
    INCLUDED = "included"
    NATIONAL = "national"
    PREMIUM = "premium"
    INTERNATIONAL = "international"
    BARRED = "barred"


class NumberType(StrEnum):
    """What kind of line a number reaches."""

    FIXED = "fixed"
    MOBILE = "mobile"
    FIXED_OR_MOBILE = "fixed_or_mobile"
    """Numbering plans that cannot tell the two apart (US, CA, PR)."""
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    SHARED_COST = "shared_cost"
    PERSONAL = "personal"
    VOIP = "voip"
    UAN = "uan"
    PAGER = "pager"
    VOICEMAIL = "voicemail"
    SATELLITE = "satellite"
    SHORT = "short"
    EMERGENCY = "emergency"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


PREMIUM_TYPES = frozenset({NumberType.PREMIUM, NumberType.SHARED_COST, NumberType.PERSONAL})
"""Types whose price has a share for the called party, whatever region they are in."""


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What is known about a number that can be dialled, before any plan or price.

    ``is_premium`` says that it costs more than an ordinary call to its region.
    """

    number: str
    e164: str | None
    region: str
    """ISO 3166 code; ``"001"`` for numbers of no country."""
    number_type: NumberType
    is_premium: bool = False


@dataclass(frozen=True, slots=True)
class _Override:
    """A correction of the metadata; ``regions`` empty means all."""

    pattern: re.Pattern[str]
    regions: frozenset[str]
    number_type: NumberType


_OVERRIDES = (
    # Inmarsat, Global Mobile Satellite System and international networks (ITU-T E.164 annex, list of assigned
    # country codes): the metadata calls them mobile, VoIP or nothing; all cost several euros a minute.
    _Override(re.compile(r"\+(?:870|881|882|883)"), frozenset(), NumberType.SATELLITE),
    # German numbers of no place (032) are VoIP (Bundesnetzagentur, Nationale Teilnehmerrufnummern); the metadata
    # takes them for fixed lines, which plans include.
    _Override(re.compile(r"\+4932"), frozenset(), NumberType.VOIP),
    # 976 is the premium exchange of every area code of the US and Canada, 555-1212 its directory assistance,
    # charged per enquiry (NANPA). Elsewhere under +1 (Jamaica) 976 is an ordinary exchange.
    _Override(re.compile(r"\+1[2-9][0-9]{2}(?:976[0-9]{4}|5551212)"), frozenset({"CA", "US"}), NumberType.PREMIUM),
)

_TYPES: dict[int, NumberType] = {
    PhoneNumberType.FIXED_LINE: NumberType.FIXED,
    PhoneNumberType.MOBILE: NumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberType.FIXED_OR_MOBILE,
    PhoneNumberType.TOLL_FREE: NumberType.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: NumberType.PREMIUM,
    PhoneNumberType.SHARED_COST: NumberType.SHARED_COST,
    PhoneNumberType.PERSONAL_NUMBER: NumberType.PERSONAL,
    PhoneNumberType.VOIP: NumberType.VOIP,
    PhoneNumberType.UAN: NumberType.UAN,
    PhoneNumberType.PAGER: NumberType.PAGER,
    PhoneNumberType.VOICEMAIL: NumberType.VOICEMAIL,
    PhoneNumberType.UNKNOWN: NumberType.UNKNOWN,
}


def describe(dialled: Dialled, home_region: str) -> NumberFacts:
    """Return what is known about a number; short, emergency and internal numbers are at home."""
    number = dialled.number
    if dialled.line is not None:
        return _line_facts(dialled.line)
    if dialled.kind is DialledKind.SHORT:
        is_premium = is_premium_short_number(number, home_region)
        return NumberFacts(number, None, home_region, NumberType.SHORT, is_premium)
    own_type = NumberType.EMERGENCY if dialled.kind is DialledKind.EMERGENCY else NumberType.INTERNAL
    return NumberFacts(number, None, home_region, own_type)


@lru_cache(maxsize=16_384)
def _line_facts(line: Line) -> NumberFacts:
    number_type = _number_type(line)
    return NumberFacts(line.e164, line.e164, line.region, number_type, number_type in PREMIUM_TYPES)


def _number_type(line: Line) -> NumberType:
    for override in _OVERRIDES:
        if (not override.regions or line.region in override.regions) and override.pattern.match(line.e164):
            return override.number_type
    return _TYPES[line.library_type]
