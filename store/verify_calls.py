"""Each call: what the journal and the allowances' slices say of it, as against its session and its records.

All the amounts of a call share one sum of fingerprints, each check's with a secret factor of its own; where that does
not come to zero, the exact amounts of the calls in question are summed up in a second reading.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, literal_column, select, true

from store import schema
from store.verify_fingerprint import BUCKETS, Fingerprints, secret_weight
from store.verify_journal import CALL_EFFECTS, Entry, is_entry
from store.verify_report import Check, Difference, differing
from store.verify_rows import Page, Reader

_JOURNAL = schema.journal.c
_SESSION = schema.session.c
_CDR = schema.cdr.c
_SLICE = schema.allowance_slice.c

_MOST_CALLS = 50_000
"""How many calls' exact amounts are in memory at most, about: some tens of megabytes."""

_PROVISIONAL_CHARGE: Any = case((_CDR.provisional, _CDR.charged_micros), else_=literal_column("0"))

RECORDS = select(
    _CDR.call_id,
    _CDR.account_id,
    _CDR.charged_micros,
    _PROVISIONAL_CHARGE.label("provisional_micros"),
    _CDR.allowance_s,
    _CDR.extension,
    _CDR.unfunded_micros,
    _CDR.billable_s,
)
SESSIONS = select(
    _SESSION.call_id,
    _SESSION.account_id,
    _SESSION.held_micros,
    _SESSION.provisional_micros,
    _SESSION.allowance_s,
    _SESSION.held_by_day,
    _SESSION.paid_until_ms,
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


class CallProof:
    """The fingerprints of all calls: fed with each table's pages once."""

    def __init__(self) -> None:
        self._prints = Fingerprints()
        self._factors = {check: secret_weight() for part in _PARTS for check in part.checks}
        self._entry_factors = [
            sum(self._factors[check] * effects.get(entry, 0) for check, effects in CALL_EFFECTS.items())
            for entry in Entry
        ]

    def add_entries(self, page: Page) -> None:
        """Add a page of the journal, as ``verify_journal.ENTRIES`` has it."""
        factors = self._entry_factors
        self._prints.add((row[4], factors[row[2]] * row[3]) for row in page if row[4] is not None)

    def add_records(self, page: Page) -> None:
        """Add a page of :data:`RECORDS`."""
        charge, provisional = self._factors[Check.CALL_CHARGE], self._factors[Check.CALL_PROVISIONAL]
        allowance = self._factors[Check.CALL_ALLOWANCE]
        self._prints.add((row[0], provisional * row[3] - charge * row[2] - allowance * row[4]) for row in page)

    def add_sessions(self, page: Page) -> None:
        """Add a page of :data:`SESSIONS`."""
        hold, provisional = self._factors[Check.CALL_HOLD], self._factors[Check.CALL_PROVISIONAL]
        allowance = self._factors[Check.CALL_ALLOWANCE_HOLD]
        self._prints.add((row[0], -(hold * row[2] + provisional * row[3] + allowance * row[4])) for row in page)

    def add_slices(self, page: Page) -> None:
        """Add a page of :data:`SLICES`."""
        used, held = self._factors[Check.CALL_ALLOWANCE], self._factors[Check.CALL_ALLOWANCE_HOLD]
        self._prints.add((row[0], used * row[1] + held * row[2]) for row in page)

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
        found = [difference for call in sorted(exact) for difference in exact[call].differences(call)]
        if len(buckets) > len(searched):
            found.append(Difference(Check.MORE, "calls", 0, len(buckets) - len(searched)))
        return found

    async def _sum_exactly(self, reader: Reader, buckets: frozenset[int]) -> Mapping[str, "_Call"]:
        calls: dict[str, _Call] = defaultdict(_Call)
        bucket = self._prints.bucket
        for part in _PARTS:
            async for page in reader.pages(part.query):
                for call_id, account_id, *amounts in page:
                    if bucket(call_id) in buckets:
                        calls[call_id].add(part, account_id, amounts)
        return calls


class _Call:
    """The exact amounts of one call."""

    __slots__ = ("account_id", "expected", "found")

    def __init__(self) -> None:
        self.account_id: int | None = None
        self.expected: dict[Check, int] = {}
        self.found: dict[Check, int] = {}

    def add(self, part: _Part, account_id: int | None, amounts: list[int]) -> None:
        sums = self.expected if part.is_expected else self.found
        for check, amount in zip(part.checks, amounts, strict=True):
            sums[check] = sums.get(check, 0) + amount
        if account_id is not None:
            self.account_id = account_id

    def differences(self, call_id: str) -> list[Difference]:
        return [
            difference
            for check in dict.fromkeys((*self.expected, *self.found))
            for difference in differing(
                check, call_id, self.expected.get(check, 0), self.found.get(check, 0), self.account_id
            )
        ]
