"""Many extensions written at once, all or none: what their rows refer to is checked before anything is written.

The store checks again what it writes: another administrator may have changed something meanwhile. Each transaction
holds some of the rows, so that calls pass between; only a change that comes in just then can leave a file half written,
which is said.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rating.plan import PlanError, parse_plan
from store.extensions import AccountMoney, ExtensionChanges, ExtensionSettings, Written, put_extensions
from store.records import Account
from store.store import Store
from tollgate.cli.bad_lines import BadLine
from tollgate.cli.context import MAIN_ACCOUNT, require_account
from tollgate.cli.extension_changes import settings_of
from tollgate.cli.extension_csv import NumberedChanges
from tollgate.cli.extension_parts import in_parts


@dataclass(frozen=True, slots=True)
class _Catalog:
    """What the store has before the import."""

    accounts: Mapping[str, Account]
    deck_currencies: Mapping[str, str | None]
    """By plan; None is a plan whose deck is not there, or that cannot be read."""
    extensions: Mapping[str, ExtensionSettings]

    def account_of(self, settings: ExtensionSettings) -> AccountMoney:
        account = next(account for account in self.accounts.values() if account.id == settings.account_id)
        return AccountMoney(account.name, account.currency)

    def changes_of(self, row: NumberedChanges) -> ExtensionChanges:
        account = row.changes.account
        return row.changes.with_account(None if account is None else self.accounts[account].id)


async def import_extensions(
    store: Store, rows: Sequence[NumberedChanges], *, at_ms: int
) -> tuple[Written, list[BadLine]]:
    """Write all rows, some in each transaction; answer how many were added and changed.

    Where a row cannot be written (its account or plan is not there, its endpoint is another extension's, its money
    would be in two currencies), nothing is, and those rows are the answer.

    Raises:
        UnknownAccountError: a row adds an extension to the account main, which is not there.
        RefusedError: another administrator's change stopped it half-way.
        StoreError: the store cannot be written, or no longer takes the rows.
    """
    catalog = await _read_catalog(store)
    bad = [fault for row in rows for fault in _unknown_names(row, catalog)]
    if bad:
        return Written(0, 0), bad
    if any(row.changes.account is None and row.number not in catalog.extensions for row in rows):
        await require_account(store, MAIN_ACCOUNT)
    settings = {row.number: _settings_after(row, catalog) for row in rows}
    bad = [fault for row in rows for fault in _currency_faults(row, settings[row.number], catalog)]
    bad += _taken_endpoints(rows, settings, catalog)
    if bad:
        return Written(0, 0), sorted(bad, key=lambda fault: fault.line)
    return await _write(store, rows, catalog, at_ms), []


async def _write(store: Store, rows: Sequence[NumberedChanges], catalog: _Catalog, at_ms: int) -> Written:
    main = catalog.accounts.get(MAIN_ACCOUNT)
    main_id = None if main is None else main.id
    # Changed ones first: a new extension may have the endpoint that one of them gives up.
    ordered = sorted(rows, key=lambda row: row.number not in catalog.extensions)
    changes = {row.number: catalog.changes_of(row) for row in ordered}
    written = await in_parts(
        store, changes, lambda some: put_extensions(some, new_account_id=main_id, at_ms=at_ms), "import the file again"
    )
    return Written(sum(part.added for part in written), sum(part.changed for part in written))


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
    account, plan = row.changes.account, row.changes.settings.get("plan")
    if account is not None and account not in catalog.accounts:
        yield BadLine(row.line, row.title("account"), account, "there is no such account")
    if plan is not None and plan not in catalog.deck_currencies:
        yield BadLine(row.line, row.title("plan"), plan, "there is no such plan")


def _settings_after(row: NumberedChanges, catalog: _Catalog) -> ExtensionSettings:
    before = catalog.extensions.get(row.number)
    if before is None:
        before = ExtensionSettings.new(row.number, catalog.accounts[row.changes.account or MAIN_ACCOUNT].id)
    return before.changed(catalog.changes_of(row))


def _currency_faults(row: NumberedChanges, settings: ExtensionSettings, catalog: _Catalog) -> Iterator[BadLine]:
    account, before = catalog.account_of(settings), catalog.extensions.get(row.number)
    if before is not None:
        fault = before.money_limits_fault(row.changes.settings, catalog.account_of(before).currency, account)
        if fault is not None:
            yield BadLine(row.line, row.title("account"), account.name, fault)
    plan = settings.plan
    currency = None if plan is None else catalog.deck_currencies[plan]
    if currency is not None and currency != account.currency:
        moved = "plan" not in row.changes.settings and row.changes.account is not None
        column, value = ("account", account.name) if moved else ("plan", plan or "")
        reason = f"plan {plan} is priced in {currency}, and account {account.name} is in {account.currency}"
        yield BadLine(row.line, row.title(column), value, reason)


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
            yield BadLine(row.line, row.title("endpoint"), endpoint, reason)
            continue
        if before is not None:
            del holders[before.endpoint]
        holders[endpoint] = number
