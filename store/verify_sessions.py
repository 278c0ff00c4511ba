"""Open sessions: what they hold together, on which days each one's hold counts, and how long each is paid for."""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from charging.saved import SavedSessionError, load_session
from rating.price import affordable_s, charge_micros
from store.cdr_rows import from_ms
from store.verify_report import Check, Difference, differing
from store.verify_rows import Page

_CLOCKS_MS = 60_000
"""How far the clocks of a node and of its Asterisk may be apart, and a little more."""


class SessionSums:
    """What the sessions hold per account, and those whose days or paid seconds do not add up."""

    def __init__(self) -> None:
        self._held_micros: dict[int, int] = defaultdict(int)
        self.differences: list[Difference] = []

    def add(self, page: Page) -> None:
        """Add a page of ``verify_calls.SESSIONS``."""
        for row in page:
            call_id, account_id, held_micros, provisional_micros, allowance_s, held_by_day, paid_until_ms, *times = row
            paid_s, opened_at_ms, updated_at_ms, state = times
            self._held_micros[account_id] += held_micros
            # A provisional charge keeps the days that it was counted on.
            micros = held_micros + provisional_micros
            found_micros = _counted_micros(held_by_day, micros, is_answered=paid_until_ms is not None)
            if found_micros is None:
                self.differences.append(Difference(Check.HELD_BY_DAY, call_id, micros, held_by_day, account_id))
            else:
                self.differences += differing(Check.HELD_BY_DAY, call_id, micros, found_micros, account_id)
            if paid_until_ms is not None:
                answers_ms = (opened_at_ms, updated_at_ms)
                self.differences += _wrong_moment(call_id, account_id, paid_until_ms, paid_s, answers_ms)
            if held_micros or allowance_s:  # a lost call was paid for, and is no more
                most_s = _most_paid_s(state, held_micros, paid_s, allowance_s, paid_until_ms)
                self.differences += differing(Check.PAID_TIME, call_id, most_s, paid_s, account_id)

    def held_micros(self, account_id: int) -> int:
        """Answer what the account's sessions hold."""
        return self._held_micros.get(account_id, 0)


def _counted_micros(held_by_day: str, micros: int, *, is_answered: bool) -> int | None:
    """Answer what a hold of ``micros`` comes to by its days; None where they cannot be read.

    Until the answer, each of them stands for all of it; a call without limits names no days.
    """
    try:
        by_day: Mapping[str, int] = json.loads(held_by_day)
        for day, of_day in by_day.items():
            date.fromisoformat(day)
            if type(of_day) is not int:
                return None
    except (ValueError, AttributeError, RecursionError):
        return None
    if not by_day or (not is_answered and all(of_day == micros for of_day in by_day.values())):
        return micros
    return sum(by_day.values())


def _wrong_moment(
    call_id: str, account_id: int, paid_until_ms: int, paid_s: int, answers_ms: tuple[int, int]
) -> list[Difference]:
    """Tell a paid end that no answer between the opening and the latest change can have led to."""
    opened_at_ms, updated_at_ms = answers_ms
    from_ms_, until_ms = (at_ms + paid_s * 1000 for at_ms in (opened_at_ms - _CLOCKS_MS, updated_at_ms + _CLOCKS_MS))
    nearest_ms = max(from_ms_, min(paid_until_ms, until_ms))
    if nearest_ms == paid_until_ms:
        return []
    expected, found = (from_ms(at_ms).isoformat() for at_ms in (nearest_ms, paid_until_ms))
    return [Difference(Check.PAID_TIME, call_id, expected, found, account_id)]


def _most_paid_s(state: str, held_micros: int, paid_s: int, allowance_s: int, paid_until_ms: int | None) -> int:
    """Answer the seconds that a hold pays for, at most ``paid_s``; that where the state does not tell the price."""
    try:
        session = load_session(state)
    except SavedSessionError:
        return paid_s
    if not session.call.metered:
        return paid_s
    rate = session.call.rate
    if rate is None:
        return min(paid_s, allowance_s)
    if rate.periods and paid_until_ms is None:
        return paid_s  # the hour of the answer decides
    starts_at = (
        None
        if paid_until_ms is None
        else session.call.local(from_ms(paid_until_ms) - timedelta(seconds=paid_s - allowance_s))
    )
    if charge_micros(rate, paid_s - allowance_s, starts_at) <= held_micros:
        return paid_s
    return allowance_s + affordable_s(rate, held_micros, starts_at)
