"""Open sessions: what they hold together, and on which days each one's hold counts."""

from collections import defaultdict
from collections.abc import Mapping

from store.caps import text_days
from store.verify_report import Check, Difference, differing
from store.verify_rows import Page


class SessionSums:
    """What the sessions hold per account, and those whose days do not add up."""

    def __init__(self) -> None:
        self._held_micros: dict[int, int] = defaultdict(int)
        self.differences: list[Difference] = []

    def add(self, page: Page) -> None:
        """Add a page of ``verify_calls.SESSIONS``."""
        for call_id, account_id, held_micros, provisional_micros, _, held_by_day, paid_until_ms in page:
            self._held_micros[account_id] += held_micros
            # A provisional charge keeps the days that it was counted on.
            micros = held_micros + provisional_micros
            found_micros = _counted_micros(held_by_day, micros, is_answered=paid_until_ms is not None)
            self.differences += differing(Check.HELD_BY_DAY, call_id, micros, found_micros, account_id)

    def held_micros(self, account_id: int) -> int:
        """Answer what the account's sessions hold."""
        return self._held_micros.get(account_id, 0)


def _counted_micros(held_by_day: str, micros: int, *, is_answered: bool) -> int:
    """Answer what a hold of ``micros`` comes to by its days.

    Until the answer, each of them stands for all of it; a call without limits names no days.
    """
    by_day: Mapping[str, int] = text_days(held_by_day)
    if not by_day or (not is_answered and all(of_day == micros for of_day in by_day.values())):
        return micros
    return sum(by_day.values())
