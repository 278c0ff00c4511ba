"""Where a national number lives and what kind of line it is, from the metadata of phonenumbers.

The library answers both questions too, but region and type each walk the same patterns again, which for the
25 countries under +1 costs more than all the rest of a decision. Here one walk answers both, by the same
rules and on the same metadata; a test compares the answers with the library's for every region.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberType
from phonenumbers.phonemetadata import PhoneNumberDesc

NON_GEOGRAPHIC = "001"
"""The library's region of country codes that belong to no country (satellites, +800, +979)."""


class Location(NamedTuple):
    """``region`` is None where several share a country code and none knows the number."""

    region: str | None
    library_type: int
    """A value of ``phonenumbers.PhoneNumberType``; ``UNKNOWN`` where no range has the number."""

    @property
    def is_known(self) -> bool:
        """Whether the number is in a range that the metadata knows."""
        return self.library_type != PhoneNumberType.UNKNOWN


def split_country_code(digits: str) -> tuple[int, str] | None:
    """Split the digits after a plus into country code and national number; None for no country code."""
    for length in (1, 2, 3):
        code = int(digits[:length])
        if code in COUNTRY_CODE_TO_REGION_CODE:
            return code, digits[length:]
    return None


def locate(country_code: int, national: str) -> Location:
    """Find the region and type of a national (significant) number under a country code that exists."""
    regions = COUNTRY_CODE_TO_REGION_CODE[country_code]
    if len(regions) == 1:
        return Location(regions[0], _ranges(regions[0], country_code).type_of(national))
    for region in regions:
        ranges = _ranges(region, country_code)
        if ranges.leading is None:
            library_type = ranges.type_of(national)
            if library_type != PhoneNumberType.UNKNOWN:
                return Location(region, library_type)
        elif ranges.leading.match(national):
            return Location(region, ranges.type_of(national))
    return Location(None, PhoneNumberType.UNKNOWN)


Matcher = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class _Ranges:
    """The compiled ranges of one region. ``leading`` digits, where given, decide the region alone."""

    leading: re.Pattern[str] | None
    general: Matcher
    services: tuple[tuple[int, Matcher], ...]
    fixed: Matcher
    mobile: Matcher

    def type_of(self, national: str) -> int:
        """Return the library's type of a number, the costlier services first."""
        if not self.general(national):
            return PhoneNumberType.UNKNOWN
        for library_type, matches in self.services:
            if matches(national):
                return library_type
        is_mobile = self.mobile(national)
        if self.fixed(national):
            return PhoneNumberType.FIXED_LINE_OR_MOBILE if is_mobile else PhoneNumberType.FIXED_LINE
        return PhoneNumberType.MOBILE if is_mobile else PhoneNumberType.UNKNOWN


@lru_cache(maxsize=512)
def _ranges(region: str, country_code: int) -> _Ranges:
    # The region comes from the library's own table of country codes, so its metadata is always there.
    metadata = cast("PhoneMetadata", PhoneMetadata.metadata_for_region_or_calling_code(country_code, region))
    services = (
        (PhoneNumberType.PREMIUM_RATE, metadata.premium_rate),
        (PhoneNumberType.TOLL_FREE, metadata.toll_free),
        (PhoneNumberType.SHARED_COST, metadata.shared_cost),
        (PhoneNumberType.VOIP, metadata.voip),
        (PhoneNumberType.PERSONAL_NUMBER, metadata.personal_number),
        (PhoneNumberType.PAGER, metadata.pager),
        (PhoneNumberType.UAN, metadata.uan),
        (PhoneNumberType.VOICEMAIL, metadata.voicemail),
    )
    leading = metadata.leading_digits
    return _Ranges(
        leading=None if leading is None else re.compile(leading),
        general=_matcher(metadata.general_desc),
        services=tuple((kind, _matcher(known)) for kind, known in services if _has_numbers(known)),
        fixed=_matcher(metadata.fixed_line),
        mobile=_matcher(metadata.mobile),
    )


def _has_numbers(description: PhoneNumberDesc | None) -> bool:
    return description is not None and bool(description.national_number_pattern)


def _matcher(description: PhoneNumberDesc | None) -> Matcher:
    """Return a test for a description's lengths and pattern; where it has no lengths, any length will do."""
    if description is None or not description.national_number_pattern:
        return _no_number
    lengths = frozenset(description.possible_length)
    fullmatch = re.compile(description.national_number_pattern).fullmatch

    def matches(national: str) -> bool:
        return (not lengths or len(national) in lengths) and fullmatch(national) is not None

    return matches


def _no_number(_national: str) -> bool:
    return False
