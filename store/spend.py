"""What ended calls cost on each local day, per extension and for the account: what caps are measured by.

A settlement counts its charge on the days in which its increments started, a refund takes it off again.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, bindparam, insert, literal_column, update
from sqlalchemy.dialects import postgresql

from charging.cdr import Cdr
from rating.calendar import later
from rating.daily import charges_by_day
from rating.deck import Rate
from store import schema
from store.operation import Operation, Sql

_SPEND = schema.spend.c

WHOLE_ACCOUNT = ""
"""``spend.extension`` of the account's own row."""

_EXTENSIONS: tuple[ColumnElement[str], ...] = (literal_column("''"), bindparam("extension"))
_FIRST_SPEND = postgresql.insert(schema.spend).values(
    [
        {
            "account_id": bindparam("account_id"),
            "extension": extension,
            "day": bindparam("day"),
            "spent_micros": bindparam("micros"),
        }
        for extension in _EXTENSIONS
    ]
)

# Both rows of a day at once. The words are PostgreSQL's, and SQLite's too (sqlite.org/lang_upsert.html).
COUNT_SPEND = Sql(
    _FIRST_SPEND.on_conflict_do_update(
        index_elements=[_SPEND.account_id, _SPEND.extension, _SPEND.day],
        set_={_SPEND.spent_micros.name: _SPEND.spent_micros + _FIRST_SPEND.excluded.spent_micros},
    )
)
# Those that come back were there. A row that is to become smaller cannot be inserted first: it would be below zero.
ADD_SPEND = Sql(
    update(schema.spend)
    .where(
        _SPEND.account_id == bindparam("of_account_id"),
        _SPEND.extension.in_([literal_column("''"), bindparam("of_extension")]),
        _SPEND.day == bindparam("of_day"),
    )
    .values(spent_micros=_SPEND.spent_micros + bindparam("more_micros"))
    .returning(_SPEND.extension)
)
INSERT_SPEND = Sql(
    insert(schema.spend).values(
        account_id=bindparam("account_id"),
        extension=bindparam("extension"),
        day=bindparam("day"),
        spent_micros=bindparam("spent_micros"),
    )
)


def spend_by_day(cdr: Cdr, timezone: str) -> dict[str, int]:
    """Answer what a record's charge comes to on each local day, ISO dates, together the charge.

    Args:
        timezone: The account's.
    """
    if not cdr.charged_micros or cdr.answered_at is None:
        return {}
    starts_at = (cdr.answered_at + timedelta(seconds=cdr.allowance_s)).astimezone(ZoneInfo(timezone))
    return by_local_day(cdr.rate, cdr.billable_s - cdr.allowance_s, starts_at, cdr.charged_micros)


def by_local_day(rate: Rate | None, charged_s: int, starts_at: datetime, micros: int) -> dict[str, int]:
    """Split what is charged or held for seconds of money by the local days in which their increments start.

    Where it is less than their price the last ones go unpaid; what is more counts on the first day.

    Args:
        rate: None where it is not known any more (a call whose state cannot be read): all counts on the first day.
        starts_at: When the first of the seconds begins, in the account's time zone.
    """
    first = starts_at.date()
    if rate is None or first == later(starts_at, timedelta(seconds=charged_s)).date():
        return {first.isoformat(): micros} if micros else {}
    by_day: dict[str, int] = {}
    left_micros = micros
    for day, price_micros in charges_by_day(rate, charged_s, starts_at).items():
        if taken_micros := min(price_micros, left_micros):
            by_day[day.isoformat()] = taken_micros
            left_micros -= taken_micros
    if left_micros:
        by_day = {first.isoformat(): 0, **by_day}
        by_day[first.isoformat()] += left_micros
    return by_day


def count_spend(account_id: int, extension: str, by_day: Mapping[str, int]) -> Operation[None]:
    """Add micro-units to the days' spend of an extension and of its account; negative ones are taken off."""
    for day, micros in by_day.items():
        if micros >= 0 and extension != WHOLE_ACCOUNT:
            yield COUNT_SPEND(account_id=account_id, extension=extension, day=day, micros=micros)
        else:
            yield from _add(account_id, {WHOLE_ACCOUNT, extension}, day, micros)


def _add(account_id: int, extensions: set[str], day: str, micros: int) -> Operation[None]:
    extension = max(extensions)  # the empty one is looked for in any case
    there = yield ADD_SPEND(of_account_id=account_id, of_extension=extension, of_day=day, more_micros=micros)
    for missing in sorted(extensions - {row[0] for row in there}):
        yield INSERT_SPEND(account_id=account_id, extension=missing, day=day, spent_micros=micros)
