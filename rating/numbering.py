"""Where a national number lives and what kind of line it is, from the metadata of phonenumbers.

The library answers both questions too, but region and type each walk the same patterns again, which for the
25 countries under +1 costs more than all the rest of a decision. Here one walk answers both, by the same
rules and on the same metadata; a test compares the answers with the library's for every region.
"""

import re
from collections.abc import Callable
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


def main_region(country_code: int) -> str:
    """Return the region that a country code is known by, of those that share it: US of 1, GB of 44."""
    return COUNTRY_CODE_TO_REGION_CODE[country_code][0]


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


Matcher = Callable[[str], "re.Match[str] | None"]


class _OfLength(NamedTuple):
    """What numbers of one length can be; ``services`` are the costlier kinds, in the order in which they are asked."""

    services: tuple[tuple[int, Matcher], ...]
    fixed: Matcher
    mobile: Matcher


class _Ranges(NamedTuple):
    """The compiled ranges of one region. ``leading`` digits, where given, decide the region alone."""

    leading: re.Pattern[str] | None
    general: Matcher
    by_length: dict[int, _OfLength]

    def type_of(self, national: str) -> int:
        """Return the library's type of a number, the costlier services first."""
        kinds = self.by_length.get(len(national))
        if kinds is None or not self.general(national):
            return PhoneNumberType.UNKNOWN
        for library_type, matches in kinds.services:
            if matches(national):
                return library_type
        is_mobile = kinds.mobile(national)
        if kinds.fixed(national):
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
        by_length={
            length: _OfLength(
                services=tuple((kind, _matcher(known)) for kind, known in services if _has_length(known, length)),
                fixed=_matcher_of_length(metadata.fixed_line, length),
                mobile=_matcher_of_length(metadata.mobile, length),
            )
            for length in _LENGTHS
            if _has_length(metadata.general_desc, length)
        },
    )


_LENGTHS = range(1, 18)
"""National numbers have at most 17 digits, as far as the library's parser goes."""


def _has_length(description: PhoneNumberDesc | None, length: int) -> bool:
    """Say whether numbers of a description can have this length; where it names none, any will do."""
    if description is None or not description.national_number_pattern:
        return False
    return not description.possible_length or length in description.possible_length


def _matcher_of_length(description: PhoneNumberDesc | None, length: int) -> Matcher:
    return _matcher(description) if _has_length(description, length) else _no_number


def _matcher(description: PhoneNumberDesc | None) -> Matcher:
    # Only asked for descriptions that have numbers, and the general one always has.
    pattern = cast("str", cast("PhoneNumberDesc", description).national_number_pattern)
    return re.compile(pattern).fullmatch


def _no_number(_national: str) -> None:
    return None
