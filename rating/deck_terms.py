"""The terms of rates, packed: all of a rate but its prefix, its destination's name and its price.

Thousands of rates share theirs. Terms are kept as plain numbers in ASCII, which for the usual small ones is
shorter than any fixed width: connect fee, minimum charge, begin and end of validity, initial and further
increment, barred, the number of the periods' hours, and then a price for each period.
"""

from rating.hours import WeeklyHours
from rating.interned import Interned
from rating.rate import PricedHours, Rate

_OPEN_MS = -1
"""An open begin or end of validity; no rate begins before 1970."""

_Hours = tuple[tuple[str, WeeklyHours], ...]
"""The names and hours of a list of periods."""


class TermsTable:
    """Terms, numbered as they were added."""

    __slots__ = ("_hours", "_hours_numbers", "_packed")

    def __init__(self) -> None:
        self._packed = Interned()
        self._hours: list[_Hours] = []
        self._hours_numbers: dict[_Hours, int] = {}
        """Hours are the same few for a whole deck."""

    def add(self, rate: Rate) -> int:
        """Return the number of the rate's terms."""
        terms = [
            rate.connect_fee_micros,
            rate.minimum_charge_micros,
            _OPEN_MS if rate.effective_from_ms is None else rate.effective_from_ms,
            _OPEN_MS if rate.effective_until_ms is None else rate.effective_until_ms,
            rate.initial_increment_s,
            rate.increment_s,
            int(rate.barred),
            self._hours_number(rate) if rate.periods else 0,
        ]
        terms += [period.per_minute_micros for period in rate.periods]
        return self._packed.add(" ".join(map(str, terms)).encode())

    def rate(self, number: int, prefix: str, destination: str, per_minute_micros: int) -> Rate:
        """Return a rate of these terms."""
        terms = map(int, self._packed[number].split())
        connect_fee_micros, minimum_charge_micros, from_ms, until_ms, initial_s, further_s, barred, hours, *prices = (
            terms
        )
        return Rate(
            prefix=prefix,
            destination=destination,
            per_minute_micros=per_minute_micros,
            connect_fee_micros=connect_fee_micros,
            initial_increment_s=initial_s,
            increment_s=further_s,
            minimum_charge_micros=minimum_charge_micros,
            barred=bool(barred),
            effective_from_ms=None if from_ms == _OPEN_MS else from_ms,
            effective_until_ms=None if until_ms == _OPEN_MS else until_ms,
            periods=self._periods(hours, prices),
        )

    def _hours_number(self, rate: Rate) -> int:
        hours = tuple((period.name, period.hours) for period in rate.periods)
        number = self._hours_numbers.setdefault(hours, len(self._hours))
        if number == len(self._hours):
            self._hours.append(hours)
        return number

    def _periods(self, hours_number: int, prices_micros: list[int]) -> tuple[PricedHours, ...]:
        if not prices_micros:
            return ()
        return tuple(
            PricedHours(name, hours, per_minute_micros)
            for (name, hours), per_minute_micros in zip(self._hours[hours_number], prices_micros, strict=True)
        )
