"""``verify`` of a file in which a cell holds what its column is not for."""

import sqlite3
from contextlib import closing

import pytest

from store.store import Store
from store.verify import Check
from tests.integration.store.conftest import ONLY_SQLITE
from tests.integration.store.office import EUR, open_office


@ONLY_SQLITE
@pytest.mark.parametrize(
    ("damage", "subject"),
    [
        ("UPDATE account SET timezone = x'00ff'", "account.timezone"),
        ("UPDATE lot SET amount_micros = 'much'", "lot.amount_micros"),
        ("UPDATE account SET available_micros = 1.5", "account.available_micros"),
        ("UPDATE lot SET purchased_at_ms = 9223372036854775807", "lot.purchased_at_ms"),
    ],
)
async def test_cell_of_another_type_is_named_by_its_column(database: str, damage: str, subject: str) -> None:
    async with open_office(database, funds_micros=EUR):
        pass
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(damage)

    async with await Store.open(database) as store:
        [found] = await store.verify()

    assert (found.check, found.subject, found.expected, found.found) == (Check.CELL, subject, 0, 1)
