"""The store is locked, full, read-only, gone or restarted while calls come and talk."""

import os
import resource
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from charging.cdr import EndSource
from store.alerts import AlertKind
from store.migrate import upgrade
from tests.chaos.conftest import (
    EIGHT_SECONDS,
    FUNDS_MICROS,
    SHORT,
    ChaosDesk,
    MakeDesk,
    check_books,
    check_cut,
    check_record,
    talks_of,
)
from tests.chaos.three_callers import check_paid_refused_others_ring, check_their_records
from tests.e2e import sipp
from tests.e2e.desk import wait_until
from tests.e2e.monitor import Monitor
from tests.e2e.office import SECOND_PRICED
from tests.postgres import Cluster, running_cluster

GONE_S = 30.0


def test_locked_refuses_paid_calls_and_lets_included_and_emergency_calls_ring(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    with desk.locked_store():
        check_paid_refused_others_ring(desk)
    check_their_records(desk)
    assert len(carrier.seen("INVITE")) == 2
    assert AlertKind.STORE_AWAY in desk.alert_kinds()
    check_books(desk)


def test_locked_while_a_call_talks_ends_it_with_its_hold_and_settles_it_by_its_true_end(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_armed()
    with desk.locked_store():
        phone.wait()
    [talk] = talks_of(carrier)
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.EVENT)
    check_books(desk)


def test_locked_while_calls_may_go_on_without_it_keeps_the_call_that_long(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=f"{SHORT}\nstore_away_s = 12")
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls(SECOND_PRICED, 18_300))
    desk.wait_armed()
    locked_at = time.monotonic()
    with desk.locked_store():
        wait_until(lambda: time.monotonic() - locked_at > 9, "the store is away for less than calls may go on")
        assert carrier.seen("BYE") == []
    phone.wait()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    check_books(desk)


def test_locked_for_longer_than_calls_may_go_on_ends_them_when_what_was_held_ends(make_desk: MakeDesk) -> None:
    desk = make_desk(metering=f"{SHORT}\nstore_away_s = 4")
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_armed()
    with desk.locked_store():
        phone.wait()
    [talk] = talks_of(carrier)
    assert talk.length > timedelta(seconds=6)
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.EVENT)
    check_books(desk)


# --- full, read-only, gone --------------------------------------------------------------------------------------


@contextmanager
def _full_disk(desk: ChaosDesk) -> Iterator[None]:
    """Have the kernel refuse every byte that the service appends to a file (EFBIG), its log included.

    A limit on the size of files is the one full disk that a test may have without privileges and give back at once;
    SQLite and the service meet a write that fails, as they do where the device is full.
    """
    assert desk.service is not None
    soft, hard = resource.prlimit(desk.service.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(desk.service.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(desk.service.pid, resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_refuses_paid_calls_and_lets_included_and_emergency_calls_ring(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    with _full_disk(desk):
        check_paid_refused_others_ring(desk)
    check_their_records(desk)
    assert len(carrier.seen("INVITE")) == 2
    check_books(desk)


def test_full_disk_while_a_call_talks_ends_it_with_its_hold_and_settles_it_by_its_true_end(desk: ChaosDesk) -> None:
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_armed()
    with _full_disk(desk):
        phone.wait()
    [talk] = talks_of(carrier)
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talk, EndSource.EVENT)
    check_books(desk)


def test_read_only_refuses_paid_calls_until_it_can_be_written_again(make_desk: MakeDesk) -> None:
    desk = make_desk(program=(*_bound_by_permissions(), sys.executable, "-m", "tollgate"))
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    files = [desk.database, *(desk.database.with_name(desk.database.name + end) for end in ("-wal", "-shm"))]
    with _read_only(files):
        with _full_disk(desk):  # one write that fails: the writer opens the database anew, and finds it read-only
            desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503)).wait()
        check_paid_refused_others_ring(desk)
    check_their_records(desk, of_all=4)
    assert len(carrier.seen("INVITE")) == 2
    desk.phone(sipp.calls(SECOND_PRICED, 1_300)).wait()
    desk.wait_cdrs(5)
    check_books(desk)


@contextmanager
def _read_only(files: list[Path]) -> Iterator[None]:
    modes = [stat.S_IMODE(file.stat().st_mode) for file in files]
    for file in files:
        file.chmod(0o444)
    try:
        yield
    finally:
        for file, mode in zip(files, modes, strict=True):
            file.chmod(mode)


def _bound_by_permissions() -> tuple[str, ...]:
    """Return what a command begins with so that permissions bind it: of root, the right to override them is taken."""
    if os.geteuid() != 0:
        return ()
    dropped = "-dac_override,-dac_read_search,-fowner"
    return ("setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}", "--")


@contextmanager
def _moved_away(desk: ChaosDesk) -> Iterator[None]:
    """Have the database's files lie elsewhere, and the service's writer look for them.

    One that holds them open goes on writing them wherever they lie, and loses nothing. So one write has to fail first:
    the writer opens the database anew after it, and finds none.
    """
    files = sorted(desk.folder.glob("tollgate.db*"))
    aside = desk.folder / "aside"
    aside.mkdir()
    try:
        with _full_disk(desk):
            for file in files:
                file.rename(aside / file.name)
            desk.phone(sipp.calls_and_is_refused(SECOND_PRICED, 503), extension="102").wait()
        yield
    finally:
        for file in files:
            (aside / file.name).rename(file)


def test_database_gone_for_30_s_ends_the_talking_call_with_its_hold_and_loses_nothing(
    make_desk: MakeDesk, monitor: Monitor
) -> None:
    desk = make_desk(metering=EIGHT_SECONDS)
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_armed()
    gone_at = time.monotonic()
    with _moved_away(desk):
        desk.wait_logged("slice_not_renewed")
        assert "unable to open database file" in desk.log()
        phone.wait()
        check_paid_refused_others_ring(desk)
        assert desk.tollgate("balance").returncode == 1
        wait_until(lambda: time.monotonic() - gone_at > GONE_S, "the files are gone for 30 s", GONE_S + 1)
        assert not desk.database.exists(), "an empty store was made in its place"
        assert monitor.lacking() == {"store"}
        assert "tollgate_store_up 0.0" in monitor.ask("/metrics")[1]
    check_their_records(desk, of_all=5)
    wait_until(lambda: "tollgate_store_up 1.0" in monitor.ask("/metrics")[1], "the store is back")
    assert wait_until(desk.alert_kinds, "the alert is written") == [AlertKind.STORE_AWAY]
    [cdr] = [cdr for cdr in desk.cdrs() if cdr.charged_micros]
    [talk] = [talk for talk in talks_of(carrier) if talk.length > timedelta(seconds=2)]
    check_cut(talk, 8)
    check_record(cdr, talk, EndSource.EVENT)
    desk.phone(sipp.calls(SECOND_PRICED, 1_300)).wait()
    desk.wait_cdrs(6)
    check_books(desk)


# --- PostgreSQL -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that these tests stop and start."""
    with running_cluster(flush=True) as running:
        yield running


def _check_postgres_books(desk: ChaosDesk) -> None:
    """Check the balance against the records; the journal's keys are unique there by the schema, as ``verify`` sees."""
    wait_until(lambda: not desk.sessions(), "no session is open")
    account = desk.account()
    assert (account.available_micros, account.reserved_micros) == (
        FUNDS_MICROS - sum(cdr.charged_micros for cdr in desk.cdrs()),
        0,
    )


def _database(cluster: Cluster) -> str:
    url = cluster.url(cluster.create_database())
    upgrade(url)
    return url


def test_postgresql_restarted_while_a_call_talks_does_not_end_it(make_desk: MakeDesk, cluster: Cluster) -> None:
    desk = make_desk(metering=f"{SHORT}\nstore_away_s = 8", url=_database(cluster))
    carrier = desk.carrier(sipp.answers())
    phone = desk.phone(sipp.calls(SECOND_PRICED, 15_300))
    desk.wait_armed()
    cluster.stop()
    cluster.start()
    phone.wait()
    [cdr] = desk.wait_cdrs(1)
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    _check_postgres_books(desk)


def test_postgresql_gone_for_30_s_ends_the_talking_call_with_its_hold_and_takes_new_ones_when_it_is_back(
    make_desk: MakeDesk, cluster: Cluster
) -> None:
    desk = make_desk(url=_database(cluster))
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls_until_cut(SECOND_PRICED))
    desk.wait_armed()
    cluster.stop()
    gone_at = time.monotonic()
    try:
        phone.wait()
        check_paid_refused_others_ring(desk)
        wait_until(lambda: time.monotonic() - gone_at > GONE_S, "the server is gone for 30 s", GONE_S + 1)
    finally:
        cluster.start()
    [cdr] = [cdr for cdr in desk.wait_cdrs(4) if cdr.charged_micros]
    check_record(cdr, talks_of(carrier)[0], EndSource.EVENT)
    desk.phone(sipp.calls(SECOND_PRICED, 1_300)).wait()
    desk.wait_cdrs(5)
    _check_postgres_books(desk)
