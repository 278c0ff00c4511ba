"""Records: one for each leg, no amount below zero, and what they come to per extension."""

from collections import defaultdict

from sqlalchemy import func, literal_column, select

from store import schema
from store.verify_report import MOST_NAMED, Check, Difference
from store.verify_rows import Page, Reader

_CDR = schema.cdr.c

_SEVERAL = (
    select(_CDR.call_id, func.count())
    .group_by(_CDR.call_id, _CDR.leg)
    .having(func.count() > literal_column("1"))
    .limit(MOST_NAMED)
)


class RecordSums:
    """What the records charge per extension, and those with an amount that cannot be."""

    def __init__(self) -> None:
        self.charged_micros: dict[tuple[int | None, str], int] = defaultdict(int)
        """By account and extension."""
        self._negative: list[Difference] = []
        self._negatives = 0

    def add(self, page: Page) -> None:
        """Add a page of ``verify_calls.RECORDS``."""
        charged_micros = self.charged_micros
        for call_id, account_id, charge_micros, _, allowance_s, extension, unfunded_micros, billable_s in page:
            charged_micros[account_id, extension] += charge_micros
            if charge_micros < 0 or unfunded_micros < 0 or allowance_s < 0 or billable_s < allowance_s:
                least = min(charge_micros, unfunded_micros, allowance_s, billable_s - allowance_s)
                self._add_negative(Difference(Check.CDR, call_id, 0, least, account_id))

    def account_micros(self, account_id: int) -> int:
        """Answer what all the account's records charge."""
        return sum(micros for (of_account, _), micros in self.charged_micros.items() if of_account == account_id)

    async def flaws(self, reader: Reader) -> list[Difference]:
        """Name the legs with several records, and the records with an amount below zero."""
        several = [Difference(Check.CDR, call_id, 1, count) for call_id, count in await reader.few(_SEVERAL)]
        if self._negatives > len(self._negative):
            more = Difference(Check.MORE, "records", 0, self._negatives - len(self._negative))
            return [*several, *self._negative, more]
        return [*several, *self._negative]

    def _add_negative(self, difference: Difference) -> None:
        self._negatives += 1
        if self._negatives <= MOST_NAMED:
            self._negative.append(difference)
