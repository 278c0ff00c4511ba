"""Where the store is: the database URL of the settings, as a file."""

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from store.errors import StoreError


def database_path(url: str) -> Path:
    """Answer the file that ``sqlite:///path`` names (three slashes: relative, four: absolute).

    Raises:
        StoreError: it is no database URL, another kind of database, or one without a file.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"{url!r} is no database URL; write sqlite:///path") from error
    if parsed.drivername != "sqlite":
        raise StoreError(f"{parsed.drivername} is not supported by this version; write sqlite:///path")
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError(f"{url!r} names no file: calls and money need one; write sqlite:///path")
    return Path(parsed.database)
