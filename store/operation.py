"""Operations: what is done in one transaction, told apart from how a database is driven.

An operation is a generator. It yields a :class:`Statement`, receives the statement's rows (a list of tuples;
empty where there is nothing to return), and in the end returns its answer or raises a ``StoreError``. It
holds no connection, reads no clock and waits for nothing, so that one source serves every driver: today the
SQLite writer thread, which runs many operations in one transaction. A statement is written once in SQLAlchemy
Core and compiled once per dialect to SQL text with positional parameters, because Core's work at each
execution costs more than SQLite's.

Rules for operations: guarded changes come back with RETURNING, never with a row count; rows are locked in the
order session, account, lot (``FOR UPDATE`` is there for databases with several writers, SQLite leaves it
out); an error is raised, never yielded into, since after a failed statement only a rollback is legal.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

SqlValue = int | str | None
Params = Mapping[str, SqlValue]
Row = tuple[Any, ...]
Rows = list[Row]
T = TypeVar("T")


class Sql:
    """One statement of the project; calling it binds its parameters by name."""

    __slots__ = ("clause",)

    def __init__(self, clause: ClauseElement) -> None:
        self.clause = clause

    def __call__(self, **params: SqlValue) -> "Statement":
        """Bind ``params`` for one execution."""
        return Statement(self, params)

    def many(self, rows: Sequence[Row]) -> "ManyStatement":
        """Bind values by position, for an INSERT of many rows; none come back.

        Args:
            rows: The values of each row in the order of the statement's parameters, which for an INSERT is that
                of the table's columns.
        """
        return ManyStatement(self, rows)


class Statement(NamedTuple):
    """A statement with its parameters."""

    sql: Sql
    params: Params


class ManyStatement(NamedTuple):
    """An INSERT of many rows, whose values are in order already: a name a value costs more than writing it."""

    sql: Sql
    rows: Sequence[Row]


Operation = Generator[Statement | ManyStatement, Rows, T]


@dataclass(frozen=True, slots=True)
class CompiledSql:
    """SQL text of one dialect, its parameters' names in order, and the values of those that never change."""

    text: str
    names: tuple[str, ...]
    constants: Params

    def arguments(self, params: Params) -> list[SqlValue]:
        """Put ``params`` in the order of the text; a missing one is a ``KeyError``."""
        values = {**self.constants, **params} if self.constants else params
        return [values[name] for name in self.names]


def compile_sql(sql: Sql, dialect: Dialect) -> CompiledSql:
    """Compile ``sql`` for a ``dialect`` whose parameters are positional."""
    compiled = sql.clause.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler), "only data statements are operations"
    names = tuple(compiled.positiontup or ())
    constants = {name: compiled.binds[name].value for name in names if not compiled.binds[name].required}
    return CompiledSql(str(compiled), names, constants)
