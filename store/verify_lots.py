"""Lots: each one's rest, and what each journal entry took from lots or gave back to them."""

from collections import defaultdict
from typing import Any

from sqlalchemy import String, case, cast, func, literal, literal_column, select

from store import schema
from store.journal import EntryKind
from store.verify_fingerprint import BUCKETS, Fingerprints
from store.verify_journal import LOT_ENTRIES, EntryRow, is_entry
from store.verify_report import Check, Difference, differing
from store.verify_rows import Page, Reader

_LOT = schema.lot.c
_USE = schema.lot_use.c
_JOURNAL = schema.journal.c

_MOST_ENTRIES = 50_000
"""How many entries' exact amounts are in memory at most, about."""
_KEYS_AT_ONCE = 500

# What a refund's rows say was given back, what all others say was taken.
_SIGN: Any = case((_JOURNAL.kind == EntryKind.REFUND.value, literal_column("-1")), else_=literal_column("1"))
USES = select(_USE.journal_id, _USE.amount_micros, _USE.lot_id, _SIGN.label("sign")).select_from(
    schema.lot_use.outerjoin(schema.journal, _JOURNAL.id == _USE.journal_id)
)
# Both halves of a reference's key, as `store.journal.reference_key` writes it.
_KEY: Any = literal("account:") + cast(_LOT.account_id, String) + literal(":ref:") + _LOT.reference
_LOTS = select(
    _LOT.id,
    _LOT.account_id,
    _LOT.reference,
    _LOT.amount_micros,
    _LOT.remaining_micros,
    func.coalesce(_JOURNAL.amount_micros, literal_column("0")),
).select_from(schema.lot.outerjoin(schema.journal, _JOURNAL.key == _KEY))
_LOT_AMOUNTS = select(_JOURNAL.id, _JOURNAL.amount_micros).where(is_entry(*sorted(LOT_ENTRIES)))
_USE_AMOUNTS = select(_USE.journal_id, _USE.amount_micros)


class LotProof:
    """The uses of lots, summed up per lot, and as fingerprints of the entries that they belong to."""

    def __init__(self) -> None:
        self._prints = Fingerprints()
        self._used_micros: dict[int, int] = defaultdict(int)
        self._rests_micros: dict[int, int] = defaultdict(int)

    def add_entries(self, entries: list[EntryRow]) -> None:
        """Add a page of the journal."""
        self._prints.add((row[0], row[3]) for row in entries if row[2] in LOT_ENTRIES)

    def add_uses(self, page: Page) -> None:
        """Add a page of :data:`USES`."""
        self._prints.add((row[0], -row[1]) for row in page)
        used_micros = self._used_micros
        for _, amount_micros, lot_id, sign in page:
            used_micros[lot_id] += sign * amount_micros

    async def lots(self, reader: Reader) -> list[Difference]:
        """Compare each lot's rest with its amount less what was taken from it; fed with everything else before."""
        differences: list[Difference] = []
        async for page in reader.pages(_LOTS):
            for lot_id, account_id, reference, amount_micros, remaining_micros, bought_micros in page:
                self._rests_micros[account_id] += remaining_micros
                expected_micros = amount_micros - self._used_micros.get(lot_id, 0)
                differences += differing(Check.LOT, reference, expected_micros, remaining_micros, account_id)
                differences += differing(Check.LOT_AMOUNT, reference, bought_micros, amount_micros, account_id)
        return differences

    def rest_micros(self, account_id: int) -> int:
        """Answer what is left in the account's lots; after :meth:`lots`."""
        return self._rests_micros.get(account_id, 0)

    async def uses(self, reader: Reader, *, entries: int, uses: int) -> list[Difference]:
        """Name the entries whose amount is not what their lots gave or got.

        Args:
            entries: How many rows the journal has.
            uses: How many rows ``lot_use`` has.
        """
        buckets = self._prints.differing()
        if not buckets:
            return []
        searched = frozenset(buckets[: max(1, _MOST_ENTRIES * BUCKETS // max(entries, BUCKETS))])
        reader.expect(entries + uses)
        expected_micros = await self._sum_exactly(reader, _LOT_AMOUNTS, searched)
        found_micros = await self._sum_exactly(reader, _USE_AMOUNTS, searched)
        wrong = sorted(
            journal_id
            for journal_id in {*expected_micros, *found_micros}
            if expected_micros.get(journal_id, 0) != found_micros.get(journal_id, 0)
        )
        named = await _names(reader, wrong)
        differences = [
            Difference(
                Check.LOT_USE,
                named.get(journal_id, (str(journal_id), None))[0],
                expected_micros.get(journal_id, 0),
                found_micros.get(journal_id, 0),
                named.get(journal_id, ("", None))[1],
            )
            for journal_id in wrong
        ]
        if len(buckets) > len(searched):
            differences.append(Difference(Check.MORE, "lot uses", 0, len(buckets) - len(searched)))
        return differences

    async def _sum_exactly(self, reader: Reader, query: Any, buckets: frozenset[int]) -> dict[int, int]:
        sums: dict[int, int] = {}
        bucket = self._prints.bucket
        async for page in reader.pages(query):
            for journal_id, amount_micros in page:
                if bucket(journal_id) in buckets:
                    sums[journal_id] = sums.get(journal_id, 0) + amount_micros
        return sums


async def _names(reader: Reader, journal_ids: list[int]) -> dict[int, tuple[str, int | None]]:
    """Answer the key and the account of each entry that there is."""
    named: dict[int, tuple[str, int | None]] = {}
    for first in range(0, len(journal_ids), _KEYS_AT_ONCE):
        some = journal_ids[first : first + _KEYS_AT_ONCE]
        query = select(_JOURNAL.id, _JOURNAL.key, _JOURNAL.account_id).where(_JOURNAL.id.in_(some))
        named.update({row[0]: (row[1], row[2]) for row in await reader.few(query)})
    return named
