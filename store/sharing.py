"""Fair sharing of an account's last money among its talking calls. Pure arithmetic.

While money is plenty a call gets the seconds it wants. When it is scarce, the paid calls of an account should
all end at about the same instant. That instant is found as water finds its level: pour the available money
over the calls, the one whose paid time ends first gets it first, until all stand at one common end. What a call
lacks to that end is its share. Three rules bend it:

* where there are several it is granted half of its share, so that slices shrink as money does, and the other half is
  there for calls that are still to come. What a call wants never makes more than a slice paid ahead
  (:meth:`charging.policy.MeteringPolicy.further_s`), so none is cut while another holds money for longer than that;
* the call that ends first is granted ``min_s`` even where its share is less, so that the last money does not
  dribble away in ever shorter slices; one that is ahead is granted the way to the common end, or to ``min_s``
  past the first end where that is later, so that in the end all ends lie within ``min_s`` of each other;
* whole increments only: a call whose share is less than one is granted one, if the money is there.

Instants are UTC milliseconds, money is in micro-units, durations in seconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from rating.calendar import later
from rating.deck import Rate
from rating.periods import highest_per_minute_micros_within
from rating.price import affordable_s, charge_micros, grow_s

_MS_PER_MINUTE = 60_000


class Talk(NamedTuple):
    """One paid call as its account's other calls see it: when its paid time ends, and its price."""

    paid_until_ms: int
    per_minute_micros: int


@dataclass(frozen=True, slots=True)
class SliceRequest:
    """What a call asks for: ``want_s`` seconds on top of the ``paid_s`` that ``held_micros`` stand for.

    ``starts_at`` is when the first of them began, in the account's time zone; None where the price never changes.
    """

    rate: Rate
    paid_s: int
    held_micros: int
    want_s: int
    min_s: int
    paid_until_ms: int
    starts_at: datetime | None = None

    @property
    def per_minute_micros(self) -> int:
        """The dearest price of the seconds that are asked for."""
        if self.starts_at is None:
            return self.rate.per_minute_micros
        begin = later(self.starts_at, timedelta(seconds=self.paid_s))
        return highest_per_minute_micros_within(self.rate, begin, later(begin, timedelta(seconds=self.want_s)))

    def cost_micros(self, paid_s: int) -> int:
        """Answer what to hold on top for a total of ``paid_s``; 0 where a minimum charge covers it."""
        return max(0, charge_micros(self.rate, paid_s, self.starts_at) - self.held_micros)

    def next_increment_micros(self) -> int:
        """Answer what to hold on top for one increment more."""
        return self.cost_micros(grow_s(self.rate, self.paid_s, 1))

    def affordable_s(self, available_micros: int) -> int:
        """Answer the most seconds in all that the hold and ``available_micros`` on top pay for."""
        return affordable_s(self.rate, self.held_micros + available_micros, self.starts_at)


def is_plenty(want_s: int, available_micros: int, sum_per_minute_micros: int) -> bool:
    """Tell whether half of its share is ``want_s`` seconds for every call at these prices."""
    return available_micros * 60 >= 2 * want_s * sum_per_minute_micros


def common_end_ms(talks: Iterable[Talk], available_micros: int) -> int:
    """Answer the instant at which all ``talks`` would end if they shared the money alike, rounded down.

    A talk that is already paid beyond that instant gets nothing and counts for nothing.

    Raises:
        ValueError: no talk has a price.
    """
    level_ms: int | None = None
    budget = available_micros * _MS_PER_MINUTE
    price = 0
    for talk in sorted(talk for talk in talks if talk.per_minute_micros > 0):
        if level_ms is not None:
            cost = price * (talk.paid_until_ms - level_ms)
            if cost > budget:
                break
            budget -= cost
        level_ms = talk.paid_until_ms
        price += talk.per_minute_micros
    if level_ms is None:
        raise ValueError("money is shared among calls that have a price")
    return level_ms + budget // price


def fair_want_s(request: SliceRequest, others: Iterable[Talk], available_micros: int) -> int:
    """Answer how many of the wanted seconds this call is to have; 0 where others need the money first.

    Seconds that cost nothing take nobody's money: they are wanted whole.
    """
    if not request.per_minute_micros:
        return request.want_s
    own = Talk(request.paid_until_ms, request.per_minute_micros)
    talks = [own, *others]
    first_end_ms = min(talk.paid_until_ms for talk in talks)
    end_ms = max(common_end_ms(talks, available_micros), first_end_ms + request.min_s * 1000)
    share_s = max(0, (end_ms - own.paid_until_ms) // 1000)
    if len(talks) > 1:
        share_s = min(share_s, max(request.min_s, share_s // 2))
    return min(request.want_s, share_s)


def grant_s(request: SliceRequest, want_s: int, available_micros: int) -> int | None:
    """Answer the new total of paid seconds for ``want_s`` more; None where not one increment can be paid.

    The answer is in whole increments: as many as fit into ``want_s`` but at least one, never more than
    affordable.
    """
    if want_s <= 0:
        return None
    rate = request.rate
    target_s = _whole_increments_s(rate, request.paid_s + want_s)
    if target_s <= request.paid_s:
        target_s = grow_s(rate, request.paid_s, 1)
    if request.cost_micros(target_s) > available_micros:
        target_s = request.affordable_s(available_micros)
    return target_s if target_s > request.paid_s else None


def _whole_increments_s(rate: Rate, seconds: int) -> int:
    """Round ``seconds`` down to a duration that the rate can bill."""
    further_s = seconds - rate.initial_increment_s
    if further_s < 0:
        return 0
    return seconds - further_s % rate.increment_s
