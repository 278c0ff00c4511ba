"""Short numbers of a home region: whether digits are one, and what is known of its cost.

They do not parse as numbers, so the short-number metadata is asked directly, after the override table.
Emergency numbers are not this module's business: they are recognised before.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from phonenumbers import PhoneMetadata
from phonenumbers.phonemetadata import PhoneNumberDesc

LONGEST_SHORT_DIGITS = 6


def is_short_number(digits: str, region: str) -> bool:
    """Say whether the metadata knows these exact digits as a short number that can be dialled in a region."""
    return _matches(_patterns(region).known, digits)


def is_premium_short_number(digits: str, region: str) -> bool:
    """Say whether a short number costs more than an ordinary call, as far as the metadata knows."""
    return _matches(_patterns(region).premium, digits)


@dataclass(frozen=True, slots=True)
class _Patterns:
    known: re.Pattern[str] | None
    premium: re.Pattern[str] | None


@lru_cache(maxsize=64)
def _patterns(region: str) -> _Patterns:
    metadata = PhoneMetadata.short_metadata_for_region(region)
    if metadata is None:
        return _Patterns(None, None)
    return _Patterns(_compiled(metadata.short_code), _compiled(metadata.premium_rate))


def _compiled(description: PhoneNumberDesc | None) -> re.Pattern[str] | None:
    if description is None or description.national_number_pattern is None:
        return None
    # ASCII only: \d must not match Arabic digits.
    return re.compile(description.national_number_pattern, re.ASCII)


def _matches(pattern: re.Pattern[str] | None, digits: str) -> bool:
    return pattern is not None and pattern.fullmatch(digits) is not None
