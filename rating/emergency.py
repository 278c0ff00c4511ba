"""Emergency numbers per home region, exact: what may never be refused, charged or cut.

The numbers come from the short-number data of phonenumbers, plus those it is known to lack. Only clean digits
count, and only whole: 9112125551212 is not an emergency call, nor is ``*112``. The dialplan's own patterns
are generated from :func:`emergency_numbers`, so that Asterisk and the gate never disagree.
"""

import re
from functools import lru_cache
from itertools import product

from phonenumbers import PhoneMetadata

_LACKING: dict[str, frozenset[str]] = {
    # Samu and fire by SMS or relay (114), homeless (115), children (119), air rescue (191), sea rescue (196):
    # list of emergency numbers, ARCEP decision 02-1179 as amended.
    "FR": frozenset({"114", "115", "119", "191", "196"}),
    # Health, Guardia Civil, police, fire brigade, local police: Spanish numbering plan, numbers 0XY.
    "ES": frozenset({"061", "062", "080", "091", "092"}),
    # 933 reads back the location that 911 would send; 988 is the Suicide & Crisis Lifeline (FCC 20-100).
    "US": frozenset({"933", "988"}),
    # Emergency text relay for the deaf (Ofcom, General Condition A3).
    "GB": frozenset({"18000"}),
}

_EVERYWHERE = frozenset({"112", "911"})
"""What mobile networks take for an emergency (3GPP TS 22.101, 10.1.1), where the data names no number."""


def is_emergency(digits: str, region: str) -> bool:
    """Say whether these exact digits, outside-line digit already taken off, call an emergency service."""
    pattern, _ = _from_data(region)
    if pattern is None:
        return digits in _EVERYWHERE
    return pattern.fullmatch(digits) is not None or digits in _LACKING.get(region, ())


@lru_cache(maxsize=64)
def emergency_numbers(region: str) -> frozenset[str]:
    """Return every emergency number of a home region, each as its exact digits."""
    pattern, lengths = _from_data(region)
    if pattern is None:
        return _EVERYWHERE
    candidates = ("".join(digits) for length in lengths for digits in product("0123456789", repeat=length))
    return frozenset(filter(pattern.fullmatch, candidates)) | _LACKING.get(region, frozenset())


@lru_cache(maxsize=64)
def _from_data(region: str) -> tuple[re.Pattern[str] | None, tuple[int, ...]]:
    """Return the data's pattern of a region's emergency numbers and the lengths they have.

    The pattern is compiled for ASCII: ``\\d`` must not take Arabic digits for an emergency.
    """
    metadata = PhoneMetadata.short_metadata_for_region(region)
    known = metadata.emergency if metadata is not None else None
    if known is None or known.national_number_pattern is None:
        return None, ()
    return re.compile(known.national_number_pattern, re.ASCII), known.possible_length
