"""The service's log on a disk that is full."""

import io
import sys
from collections.abc import Iterator
from typing import BinaryIO, cast

import pytest
import structlog

from tollgate.logs import configure_logs


class FullDisk(io.RawIOBase):
    """Takes nothing while it is full."""

    def __init__(self) -> None:
        super().__init__()
        self.is_full = True
        self.written = b""
        self.writes = 0

    def writable(self) -> bool:
        """It is open for writing."""
        return True

    def write(self, data: object) -> int:
        """Fail as a full disk does, or take all."""
        if self.is_full:
            raise OSError(28, "No space left on device")
        self.writes += 1
        self.written += bytes(data)  # type: ignore[call-overload]  # a buffer, as the interface has it
        return len(bytes(data))  # type: ignore[call-overload]  # as above


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FullDisk]:
    before = structlog.get_config()
    found = FullDisk()
    stream = io.TextIOWrapper(io.BufferedWriter(found))
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        configure_logs("info")
    yield found
    structlog.configure(**before)
    found.is_full = False
    stream.close()


def test_logging_on_a_full_disk_disturbs_nobody_and_goes_on_when_there_is_room(disk: FullDisk) -> None:
    log = structlog.get_logger()
    for number in range(10_000):
        log.warning("slice_not_renewed", number=number)
    disk.is_full = False
    log.info("store_back")
    assert disk.written.count(b"slice_not_renewed") < 500, "what could not be written is not kept for ever"
    assert b"store_back" in disk.written


def test_a_line_and_its_end_are_written_at_once_where_nothing_is_buffered(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = FullDisk()
    disk.is_full = False
    before = structlog.get_config()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", io.TextIOWrapper(cast("BinaryIO", disk), write_through=True))
        configure_logs("info")
    structlog.get_logger().info("service_started")
    structlog.configure(**before)
    assert (disk.writes, disk.written.count(b"\n")) == (1, 1), "a service that is killed leaves no half line"


def test_logging_to_a_stream_that_was_closed_disturbs_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        configure_logs("info")
    stream.close()
    structlog.get_logger().warning("slice_not_renewed")
