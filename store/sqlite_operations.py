"""Running operations on a SQLite connection: what the ledger in a file and the ledger in memory have in common."""

import sqlite3
from typing import TypeVar

from sqlalchemy.dialects import sqlite as sqlite_dialect

from store.errors import StoreConstraintError, StoreError, StoreUnavailableError
from store.many_rows import insert_rows
from store.operation import CompiledSql, Operation, Rows, Sql, Statement, compile_sql

T = TypeVar("T")
DIALECT = sqlite_dialect.dialect(paramstyle="qmark")


class OperationRunner:
    """Drives operations, each in a savepoint of its own; keeps the compiled statements."""

    def __init__(self) -> None:
        self._compiled: dict[Sql, CompiledSql] = {}

    def run(self, connection: sqlite3.Connection, operation: Operation[T]) -> T:
        """Run an operation and answer what it returned.

        Outside a transaction its savepoint is one, committed at its release (sqlite.org/lang_savepoint.html).

        Raises:
            StoreConstraintError, StoreUnavailableError: the database refused it; it changed nothing.
            sqlite3.Error: SQLite gave the whole transaction up, or is closed.
            Exception: what the operation itself raised; it changed nothing.
        """
        connection.execute("SAVEPOINT request")
        try:
            result = self._drive(connection, operation)
        except sqlite3.Error as error:
            if not connection.in_transaction:
                raise
            _undo(connection)
            raise _translated(error) from error
        except Exception:
            _undo(connection)
            raise
        connection.execute("RELEASE request")
        return result

    def _drive(self, connection: sqlite3.Connection, operation: Operation[T]) -> T:
        try:
            statement = next(operation)
            while True:
                compiled = self._compiled.get(statement.sql) or self._compile(statement.sql)
                rows: Rows = []
                if isinstance(statement, Statement):
                    rows = connection.execute(compiled.text, compiled.arguments(statement.params)).fetchall()
                else:
                    insert_rows(connection, compiled.text, statement.rows)
                statement = operation.send(rows)
        except StopIteration as stop:
            answer: T = stop.value
            return answer

    def _compile(self, sql: Sql) -> CompiledSql:
        compiled = self._compiled[sql] = compile_sql(sql, DIALECT)
        return compiled


def _undo(connection: sqlite3.Connection) -> None:
    connection.execute("ROLLBACK TO request")
    connection.execute("RELEASE request")


def _translated(error: sqlite3.Error) -> StoreError:
    if isinstance(error, sqlite3.IntegrityError):
        return StoreConstraintError(f"the database refused the change: {error}")
    return StoreUnavailableError(f"the database could not do it: {error}")
