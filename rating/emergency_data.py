"""The emergency numbers that the short-number data of phonenumbers knows, per region, each as its exact digits."""

import re
from functools import lru_cache
from itertools import product

from phonenumbers import PhoneMetadata

from rating.finite import UnknownSyntaxError, every_match

_EVERYWHERE = frozenset({"112", "911"})
"""What mobile networks take for an emergency (3GPP TS 22.101, 10.1.1), where the data names no number."""


@lru_cache(maxsize=512)
def known_emergencies(region: str) -> frozenset[str]:
    """Return the emergency numbers of a region as far as the data knows them."""
    metadata = PhoneMetadata.short_metadata_for_region(region)
    known = metadata.emergency if metadata is not None else None
    if known is None or known.national_number_pattern is None:
        return _EVERYWHERE
    return listed(known.national_number_pattern, known.possible_length)


def listed(pattern: str, lengths: tuple[int, ...]) -> frozenset[str]:
    """Return the digits of these lengths that a pattern matches.

    Should the data ever come in a syntax that :mod:`rating.finite` does not read, every number is tried: an
    emergency number may be found slowly, but never be missed.
    """
    try:
        matches = every_match(pattern)
    except UnknownSyntaxError:
        # ASCII only: \d must not take Arabic digits for an emergency.
        tried = ("".join(digits) for length in lengths for digits in product("0123456789", repeat=length))
        return frozenset(filter(re.compile(pattern, re.ASCII).fullmatch, tried))
    return frozenset(digits for digits in matches if len(digits) in lengths)
