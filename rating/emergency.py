"""Emergency numbers per home region, exact: what may never be refused, charged or cut.

The numbers come from the short-number data of phonenumbers, and from the override table where that is known to
lack some. Only clean digits count, and only whole: 9112125551212 is not an emergency call, nor is ``*112``. The
dialplan's own patterns are generated from :func:`emergency_numbers`, so that Asterisk and the gate never disagree.
"""

import re
from functools import lru_cache
from itertools import product

from phonenumbers import PhoneMetadata

from rating.finite import UnknownSyntaxError, every_match
from rating.overrides import NumberingTable, home_table
from rating.shipped import shipped_numbering

_EVERYWHERE = frozenset({"112", "911"})
"""What mobile networks take for an emergency (3GPP TS 22.101, 10.1.1), where the data names no number."""


def is_emergency(digits: str, region: str, numbering: NumberingTable | None = None) -> bool:
    """Say whether these exact digits, outside-line digit already taken off, call an emergency service.

    ``numbering`` is the installation's override table, by default the one that ships.
    """
    return digits in emergency_numbers(region, numbering)


def emergency_numbers(region: str, numbering: NumberingTable | None = None) -> frozenset[str]:
    """Return every emergency number of a home region, each as its exact digits."""
    return _numbers(region, numbering or shipped_numbering())


@lru_cache(maxsize=64)
def _numbers(region: str, numbering: NumberingTable) -> frozenset[str]:
    return _from_data(region) | home_table(region, numbering).emergencies


def _from_data(region: str) -> frozenset[str]:
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
