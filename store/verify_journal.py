"""The journal as ``verify`` reads it: what each kind of entry does to balances, calls and lots, and its own rules."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from enum import IntEnum
from itertools import islice
from typing import Any

from sqlalchemy import Integer, String, and_, case, literal_column, select

from store import schema
from store.journal import Bucket, EntryKind
from store.verify_keys import CallKeys, meaning
from store.verify_report import MOST_NAMED, Check, Difference
from store.verify_rows import Reader

_JOURNAL = schema.journal.c
_KEYS_AT_ONCE = 500  # SQLite's limit of parameters was 999 for long


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


_WORDS = {
    (EntryKind.HOLD, Bucket.AVAILABLE, Bucket.RESERVED): Entry.HOLD,
    (EntryKind.CHARGE, Bucket.RESERVED, Bucket.SPENT): Entry.CHARGE,
    (EntryKind.RELEASE, Bucket.RESERVED, Bucket.AVAILABLE): Entry.RELEASE,
    (EntryKind.REFUND, Bucket.SPENT, Bucket.AVAILABLE): Entry.REFUND,
    (EntryKind.FUND, Bucket.FUNDING, Bucket.AVAILABLE): Entry.FUND,
    (EntryKind.EXPIRE, Bucket.AVAILABLE, Bucket.EXPIRED): Entry.EXPIRE,
    (EntryKind.ADJUST, Bucket.ADJUSTMENT, Bucket.AVAILABLE): Entry.ADJUST_UP,
    (EntryKind.ADJUST, Bucket.AVAILABLE, Bucket.ADJUSTMENT): Entry.ADJUST_DOWN,
}
_HAS_RECORD = select(schema.cdr.c.id).where(schema.cdr.c.call_id == _JOURNAL.call_id).exists()
ENTRIES = select(
    _JOURNAL.id,
    _JOURNAL.account_id,
    _JOURNAL.kind,
    _JOURNAL.debit_bucket,
    _JOURNAL.credit_bucket,
    _JOURNAL.amount_micros,
    _JOURNAL.call_id,
    _JOURNAL.key,
    _JOURNAL.lot_id,
    _JOURNAL.reference,
    # A call's hold is released when it is closed, and only a call with a record is.
    case((_JOURNAL.kind == _text(EntryKind.RELEASE), case((_HAS_RECORD, _number(0)), else_=_number(1)))),
)
"""Each row: what an entry is, and 1 where it releases the hold of a call without a record."""

EntryRow = tuple[int, int, Entry, int, str | None]
"""An entry's id, account, :class:`Entry`, amount and call."""


class JournalSums:
    """What the journal comes to per account, and the entries that break a rule of their own."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, int], int] = defaultdict(int)
        self._keys = CallKeys()
        self._named: list[Difference] = []
        self._flaws = 0

    async def read(self, reader: Reader) -> AsyncIterator[list[EntryRow]]:
        """Read the journal, and answer its entries page after page."""
        async for page in reader.pages(ENTRIES):
            awaited: dict[str, tuple[str, int]] = {}
            yield [self._entry(row, awaited) for row in page]
            if awaited:
                await self._find_gaps(reader, awaited)

    def total(self, account_id: int, effects: Mapping[Entry, int]) -> int:
        """Answer the micro-units that the account's entries come to, each kind taken as ``effects`` says."""
        return sum(sign * self._sums.get((account_id, entry), 0) for entry, sign in effects.items())

    @property
    def flaws(self) -> list[Difference]:
        """The entries that break a rule of their own."""
        if self._flaws > len(self._named):
            return [*self._named, Difference(Check.MORE, "entries", 0, self._flaws - len(self._named))]
        return self._named

    def _entry(self, row: Any, awaited: dict[str, tuple[str, int]]) -> EntryRow:
        """Answer a row's entry, counted; what its key follows on is added to ``awaited``."""
        entry_id, account_id, kind, debit, credit, micros, call_id, key, lot_id, reference, is_unrecorded = row
        entry = _WORDS.get((kind, debit, credit), Entry.ILLEGAL)
        if micros <= 0:
            entry = Entry.ILLEGAL
        self._sums[account_id, entry] += micros
        if entry is Entry.ILLEGAL:
            said = f"{kind} of {micros} from {debit} to {credit}"
            self._add(Difference(Check.ENTRY, key, None, said, account_id))
        if call_id is None:
            means = meaning(kind, key, account_id, lot_id, reference)
        else:
            means = self._keys.meaning(key, call_id)
        if means is None or means.kind != kind:
            if entry is not Entry.ILLEGAL:
                self._add(Difference(Check.KEY, key, kind, None, account_id))
        elif means.follows is not None:
            awaited[means.follows if call_id is None else call_id + means.follows] = key, account_id
        if is_unrecorded:
            self._add(Difference(Check.NO_RECORD, str(call_id), 1, 0, account_id))
        return entry_id, account_id, entry, micros, call_id

    async def _find_gaps(self, reader: Reader, awaited: Mapping[str, tuple[str, int]]) -> None:
        """Find the entries that follow on others that are not there."""
        waiting = iter(awaited)
        while some := list(islice(waiting, _KEYS_AT_ONCE)):
            there = {row[0] for row in await reader.few(select(_JOURNAL.key).where(_JOURNAL.key.in_(some)))}
            for missing in some:
                if missing not in there:
                    key, account_id = awaited[missing]
                    self._add(Difference(Check.GAP, key, missing, None, account_id))

    def _add(self, difference: Difference) -> None:
        self._flaws += 1
        if self._flaws <= MOST_NAMED:
            self._named.append(difference)
