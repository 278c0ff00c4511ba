"""Operations: what is done in one transaction, told apart from how a database is driven.

An operation is a generator. It yields a :class:`Statement`, receives the statement's rows (a list of tuples;
empty where there is nothing to return), and in the end returns its answer or raises a ``StoreError``. It
holds no connection, reads no clock and waits for nothing, so that one source serves every driver: the writers
of SQLite and of PostgreSQL, which run many operations in one transaction. A statement is written once in
SQLAlchemy Core and compiled once per dialect to SQL text with positional parameters, because Core's work at
each execution costs more than SQLite's.

Rules for operations: guarded changes come back with RETURNING, never with a row count; an error is raised, never
yielded into, since after a failed statement only a rollback is legal. A change without RETURNING is only promised to
be done before the next statement that looks at its tables, and before the operation's end. No other writer, of any
process or machine, changes anything while an operation runs (docs/adr/0007-one-writer-at-a-time.md).
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Dialect, Insert
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
    arguments: Callable[[Params], tuple[SqlValue, ...]]
    """Puts parameters in the order of the text, all at once; a missing one is a ``KeyError``."""


@cache
def compile_sql(sql: Sql, dialect: Dialect) -> CompiledSql:
    """Compile ``sql`` for a ``dialect`` whose parameters are positional; once, however many stores ask it."""
    # Inline: no RETURNING but the one asked for; SQLAlchemy would add the new row's id.
    clause = sql.clause.inline() if isinstance(sql.clause, Insert) else sql.clause
    compiled = clause.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler), "only data statements are operations"
    names = tuple(compiled.positiontup or ())
    constants = {name: compiled.binds[name].value for name in names if not compiled.binds[name].required}
    return CompiledSql(str(compiled), names, constants, _picker(names, constants))


def _picker(names: tuple[str, ...], constants: Params) -> Callable[[Params], tuple[SqlValue, ...]]:
    if constants:
        pick = _picker(names, {})
        return lambda params: pick({**constants, **params})
    if len(names) > 1:
        return itemgetter(*names)
    return lambda params: tuple(params[name] for name in names)
