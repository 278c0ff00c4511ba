"""Each record's charge, as against the price of its seconds by the rate that is written down in it.

What a leg is charged and what of its price could not be paid come to the price of its billable seconds, as
:mod:`rating.price` has it. Three kinds of legs cost more than that. One that was cut late talked some milliseconds into
a further increment, which is unfunded. A surplus leg has no billable seconds, and all of its price is unfunded. Neither
comes to more than the price of the time from its answer to its end. A lost call is charged all that it held, which is
never less than its price. Where prices depend on the hour, records from before a change of the account's time zone are
left alone, as are those that name no rate.
"""

from collections.abc import Mapping

from charging.cdr import EndSource
from rating.deck import Rate
from rating.price import billable_s, charge_micros
from store.verify_calendars import Calendar, RateTexts
from store.verify_report import MOST_NAMED, Check, Difference

_CLOCK_MS = 1
"""Instants are cut to milliseconds: a leg may have lasted this much longer."""


class PriceProof:
    """Prices records anew, one after the other."""

    def __init__(self, calendars: Mapping[int, Calendar], rates: RateTexts) -> None:
        self._calendars = calendars
        self._rates = rates
        self._differences: list[Difference] = []
        self._count = 0

    @property
    def differences(self) -> list[Difference]:
        """The calls with a record that charges something else than its price."""
        if self._count > len(self._differences):
            return [*self._differences, Difference(Check.MORE, "prices", 0, self._count - len(self._differences))]
        return self._differences

    def add(
        self,
        call_id: str,
        account_id: int | None,
        cost_micros: int,
        charged_s: int,
        allowance_s: int,
        answered_at_ms: int | None,
        ended_at_ms: int,
        rate_text: str | None,
        end_source: str,
    ) -> None:
        """Compare a record with its price.

        Args:
            cost_micros: What it charges and what it could not charge.
            charged_s: Its billable seconds that are no allowance's.
        """
        rate = self._rates.rate(rate_text)
        if rate is None:
            if rate_text is not None:
                self._add(Difference(Check.PRICE, call_id, "a rate", rate_text, account_id))
            return
        starts_ms = None if answered_at_ms is None else answered_at_ms + allowance_s * 1000
        if rate.periods and not self._is_certain(account_id, starts_ms):
            return
        price_micros = self._price(rate, charged_s, account_id, starts_ms)
        if cost_micros == price_micros:
            return
        if cost_micros > price_micros:
            if end_source == EndSource.LAST_SEEN.value:
                return
            talked_ms = 0 if starts_ms is None else ended_at_ms - starts_ms + _CLOCK_MS
            if talked_ms > 0:
                most_micros = self._price(rate, billable_s(rate, talked_ms), account_id, starts_ms)
                if cost_micros <= most_micros:
                    return
        self._add(Difference(Check.PRICE, call_id, price_micros, cost_micros, account_id))

    def _is_certain(self, account_id: int | None, starts_ms: int | None) -> bool:
        """Tell whether the account's time zone is surely the one that the call was priced by."""
        calendar = None if account_id is None else self._calendars.get(account_id)
        return starts_ms is None or (calendar is not None and starts_ms >= calendar.certain_from_ms)

    def _price(self, rate: Rate, seconds: int, account_id: int | None, starts_ms: int | None) -> int:
        if not rate.periods or account_id is None or starts_ms is None:
            return charge_micros(rate, seconds)
        return charge_micros(rate, seconds, self._calendars[account_id].local(starts_ms))

    def _add(self, difference: Difference) -> None:
        self._count += 1
        if self._count <= MOST_NAMED:
            self._differences.append(difference)
