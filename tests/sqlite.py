"""SQLite stores of the tests' own: copies of one that each process of the tests migrates once."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from store.migrate import upgrade


def url_of(folder: Path) -> str:
    """Answer the URL of the store that the tests of a folder share."""
    return f"sqlite:///{folder / 'tollgate.db'}"


def fresh_file(folder: Path) -> str:
    """Put an empty store into a folder, and answer its URL."""
    shutil.copy(_migrated(), folder)
    return url_of(folder)


@cache
def _migrated() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tollgate-sqlite-"))
    atexit.register(shutil.rmtree, folder)
    upgrade(url_of(folder))
    return folder / "tollgate.db"
