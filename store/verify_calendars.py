"""The calendars that records are counted by, and the rates that they name: what ``verify`` recomputes them with.

Both are asked for once for each of millions of records, so each remembers what was asked for last.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from rating.calendar import day_at
from rating.deck import Rate
from store import schema
from store.cdr_rows import from_ms, to_ms
from store.rate_rows import rate_from_json
from store.verify_rows import Reader

_ACCOUNT = schema.account.c
_ZONES = select(_ACCOUNT.id, _ACCOUNT.timezone, _ACCOUNT.timezone_since_ms)

_MARGIN = timedelta(days=1)
"""After a change of its time zone an account's records are sure to be of the new one: clocks differ, calls last."""
_MOST_RATES = 10_000
"""Rates that are remembered: some megabytes."""


@dataclass(slots=True)
class Calendar:
    """An account's days; the last one that was asked for is remembered, since records come about in order."""

    zone: ZoneInfo
    compared_from: str = ""
    """The first local day whose records are all of this time zone, an ISO date; empty: all are."""
    certain_from_ms: int = 0
    """Calls that began earlier may have been priced and counted by another time zone."""
    _day: str = ""
    _from_ms: int = 0
    _until_ms: int = 0

    def local(self, at_ms: int) -> datetime:
        """Answer an instant in the account's time zone."""
        return from_ms(at_ms).astimezone(self.zone)

    def common_day(self, from_ms_: int, until_ms: int) -> str | None:
        """Answer the local day that both moments lie in; None where they do not, or it takes a closer look."""
        if not self._from_ms <= from_ms_ < self._until_ms:
            self._look(from_ms_)
        return self._day if until_ms < self._until_ms else None

    def _look(self, at_ms: int) -> None:
        day = day_at(from_ms(at_ms), self.zone)
        self._day = day.first_day.isoformat()
        self._from_ms, self._until_ms = to_ms(day.starts_at), to_ms(day.ends_at)
        if day.starts_at.astimezone(self.zone).utcoffset() != day.ends_at.astimezone(self.zone).utcoffset():
            self._until_ms = 0  # clocks are changed, and an hour may come twice


async def read_calendars(reader: Reader) -> dict[int, Calendar]:
    """Answer the calendar of each account."""
    found: dict[int, Calendar] = {}
    for account_id, timezone, since_ms in await reader.few(_ZONES):
        calendar = found[account_id] = Calendar(ZoneInfo(timezone))
        if since_ms is not None:
            certain_from = from_ms(since_ms) + _MARGIN
            calendar.certain_from_ms = to_ms(certain_from)
            calendar.compared_from = (certain_from.astimezone(calendar.zone).date() + _MARGIN).isoformat()
    return found


class RateTexts:
    """The rates of records' JSON, each read once, as long as there are not too many."""

    def __init__(self) -> None:
        self._rates: dict[str, Rate | None] = {}

    def rate(self, text: str | None) -> Rate | None:
        """Answer the rate of a record's column; None where it names none, or none that can be read."""
        if text is None:
            return None
        try:
            return self._rates[text]
        except KeyError:
            return self._learn(text)

    def _learn(self, text: str) -> Rate | None:
        if len(self._rates) >= _MOST_RATES:
            self._rates.clear()
        try:
            rate = rate_from_json(text)
        except ValueError:
            rate = None
        self._rates[text] = rate
        return rate
