"""Checkpoints of a SQLite file beside its writer: what is committed moves from the write-ahead log into the database.

Theory of operation. Left to itself SQLite checkpoints within a commit, each time the log has grown by a thousand pages:
that commit, and all who wait for it, pay for two flushes and for writing every changed page. After a reader that saw an
old state for long (a report, a backup) that is all that was changed meanwhile. So the writer's own connection never
checkpoints; a thread with a connection of its own does, whenever ``ROWS_BETWEEN`` rows have changed. Such a checkpoint
is a passive one: it waits for nobody and nobody waits for it, the writer appends to the log meanwhile
(sqlite.org/wal.html#ckpt, sqlite.org/c3ref/wal_checkpoint_v2.html).

The log begins anew only where a transaction finds that all of it has been moved and no reader needs it. Where the
writer never pauses there is always a rest that came in meanwhile, and the log would grow for ever. So where the thread
has found a log of more than ``LONGEST_LOG_PAGES``, the writer moves the rest itself between two batches: little, since
the thread has just been there, and for one batch in many.

A checkpoint that fails loses nothing and is tried again later. What a closing writer's process has committed is moved
at the end: commands that change a row or two each must not make the log grow either.
"""

import contextlib
import sqlite3
import threading

ROWS_BETWEEN = 1_000
"""Changed rows between two checkpoints: 80 calls, which is some hundred to two thousand pages of the log."""
LONGEST_LOG_PAGES = 4_000
"""16 MB. Where the log is longer than that the writer helps."""


class Checkpoints:
    """The thread, and what the writer tells it; used by the writer's thread alone."""

    def __init__(
        self, uri: str, *, rows_between: int = ROWS_BETWEEN, longest_log_pages: int = LONGEST_LOG_PAGES
    ) -> None:
        self._uri = uri
        self._rows_between = rows_between
        self._longest_log_pages = longest_log_pages
        self._rows = 0
        self._wanted = threading.Event()
        self._is_closing = False
        self._is_writers_turn = False
        """Set by the thread, which then waits, and taken back by the writer."""
        self._thread: threading.Thread | None = None

    def committed(self, rows: int) -> None:
        """Count the rows that a commit changed; wake the thread where they are enough."""
        self._rows += rows
        if self._rows < self._rows_between or self._is_writers_turn:
            return
        self._rows = 0
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="store-checkpoints", daemon=True)
            self._thread.start()
        self._wanted.set()

    def help_out(self, connection: sqlite3.Connection) -> None:
        """Move the rest by the writer's own connection where it is its turn."""
        if self._is_writers_turn:
            with contextlib.suppress(sqlite3.Error):
                _checkpoint(connection)
            self._is_writers_turn = False

    def close(self, connection: sqlite3.Connection | None) -> None:
        """End the thread, once the checkpoint that it may be at is done; by ``connection`` move what is left."""
        self._is_closing = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
        if self._rows and connection is not None:
            with contextlib.suppress(sqlite3.Error):
                _checkpoint(connection)

    def _run(self) -> None:
        connection = None
        while self._is_asked():
            try:
                if connection is None:
                    connection = sqlite3.connect(self._uri, uri=True, isolation_level=None, timeout=0)
                if _checkpoint(connection) > self._longest_log_pages:
                    self._wanted.clear()  # two checkpoints at a time: one of them would do nothing
                    self._is_writers_turn = True
            except sqlite3.Error:  # the writer meets the same trouble, and tells it to those who ask for something
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _is_asked(self) -> bool:
        """Wait for the next request; answer False where it is to end."""
        if self._is_closing:
            return False
        self._wanted.wait()
        self._wanted.clear()
        return not self._is_closing


def _checkpoint(connection: sqlite3.Connection) -> int:
    """Move what can be moved without waiting; answer how many pages the log had then."""
    _, log_pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(log_pages)
