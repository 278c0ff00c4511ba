"""What kind of line a number reaches."""

from enum import StrEnum


class NumberType(StrEnum):
    """What kind of line a number reaches."""

    FIXED = "fixed"
    MOBILE = "mobile"
    FIXED_OR_MOBILE = "fixed_or_mobile"
    """Numbering plans that cannot tell the two apart (US, CA, PR)."""
    TOLL_FREE = "toll_free"
    PREMIUM = "premium"
    SHARED_COST = "shared_cost"
    PERSONAL = "personal"
    VOIP = "voip"
    UAN = "uan"
    PAGER = "pager"
    VOICEMAIL = "voicemail"
    SATELLITE = "satellite"
    SHORT = "short"
    EMERGENCY = "emergency"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


PREMIUM_TYPES = frozenset({NumberType.PREMIUM, NumberType.SHARED_COST, NumberType.PERSONAL})
"""Types whose price has a share for the called party, whatever region they are in."""
