"""The journal as ``verify`` reads it: what each kind of entry does to balances, calls and lots, and its own rules."""

from collections import defaultdict
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from sqlalchemy import Integer, String, and_, case, cast, func, literal, literal_column, not_, or_, select

from store import schema
from store.journal import Bucket, EntryKind
from store.verify_report import MOST_NAMED, Check, Difference
from store.verify_rows import Page, Reader

_JOURNAL = schema.journal.c


class Entry(IntEnum):
    """The kinds of entries, told apart as far as they do different things to balances."""

    HOLD = 0
    CHARGE = 1
    RELEASE = 2
    REFUND = 3
    FUND = 4
    EXPIRE = 5
    ADJUST_UP = 6
    ADJUST_DOWN = 7
    ILLEGAL = 8
    """No transfer of ours, or of no money."""


# What an entry adds to each balance of its account.
AVAILABLE = {
    Entry.FUND: 1,
    Entry.ADJUST_UP: 1,
    Entry.RELEASE: 1,
    Entry.REFUND: 1,
    Entry.HOLD: -1,
    Entry.ADJUST_DOWN: -1,
    Entry.EXPIRE: -1,
}
RESERVED = {Entry.HOLD: 1, Entry.CHARGE: -1, Entry.RELEASE: -1}
SPENT = {Entry.CHARGE: 1, Entry.REFUND: -1}

CALL_EFFECTS: Mapping[Check, Mapping[Entry, int]] = {
    Check.CALL_HOLD: RESERVED,
    Check.CALL_CHARGE: SPENT,
}
"""What an entry adds to what is expected of its call."""

LOT_ENTRIES = frozenset({Entry.CHARGE, Entry.REFUND, Entry.EXPIRE, Entry.ADJUST_DOWN})
"""The entries whose whole amount is taken from lots or given back to them."""


def _is(kind: EntryKind, debit: Bucket, credit: Bucket) -> Any:
    return and_(
        _JOURNAL.kind == _text(kind.value),
        _JOURNAL.debit_bucket == _text(debit.value),
        _JOURNAL.credit_bucket == _text(credit.value),
        _JOURNAL.amount_micros > literal_column("0"),
    )


def _text(word: str) -> Any:
    return literal_column(f"'{word}'", String)


def _number(value: int) -> Any:
    return literal_column(str(value), Integer)


def _starts(text: Any) -> Any:
    """Compare a key's beginning; LIKE would take a call's own % and _ for wild cards."""
    return func.substr(_JOURNAL.key, _number(1), func.length(text)) == text


_IS_PROVISIONAL = _starts(_JOURNAL.call_id + _text(":provisional:"))

ENTRY: Any = case(
    (_is(EntryKind.HOLD, Bucket.AVAILABLE, Bucket.RESERVED), _number(Entry.HOLD)),
    (_is(EntryKind.CHARGE, Bucket.RESERVED, Bucket.SPENT), _number(Entry.CHARGE)),
    (_is(EntryKind.RELEASE, Bucket.RESERVED, Bucket.AVAILABLE), _number(Entry.RELEASE)),
    (_is(EntryKind.REFUND, Bucket.SPENT, Bucket.AVAILABLE), _number(Entry.REFUND)),
    (_is(EntryKind.FUND, Bucket.FUNDING, Bucket.AVAILABLE), _number(Entry.FUND)),
    (_is(EntryKind.EXPIRE, Bucket.AVAILABLE, Bucket.EXPIRED), _number(Entry.EXPIRE)),
    (_is(EntryKind.ADJUST, Bucket.ADJUSTMENT, Bucket.AVAILABLE), _number(Entry.ADJUST_UP)),
    (_is(EntryKind.ADJUST, Bucket.AVAILABLE, Bucket.ADJUSTMENT), _number(Entry.ADJUST_DOWN)),
    else_=_number(Entry.ILLEGAL),
)


def is_entry(*entries: Entry) -> Any:
    """Tell the rows of these kinds."""
    return ENTRY.in_([_number(entry) for entry in entries])


def _wrong_key() -> Any:
    """Tell an entry whose key is not the one of what it records, see ``store.journal``."""
    call, key = _JOURNAL.call_id, _JOURNAL.key
    of_reference = _text("account:") + cast(_JOURNAL.account_id, String) + _text(":ref:") + _JOURNAL.reference
    of_lot = _text("lot:") + cast(_JOURNAL.lot_id, String) + _text(":expire:")
    of_leg = and_(_starts(call + _text(":leg:")), func.substr(key, func.length(key) - _number(6)) == _text(":charge"))
    right = case(
        (_JOURNAL.kind == _text(EntryKind.HOLD), or_(_starts(call + _text(":slice:")), _IS_PROVISIONAL)),
        (_JOURNAL.kind == _text(EntryKind.CHARGE), or_(of_leg, _IS_PROVISIONAL)),
        (_JOURNAL.kind == _text(EntryKind.RELEASE), key == call + _text(":release")),
        (_JOURNAL.kind == _text(EntryKind.REFUND), _IS_PROVISIONAL),
        (_JOURNAL.kind == _text(EntryKind.EXPIRE), _starts(of_lot)),
        (_JOURNAL.kind.in_([_text(EntryKind.FUND), _text(EntryKind.ADJUST)]), key == of_reference),
        else_=literal(value=True),
    )
    return or_(right.is_(None), not_(right))


_WRONG_KEY = _wrong_key()
_IS_FLAWED = or_(is_entry(Entry.ILLEGAL), _WRONG_KEY)

ENTRIES = select(
    _JOURNAL.id,
    _JOURNAL.account_id,
    ENTRY.label("entry"),
    _JOURNAL.amount_micros,
    _JOURNAL.call_id,
    case((_IS_FLAWED, _number(1)), else_=_number(0)).label("is_flawed"),
)
"""Each row: id, account, :class:`Entry`, amount, call, and 1 where it breaks a rule of its own."""


class JournalSums:
    """What the journal comes to per account, and how many of its entries break a rule of their own."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int], int] = defaultdict(int)
        self._flaws = 0

    def add(self, page: Page) -> None:
        """Add a page of :data:`ENTRIES`."""
        sums = self._sums
        for _, account_id, entry, amount_micros, _, is_flawed in page:
            sums[account_id, entry] += amount_micros
            if is_flawed:
                self._flaws += 1

    def total(self, account_id: int, effects: Mapping[Entry, int]) -> int:
        """Answer the micro-units that the account's entries come to, each kind taken as ``effects`` says."""
        return sum(sign * self._sums.get((account_id, entry), 0) for entry, sign in effects.items())

    async def flaws(self, reader: Reader) -> list[Difference]:
        """Name the entries that break a rule of their own."""
        if not self._flaws:
            return []
        query = (
            select(
                _JOURNAL.key,
                _JOURNAL.kind,
                _JOURNAL.debit_bucket,
                _JOURNAL.credit_bucket,
                _JOURNAL.amount_micros,
                _JOURNAL.account_id,
                ENTRY,
            )
            .where(_IS_FLAWED)
            .order_by(_JOURNAL.id)
            .limit(MOST_NAMED)
        )
        named = [_flaw(*row) for row in await reader.few(query)]
        if self._flaws > len(named):
            named.append(Difference(Check.MORE, "entries", 0, self._flaws - len(named)))
        return named


def _flaw(key: str, kind: str, debit: str, credit: str, amount_micros: int, account_id: int, entry: int) -> Difference:
    if entry == Entry.ILLEGAL:
        return Difference(Check.ENTRY, key, None, f"{kind} of {amount_micros} from {debit} to {credit}", account_id)
    return Difference(Check.KEY, key, kind, None, account_id)
