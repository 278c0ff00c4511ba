"""Whether the rate of a premium number is meant for it, or is what ordinary numbers beside it cost.

Decks seldom list every premium range. The longest prefix is then the country's, or its mobiles', and what it says
of a premium number is far too little: to hold less than the carrier bills is a loss on every call. Such a rate is
as good as none. A rate is meant for a premium number where no ordinary line begins with the rate's prefix.

Where the override table says what the number is, its range may lie inside an ordinary one (+1 212 976 inside New York's
lines). There the rate is meant for it where its prefix has all digits of the entry.

Short numbers have no such general prices: a prefix such as ``FR:36`` is one of short numbers alone.
"""

import re

from rating.e164 import Line
from rating.overrides import Override, ShortOverride
from rating.premium_ranges import begins_ordinary
from rating.rate import Rate

_ELEMENT = re.compile(r"\[[^\]]*\]|.")


def is_general_rate(line: Line | None, override: Override | ShortOverride | None, rate: Rate) -> bool:
    """Say whether the rate that was found for a premium number is one of ordinary numbers.

    ``line`` is None for short numbers, ``override`` the entry of the override table that says what the number is.
    """
    if line is None:
        return False
    if isinstance(override, Override) and len(rate.prefix) >= len(_ELEMENT.findall(override.digits)):
        return False
    national_prefix = rate.prefix[len(str(line.country_code)) :]
    return begins_ordinary(line.country_code, line.region, national_prefix, len(line.national))
