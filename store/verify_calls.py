"""Each call: what the journal and the allowances' slices say of it, as against its session and its records.

All the amounts of a call on an account share one sum of fingerprints, each check's with a secret factor of its own:
money that is on another account than the journal's differs on both. Seconds of an allowance are the call's, whatever
its account (``store.verify_allowances`` compares that). Where a sum does not come to zero, the exact amounts of the
calls in question are summed up in a second reading.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, literal_column, select, true

from store import schema
from store.verify_fingerprint import BUCKETS, Fingerprints, secret_weight
from store.verify_journal import CALL_EFFECTS, Entry, EntryRow, is_entry
from store.verify_report import Check, Difference, differing
from store.verify_rows import Page, Reader

_JOURNAL = schema.journal.c
_SESSION = schema.session.c
_CDR = schema.cdr.c
_SLICE = schema.allowance_slice.c

_MOST_CALLS = 50_000
"""How many calls' exact amounts are in memory at most, about: some tens of megabytes."""

SESSIONS = select(
    _SESSION.call_id,
    _SESSION.account_id,
    _SESSION.held_micros,
    _SESSION.provisional_micros,
    _SESSION.allowance_s,
    _SESSION.held_by_day,
    _SESSION.paid_until_ms,
    _SESSION.paid_s,
    _SESSION.opened_at_ms,
    _SESSION.updated_at_ms,
    _SESSION.state,
)
SLICES = select(_SLICE.call_id, _SLICE.used_s, _SLICE.held_s, _SLICE.pool_id)


@dataclass(frozen=True, slots=True)
class _Part:
    """A table's part in the proof: rows of call, account and an amount for each of ``checks``."""

    query: Select[Any]
    checks: tuple[Check, ...]
    is_expected: bool
    """Whether it says what a call should have; else, what it has."""


def _journal_part() -> _Part:
    amounts = (
        case(
            *((is_entry(entry), _JOURNAL.amount_micros * literal_column(str(sign))) for entry, sign in effects.items()),
            else_=literal_column("0"),
        )
        for effects in CALL_EFFECTS.values()
    )
    query = select(_JOURNAL.call_id, _JOURNAL.account_id, *amounts).where(_JOURNAL.call_id.is_not(None))
    return _Part(query, tuple(CALL_EFFECTS), is_expected=True)


_PARTS = (
    _journal_part(),
    _Part(
        select(_SLICE.call_id, literal_column("NULL"), _SLICE.used_s, _SLICE.held_s),
        (Check.CALL_ALLOWANCE, Check.CALL_ALLOWANCE_HOLD),
        is_expected=True,
    ),
    _Part(
        select(
            _SESSION.call_id,
            _SESSION.account_id,
            _SESSION.held_micros,
            _SESSION.provisional_micros,
            _SESSION.allowance_s,
        ),
        (Check.CALL_HOLD, Check.CALL_PROVISIONAL, Check.CALL_ALLOWANCE_HOLD),
        is_expected=False,
    ),
    _Part(
        select(_CDR.call_id, _CDR.account_id, _CDR.charged_micros, _CDR.allowance_s),
        (Check.CALL_CHARGE, Check.CALL_ALLOWANCE),
        is_expected=False,
    ),
    _Part(
        select(_CDR.call_id, _CDR.account_id, _CDR.charged_micros).where(_CDR.provisional == true()),
        (Check.CALL_PROVISIONAL,),
        is_expected=True,
    ),
)


_OF_CALL = frozenset({Check.CALL_ALLOWANCE, Check.CALL_ALLOWANCE_HOLD})
"""What is compared whatever the account."""

_Key = tuple[str, int | None]
"""A call, and the account of its money; None for what is compared whatever the account."""


class CallProof:
    """The fingerprints of all calls: fed with each table's pages once."""

    def __init__(self) -> None:
        self._prints = Fingerprints()
        self._factors = {check: secret_weight() for part in _PARTS for check in part.checks}
        self._entry_factors = [
            sum(self._factors[check] * effects.get(entry, 0) for check, effects in CALL_EFFECTS.items())
            for entry in Entry
        ]

    def add_entries(self, entries: list[EntryRow]) -> None:
        """Add a page of the journal."""
        factors = self._entry_factors
        self._prints.add(((row[4], row[1]), factors[row[2]] * row[3]) for row in entries if row[4] is not None)

    def add_records(self, page: Page) -> None:
        """Add a page of ``verify_records.RECORDS``."""
        charge, provisional = self._factors[Check.CALL_CHARGE], self._factors[Check.CALL_PROVISIONAL]
        allowance = self._factors[Check.CALL_ALLOWANCE]
        self._prints.add(((row[0], row[1]), provisional * row[3] - charge * row[2]) for row in page if row[2])
        self._prints.add(((row[0], None), -allowance * row[4]) for row in page if row[4])

    def add_sessions(self, page: Page) -> None:
        """Add a page of :data:`SESSIONS`."""
        hold, provisional = self._factors[Check.CALL_HOLD], self._factors[Check.CALL_PROVISIONAL]
        allowance = self._factors[Check.CALL_ALLOWANCE_HOLD]
        self._prints.add(((row[0], row[1]), -(hold * row[2] + provisional * row[3])) for row in page)
        self._prints.add(((row[0], None), -allowance * row[4]) for row in page)

    def add_slices(self, page: Page) -> None:
        """Add a page of :data:`SLICES`."""
        used, held = self._factors[Check.CALL_ALLOWANCE], self._factors[Check.CALL_ALLOWANCE_HOLD]
        self._prints.add(((row[0], None), used * row[1] + held * row[2]) for row in page)

    async def differences(self, reader: Reader, *, rows: int, calls: int) -> list[Difference]:
        """Name the calls that differ, and in what.

        Args:
            rows: How many rows another reading of everything is.
            calls: About how many calls there are.
        """
        buckets = self._prints.differing()
        if not buckets:
            return []
        searched = buckets[: max(1, _MOST_CALLS * BUCKETS // max(calls, BUCKETS))]
        reader.expect(rows)
        exact = await self._sum_exactly(reader, frozenset(searched))
        found = [difference for key in sorted(exact, key=_in_order) for difference in exact[key].differences(*key)]
        if len(buckets) > len(searched):
            found.append(Difference(Check.MORE, "calls", 0, len(buckets) - len(searched)))
        return found

    async def _sum_exactly(self, reader: Reader, buckets: frozenset[int]) -> Mapping[_Key, "_Call"]:
        calls: dict[_Key, _Call] = defaultdict(_Call)
        bucket = self._prints.bucket
        for part in _PARTS:
            of_call = [check in _OF_CALL for check in part.checks]
            async for page in reader.pages(part.query):
                for call_id, account_id, *amounts in page:
                    keys = {False: (call_id, account_id), True: (call_id, None)}
                    searched = {is_of_call for is_of_call in {*of_call} if bucket(keys[is_of_call]) in buckets}
                    if not searched:
                        continue
                    for check, is_of_call, amount in zip(part.checks, of_call, amounts, strict=True):
                        if is_of_call in searched:
                            calls[keys[is_of_call]].add(check, account_id, amount, is_expected=part.is_expected)
        return calls


def _in_order(key: _Key) -> tuple[str, int]:
    call_id, account_id = key
    return call_id, account_id or 0


class _Call:
    """The exact amounts of one call on one account."""

    __slots__ = ("account_id", "expected", "found")

    def __init__(self) -> None:
        self.account_id: int | None = None
        self.expected: dict[Check, int] = {}
        self.found: dict[Check, int] = {}

    def add(self, check: Check, account_id: int | None, amount: int, *, is_expected: bool) -> None:
        sums = self.expected if is_expected else self.found
        sums[check] = sums.get(check, 0) + amount
        if account_id is not None:
            self.account_id = account_id

    def differences(self, call_id: str, _account_id: int | None) -> list[Difference]:
        return [
            difference
            for check in dict.fromkeys((*self.expected, *self.found))
            for difference in differing(
                check, call_id, self.expected.get(check, 0), self.found.get(check, 0), self.account_id
            )
        ]
