"""The SQLite writer: one thread, one connection, many operations in each commit.

Theory of operation. A durable commit costs a flush to the disk; a decision costs microseconds. So requests
queue up while the disk flushes, and the thread then takes all that wait (up to ``LONGEST_BATCH``) into one
transaction::

    BEGIN IMMEDIATE
      SAVEPOINT request … the operation's statements … RELEASE      one after the other, in the order of arrival
    COMMIT                                                          one wake-up of the event loop answers them all

Every answer is given after its commit. An operation that raises is rolled back to its savepoint and answered
with its error; the others are not touched. Where the transaction itself fails (locked by another process,
disk full, I/O error), all of its requests fail with ``StoreUnavailableError``, and the next batch starts on a
new connection. A commit that failed may still have reached the disk: requests are repeated under the same
key.

Cancelling the one who waits does not cancel the request. The queue is bounded; a full one refuses at once.
SQLite's busy time-out blocks this thread only, never the event loop.

Bulk work (a deck's rates, which nobody reads before the switch) is not flushed at each commit: a batch of nothing
else is committed with ``synchronous = NORMAL``. What a power cut leaves of it follows from how SQLite's write-ahead
log works (sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous): commits go into it one behind the other,
each frame's checksum includes the one before, and recovery stops at the first frame that is not whole. So the last
unflushed commits may be missing, never one in the middle; and the next batch with anything else in it, of this
process or another, flushes the whole log with its own commit, all that stands before it included. Before pages move
from the log into the database (``store.checkpoints``, beside the commits) the log is flushed too.
"""

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

from store.checkpoints import Checkpoints
from store.errors import StoreUnavailableError
from store.sqlite_operations import OperationRunner
from store.writer import LONGEST_QUEUE, QueuedWriter, Request

LONGEST_BATCH = 256
BUSY_TIMEOUT_MS = 5_000
"""How long another process may hold the database before a batch fails; our transactions are far shorter."""

_TRY_EVERY_S = 0.001
"""How often a locked database is tried again."""

_LARGEST_LOG = 64 * 1024 * 1024
"""What a reader that took long, such as `tollgate verify`, leaves of the write-ahead log once it has ended."""
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "wal_autocheckpoint = 0",
    f"journal_size_limit = {_LARGEST_LOG}",
)


class SqliteWriter(QueuedWriter):
    """Runs operations on one SQLite file; belongs to the event loop it was made in."""

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        longest_queue: int = LONGEST_QUEUE,
        longest_batch: int = LONGEST_BATCH,
    ) -> None:
        super().__init__(longest_queue, longest_batch)
        self._loop = asyncio.get_running_loop()
        self._database = _Database(path, busy_timeout_ms)
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Finish everything that is queued, then end the thread and its connection."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    def _submit(self, request: Request) -> None:
        with self._changed:
            self._put(request)
            self._changed.notify()

    def _run(self) -> None:
        try:
            while batch := self._next_batch():
                self._serve(batch)
                self._answer(batch)
                self._database.help_checkpoints()
        finally:
            self._database.close()

    def _next_batch(self) -> list[Request]:
        """Wait for requests and take them; an empty list says that the writer is closed and drained."""
        with self._changed:
            while not self._queue and not self._closing:
                self._changed.wait()
            return self._take()

    def _serve(self, batch: list[Request]) -> None:
        failure = None
        try:
            self._database.commit(batch)
        except Exception as error:  # noqa: BLE001  # whatever it is, somebody waits for an answer
            failure = StoreUnavailableError(f"the database could not be written ({error}); nothing is promised")
            failure.__cause__ = error
            self._database.disconnect()
        self._count(batch, failure)

    def _answer(self, batch: list[Request]) -> None:
        def answer_all() -> None:
            for request in batch:
                request.answer()

        try:
            self._loop.call_soon_threadsafe(answer_all)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return


class _Database:
    """The writer thread's side: the connection and the transactions on it."""

    def __init__(self, path: Path, busy_timeout_ms: int) -> None:
        self._uri = path.absolute().as_uri() + "?mode=rw"  # never make an empty database where one went missing
        self._busy_timeout_ms = busy_timeout_ms
        self._connection: sqlite3.Connection | None = None
        self._flushes = True
        """Whether the connection flushes each commit, as a new one does."""
        self._operations = OperationRunner()
        self._checkpoints = Checkpoints(self._uri)

    def commit(self, batch: list[Request]) -> None:
        """Run a batch in one transaction; raises where the transaction as a whole failed."""
        connection = self._connect()
        self._flush_commits(connection, wanted=not all(request.is_bulk for request in batch))
        self._begin(connection)
        began_s, rows_before = time.monotonic(), connection.total_changes
        for request in batch:
            self._run_one(connection, request)
        # A commit's own part is small where it does not flush.
        held_s = time.monotonic() - began_s
        connection.execute("COMMIT")
        self._checkpoints.committed(connection.total_changes - rows_before)
        for request in batch:
            request.held_s = held_s

    def help_checkpoints(self) -> None:
        """Do what checkpoints may need the writer for."""
        if self._connection is not None:
            self._checkpoints.help_out(self._connection)

    def _flush_commits(self, connection: sqlite3.Connection, *, wanted: bool) -> None:
        if wanted != self._flushes:
            connection.execute(f"PRAGMA synchronous = {'FULL' if wanted else 'NORMAL'}")
            self._flushes = wanted

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Wait for the other processes' turn to end, at most the busy time-out.

        SQLite's own waiting tries less and less often, up to 100 ms apart, and misses the short gaps between the
        chunks of an import in another process.
        """
        deadline_s = time.monotonic() + self._busy_timeout_ms / 1000
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline_s:
                    raise
            else:
                return
            time.sleep(_TRY_EVERY_S)

    def close(self) -> None:
        """End the checkpoints, then the connection."""
        self._checkpoints.close(self._connection)
        self.disconnect()

    def disconnect(self) -> None:
        """Close the connection, which rolls an open transaction back; the next batch opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(
                self._uri,
                uri=True,
                isolation_level=None,
                timeout=self._busy_timeout_ms / 1000,
                cached_statements=256,
            )
            self._connection = connection
            self._flushes = True
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("PRAGMA busy_timeout = 0")  # from here on `_begin` waits
        return self._connection

    def _run_one(self, connection: sqlite3.Connection, request: Request) -> None:
        try:
            request.result = self._operations.run(connection, request.operation)
        except sqlite3.Error:  # SQLite gave the whole transaction up
            raise
        except Exception as error:  # noqa: BLE001  # it belongs to the one who asked, not to the others of the batch
            request.error = error
