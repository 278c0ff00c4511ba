"""What a number is: its region, its type, and the words for the class a call to it falls into.

Regions are compared, never country codes: +1 is 25 countries, +44 four, +39 two. Region and type are the
metadata's, corrected by the override table where callers are charged for something else than the metadata says.
"""

from enum import StrEnum
from typing import NamedTuple

from phonenumbers import PhoneNumberType

from rating.dialled import Dialled, DialledKind, DialRules
from rating.e164 import Line
from rating.number_type import PREMIUM_TYPES, NumberType
from rating.overrides import NumberingTable, Override, ShortCost, ShortOverride
from rating.premium_ranges import premium_type_of_unknown
from rating.short import is_premium_short_number

__all__ = ["PREMIUM_TYPES", "DestinationClass", "NumberFacts", "NumberType", "describe"]


class DestinationClass(StrEnum):
    """How a call is treated. ``national`` is at home but outside the plan."""

    EMERGENCY = "emergency"
    INTERNAL = "internal"
    INCLUDED = "included"
    NATIONAL = "national"
    PREMIUM = "premium"
    INTERNATIONAL = "international"
    BARRED = "barred"


class NumberFacts(NamedTuple):
    """What is known about a number that can be dialled, before any plan or price.

    ``is_premium`` says that it costs more than an ordinary call to its region, ``is_free`` that callers at home pay
    nothing whatever their plan, ``override`` is the entry of the override table that says so, or anything else,
    against the metadata. ``is_by_beginning`` says that no known range has the number, and its type is the one of
    the premium range that it begins like (:mod:`rating.premium_ranges`).
    """

    number: str
    e164: str | None
    region: str
    """ISO 3166 code; ``"001"`` for numbers of no country."""
    number_type: NumberType
    is_premium: bool = False
    override: Override | ShortOverride | None = None
    is_free: bool = False
    is_by_beginning: bool = False

    @property
    def deck_key(self) -> str:
        """The number as decks have it: E.164, or a short number with its region."""
        return self.e164 or f"{self.region}:{self.number}"

    @property
    def is_barred(self) -> bool:
        """Whether the override table refuses the number whatever its price."""
        return self.override is not None and self.override.barred


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


def describe(dialled: Dialled, rules: DialRules) -> NumberFacts:
    """Return what is known about a number; short, emergency and internal numbers are at home."""
    number = dialled.number
    if dialled.line is not None:
        return _line_facts(dialled.line, rules.numbering)
    if dialled.kind is DialledKind.SHORT:
        return _short_facts(number, rules)
    own_type = NumberType.EMERGENCY if dialled.kind is DialledKind.EMERGENCY else NumberType.INTERNAL
    return NumberFacts(number, None, rules.home_region, own_type)


def _short_facts(number: str, rules: DialRules) -> NumberFacts:
    region = rules.home_region
    override = rules.home.short(number)
    if override is None:
        return NumberFacts(number, None, region, NumberType.SHORT, is_premium_short_number(number, region))
    is_premium, is_free = override.cost is ShortCost.PREMIUM, override.cost is ShortCost.FREE
    return NumberFacts(number, None, region, NumberType.SHORT, is_premium, override, is_free)


def _line_facts(line: Line, numbering: NumberingTable) -> NumberFacts:
    number_type = _TYPES[line.library_type]
    region = line.region
    override = numbering.find(line.e164, region)
    like = None
    if override is not None and override.number_type is not None:
        number_type = override.number_type
    elif number_type is NumberType.UNKNOWN:
        like = premium_type_of_unknown(line.country_code, region, line.national)
        number_type = NumberType.UNKNOWN if like is None else _TYPES[like]
    if override is not None and override.region is not None:
        region = override.region
    is_premium = number_type in PREMIUM_TYPES
    return NumberFacts(
        line.e164, line.e164, region, number_type, is_premium, override, is_by_beginning=like is not None
    )
