"""Databases of the tests' server that are emptied and lent again: to make one and drop it costs more than most tests.

A database that has been used is brought back to its template's rows and sequences. What else a test may have done to
it, such as to take a trigger away, is seen by comparing its catalogues with the template's: then it is not used again.
"""

from collections.abc import Callable
from subprocess import CalledProcessError

_RESTORE = """
    SELECT string_agg(statement, '; ' ORDER BY step) FROM (
        SELECT 1 AS step, format('DELETE FROM %I', tablename) AS statement FROM pg_tables WHERE schemaname = 'public'
        UNION ALL
        SELECT 2, format('PERFORM setval(%L, %s, %L)', sequencename, coalesce(last_value, start_value),
            last_value IS NOT NULL) FROM pg_sequences
    ) AS all_of_it
"""
_ROWS = """
    SELECT format('; INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, %L)',
        jsonb_agg(to_jsonb({table}))) FROM {table} HAVING count(*) > 0
"""
# As a replica: without the triggers that keep the journal as it is, and those of foreign keys.
_USE_AGAIN = """
    SET session_replication_role = replica;
    DO $restore$ BEGIN
        PERFORM pg_terminate_backend(pid, 10000) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid();
        {restore};
    END $restore$;
    {catalogue}
"""
_CATALOGUES = ("class", "attribute", "attrdef", "constraint", "index", "namespace", "proc", "trigger", "type")
# Whatever changes a catalogue adds a row to it, by a transaction later than all that are in the copy of the template.
_CATALOGUE = (
    " UNION ALL ".join(f"SELECT concat(count(*), ':', max(xmin::text::bigint)) FROM pg_{name}" for name in _CATALOGUES)
    + """
    UNION ALL SELECT count(*)::text FROM pg_db_role_setting
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
)

RunSql = Callable[[str, str], str]
"""Runs statements in a database and answers what they print."""


class UsedDatabases:
    """The databases made from one template that nobody uses at the moment."""

    def __init__(self, sql: RunSql, template: str) -> None:
        self._sql = sql
        tables = sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", template).split()
        rows = "".join(sql(_ROWS.format(table=table), template) for table in tables)
        self._use_again = _USE_AGAIN.format(restore=sql(_RESTORE, template) + rows, catalogue=_CATALOGUE)
        self._catalogue = sql(_CATALOGUE, template)
        self._ready: list[str] = []

    def take(self) -> str | None:
        """Answer a database that is as the template is; None where there is none."""
        return self._ready.pop() if self._ready else None

    def give_back(self, name: str) -> bool:
        """Empty a database to be taken again; False where it cannot be, since it is no longer what it was."""
        try:
            is_as_before = self._sql(self._use_again, name) == self._catalogue
        except CalledProcessError:  # a table is missing, or the whole database
            return False
        if is_as_before:
            self._ready.append(name)
        return is_as_before
