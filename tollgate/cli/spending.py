"""What calls have spent and hold against caps, today and this month, as every command shows it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rating.caps import NO_CAPS, Caps, CapSpan, CapUse
from rating.funding import CapWindow
from rating.money import format_money
from store.caps import NO_SPEND_LIMITS, Hold, SpendDay, Spending, SpendLimits, Spent, room_left, spend_day
from store.records import Account
from store.spend import WHOLE_ACCOUNT
from store.store import Store
from tollgate.cli.output import Document
from tollgate.cli.times import zone

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AccountSpend:
    """What ended calls of an account spent in some months, and what its running calls hold."""

    spent: tuple[Spent, ...]
    holds: tuple[Hold, ...]

    def open_calls(self, extension: str) -> int:
        """Return how many calls of an extension hold money."""
        return sum(hold.extension == extension for hold in self.holds)

    def spent_micros(self, extension: str, from_day: str, to_day: str) -> int:
        """Return what an extension (:data:`WHOLE_ACCOUNT` for all of them) spent on these days."""
        return sum(each.within(from_day, to_day) for each in self.spent if each.extension == extension)

    def cap_uses(self, day: SpendDay, extension: str, limits: SpendLimits) -> list[CapUse]:
        """Return every cap of the extension and of its account on a day, with what is used of it."""
        found = []
        for extension_caps, account_caps in zip(
            _apart(limits.extension_caps), _apart(limits.account_caps), strict=True
        ):
            limits_of_span = SpendLimits(extension_caps, account_caps)
            spending = Spending(extension=extension, days=(day,), limits=limits_of_span)
            found += [use for use in room_left(spending, self.spent, self.holds) if use is not None]
        return found


def _apart(caps: Caps) -> tuple[Caps, Caps]:
    """Return the daily cap alone, and the monthly one alone."""
    return Caps(daily_micros=caps.daily_micros), Caps(monthly_micros=caps.monthly_micros)


def account_day(account: Account, at: datetime) -> SpendDay:
    """Return the account's day that an instant lies in, and the month around it."""
    return spend_day(at, zone(account.timezone), account.month_day)


async def read_spend(store: Store, account: Account, at: datetime, until: datetime | None = None) -> AccountSpend:
    """Read what counts in the account's months that [``at``, ``until``] touches."""
    first, last = account_day(account, at), account_day(account, until or at)
    spent, holds = await store.spend(account.id, first.month_from, last.month_to)
    return AccountSpend(tuple(spent), tuple(holds))


def cap_windows(
    spend: AccountSpend, account: Account, extension: str, limits: SpendLimits, at: datetime, until: datetime
) -> list[CapWindow]:
    """Return what every cap leaves on the days of [``at``, ``until``]: both in the account's time zone."""
    windows: dict[tuple[CapUse, date, date], None] = {}
    day = at.date()
    while day <= until.date():
        spent_on = account_day(account, datetime(day.year, day.month, day.day, 12, tzinfo=at.tzinfo))
        for use in spend.cap_uses(spent_on, extension, limits):
            from_day, to_day = _days_of(use, spent_on)
            windows[use, from_day, to_day] = None
        day += _DAY
    return [CapWindow(*window) for window in windows]


async def caps_leave_micros(
    store: Store, account: Account, extension: str, limits: SpendLimits, at: datetime
) -> int | None:
    """Return what the caps of an extension and its account leave today; None where there are none."""
    if limits == NO_SPEND_LIMITS:
        return None
    spend = await read_spend(store, account, at)
    uses = spend.cap_uses(account_day(account, at), extension, limits)
    return min((use.left_micros for use in uses), default=None)


def _days_of(use: CapUse, day: SpendDay) -> tuple[date, date]:
    if use.span is CapSpan.DAILY:
        only = date.fromisoformat(day.day)
        return only, only + _DAY
    return date.fromisoformat(day.month_from), date.fromisoformat(day.month_to)


async def spend_document(store: Store, account: Account, at: datetime, extension: str, caps: Caps) -> Document:
    """Return what was spent today and this month, and what the caps still leave, for JSON.

    ``extension`` is :data:`WHOLE_ACCOUNT` for the account, and ``caps`` are its own. What running calls hold is not
    spent yet, but no cap leaves it.
    """
    spend, day = await read_spend(store, account, at), account_day(account, at)
    document: Document = {
        "spent_today": format_money(spend.spent_micros(extension, day.day, f"{day.day}~")),
        "spent_month": format_money(spend.spent_micros(extension, day.month_from, day.month_to)),
    }
    limits = SpendLimits(NO_CAPS, caps) if extension == WHOLE_ACCOUNT else SpendLimits(caps)
    uses = spend.cap_uses(day, extension, limits)
    if uses:
        document["cap_left"] = format_money(min(use.left_micros for use in uses))
    return document
