"""Spend by day, what caps are measured by: as against the journal, the records, and itself."""

from collections import defaultdict

from store.spend import WHOLE_ACCOUNT
from store.verify_records import RecordSums
from store.verify_report import Check, Difference, differing
from store.verify_rows import Page


class SpendSums:
    """What the days' spend comes to per account, extension and day."""

    def __init__(self) -> None:
        self._accounts: dict[int, int] = defaultdict(int)
        self._extensions: dict[tuple[int, str], int] = defaultdict(int)
        self._days: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
        """By account and day: what its extensions spent, and what its own row says."""

    def add(self, page: Page) -> None:
        """Add a page of ``verify_days.SPENT``."""
        for account_id, extension, day, spent_micros in page:
            of_account = extension == WHOLE_ACCOUNT
            if of_account:
                self._accounts[account_id] += spent_micros
            else:
                self._extensions[account_id, extension] += spent_micros
            self._days[account_id, day][of_account] += spent_micros

    def account_micros(self, account_id: int) -> int:
        """Answer what all days of the account's own rows come to."""
        return self._accounts.get(account_id, 0)

    def differences(self, records: RecordSums) -> list[Difference]:
        """Compare each extension with its records, and each day of an account with its extensions."""
        found: list[Difference] = []
        for account_id, extension in sorted({*self._extensions, *_payers(records)}):
            expected_micros = records.charged_micros.get((account_id, extension), 0)
            spent_micros = self._extensions.get((account_id, extension), 0)
            found += differing(Check.SPEND_EXTENSION, extension, expected_micros, spent_micros, account_id)
        for (account_id, day), (of_extensions, of_account) in sorted(self._days.items()):
            found += differing(Check.SPEND_DAY, day, of_extensions, of_account, account_id)
        return found


def _payers(records: RecordSums) -> set[tuple[int, str]]:
    """Answer whose records charge anything; what nobody pays is none of the spend's business."""
    return {
        (account_id, extension)
        for (account_id, extension), micros in records.charged_micros.items()
        if account_id is not None and micros
    }
