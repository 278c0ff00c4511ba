"""Records: one for each leg, no amount below zero, each charge its price, and what they come to per extension."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal_column, select, true

from charging.cdr import EndSource
from store import schema
from store.verify_calendars import Calendar, RateTexts
from store.verify_days import SpendDays
from store.verify_prices import PriceProof
from store.verify_report import MOST_NAMED, Check, Difference
from store.verify_rows import Page, Reader

_CDR = schema.cdr.c
_SESSION = schema.session.c

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
    _CDR.answered_at_ms,
    _CDR.ended_at_ms,
    _CDR.rate,
    _CDR.end_source,
    _CDR.provisional,
)

_SEVERAL = (
    select(_CDR.call_id, func.count())
    .group_by(_CDR.call_id, _CDR.leg)
    .having(func.count() > literal_column("1"))
    .limit(MOST_NAMED)
)
_NOTHING: ColumnElement[int] = literal_column("0")
_LOST = (
    select(_SESSION.call_id)
    .where(_SESSION.call_id == _CDR.call_id, _SESSION.held_micros == _NOTHING, _SESSION.allowance_s == _NOTHING)
    .exists()
)
_NOT_LOST = (
    select(_CDR.call_id, _CDR.account_id)
    .where(_CDR.provisional == true(), ~_LOST | (_CDR.end_source != EndSource.LAST_SEEN.value))
    .limit(MOST_NAMED)
)
"""Provisional records of calls that are not open and without a hold, or whose end was seen."""


class RecordSums:
    """What the records charge per extension and day, and those that cannot be as they are."""

    def __init__(self, calendars: Mapping[int, Calendar]) -> None:
        rates = RateTexts()
        self.charged_micros: dict[tuple[int | None, str], int] = defaultdict(int)
        """By account and extension."""
        self.days = SpendDays(calendars, rates)
        self._prices = PriceProof(calendars, rates)
        self._negative: list[Difference] = []
        self._negatives = 0
        self._provisional = 0

    def add(self, page: Page) -> None:
        """Add a page of :data:`RECORDS`."""
        charged_micros, prices = self.charged_micros, self._prices
        for row in page:
            call_id, account_id, charge_micros, _, allowance_s, extension, unfunded_micros, billable_s = row[:8]
            answered_at_ms, ended_at_ms, rate, end_source, provisional = row[8:]
            charged_micros[account_id, extension] += charge_micros
            self._provisional += bool(provisional)
            if charge_micros < 0 or unfunded_micros < 0 or allowance_s < 0 or billable_s < allowance_s:
                least = min(charge_micros, unfunded_micros, allowance_s, billable_s - allowance_s)
                self._add_negative(Difference(Check.CDR, call_id, 0, least, account_id))
            elif rate is not None:
                prices.add(
                    call_id,
                    account_id,
                    charge_micros + unfunded_micros,
                    billable_s - allowance_s,
                    allowance_s,
                    answered_at_ms,
                    ended_at_ms,
                    rate,
                    end_source,
                )
        self.days.add_records((row[1], row[5], row[2], row[8], row[7], row[4], row[10]) for row in page)

    def account_micros(self, account_id: int) -> int:
        """Answer what all the account's records charge."""
        return sum(micros for (of_account, _), micros in self.charged_micros.items() if of_account == account_id)

    async def flaws(self, reader: Reader) -> list[Difference]:
        """Name the legs with several records, and the records that cannot be as they are."""
        flaws = [Difference(Check.CDR, call_id, 1, count) for call_id, count in await reader.few(_SEVERAL)]
        flaws += self._negative
        if self._negatives > len(self._negative):
            flaws.append(Difference(Check.MORE, "records", 0, self._negatives - len(self._negative)))
        flaws += self._prices.differences
        if self._provisional:
            wrong = await reader.few(_NOT_LOST)
            flaws += [Difference(Check.PROVISIONAL, call_id, None, "provisional", each) for call_id, each in wrong]
        return flaws

    def _add_negative(self, difference: Difference) -> None:
        self._negatives += 1
        if self._negatives <= MOST_NAMED:
            self._negative.append(difference)
