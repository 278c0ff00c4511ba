"""The operations' statements as PostgreSQL is asked them: prepared once, several changes in one question.

A question to the server and its answer cost more than most statements do. So a change that answers nothing is put off
until something has to be asked anyway, and goes along with it in one statement::

    WITH done_0 AS (INSERT INTO lot_use …), done_1 AS (UPDATE lot …) UPDATE account … RETURNING …

All parts of such a statement see the tables as they were before it, and which is done first is not said
(postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING). That is the same as one after the other where
no part changes or reads a table that another changes. Whatever is not known to be so waits for its own question.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Boolean, Delete, Insert, Select, Table, Update
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, ColumnClause, FromClause

from store.operation import CompiledSql, Sql, SqlValue, Statement, compile_sql

DIALECT = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped

_PLACE = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class ServerSql:
    """A statement in PostgreSQL's words, and what has to be known to put it together with others."""

    compiled: CompiledSql
    booleans: tuple[int, ...]
    """The places of the parameters that must be True or False; operations bind 0 and 1 too."""
    tables: frozenset[str] | None
    """All tables that it reads or changes; None: not known."""
    changes: bool
    answers: bool

    @property
    def can_wait(self) -> bool:
        """Whether nobody needs to know what came of it."""
        return self.changes and not self.answers and self.tables is not None

    def arguments(self, statement: Statement) -> Sequence[SqlValue]:
        """Answer the values in the order of the text."""
        if not self.booleans:
            return self.compiled.arguments(statement.params)
        values = list(self.compiled.arguments(statement.params))
        for place in self.booleans:
            value = values[place]
            values[place] = None if value is None else bool(value)
        return values


@cache
def server_sql(sql: Sql) -> ServerSql:
    """Compile a statement, once."""
    compiled = compile_sql(sql, DIALECT)
    clause = sql.clause
    changes = not isinstance(clause, Select)
    answers = not (isinstance(clause, (Insert, Update, Delete)) and " RETURNING " not in compiled.text)
    return ServerSql(compiled, _boolean_places(clause, compiled), _tables(clause), changes, answers)


def _boolean_places(clause: ClauseElement, compiled: CompiledSql) -> tuple[int, ...]:
    made = clause.compile(dialect=DIALECT)
    assert isinstance(made, SQLCompiler), "only data statements are operations"
    return tuple(n for n, name in enumerate(compiled.names) if isinstance(made.binds[name].type, Boolean))


def _tables(clause: ClauseElement) -> frozenset[str] | None:
    """Answer the names of all tables of a statement, None where a part of it is not understood."""
    if not isinstance(clause, (Select, Insert, Update, Delete)):
        return None
    found: set[str] = set()
    for element in visitors.iterate(clause):
        sources: list[FromClause | None] = []
        if isinstance(element, Select):
            sources.extend(element.get_final_froms())
        elif isinstance(element, FromClause):
            sources.append(element)
        elif isinstance(element, ColumnClause):
            sources.append(element.table)
        found.update(table.name for source in sources if source is not None for table in _within(source))
    return frozenset(found)


def _within(source: FromClause) -> list[Table]:
    return [element for element in visitors.iterate(source) if isinstance(element, Table)]


def together(statements: Sequence[ServerSql]) -> str:
    """Answer the text of several statements in one; the last one's rows are the answer.

    The arguments are those of the statements, one after the other.
    """
    parts, places = [], 0
    for statement in statements:
        parts.append(_renumbered(statement.compiled.text, places))
        places += len(statement.compiled.names)
    if len(parts) == 1:
        return parts[0]
    put_off = ", ".join(f"done_{n} AS ({part})" for n, part in enumerate(parts[:-1]))
    return f"WITH {put_off} {parts[-1]}"


def _renumbered(text: str, places: int) -> str:
    return text if places == 0 else _PLACE.sub(lambda found: f"${int(found[1]) + places}", text)


@dataclass(frozen=True, slots=True)
class Copy:
    """An INSERT of many rows as PostgreSQL takes it quickest: by COPY."""

    table: str
    columns: tuple[str, ...]


def copy_of(sql: Sql) -> Copy | None:
    """Answer the COPY that writes what an INSERT of one row writes; None where it does more than that."""
    clause = sql.clause
    if not isinstance(clause, Insert) or not isinstance(clause.table, Table):
        return None
    compiled = server_sql(sql).compiled
    columns, _, values = compiled.text.partition(" (")[2].partition(") VALUES (")
    names = tuple(column.strip('"') for column in columns.split(", "))
    whole = values.endswith(")") and values.count("$") == len(names) and "ON CONFLICT" not in values
    return Copy(clause.table.name, names) if whole and names == compiled.names else None
