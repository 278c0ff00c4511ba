"""The mark on a trunk leg of a call of which the store may know nothing."""

import re

from charging.call import Call
from dialplan.contract import LegMark, MarkKind

_NUMBER = re.compile(r"[0-9A-Za-z+*#.:_-]{0,80}")
"""What a mark may hold of what was dialled: it travels through AstDB in a line with commas."""


def mark_of(call: Call, kind: MarkKind) -> LegMark:
    """Return the mark that tells a successor of this service all that the call's record needs."""
    dialled = call.dialled if _NUMBER.fullmatch(call.dialled) else ""
    # The names of a phone's channels end in a serial, on which nothing depends.
    return LegMark(kind, call.call_id, f"{call.endpoint}-" if call.endpoint else "", dialled)
