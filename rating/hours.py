"""Recurring hours of the week, such as ``mon-fri 08:00-20:00; sat 09:00-13:00``, on a local wall clock.

Hours are kept as half-open spans of minutes since Monday 00:00, so that they mean the same on every wall
clock. What the clock does twice or not at all is settled there too: where it jumps over a boundary, the hours
change at the jump; where it is put back into a span, they hold again until it ends for the second time.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from rating.errors import RatingError

MINUTES_PER_DAY = 1440
MINUTES_PER_WEEK = 7 * MINUTES_PER_DAY

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ALWAYS = "always"
_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
# Hours that change at all do so within a week of wall clock. A zone may repeat a day; a stretch may be a moment.
_MOST_STRETCHES = 20

_ENTRY = re.compile(r"([a-z]{3}(?:\s*[-,]\s*[a-z]{3})*)(?:\s+([0-9].*))?")
_TIMES = re.compile(r"([0-9]{2}):([0-9]{2})\s*-\s*([0-9]{2}):([0-9]{2})")


class HoursError(RatingError):
    """Text or spans that are no hours of the week."""


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """The minutes of the week that are meant: ``spans`` from Monday 00:00 local, half-open and merged.

    Raises:
        HoursError: there is no span, or spans are empty, out of order, touching, or outside of the week.
    """

    spans: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if not self.spans:
            raise HoursError("hours that never hold; name at least one day")
        if any(begin >= end for begin, end in self.spans):
            raise HoursError("hours that end before they begin")
        edges = [-1] + [minute for span in self.spans for minute in span] + [MINUTES_PER_WEEK + 1]
        if any(earlier >= later for earlier, later in pairwise(edges)):
            raise HoursError("spans of hours are in order, apart from each other and within one week")

    def hold(self, local: datetime) -> bool:
        """Say whether it is one of these hours at ``local``, by its wall clock."""
        minute = local.weekday() * MINUTES_PER_DAY + local.hour * 60 + local.minute
        return self._hold_at(minute)

    def next_change(self, local: datetime) -> datetime | None:
        """Return the first later instant, in the zone of ``local``, at which :meth:`hold` turns; None: never.

        ``local`` is aware. Its wall clock decides, changes of it included.
        """
        if self.spans == ((0, MINUTES_PER_WEEK),):
            return None
        held = self.hold(local)
        stretches = islice(_steady_stretches(local), _MOST_STRETCHES)
        changes = (self._change_within(begin, end, held=held) for begin, end in stretches)
        return next((change for change in changes if change is not None), None)

    def _change_within(self, begin: datetime, end: datetime, *, held: bool) -> datetime | None:
        """Return where the hours turn in a stretch in which the clock is not changed; None: not in this one."""
        if self.hold(begin) != held:
            return begin
        change = begin.astimezone(UTC) + self._until_boundary(begin)
        return change.astimezone(begin.tzinfo) if change < end else None

    def _hold_at(self, minute: int) -> bool:
        index = bisect_right(self.spans, minute, key=_begin) - 1
        return index >= 0 and minute < self.spans[index][1]

    def _until_boundary(self, local: datetime) -> timedelta:
        """Answer the time to the next boundary of a span on a clock that is not changed meanwhile."""
        minute = local.weekday() * MINUTES_PER_DAY + local.hour * 60 + local.minute
        held = self._hold_at(minute)
        boundaries = (edge for span in self.spans for edge in span)
        # The week's own end is one, but hours that go on over it do not change there.
        changes = (edge for edge in boundaries if self._hold_at(edge % MINUTES_PER_WEEK) != held)
        minutes = min((edge - minute - 1) % MINUTES_PER_WEEK + 1 for edge in changes)
        return minutes * _MINUTE - timedelta(seconds=local.second, microseconds=local.microsecond)


def _begin(span: tuple[int, int]) -> int:
    return span[0]


def _steady_stretches(local: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield stretches of at most a day with one UTC offset each: begin in the zone of ``local``, end in UTC."""
    at = local.astimezone(UTC)
    while True:
        end = _steady_until(at, local)
        yield at.astimezone(local.tzinfo), end
        at = end


def _steady_until(at: datetime, local: datetime) -> datetime:
    """Return the instant within a day of ``at`` where the UTC offset changes, or the end of that day."""
    offset = at.astimezone(local.tzinfo).utcoffset()
    steady, beyond = at, at + _DAY
    if beyond.astimezone(local.tzinfo).utcoffset() == offset:
        return beyond
    # Offsets change on whole seconds: halve down to one.
    while beyond - steady > _SECOND:
        middle = steady + (beyond - steady) // 2
        if middle.astimezone(local.tzinfo).utcoffset() == offset:
            steady = middle
        else:
            beyond = middle
    return beyond.replace(microsecond=0)


def parse_hours(text: str) -> WeeklyHours:
    """Read hours: ``always``, or entries such as ``mon-fri,sun 08:00-12:00, 14:00-18:00`` between semicolons.

    A day is named by its first three English letters; ranges may go over the week's end (``sat-mon``). Times
    end before they begin where they go past midnight: ``fri 22:00-06:00`` ends on Saturday. ``24:00`` is the
    day's end; days without times are meant whole. Entries may overlap.

    Raises:
        HoursError: the text is not of this form.
    """
    if text.strip().lower() == _ALWAYS:
        return WeeklyHours(((0, MINUTES_PER_WEEK),))
    spans = [span for entry in text.lower().split(";") for span in _entry_spans(entry.strip(), text)]
    return WeeklyHours(_merged(spans))


def _entry_spans(entry: str, text: str) -> Iterator[tuple[int, int]]:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise HoursError(f"{text!r} are no hours; write them as mon-fri 08:00-20:00; sat 09:00-13:00")
    days, times = match.groups()
    day_spans = [(0, MINUTES_PER_DAY)] if times is None else [_times(part.strip()) for part in times.split(",")]
    for day in _days(days):
        for begin, end in day_spans:
            yield from _within_week(day * MINUTES_PER_DAY + begin, day * MINUTES_PER_DAY + end)


def _days(text: str) -> Iterator[int]:
    for part in text.split(","):
        first, _, last = (word.strip() for word in part.partition("-"))
        begin = _day(first)
        end = _day(last) if last else begin
        for ahead in range((end - begin) % 7 + 1):
            yield (begin + ahead) % 7


def _day(name: str) -> int:
    if name not in _DAYS:
        raise HoursError(f"{name!r} is no day; write {', '.join(_DAYS)}")
    return _DAYS.index(name)


def _times(text: str) -> tuple[int, int]:
    """Read ``08:00-20:00`` as minutes of the day; the end is beyond 1440 where it lies on the next one."""
    match = _TIMES.fullmatch(text)
    if match is None:
        raise HoursError(f"{text!r} are no times; write them as 08:00-20:00")
    begin_hour, begin_minute, end_hour, end_minute = map(int, match.groups())
    begin, end = begin_hour * 60 + begin_minute, end_hour * 60 + end_minute
    if begin_minute > 59 or end_minute > 59 or begin >= MINUTES_PER_DAY or end > MINUTES_PER_DAY:
        raise HoursError(f"{text!r} are no times of a day; they go from 00:00 to 24:00")
    if begin == end:
        raise HoursError(f"{text!r} begin and end at once; a whole day is 00:00-24:00")
    return begin, end if end > begin else end + MINUTES_PER_DAY


def _within_week(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield a span cut at the week's end, its rest on Monday."""
    yield begin, min(end, MINUTES_PER_WEEK)
    if end > MINUTES_PER_WEEK:
        yield 0, end - MINUTES_PER_WEEK


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return tuple(merged)


def format_hours(hours: WeeklyHours) -> str:
    """Write hours so that :func:`parse_hours` reads the same, days with the same times together."""
    if hours.spans == ((0, MINUTES_PER_WEEK),):
        return _ALWAYS
    days_of: dict[str, list[int]] = {}
    for day, times in enumerate(_times_by_day(hours)):
        if times:
            days_of.setdefault(", ".join(sorted(times)), []).append(day)
    return "; ".join(f"{_format_days(days)} {times}" for times, days in days_of.items())


def _times_by_day(hours: WeeklyHours) -> list[list[str]]:
    """Answer each day's times, by day."""
    by_day: list[list[str]] = [[] for _ in _DAYS]
    for begin, end in _over_the_week_s_end(hours.spans):
        for day_begin, day_end in _by_days(begin, end):
            day, minute = divmod(day_begin, MINUTES_PER_DAY)
            end_minute = day_end - day * MINUTES_PER_DAY
            shown_end = end_minute if end_minute <= MINUTES_PER_DAY else end_minute - MINUTES_PER_DAY
            by_day[day % 7].append(f"{_format_time(minute)}-{_format_time(shown_end)}")
    return by_day


def _by_days(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield a span in pieces that one day can name: cut at midnights as long as it goes on for a day or more."""
    while end - begin >= MINUTES_PER_DAY:
        midnight = begin - begin % MINUTES_PER_DAY + MINUTES_PER_DAY
        yield begin, midnight
        begin = midnight
    if begin < end:
        yield begin, end


def _over_the_week_s_end(spans: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """Put together again what was cut between Sunday and Monday, as a span that ends beyond the week."""
    first, last = spans[0], spans[-1]
    if len(spans) > 1 and first[0] == 0 and last[1] == MINUTES_PER_WEEK:
        return [*spans[1:-1], (last[0], MINUTES_PER_WEEK + first[1])]
    return list(spans)


def _format_days(days: list[int]) -> str:
    ranges: list[list[int]] = []
    for day in days:
        if ranges and day == ranges[-1][-1] + 1:
            ranges[-1].append(day)
        else:
            ranges.append([day])
    return ",".join(_DAYS[run[0]] if len(run) == 1 else f"{_DAYS[run[0]]}-{_DAYS[run[-1]]}" for run in ranges)


def _format_time(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
