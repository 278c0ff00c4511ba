"""Limits on spending: caps per day and month of an extension and of its account, and how many calls pay at a time.

They are checked where money is held, in the transaction that holds it: what is spent (:mod:`store.spend`) and what the
account's calls hold never come to more than a cap. Calls without limits read nothing for it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import NamedTuple, Self

from sqlalchemy import bindparam, literal_column, select

from rating.calendar import day_at, period_at
from rating.caps import NO_CAPS, Caps, CapScope, CapSpan, CapUse, TooManyCalls
from store import schema
from store.balances import read_available
from store.operation import Operation, Sql
from store.spend import WHOLE_ACCOUNT

_DAYS = json.JSONEncoder(separators=(",", ":"))
_SPEND = schema.spend.c
_SESSION = schema.session.c

SELECT_SPEND = Sql(
    select(_SPEND.extension, _SPEND.day, _SPEND.spent_micros).where(
        _SPEND.account_id == bindparam("of_account_id"),
        _SPEND.extension.in_([literal_column("''"), bindparam("of_extension")]),
        _SPEND.day >= bindparam("from_day"),
        _SPEND.day < bindparam("to_day"),
    )
)
SELECT_HOLDS = Sql(
    select(_SESSION.call_id, _SESSION.extension, _SESSION.held_by_day, _SESSION.paid_until_ms).where(
        _SESSION.account_id == bindparam("of_account_id"), _SESSION.held_micros > literal_column("0")
    )
)


class SpendDay(NamedTuple):
    """A local day, and the days of the account's month that it lies in, [``month_from``, ``month_to``); ISO dates."""

    day: str
    month_from: str
    month_to: str


def spend_day(at: datetime, zone: tzinfo, month_day: int) -> SpendDay:
    """Answer the day of an account that an instant lies in, and the month around it.

    Args:
        zone: The account's time zone.
        month_day: The day on which its months begin.
    """
    month = period_at(at, zone, month_day)
    month_to = month.ends_at.astimezone(zone).date()
    return SpendDay(day_at(at, zone).first_day.isoformat(), month.first_day.isoformat(), month_to.isoformat())


class SpendLimits(NamedTuple):
    """What limits an extension's spending, as an administrator set it."""

    extension_caps: Caps = NO_CAPS
    account_caps: Caps = NO_CAPS
    max_calls: int | None = None
    """How many calls of the extension may hold money at a time."""


NO_SPEND_LIMITS = SpendLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """On which days a slice counts, and within which limits it is granted.

    A first slice counts on the day of the answer, which is not known yet: on each on which that may be.
    """

    extension: str
    days: tuple[SpendDay, ...]
    limits: SpendLimits = NO_SPEND_LIMITS
    own: "OwnHold | None" = None
    """What the call itself holds already; None where it has nothing yet."""

    @property
    def is_capped(self) -> bool:
        """Whether there is any cap."""
        return self.limits.extension_caps != NO_CAPS or self.limits.account_caps != NO_CAPS


class OwnHold(NamedTuple):
    """What an answered call holds, by the days of its seconds.

    ``surplus_micros`` of it, on the first day, are more than the price of its seconds: further ones use that up, on
    their own day.
    """

    call_id: str
    by_day: Mapping[str, int]
    surplus_day: str
    surplus_micros: int


class Hold(NamedTuple):
    """What a running call holds, by the local days on which it counts; once only where the answer decides the day."""

    extension: str
    by_day: Mapping[str, int]
    is_answered: bool

    def within(self, from_day: str, to_day: str) -> int:
        """Answer what may count in [``from_day``, ``to_day``)."""
        found = [micros for day, micros in self.by_day.items() if from_day <= day < to_day]
        return sum(found) if self.is_answered else max(found, default=0)

    @classmethod
    def of_row(cls, extension: str, held_by_day: str, paid_until_ms: int | None) -> Self:
        """Answer the hold of a session's columns."""
        return cls(extension, text_days(held_by_day), paid_until_ms is not None)


def days_text(by_day: Mapping[str, int]) -> str:
    """Answer ``session.held_by_day`` of micro-units by local day."""
    return _DAYS.encode(by_day)


@lru_cache(maxsize=1024)  # each call that asks whether a cap leaves room looks at all that hold money
def text_days(held_by_day: str) -> Mapping[str, int]:
    """Answer the micro-units by local day of ``session.held_by_day``."""
    by_day: dict[str, int] = json.loads(held_by_day)
    return by_day


class Spent(NamedTuple):
    """A row of ``spend``."""

    extension: str
    day: str
    micros: int

    def within(self, from_day: str, to_day: str) -> int:
        """Answer what of it counts in [``from_day``, ``to_day``)."""
        return self.micros if from_day <= self.day < to_day else 0


class Room(NamedTuple):
    """The caps that leave the least: of the extension's, and of the account's; None where there are none."""

    extension: CapUse | None
    account: CapUse | None

    def blocking(self, micros: int) -> CapUse | None:
        """Answer a cap that leaves less than ``micros``; the tightest."""
        return min((use for use in self if use is not None and use.left_micros < micros), key=_left, default=None)


NO_ROOM_LIMIT = Room(None, None)


def read_room(account_id: int, spending: Spending) -> Operation[Room]:
    """Answer what the caps leave; the account stays locked, so that it still does when money is held."""
    if not spending.is_capped:
        return NO_ROOM_LIMIT
    yield from read_available(account_id)
    spent = yield SELECT_SPEND(
        of_account_id=account_id,
        of_extension=spending.extension,
        from_day=min(day.month_from for day in spending.days),
        to_day=max(day.month_to for day in spending.days),
    )
    held = yield SELECT_HOLDS(of_account_id=account_id)
    own = spending.own
    holds = [Hold.of_row(*columns) for call_id, *columns in held if own is None or call_id != own.call_id]
    if own is not None:
        holds.append(Hold(spending.extension, own.by_day, is_answered=True))
    return room_left(spending, [Spent(*row) for row in spent], holds)


def room_left(spending: Spending, spent: Sequence[Spent], holds: Sequence[Hold]) -> Room:
    """Answer what the caps leave.

    Args:
        spent: What ended calls of the extension and of the account spent in the months that count.
        holds: What all of the account's running calls hold.
    """
    uses: list[Spent | Hold] = [*spent, *holds]
    own = [use for use in uses if use.extension == spending.extension]
    whole = [use for use in uses if isinstance(use, Hold) or use.extension == WHOLE_ACCOUNT]
    return Room(
        _tightest(CapScope.EXTENSION, spending.limits.extension_caps, spending, own),
        _tightest(CapScope.ACCOUNT, spending.limits.account_caps, spending, whole),
    )


def too_many_calls(account_id: int, spending: Spending) -> Operation[TooManyCalls | None]:
    """Answer whether as many calls of the extension hold money as may: one more may not."""
    max_calls = spending.limits.max_calls
    if max_calls is None:
        return None
    yield from read_available(account_id)  # locks the account: two calls that begin together count each other
    held = yield SELECT_HOLDS(of_account_id=account_id)
    paying = sum(extension == spending.extension for _, extension, *_ in held)
    return TooManyCalls(max_calls) if paying >= max_calls else None


def _tightest(scope: CapScope, caps: Caps, spending: Spending, uses: Sequence[Spent | Hold]) -> CapUse | None:
    found = []
    for day, month_from, month_to in spending.days:
        if caps.daily_micros is not None:
            # ISO dates: what sorts after a day and before the next is that day.
            today = _used(uses, spending.own, day, f"{day}~")
            found.append(CapUse(scope, CapSpan.DAILY, caps.daily_micros, today))
        if caps.monthly_micros is not None:
            month = _used(uses, spending.own, month_from, month_to)
            found.append(CapUse(scope, CapSpan.MONTHLY, caps.monthly_micros, month))
    return min(found, key=_left, default=None)


def _used(uses: Sequence[Spent | Hold], own: OwnHold | None, from_day: str, to_day: str) -> int:
    """Answer what is used on these days, a surplus from another day included that is to be used on them."""
    is_elsewhere = own is not None and not from_day <= own.surplus_day < to_day
    coming_micros = own.surplus_micros if own is not None and is_elsewhere else 0
    return sum(use.within(from_day, to_day) for use in uses) + coming_micros


def _left(use: CapUse) -> int:
    return use.left_micros
