"""A store on a file system that is really full: a small one, made for the test.

:mod:`tests.chaos.test_full_file_system` runs this with mounts of its own, which end with its process.
"""

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import FileIO
from pathlib import Path

import pytest

from charging.cdr import EndSource
from rating.decision import DenyReason
from store.alerts import AlertKind
from tests.chaos.conftest import EIGHT_SECONDS, MakeDesk, check_books, check_cut, check_record, talks_of
from tests.chaos.three_callers import check_paid_refused_others_ring, check_their_records
from tests.e2e import sipp
from tests.e2e.desk import wait_until
from tests.e2e.monitor import Monitor
from tests.e2e.office import SECOND_PRICED

FULL = "database or disk is full"
"""What SQLite makes of ENOSPC; of a file that may not grow (EFBIG) it says ``disk I/O error``."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A file system with room for a store and little else."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tollgate-test", str(folder)], check=True)
    return folder


@contextmanager
def _filled(folder: Path) -> Iterator[None]:
    """Leave no byte free."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        _fill(file)
    try:
        yield
    finally:
        ballast.unlink()


def _fill(file: FileIO) -> None:
    try:
        while True:
            file.write(bytes(4096))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def test_full_file_system_refuses_paid_calls_ends_the_talking_one_with_its_hold_and_settles_all_once_there_is_room(
    make_desk: MakeDesk, monitor: Monitor, small_disk: Path
) -> None:
    desk = make_desk(metering=EIGHT_SECONDS, url=f"sqlite:///{small_disk / 'tollgate.db'}")
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_armed()
    with _filled(small_disk):
        check_paid_refused_others_ring(desk)
        assert FULL in desk.log()
        assert monitor.lacking() == {"store"}
        phone.wait()
    check_their_records(desk, of_all=4)
    [refused] = [cdr for cdr in desk.cdrs() if cdr.deny_reason is DenyReason.STORE_DOWN]
    assert FULL in (refused.deny_rule or "")
    [cdr] = [cdr for cdr in desk.cdrs() if cdr.charged_micros]
    [talk] = [talk for talk in talks_of(carrier) if talk.length > timedelta(seconds=2)]
    check_cut(talk, 8)
    check_record(cdr, talk, EndSource.EVENT)
    alerts = wait_until(desk.alert_kinds, "the alert is written")
    assert set(alerts) == {AlertKind.STORE_AWAY}, "a small write may fit in between, so there may be two"
    wait_until(lambda: not monitor.lacking(), "the store is back")
    desk.phone(sipp.calls(SECOND_PRICED, 1_300)).wait()
    desk.wait_cdrs(5)
    check_books(desk)
