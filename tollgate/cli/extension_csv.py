"""Extensions by CSV: many at once, all or none."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from store.catalog import ExtensionSettings, write_extensions
from store.errors import DuplicateNameError
from store.store import Store
from tollgate.cli.bad_field import BadFieldError
from tollgate.cli.bad_lines import BadLine
from tollgate.cli.context import MAIN_ACCOUNT
from tollgate.cli.errors import BadInputError
from tollgate.cli.extension_changes import (
    ACCOUNTS_PLAN,
    FIELDS,
    ExtensionChanges,
    apply_changes,
    check_number,
    chunks,
    new_extension,
    read_changes,
    settings_of,
)
from tollgate.cli.files import open_text
from tollgate.cli.output import Document

_COLUMNS = ("extension", *FIELDS)


@dataclass(frozen=True, slots=True)
class NumberedChanges:
    """A row that was read, and the line it came from."""

    line: int
    number: str
    changes: ExtensionChanges


def read_extensions(file: Path, home_region: str) -> tuple[list[NumberedChanges], list[BadLine]]:
    """Read the rows of a file: those that can be used, and those that cannot.

    Raises:
        BadInputError: the file is no text, or its header cannot be used.
    """
    good: list[NumberedChanges] = []
    bad: list[BadLine] = []
    seen: dict[str, int] = {}
    with open_text(file) as lines:
        reader = csv.DictReader(lines, restkey="more", restval=None)
        _check_header(reader.fieldnames or (), file)
        try:
            for row in reader:
                fault = _read_row(row, reader.line_num, home_region, seen, good)
                if fault is not None:
                    bad.append(fault)
        except csv.Error as error:
            raise BadInputError(f"{file} is no CSV: {error}", "save it as CSV with commas") from error
    return good, bad


def _check_header(columns: Sequence[str], file: Path) -> None:
    unknown = [column for column in columns if column not in _COLUMNS]
    if "extension" not in columns or unknown or len(set(columns)) < len(columns):
        raise BadInputError(
            f"the header of {file} cannot be used: {','.join(columns)}", f"name columns of {','.join(_COLUMNS)}"
        )


def _read_row(
    row: Mapping[str, str | None],
    line: int,
    home_region: str,
    seen: dict[str, int],
    good: list[NumberedChanges],
) -> BadLine | None:
    """Add a row to the good ones, or say why it is none."""
    if "more" in row or None in row.values():
        return BadLine(line, "", "", "it has not as many cells as the header")
    cells = {column: (cell or "").strip() for column, cell in row.items()}
    number = cells.pop("extension")
    if number in seen:
        return BadLine(line, "extension", number, f"line {seen[number]} has the same extension")
    seen[number] = line
    try:
        check_number(number, home_region)
        changes = read_changes({column: cell or None for column, cell in cells.items()})
    except BadFieldError as error:
        value = number if error.field == "extension" else cells[error.field]
        return BadLine(line, error.field, value, f"{error.error}; {error.hint}")
    good.append(NumberedChanges(line, number, changes))
    return None


async def import_extensions(
    store: Store, rows: Sequence[NumberedChanges], *, at_ms: int
) -> tuple[int, int, list[BadLine]]:
    """Write all rows, some in each transaction; answer how many were added and changed.

    Where a row names an account or a plan that is not there, nothing is written and those rows are the answer.

    Raises:
        StoreError: two extensions would have the same endpoint, or the store cannot be written.
    """
    accounts = {account.name: account.id for account in await store.accounts()}
    plans = {*(await store.plans()), ACCOUNTS_PLAN}
    bad = [fault for row in rows for fault in _unknown_names(row, accounts, plans)]
    if bad:
        return 0, 0, bad
    before = {extension.number: settings_of(extension) for extension in await store.extensions()}
    added: list[ExtensionSettings] = []
    changed: list[ExtensionSettings] = []
    for row in rows:
        changes = row.changes
        account_id = None if changes.account is None else accounts[changes.account]
        known = before.get(row.number)
        settings = known or new_extension(row.number, accounts[changes.account or MAIN_ACCOUNT])
        (added if known is None else changed).append(apply_changes(settings, changes, account_id))
    _check_endpoints({**before, **{each.number: each for each in (*changed, *added)}})
    for some in chunks(changed):
        await store.apply(write_extensions(added=(), changed=some, at_ms=at_ms))
    for some in chunks(added):
        await store.apply(write_extensions(added=some, changed=(), at_ms=at_ms))
    return len(added), len(changed), []


def _check_endpoints(settings: Mapping[str, ExtensionSettings]) -> None:
    """Refuse two extensions at one phone before anything is written."""
    numbers: dict[str, str] = {}
    for each in settings.values():
        other = numbers.setdefault(each.endpoint, each.number)
        if other != each.number:
            raise DuplicateNameError(
                f"endpoint {each.endpoint} would belong to extensions {other} and {each.number}; name another endpoint"
            )


def _unknown_names(row: NumberedChanges, accounts: Mapping[str, int], plans: set[str]) -> Iterable[BadLine]:
    account, plan = row.changes.account, row.changes.plan
    if account is not None and account not in accounts:
        yield BadLine(row.line, "account", account, "there is no such account")
    if plan is not None and plan not in plans:
        yield BadLine(row.line, "plan", plan, "there is no such plan")


def write_csv(rows: Iterable[Document], file: TextIO) -> None:
    """Write rows of extensions as CSV."""
    writer = csv.DictWriter(file, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
