"""The database URL as a file."""

from pathlib import Path

import pytest

from store.errors import StoreError
from store.location import database_path


@pytest.mark.parametrize(
    ("url", "path"),
    [("sqlite:///tollgate.db", "tollgate.db"), ("sqlite:////var/lib/tollgate.db", "/var/lib/tollgate.db")],
)
def test_sqlite_url_names_a_file(url: str, path: str) -> None:
    assert database_path(url) == Path(path)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://pbx/tollgate", "is not supported by this version; write sqlite:///path"),
        ("sqlite+aiosqlite:///tollgate.db", "is not supported by this version; write sqlite:///path"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("tollgate.db", "is no database URL"),
        ("", "is no database URL"),
    ],
)
def test_other_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        database_path(url)
