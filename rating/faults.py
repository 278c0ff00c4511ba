"""Why dialled digits could not be read as a number."""

from enum import StrEnum


class Fault(StrEnum):
    """What is wrong with dialled digits; each has its sentence in :mod:`rating.sentences`."""

    EMPTY = "empty"
    CHARACTERS = "characters"
    TOO_LONG = "too_long"
    SERVICE_CODE = "service_code"
    NO_OUTSIDE_LINE = "no_outside_line"
    NO_TRUNK_PREFIX = "no_trunk_prefix"
    UNKNOWN_COUNTRY = "unknown_country"
    UNKNOWN_RANGE = "unknown_range"
    """Several regions share the country code, and none of them has numbers that begin so or have this length."""
    IMPOSSIBLE = "impossible"
