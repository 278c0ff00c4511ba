"""Short numbers of a home region: whether digits are one, and whether calling it costs extra.

They do not parse as numbers, so the short-number metadata is asked directly, with a table for what it gets
wrong. Emergency numbers are not this module's business: they are recognised before.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from phonenumbers import PhoneMetadata
from phonenumbers.phonemetadata import PhoneNumberDesc

LONGEST_SHORT_DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Override:
    """What the metadata gets wrong about short numbers of some regions; ``regions`` empty means all."""

    regions: frozenset[str]
    pattern: re.Pattern[str]
    is_premium: bool


_OVERRIDES = (
    # Orange's customer service and the domestic violence line cost the caller nothing (ARCEP, annuaire des
    # numéros courts); the metadata takes both for premium.
    _Override(frozenset({"FR"}), re.compile(r"1014|3919"), is_premium=False),
    # North American directory assistance is charged per enquiry.
    _Override(frozenset({"US", "CA"}), re.compile(r"411"), is_premium=True),
    # 118 is reserved for directory enquiries in Europe (ECTRA/REC(97)01), always at the provider's own price.
    _Override(frozenset(), re.compile(r"118[0-9]{2,3}"), is_premium=True),
)


def is_short_number(digits: str, region: str) -> bool:
    """Say whether these exact digits are a short number that can be dialled in a region."""
    return _matches(_patterns(region).known, digits)


def is_premium_short_number(digits: str, region: str) -> bool:
    """Say whether a short number costs more than an ordinary call."""
    for override in _OVERRIDES:
        if (not override.regions or region in override.regions) and override.pattern.fullmatch(digits):
            return override.is_premium
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
