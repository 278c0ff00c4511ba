"""Checkpoints happen beside the commits, and the log does not grow for ever."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from store.checkpoints import ROWS_BETWEEN, Checkpoints
from store.sqlite import SqliteWriter
from tests.integration.store.writing import account
from tests.sqlite import fresh_file

PAGE_BYTES = 4096
ROWS = 50


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A migrated database."""
    fresh_file(tmp_path)
    return tmp_path / "tollgate.db"


@pytest.fixture
def connection(path: Path) -> Iterator[sqlite3.Connection]:
    """A writer's connection."""
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("PRAGMA wal_autocheckpoint = 0")
        yield made


def write(connection: sqlite3.Connection, rows: int) -> int:
    """Write rows of a page each, all in one transaction."""
    connection.execute("BEGIN")
    insert(connection, rows)
    connection.execute("COMMIT")
    return rows


def insert(connection: sqlite3.Connection, rows: int) -> None:
    for _ in range(rows):
        connection.execute(
            "INSERT INTO plan (name, toml, updated_at_ms) VALUES (hex(randomblob(8)), ?, 0)", ("x" * PAGE_BYTES,)
        )


def holds(path: Path, text: bytes) -> bool:
    """Answer whether something is in the database's own file, not only in its log."""
    return text in path.read_bytes()


def wait_for(is_done: Callable[[], bool]) -> None:
    assert wait_briefly_for(is_done, 10), "it did not happen"


def wait_briefly_for(is_done: Callable[[], bool], limit_s: float = 0.05) -> bool:
    """Wait for something that may not happen; answer whether it did."""
    end_s = time.monotonic() + limit_s
    while not is_done():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.001)
    return True


def grown(path: Path, size: int) -> bool:
    return path.stat().st_size > size


def log_bytes(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


def test_enough_rows_wake_the_thread_and_fewer_do_not(path: Path, connection: sqlite3.Connection) -> None:
    before = path.stat().st_size
    checkpoints = Checkpoints(path.as_uri(), rows_between=2 * ROWS)
    checkpoints.committed(write(connection, ROWS))
    time.sleep(0.1)
    assert path.stat().st_size == before
    checkpoints.committed(write(connection, ROWS))
    wait_for(lambda: grown(path, before))
    checkpoints.close(connection)


def test_a_writer_that_never_pauses_moves_the_rest_itself_and_the_log_begins_anew(
    path: Path, connection: sqlite3.Connection
) -> None:
    checkpoints = Checkpoints(path.as_uri(), rows_between=ROWS, longest_log_pages=4 * ROWS)
    written = 0
    connection.execute("BEGIN")
    for _ in range(200):
        insert(connection, ROWS)
        connection.execute("COMMIT")
        written += ROWS * PAGE_BYTES
        checkpoints.help_out(connection)
        connection.execute("BEGIN")  # before the thread is told: by itself it never finds that all can be moved
        insert(connection, 1)
        before = path.stat().st_size
        checkpoints.committed(ROWS)
        wait_briefly_for(partial(grown, path, before))
        if log_bytes(path) < written / 4:
            break
    else:
        pytest.fail(f"{written} bytes were written, and the log has {log_bytes(path)}")
    connection.execute("ROLLBACK")
    checkpoints.close(connection)


def test_a_reader_of_an_old_state_keeps_the_log_until_it_is_gone(path: Path, connection: sqlite3.Connection) -> None:
    checkpoints = Checkpoints(path.as_uri(), rows_between=ROWS, longest_log_pages=ROWS)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        before = reader.execute("SELECT count(*) FROM plan").fetchone()
        for _ in range(10):
            checkpoints.committed(write(connection, ROWS))
            checkpoints.help_out(connection)
        assert reader.execute("SELECT count(*) FROM plan").fetchone() == before
        assert log_bytes(path) > 10 * ROWS * PAGE_BYTES
    size = path.stat().st_size
    checkpoints.committed(write(connection, ROWS))
    checkpoints.help_out(connection)
    wait_for(lambda: grown(path, size))
    checkpoints.close(connection)


def test_what_is_left_is_moved_at_the_end(path: Path, connection: sqlite3.Connection) -> None:
    before = path.stat().st_size
    checkpoints = Checkpoints(path.as_uri())
    checkpoints.committed(write(connection, ROWS))
    checkpoints.close(connection)
    assert path.stat().st_size > before


def test_a_checkpoint_that_fails_is_tried_again(path: Path, connection: sqlite3.Connection) -> None:
    before, elsewhere = path.stat().st_size, path.with_name("elsewhere.db")
    checkpoints = Checkpoints(elsewhere.as_uri() + "?mode=rw", rows_between=ROWS)
    checkpoints.committed(write(connection, ROWS))
    time.sleep(0.1)
    assert path.stat().st_size == before
    elsewhere.symlink_to(path)
    checkpoints.committed(write(connection, ROWS))
    wait_for(lambda: grown(path, before))
    checkpoints.close(connection)


async def test_the_writers_own_commits_leave_the_log_to_the_thread(path: Path) -> None:
    with closing(sqlite3.connect(path)) as witness:
        witness.execute("SELECT count(*) FROM account").fetchone()  # the last one to close would move everything
        writer = SqliteWriter(path)
        await writer.apply(account("acme"))
        assert not holds(path, b"acme")
        for n in range(ROWS_BETWEEN):
            await writer.apply(account(f"a{n}"))
        wait_for(lambda: holds(path, b"acme"))
        await writer.close()
