"""A copy of a SQLite store, made while services use it, that they do not notice.

Theory of operation. SQLite's own backup copies pages from one state of the database, which a read transaction holds
fast: without one it would begin anew with every call that is opened (sqlite.org/c3ref/backup_finish.html). Calls go on
meanwhile; what they write stays in the write-ahead log until the copy is done.

What they would notice is the disk. A copy that is written in one go is flushed in one go, and file systems order such a
flush before the commits that come after it: these took more than 100 ms. So the copy goes ``CHUNK_PAGES`` at a time,
each flushed by itself, and leaves the disk to the others for twice as long as that took: some 20 MB a second.

Nothing half done bears the name that was asked for. The copy is written beside it, flushed, read back by SQLite's
``quick_check``, and only then given its name.
"""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from store.errors import BackupError, StoreUnavailableError
from store.location import SqliteLocation
from store.reads import BUSY_TIMEOUT_S, MEND

CHUNK_PAGES = 64
"""256 KB: small enough that a commit which comes behind its flush loses a few milliseconds."""
_LEAST_PAUSE_S = 0.004
_PAUSES_PER_FLUSH = 2.0
_ROOM_LEFT_BYTES = 64 * 1024 * 1024
"""A disk that the copy fills up could no longer be written by calls."""

# Whatever becomes of an unfinished copy, it is thrown away: no journal. Its flushes are ours, its cache is small.
_COPY_PRAGMAS = ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = 16")

_REVISION = "SELECT version_num FROM alembic_version"

Progress = Callable[[int, int], None]
"""Is told how many pages have been copied, of how many; then the copy is checked."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy that was made and checked."""

    size_bytes: int
    pages: int
    revision: str
    """The schema's, which may be an older one."""


def back_up(location: SqliteLocation, file: Path, *, progress: Progress | None = None) -> Backup:
    """Copy the store to ``file``, which must not be there: one consistent state, as of now.

    Blocks; not to be called in an event loop's thread. Other processes may use the store as they like.

    Raises:
        BackupError: the file is there, its folder is not, its disk has no room, or the copy is not whole.
        StoreUnavailableError: there is no store, it cannot be read, or the copy not be written.
    """
    if not location.path.is_file():
        raise StoreUnavailableError(f"there is no store at {location.path}; run `tollgate init`")
    _refuse(location, file)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".partial", dir=file.parent)
    copy = Path(name)
    try:
        revision, pages = _copy(location.path, copy, descriptor, progress)
        _check(copy, revision)
        size_bytes = copy.stat().st_size
        _give_name(copy, file)
    except sqlite3.Error as error:
        raise StoreUnavailableError(f"the store could not be copied: {error}; {MEND}") from error
    finally:
        os.close(descriptor)
        copy.unlink(missing_ok=True)
    return Backup(size_bytes, pages, revision)


def _refuse(location: SqliteLocation, file: Path) -> None:
    if file.exists() or file.is_symlink():
        raise BackupError(f"{file} is there already; name a new file")
    if not file.parent.is_dir():
        raise BackupError(f"there is no folder {file.parent}; make it first")
    missing = location.path.stat().st_size + _ROOM_LEFT_BYTES - shutil.disk_usage(file.parent).free
    if missing > 0:
        raise BackupError(f"{file.parent} lacks {missing // 1_000_000 + 1} MB for the copy; name a file elsewhere")


def _copy(path: Path, copy: Path, descriptor: int, progress: Progress | None) -> tuple[str, int]:
    """Copy one state of the database, chunk by chunk, and flush it; answer its schema and how many pages it has."""
    pages = 0

    def chunk_done(_status: int, remaining: int, total: int) -> None:
        nonlocal pages
        pages = total
        began_s = time.monotonic()
        os.fsync(descriptor)
        if progress is not None:
            progress(total - remaining, total)
        time.sleep(max(_LEAST_PAUSE_S, _PAUSES_PER_FLUSH * (time.monotonic() - began_s)))

    uri = path.absolute().as_uri() + "?mode=rw"  # a reader, but one that may make the log's index
    with (
        closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S)) as source,
        closing(sqlite3.connect(copy, isolation_level=None)) as target,
    ):
        source.execute("PRAGMA query_only = ON")
        for pragma in _COPY_PRAGMAS:
            target.execute(f"PRAGMA {pragma}")
        source.execute("BEGIN")
        (revision,) = source.execute(_REVISION).fetchone()  # from here on it sees this state
        source.backup(target, pages=CHUNK_PAGES, progress=chunk_done)
        source.execute("ROLLBACK")
    os.fsync(descriptor)
    return revision, pages


def _check(copy: Path, revision: str) -> None:
    """Read the whole copy back.

    Raises:
        BackupError: it is not whole.
    """
    uri = copy.absolute().as_uri() + "?mode=ro&immutable=1"  # nobody else uses it: no log, no index beside it
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        found = connection.execute(_REVISION).fetchone() if said == "ok" else None
    if found != (revision,):
        raise BackupError(f"the copy is damaged ({said}), as the store may be; check both disks, keep older backups")


def _give_name(copy: Path, file: Path) -> None:
    """Name the finished copy, never in the place of another file, and make the name durable."""
    try:
        os.link(copy, file)
    except FileExistsError as error:
        raise BackupError(f"{file} was made by somebody else meanwhile; name a new file") from error
    except OSError:  # a file system without hard links
        copy.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system that cannot flush folders
            os.fsync(folder)
    finally:
        os.close(folder)
