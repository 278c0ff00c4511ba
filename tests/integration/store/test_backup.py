"""A backup beside calls: one consistent state under the name that was asked for, or nothing."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from store.backup import CHUNK_PAGES, back_up
from store.errors import BackupError, StoreUnavailableError
from store.location import SqliteLocation
from store.store import Store
from tests.bench.ledger_calls import CHARGED_MICROS, FUNDS_MICROS, OurLedger, fund_account
from tests.sqlite import fresh_file

PADDING_BYTES = 2_000_000
"""So that a copy takes several chunks."""


@pytest.fixture
async def location(tmp_path: Path) -> SqliteLocation:
    """A store with an account and more pages than a chunk has."""
    async with await Store.open(fresh_file(tmp_path)) as store:
        await fund_account(store)
    path = tmp_path / "tollgate.db"
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO plan (name, toml, updated_at_ms) VALUES ('long', ?, 0)", ("x" * PADDING_BYTES,))
    connection.close()
    return SqliteLocation(path)


def nothing_left_beside(file: Path) -> bool:
    return not list(file.parent.glob(f".{file.name}*"))


async def test_backup_beside_calls_is_one_state_whose_books_are_in_order(
    location: SqliteLocation, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    told: list[tuple[int, int]] = []
    began, calls = asyncio.Event(), 0
    loop = asyncio.get_running_loop()

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        loop.call_soon_threadsafe(began.set)

    async with await Store.open(f"sqlite:///{location.path}") as store:
        ledger = OurLedger(store, 1)
        await ledger.open("before")
        copying = asyncio.create_task(asyncio.to_thread(back_up, location, file, progress=progress))
        await began.wait()
        while not copying.done():
            await ledger.open(f"call-{calls}")
            await ledger.settle(f"call-{calls}")
            calls += 1
        made = await copying
        assert calls > 0
        assert await store.verify() == []
    assert (made.size_bytes, told[-1]) == (file.stat().st_size, (made.pages, made.pages))
    assert [done for done, _ in told[:2]] == [CHUNK_PAGES, 2 * CHUNK_PAGES]
    async with await Store.open(f"sqlite:///{file}") as copy:
        account = await copy.account_by_id(1)
        assert account is not None
        assert [session.call_id for session in await copy.open_sessions()] == ["before"]
        assert account.total_micros == FUNDS_MICROS
        assert await copy.verify() == []
        await OurLedger(copy, 1).settle("before")
        account = await copy.account_by_id(1)
        assert account is not None
        assert account.available_micros == FUNDS_MICROS - CHARGED_MICROS
    assert nothing_left_beside(file)


def test_backup_never_replaces_a_file(location: SqliteLocation, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("an older backup")
    with pytest.raises(BackupError, match="there already"):
        back_up(location, file)
    assert file.read_text() == "an older backup"
    dangling = tmp_path / "link.db"
    dangling.symlink_to(tmp_path / "nowhere.db")
    with pytest.raises(BackupError, match="there already"):
        back_up(location, dangling)


def test_a_file_that_appears_meanwhile_is_kept(location: SqliteLocation, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    with pytest.raises(BackupError, match="meanwhile"):
        back_up(location, file, progress=lambda done, total: file.touch())
    assert file.stat().st_size == 0
    assert nothing_left_beside(file)


def test_backup_that_is_stopped_leaves_nothing(location: SqliteLocation, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(location, file, progress=stop)
    assert not file.exists()
    assert nothing_left_beside(file)


def damage(location: SqliteLocation) -> None:
    """Overwrite the first page of a table."""
    with sqlite3.connect(location.path) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'account'").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with location.path.open("r+b") as file:
        file.seek((page - 1) * page_bytes)
        file.write(b"\xff" * page_bytes)


def remove(location: SqliteLocation) -> None:
    location.path.unlink()


def empty(location: SqliteLocation) -> None:
    location.path.write_bytes(b"")


def overwrite(location: SqliteLocation) -> None:
    location.path.write_bytes(b"no database" * 1000)


@pytest.mark.parametrize(
    ("harm", "error", "says"),
    [
        (damage, BackupError, "damaged"),
        (remove, StoreUnavailableError, "no store at"),
        (empty, StoreUnavailableError, "no such table"),
        (overwrite, StoreUnavailableError, "not a database"),
    ],
)
def test_what_is_no_whole_store_gives_no_backup(
    location: SqliteLocation,
    tmp_path: Path,
    harm: Callable[[SqliteLocation], None],
    error: type[Exception],
    says: str,
) -> None:
    harm(location)
    file = tmp_path / "copy.db"
    with pytest.raises(error, match=says):
        back_up(location, file)
    assert not file.exists()
    assert nothing_left_beside(file)


def test_backup_to_a_disk_without_room_does_not_begin(
    location: SqliteLocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.backup.shutil.disk_usage", lambda folder: SimpleNamespace(free=1_000_000))
    with pytest.raises(BackupError, match=r"lacks \d+ MB"):
        back_up(location, tmp_path / "copy.db")


def test_backup_on_a_file_system_without_links_gets_its_name(
    location: SqliteLocation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr("store.backup.os.link", refuse)
    file = tmp_path / "copy.db"
    back_up(location, file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert nothing_left_beside(file)
