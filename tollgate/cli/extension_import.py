"""Many extensions written at once, all or none: what their rows refer to is checked before anything is written."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rating.plan import PlanError, parse_plan
from store.catalog import ExtensionSettings, write_extensions
from store.records import Account
from store.store import Store
from tollgate.cli.bad_lines import BadLine
from tollgate.cli.context import MAIN_ACCOUNT, require_account
from tollgate.cli.extension_changes import (
    ACCOUNTS_PLAN,
    apply_changes,
    chunks,
    new_extension,
    other_currency_fault,
    settings_of,
)
from tollgate.cli.extension_csv import NumberedChanges


@dataclass(frozen=True, slots=True)
class _Catalog:
    """What the store has before the import."""

    accounts: Mapping[str, Account]
    deck_currencies: Mapping[str, str | None]
    """By plan; None is a plan whose deck is not there, or that cannot be read."""
    extensions: Mapping[str, ExtensionSettings]

    def account_of(self, settings: ExtensionSettings) -> Account:
        return next(account for account in self.accounts.values() if account.id == settings.account_id)


async def import_extensions(
    store: Store, rows: Sequence[NumberedChanges], *, at_ms: int
) -> tuple[int, int, list[BadLine]]:
    """Write all rows, some in each transaction; answer how many were added and changed.

    Where a row cannot be written (its account or plan is not there, its endpoint is another extension's, its money
    would be in two currencies), nothing is, and those rows are the answer.

    Raises:
        UnknownAccountError: a row adds an extension to the account main, which is not there.
        StoreError: the store cannot be written.
    """
    catalog = await _read_catalog(store)
    bad = [fault for row in rows for fault in _unknown_names(row, catalog)]
    if bad:
        return 0, 0, bad
    if any(row.changes.account is None and row.number not in catalog.extensions for row in rows):
        await require_account(store, MAIN_ACCOUNT)
    settings = {row.number: _settings_after(row, catalog) for row in rows}
    bad = [fault for row in rows for fault in _currency_faults(row, settings[row.number], catalog)]
    bad += _taken_endpoints(rows, settings, catalog)
    if bad:
        return 0, 0, sorted(bad, key=lambda fault: fault.line)
    changed = [each for number, each in settings.items() if number in catalog.extensions]
    added = [each for number, each in settings.items() if number not in catalog.extensions]
    for some in chunks(changed):
        await store.apply(write_extensions(added=(), changed=some, at_ms=at_ms))
    for some in chunks(added):
        await store.apply(write_extensions(added=some, changed=(), at_ms=at_ms))
    return len(added), len(changed), []


async def _read_catalog(store: Store) -> _Catalog:
    of_decks = {deck.name: deck.currency for deck in await store.decks()}
    return _Catalog(
        accounts={account.name: account for account in await store.accounts()},
        deck_currencies={name: _deck_currency(text, of_decks) for name, text in (await store.plans()).items()},
        extensions={extension.number: settings_of(extension) for extension in await store.extensions()},
    )


def _deck_currency(plan_text: str, of_decks: Mapping[str, str]) -> str | None:
    try:
        return of_decks.get(parse_plan(plan_text).deck)
    except PlanError:
        return None


def _unknown_names(row: NumberedChanges, catalog: _Catalog) -> Iterator[BadLine]:
    account, plan = row.changes.account, row.changes.plan
    if account is not None and account not in catalog.accounts:
        yield BadLine(row.line, "account", account, "there is no such account")
    if plan is not None and plan not in {*catalog.deck_currencies, ACCOUNTS_PLAN}:
        yield BadLine(row.line, "plan", plan, "there is no such plan")


def _settings_after(row: NumberedChanges, catalog: _Catalog) -> ExtensionSettings:
    account = row.changes.account
    account_id = None if account is None else catalog.accounts[account].id
    before = catalog.extensions.get(row.number)
    if before is None:
        before = new_extension(row.number, catalog.accounts[account or MAIN_ACCOUNT].id)
    return apply_changes(before, row.changes, account_id)


def _currency_faults(row: NumberedChanges, settings: ExtensionSettings, catalog: _Catalog) -> Iterator[BadLine]:
    account, before = catalog.account_of(settings), catalog.extensions.get(row.number)
    if before is not None:
        fault = other_currency_fault(before, row.changes, catalog.account_of(before), account)
        if fault is not None:
            yield BadLine(row.line, "account", account.name, f"{fault.error}; {fault.hint}")
    plan = settings.plan
    currency = None if plan is None else catalog.deck_currencies[plan]
    if currency is not None and currency != account.currency:
        moved = row.changes.plan is None and row.changes.account is not None
        column, value = ("account", account.name) if moved else ("plan", plan or "")
        reason = f"plan {plan} is priced in {currency}, and account {account.name} is in {account.currency}"
        yield BadLine(row.line, column, value, reason)


def _taken_endpoints(
    rows: Sequence[NumberedChanges], settings: Mapping[str, ExtensionSettings], catalog: _Catalog
) -> Iterator[BadLine]:
    """Yield the rows whose phone is another extension's at the time at which the row is written."""
    holders = {each.endpoint: number for number, each in catalog.extensions.items()}
    # Changed ones first, as they are written; sorting keeps the order of the file otherwise.
    for row in sorted(rows, key=lambda row: row.number not in catalog.extensions):
        number, endpoint, before = row.number, settings[row.number].endpoint, catalog.extensions.get(row.number)
        holder = holders.get(endpoint, number)
        if holder != number:
            reason = f"extension {holder} has it; name another endpoint, or first give that one another"
            yield BadLine(row.line, "endpoint", endpoint, reason)
            continue
        if before is not None:
            del holders[before.endpoint]
        holders[endpoint] = number
