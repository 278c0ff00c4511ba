"""The days' spend of each extension, as against its records: which micro-unit was counted on which local day.

How a charge is split over days follows from its record and its account's time zone (``store.spend``), so that it is
recomputed here. An account's time zone may have been changed: which charges were counted by the earlier one is written
down nowhere, so that its days are compared one by one only after the change. What all its days come to together is
compared in any case (``store.verify_spend``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from sqlalchemy import select

from store import schema
from store.spend import WHOLE_ACCOUNT, by_local_day
from store.verify_calendars import Calendar, RateTexts
from store.verify_fingerprint import BUCKETS, Fingerprints
from store.verify_report import Check, Difference, differing
from store.verify_rows import Page, Reader

_SPEND = schema.spend.c
_CDR = schema.cdr.c

SPENT = select(_SPEND.account_id, _SPEND.extension, _SPEND.day, _SPEND.spent_micros)
CHARGED = select(
    _CDR.account_id,
    _CDR.extension,
    _CDR.charged_micros,
    _CDR.answered_at_ms,
    _CDR.billable_s,
    _CDR.allowance_s,
    _CDR.rate,
)
"""The columns of a record that tell the days of its charge."""

_MOST_DAYS = 50_000
"""How many days' exact amounts are in memory at most, about."""

_Day = tuple[int, str, str]
"""Account, extension and local date."""


class SpendDays:
    """Fingerprints of all extensions' days: fed with every record and with the table ``spend``."""

    def __init__(self, calendars: Mapping[int, Calendar], rates: RateTexts) -> None:
        self._calendars = calendars
        self._rates = rates
        self._prints = Fingerprints()

    def add_records(self, rows: Iterable[Page]) -> None:
        """Add rows of :data:`CHARGED`."""
        self._prints.add(part for row in rows if row[2] > 0 for part in self._charged(*row))

    def add_spent(self, page: Page) -> None:
        """Add a page of :data:`SPENT`."""
        self._prints.add((day, -micros) for day, micros in self._spent(page))

    async def differences(self, reader: Reader, *, records: int, days: int) -> list[Difference]:
        """Name the days of an extension that differ.

        Args:
            records: How many records there are.
            days: How many rows ``spend`` has.
        """
        buckets = self._prints.differing()
        if not buckets:
            return []
        searched = frozenset(buckets[: max(1, _MOST_DAYS * BUCKETS // max(days, BUCKETS))])
        reader.expect(records + days)
        expected = await self._sum_charged(reader, searched)
        found = await self._sum_spent(reader, searched)
        differences = [
            difference
            for day in sorted({*expected, *found})
            for difference in differing(
                Check.SPEND, f"{day[1]} on {day[2]}", expected.get(day, 0), found.get(day, 0), day[0]
            )
        ]
        if len(buckets) > len(searched):
            differences.append(Difference(Check.MORE, "days", 0, len(buckets) - len(searched)))
        return differences

    async def _sum_charged(self, reader: Reader, buckets: Collection[int]) -> Mapping[_Day, int]:
        sums: dict[_Day, int] = defaultdict(int)
        async for page in reader.pages(CHARGED):
            self._add_up(sums, (part for row in page if row[2] > 0 for part in self._charged(*row)), buckets)
        return sums

    async def _sum_spent(self, reader: Reader, buckets: Collection[int]) -> Mapping[_Day, int]:
        sums: dict[_Day, int] = defaultdict(int)
        async for page in reader.pages(SPENT):
            self._add_up(sums, self._spent(page), buckets)
        return sums

    def _add_up(self, sums: dict[_Day, int], parts: Iterable[tuple[_Day, int]], buckets: Collection[int]) -> None:
        bucket = self._prints.bucket
        for day, micros in parts:
            if bucket(day) in buckets:
                sums[day] += micros

    def _charged(
        self,
        account_id: int,
        extension: str,
        charged_micros: int,
        answered_at_ms: int | None,
        billable_s: int,
        allowance_s: int,
        rate_text: str | None,
    ) -> Iterator[tuple[_Day, int]]:
        """Answer what a record's charge comes to on each local day that is compared."""
        calendar = self._calendars.get(account_id)
        if calendar is None or answered_at_ms is None:
            return
        starts_ms = answered_at_ms + allowance_s * 1000
        charged_s = billable_s - allowance_s
        day = calendar.common_day(starts_ms, starts_ms + charged_s * 1000)
        if day is not None:
            if day >= calendar.compared_from:
                yield (account_id, extension, day), charged_micros
            return
        by_day = by_local_day(self._rates.rate(rate_text), charged_s, calendar.local(starts_ms), charged_micros)
        for each, micros in by_day.items():
            if each >= calendar.compared_from:
                yield (account_id, extension, each), micros

    def _spent(self, page: Page) -> Iterator[tuple[_Day, int]]:
        """Answer what the table says of the extensions' days that are compared."""
        calendars = self._calendars
        for account_id, extension, day, micros in page:
            if extension != WHOLE_ACCOUNT and account_id in calendars and day >= calendars[account_id].compared_from:
                yield (account_id, extension, day), micros
