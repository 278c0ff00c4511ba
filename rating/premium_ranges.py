"""What digits cost that belong to a premium range, or do not, although no range of the metadata has the number.

Two questions, both about how numbers begin (:mod:`rating.openings`) and not how long they are:

* Is a number of unknown type one of a premium range with a digit too many, too few or not yet assigned? Open
  numbering networks connect 0900 123456 and 0900 123456789 alike (DE), and bill what the range costs.
* Does a rate's prefix also price ordinary numbers? Then it is the price of the country, or of its mobiles, and
  says nothing of what a premium number inside it costs.
"""

import re
from functools import lru_cache
from itertools import product
from typing import NamedTuple, cast

from phonenumbers import PhoneMetadata, PhoneNumberType
from phonenumbers.phonemetadata import PhoneNumberDesc

from rating.openings import beginnings

_DIGITS = "0123456789"
_TOLD_DIGITS = 2
_LEAST_SHARED_DIGITS = 3
"""Fewer digits in common say nothing: Mexico may open the area 308 without regard for its shared-cost 300."""


@lru_cache(maxsize=4096)
def premium_type_of_unknown(country_code: int, region: str, national: str) -> int | None:
    """Return the premium type that a number of no known range begins like; None where it begins like none.

    The digits are compared with every range from the left. Where those ranges that have most of them in common are
    premium, shared-cost or personal ones alone, the number counts as one.

    Returns:
        A value of ``phonenumbers.PhoneNumberType``, the costlier where several have as many digits in common.
    """
    ranges = _ranges(country_code, region)
    for shared in range(len(national), _LEAST_SHARED_DIGITS - 1, -1):
        head = national[:shared]
        if _begins(ranges.others, head):
            return None
        for library_type, pattern in ranges.premium:
            if beginnings(pattern).fullmatch(head):
                return library_type
    return None


@lru_cache(maxsize=4096)
def begins_ordinary(country_code: int, region: str, national_prefix: str, national_digits: int) -> bool:
    """Say whether fixed, mobile or VoIP lines of a region begin with these digits; all of them begin with none.

    Lines of so many national digits count: 1600 is premium in Malaysia, and there are mobiles one digit shorter that
    begin with 16 00. Where no line is that long, what few digits begin is ordinary for whatever lines begin so.
    """
    lines = _ranges(country_code, region).lines
    if not national_prefix:
        return bool(lines)
    begun = [pattern for pattern, _ in lines if beginnings(pattern).fullmatch(national_prefix)]
    if not any(national_digits in lengths for _, lengths in lines):
        return bool(begun) and len(national_prefix) < _LEAST_SHARED_DIGITS
    return any(_has_number(pattern, national_prefix, national_digits) for pattern in begun)


class _Ranges(NamedTuple):
    """The patterns of a region's numbers; ``premium`` by type, the costliest first."""

    premium: tuple[tuple[int, str], ...]
    lines: tuple[tuple[str, tuple[int, ...]], ...]
    """With the lengths that they have."""
    others: tuple[str, ...]
    """Of the lines, and of everything else that is not premium."""


@lru_cache(maxsize=64)
def _ranges(country_code: int, region: str) -> _Ranges:
    # The region comes from the library's own tables, so its metadata is always there.
    metadata = cast("PhoneMetadata", PhoneMetadata.metadata_for_region_or_calling_code(country_code, region))
    premium = (
        (PhoneNumberType.PREMIUM_RATE, metadata.premium_rate),
        (PhoneNumberType.SHARED_COST, metadata.shared_cost),
        (PhoneNumberType.PERSONAL_NUMBER, metadata.personal_number),
    )
    lines = [known for known in (metadata.fixed_line, metadata.mobile, metadata.voip) if known is not None]
    services = (metadata.toll_free, metadata.uan, metadata.pager, metadata.voicemail)
    any_length = cast("PhoneNumberDesc", metadata.general_desc).possible_length
    return _Ranges(
        premium=tuple((kind, pattern) for kind, known in premium for pattern in _patterns(known)),
        lines=tuple((pattern, known.possible_length or any_length) for known in lines for pattern in _patterns(known)),
        others=_patterns(*lines, *services),
    )


def _patterns(*descriptions: PhoneNumberDesc | None) -> tuple[str, ...]:
    found = (None if description is None else description.national_number_pattern for description in descriptions)
    return tuple(pattern for pattern in found if pattern)


def _has_number(pattern: str, prefix: str, digits: int) -> bool:
    """Say whether a pattern matches a number of so many digits that begins with the prefix.

    Ranges are told apart by their first digits: those after the prefix are tried in all ways, the rest alike.
    """
    matches, left = re.compile(pattern).fullmatch, max(0, digits - len(prefix))
    told = min(_TOLD_DIGITS, left)
    numbers = (
        f"{prefix}{''.join(head)}{fill * (left - told)}" for head in product(_DIGITS, repeat=told) for fill in _DIGITS
    )
    return any(map(matches, numbers))


def _begins(patterns: tuple[str, ...], head: str) -> bool:
    return any(beginnings(pattern).fullmatch(head) for pattern in patterns)
