"""Statements and operations without a database: what is compiled, and what is asked in which order."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from sqlalchemy import Dialect, bindparam, literal_column, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg

import store
from store import schema
from store.answers import Denied, Held
from store.balances import RESERVE, SELECT_AVAILABLE
from store.errors import KeyConflictError
from store.journal import INSERT_HOLD
from store.operation import Operation, Row, Rows, Sql, Statement, compile_sql
from store.session_rows import INSERT_SESSION, SELECT_CALL, SessionRow
from store.sessions import open_session

SQLITE = sqlite.dialect(paramstyle="qmark")
POSTGRESQL = asyncpg.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


def statements() -> Iterator[tuple[str, Sql]]:
    """Find every statement of the package."""
    for module in pkgutil.iter_modules(store.__path__, "store."):
        if module.name != "store.migrations":
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, Sql):
                    yield f"{module.name}.{name}", value


def test_package_has_statements() -> None:
    assert len(dict(statements())) > 30


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRESQL], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize("sql", [pytest.param(sql, id=name) for name, sql in statements()])
def test_statement_compiles_for_every_database(sql: Sql, dialect: Dialect) -> None:
    compiled = compile_sql(sql, dialect)
    assert "POSTCOMPILE" not in compiled.text
    assert set(compiled.constants) <= set(compiled.names)


def test_arguments_are_in_the_order_of_the_text() -> None:
    sql = Sql(
        select(schema.lot.c.id)
        .where(schema.lot.c.remaining_micros > 7, schema.lot.c.account_id == bindparam("account_id"))
        .where(schema.lot.c.reference == bindparam("reference"))
    )
    assert compile_sql(sql, SQLITE).arguments({"reference": "r", "account_id": 1}) == (7, 1, "r")


def test_missing_parameter_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        compile_sql(SELECT_AVAILABLE, SQLITE).arguments({})


def test_statement_without_parameters_has_no_arguments() -> None:
    assert compile_sql(Sql(select(literal_column("1"))), SQLITE).arguments({}) == ()


UNKNOWN_CALL: Row = (*[None] * len(SessionRow._fields), 0)
"""What ``SELECT_CALL`` answers where there is neither session nor record."""


def opening() -> Operation[Held | Denied]:
    return open_session(
        call_id="a",
        node="pbx1",
        account_id=1,
        extension="101",
        held_micros=100_000,
        paid_s=10,
        per_minute_micros=600_000,
        state="{}",
        at_ms=0,
    )


def play(operation: Operation[Held | Denied], script: list[tuple[Sql, Rows]]) -> Held | Denied:
    """Answer an operation's statements from a script, which says which one must come next."""
    statement = next(operation)
    for expected, rows in script:
        assert isinstance(statement, Statement)
        assert statement.sql is expected
        try:
            statement = operation.send(rows)
        except StopIteration as stop:
            answer: Held | Denied = stop.value
            return answer
    raise AssertionError(f"the operation goes on with {statement}")


def test_open_with_funds_reserves_then_writes_session_and_journal() -> None:
    script: list[tuple[Sql, Rows]] = [
        (SELECT_CALL, [UNKNOWN_CALL]),
        (RESERVE, [(900_000, None)]),
        (INSERT_SESSION, []),
        (INSERT_HOLD, []),
    ]
    assert play(opening(), script) == Held(100_000, 10)


def test_open_without_funds_writes_nothing_after_the_refused_reservation() -> None:
    script: list[tuple[Sql, Rows]] = [
        (SELECT_CALL, [UNKNOWN_CALL]),
        (RESERVE, []),
        (SELECT_AVAILABLE, [(99_999, None)]),
    ]
    assert play(opening(), script) == Denied(99_999)


def test_open_again_only_reads() -> None:
    row = ("pbx1", 1, "101", 600_000, 100_000, 10, 0, 700_000, 70, 0, 2, "60 10 44", "{}", 0, None)
    assert play(opening(), [(SELECT_CALL, [(*row, 0)])]) == Held(100_000, 10)
    with pytest.raises(KeyConflictError):
        play(opening(), [(SELECT_CALL, [("pbx2", *row[1:], 0)])])
