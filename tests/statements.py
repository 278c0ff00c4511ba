"""SQL compiled once for all stores of a run: SQLAlchemy does it anew for each engine, and each test has one of its own.

The compiling of what one ``verify`` asks takes longer than the asking, in a store as small as those of most tests.
"""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine


class SharedStatements(dict[Any, Any]):
    """Compiled statements by what they say, and by the kind of the dialect where SQLAlchemy asks by dialect."""

    def get(self, key: Any, default: Any = None) -> Any:
        """Answer what was compiled for any engine of the same kind."""
        return super().get(_of_any_engine(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_of_any_engine(key), compiled)


def share_statements() -> None:
    """Have all connections made from now on look for their compiled statements in one place."""
    shared = SharedStatements()

    def use(connection: Connection) -> None:
        connection.execution_options(compiled_cache=shared)

    event.listen(Engine, "engine_connect", use)


def _of_any_engine(key: Any) -> Any:
    dialect, *rest = key
    return (type(dialect), *rest)
