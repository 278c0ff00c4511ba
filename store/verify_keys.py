"""The keys of journal entries, as ``store.journal`` makes them: is each the one of what its entry records, and whole?

Expiries of a lot and provisional charges of a call are numbered without gaps, and a refund has a charge before it: the
key of such an entry tells the key that must be there already. Numbers of slices have gaps: a slice that an allowance
pays for, or that costs nothing more, has no entry.
"""

import re
from typing import NamedTuple

from store.journal import EntryKind, expire_key, reference_key

_MOST_KNOWN = 10_000
_NUMBER = "([1-9][0-9]{0,8})"
_FORMS = (
    (EntryKind.HOLD, re.compile(f":slice:{_NUMBER}")),
    (EntryKind.CHARGE, re.compile(":leg:[0-9]{1,9}:charge")),
    (EntryKind.RELEASE, re.compile(":release")),
    (EntryKind.CHARGE, re.compile(f":provisional:{_NUMBER}")),
    (EntryKind.REFUND, re.compile(f":provisional:{_NUMBER}:refund")),
    (EntryKind.HOLD, re.compile(f":provisional:{_NUMBER}:hold")),
)


class Meaning(NamedTuple):
    """What a key says of its entry."""

    kind: EntryKind
    follows: str | None = None
    """The key that must be there already; of a call's key, what comes after the call."""


def meaning(kind: str, key: str, account_id: int, lot_id: int | None, reference: str | None) -> Meaning | None:
    """Answer the meaning of the key of an entry that is no call's; None where it has none."""
    if kind == EntryKind.EXPIRE and lot_id is not None:
        first, _, number = key.rpartition(":")
        if first and re.fullmatch(_NUMBER, number) and key == expire_key(lot_id, int(number)):
            return Meaning(EntryKind.EXPIRE, None if number == "1" else expire_key(lot_id, int(number) - 1))
    if kind in {EntryKind.FUND, EntryKind.ADJUST} and reference is not None:
        return Meaning(EntryKind(kind)) if key == reference_key(account_id, reference) else None
    return None


class CallKeys:
    """The meanings of calls' keys; each kind of ending is read once."""

    def __init__(self) -> None:
        self._known: dict[str, Meaning | None] = {}

    def meaning(self, key: str, call_id: str) -> Meaning | None:
        """Answer the meaning of a key of this call; None where it has none."""
        if not key.startswith(call_id):
            return None
        ending = key[len(call_id) :]
        try:
            return self._known[ending]
        except KeyError:
            return self._learn(ending)

    def _learn(self, ending: str) -> Meaning | None:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        found = self._known[ending] = _meaning_of(ending)
        return found


def _meaning_of(ending: str) -> Meaning | None:
    for kind, form in _FORMS:
        if (match := form.fullmatch(ending)) is not None:
            return Meaning(kind, _follows(kind, ending, match))
    return None


def _follows(kind: EntryKind, ending: str, match: re.Match[str]) -> str | None:
    if not ending.startswith(":provisional:"):
        return None
    n = int(match[1])
    if kind is EntryKind.REFUND:
        return f":provisional:{n}"
    if kind is EntryKind.HOLD:
        return f":provisional:{n}:refund"
    return f":provisional:{n - 1}:refund" if n > 1 else None
