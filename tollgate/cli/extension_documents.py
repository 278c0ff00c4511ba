"""Extensions as every command shows them: JSON, tables, CSV cells."""

from datetime import datetime

from store.errors import UnknownExtensionError
from store.records import Extension
from store.store import Store
from tollgate.cli.context import require_account
from tollgate.cli.extension_changes import ACCOUNTS_PLAN
from tollgate.cli.limits import LIMIT_FIELDS, limit_cell, limit_documents, limits_summary
from tollgate.cli.output import Document, print_fields, print_table, show
from tollgate.cli.spending import spend_document

_COLUMNS = ("extension", "endpoint", "account", "plan", "prepaid", "language", "name")


async def read_extension(store: Store, number: str) -> Document:
    """Return an extension for JSON.

    Raises:
        UnknownExtensionError: there is none of that number.
    """
    found = await _require(store, number)
    account = await store.account_by_id(found.account_id)
    assert account is not None, "the store's foreign key"
    return _document(found, account.name)


async def read_extension_with_spend(store: Store, number: str, at: datetime) -> Document:
    """Return an extension for JSON, with what it has spent on the day and in the month of ``at``.

    Raises:
        UnknownExtensionError: there is none of that number.
    """
    found = await _require(store, number)
    account = await store.account_by_id(found.account_id)
    assert account is not None, "the store's foreign key"
    spend = await spend_document(store, account, at, found.number, found.caps)
    return {**_document(found, account.name), **spend, "currency": account.currency}


async def read_extensions_of(store: Store, account: str | None) -> list[Document]:
    """Return the extensions of an account, or all, for JSON."""
    account_id = None if account is None else (await require_account(store, account)).id
    names = {known.id: known.name for known in await store.accounts()}
    return [_document(found, names[found.account_id]) for found in await store.extensions(account_id)]


async def _require(store: Store, number: str) -> Extension:
    found = await store.extension(number)
    if found is None:
        raise UnknownExtensionError(f"there is no extension {number}; `tollgate extension list` shows them")
    return found


def _document(found: Extension, account_name: str) -> Document:
    return {
        "extension": found.number,
        "endpoint": found.endpoint,
        "account": account_name,
        "plan": found.plan,
        "prepaid": found.prepaid,
        "language": found.language,
        "name": found.display_name,
        **limit_documents(found),
    }


def show_extension(document: Document, *, as_json: bool) -> None:
    """Show one extension; for people, only the limits that are set."""
    limits = {name: limit_cell(document[name]) for name in LIMIT_FIELDS if document[name] is not None}
    others = {name: _cell(document, name) for name in document if name not in LIMIT_FIELDS}
    show(document, lambda: print_fields({**others, **limits}), as_json=as_json)


def print_extensions(documents: list[Document]) -> None:
    """Print a table of extensions, the limits that are set in one column."""
    rows = [[*(_cell(row, column) for column in _COLUMNS), limits_summary(row)] for row in documents]
    print_table((*_COLUMNS, "limits"), rows)


def csv_row(document: Document) -> Document:
    """Return an extension's cells as an import reads them."""
    limits = {name: limit_cell(document[name]) for name in LIMIT_FIELDS}
    kept = {name: _cell(document, name) for name in ("plan", "prepaid")}
    return {**document, **kept, "name": limit_cell(document["name"]), **limits}


def _cell(row: Document, column: str) -> str | None:
    value = row[column]
    if column == "prepaid":
        return "on" if value else "off"
    return ACCOUNTS_PLAN if column == "plan" and value is None else value
