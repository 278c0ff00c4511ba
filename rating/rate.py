"""A rate: what one destination costs, since when and until when, at which hours.

A rate's prefix lives in one of two namespaces that never meet. ``"447797"`` is the beginning of an E.164
number, written without its plus. ``"FR:3"`` is the beginning of a short number dialled in France, so that
the short number 3631 is never priced as +36 31… (Hungary).
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from rating.errors import RatingError
from rating.hours import WeeklyHours

LONGEST_INCREMENT_S = 86_400
MOST_PERIODS = 24
"""Periods of one rate; carriers have two or three."""
HIGHEST_PRICE_MICROS = 10**18
"""More than money's text can say, and what every database's integers hold."""

# E.164 numbers have at most 15 digits and no country code begins with 0 (ITU-T E.164, 6.2.1 and 6.2.2).
E164_PREFIX = re.compile(r"[1-9][0-9]{0,14}")
_PREFIX = re.compile(rf"{E164_PREFIX.pattern}|[A-Z]{{2}}:[0-9]{{1,6}}")


class RateError(RatingError):
    """A rate or a deck that cannot be a price: a negative amount, no increment, the same prefix twice."""


@dataclass(frozen=True, slots=True)
class PricedHours:
    """A period of a rate: its name (``peak``), its hours on the account's wall clock, its price per minute.

    Raises:
        RateError: the name is empty, or the price negative or out of all bounds.
    """

    name: str
    hours: WeeklyHours
    per_minute_micros: int

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise RateError("a period needs a name, such as peak")
        fault = _price_fault(self.per_minute_micros)
        if fault is not None:
            raise RateError(f"period {self.name}: {fault}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """The price of one destination, in micro-units of its deck's currency.

    ``initial_increment_s`` is paid as soon as the call is answered, then whole ``increment_s`` (``30/6`` is
    30 and 6). ``connect_fee_micros`` is added once per answered leg; the charge of a leg is never below
    ``minimum_charge_micros``. ``barred`` refuses the destination whatever its price.

    The rate is in force for calls answered in [``effective_from_ms``, ``effective_until_ms``), UTC
    milliseconds since 1970; None leaves that side open. Of its ``periods`` the first whose hours
    hold decides the price per minute; outside of them all it is ``per_minute_micros``.

    Raises:
        RateError: the prefix is neither E.164 digits nor ``REGION:digits``, an amount is negative or
            out of all bounds, an increment is not between 1 s and 24 h, the rate ends before it begins
            or begins before 1970, or it has too many periods.
    """

    prefix: str
    destination: str
    per_minute_micros: int
    connect_fee_micros: int = 0
    initial_increment_s: int
    increment_s: int
    minimum_charge_micros: int = 0
    barred: bool = False
    effective_from_ms: int | None = None
    effective_until_ms: int | None = None
    periods: tuple[PricedHours, ...] = ()

    def __post_init__(self) -> None:
        if not is_prefix(self.prefix):
            raise RateError(f"{self.prefix!r} is no prefix; write E.164 digits, or a short number as FR:3631")
        fault = _price_fault(self.per_minute_micros, self.connect_fee_micros, self.minimum_charge_micros)
        if fault is not None:
            raise RateError(f"rate {self.prefix}: {fault}")
        for increment_s in (self.initial_increment_s, self.increment_s):
            if not 1 <= increment_s <= LONGEST_INCREMENT_S:
                raise RateError(f"rate {self.prefix}: an increment is between 1 and {LONGEST_INCREMENT_S} s")
        if self.effective_from_ms is not None and self.effective_from_ms < 0:
            raise RateError(f"rate {self.prefix}: no price begins before 1970; leave an open begin empty")
        if self.effective_until_ms is not None and self.effective_until_ms <= (self.effective_from_ms or 0):
            raise RateError(f"rate {self.prefix}: its price ends before it begins")
        if len(self.periods) > MOST_PERIODS:
            raise RateError(f"rate {self.prefix}: more than {MOST_PERIODS} periods")

    def in_force(self, at_ms: int) -> bool:
        """Say whether the rate is in force at a moment, UTC milliseconds since 1970."""
        begun = self.effective_from_ms is None or self.effective_from_ms <= at_ms
        return begun and (self.effective_until_ms is None or at_ms < self.effective_until_ms)

    def priced_as(self, prefix: str, destination: str) -> "Rate":
        """Return this price for another destination; quick, since only the prefix is new and has to be checked.

        Raises:
            RateError: the prefix is none.
        """
        if not is_prefix(prefix):
            raise RateError(f"{prefix!r} is no prefix; write E.164 digits, or a short number as FR:3631")
        made = object.__new__(Rate)
        fill = object.__setattr__
        fill(made, "prefix", prefix)
        fill(made, "destination", destination)
        fill(made, "per_minute_micros", self.per_minute_micros)
        fill(made, "connect_fee_micros", self.connect_fee_micros)
        fill(made, "initial_increment_s", self.initial_increment_s)
        fill(made, "increment_s", self.increment_s)
        fill(made, "minimum_charge_micros", self.minimum_charge_micros)
        fill(made, "barred", self.barred)
        fill(made, "effective_from_ms", self.effective_from_ms)
        fill(made, "effective_until_ms", self.effective_until_ms)
        fill(made, "periods", self.periods)
        return made


class SharedRate(NamedTuple):
    """One of many destinations at the same terms: a rate that is not made before somebody asks for it.

    The prefix has been checked; the prefix and destination of ``terms`` count for nothing.
    """

    prefix: str
    destination: str
    terms: Rate


def is_prefix(text: str) -> bool:
    """Say whether the text can be a rate's prefix: ``"447797"`` or ``"FR:3"``."""
    return _PREFIX.fullmatch(text) is not None


def _price_fault(*prices_micros: int) -> str | None:
    if min(prices_micros) < 0:
        return "a price is never negative"
    if max(prices_micros) > HIGHEST_PRICE_MICROS:
        return f"a price is at most {HIGHEST_PRICE_MICROS} micro-units"
    return None
