"""What Asterisk's own CDRs say of legs that ended unseen, and whose hang-up handler left no record.

AstDB may be lost or purged, and a handler's last write with a kill of Asterisk. Where the setting ``asterisk.cdr_file``
names a file of cdr_custom, an answered leg is noted in its CDR's ``userfield`` (:mod:`dialplan.contract`), and the file
has, in each line, that field and the CDR's end (``MAPPING``).

``CDR(end,u)`` is in seconds since the epoch with microseconds, and comes some milliseconds before the hang-up handler
runs; ``billsec`` and the times of cdr_csv's Master.csv are whole seconds, in a time zone that the file does not name,
and are not read. A leg that is transferred has a CDR for each part of its life: it ended when the last of them did.
"""

import asyncio
import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import structlog

from ari_app.leg_records import LegRecord, LegRecords, by_call
from ari_app.moments import read_moment
from charging.cdr import EndSource
from dialplan.contract import CDR_NOTE, CdrNote, LegMark, call_id_of, parse_cdr_notes, parse_leg_variable

log = structlog.get_logger(__name__)

MAPPING = "${CSV_QUOTE(${CDR(userfield)})},${CSV_QUOTE(${CDR(end,u)})}"
"""A line of the file, as cdr_custom.conf names it."""
MOST_BYTES = 4 << 20
"""Of each file only the end is read: some 30 000 calls."""
ROTATED = ".1"


class CdrFile:
    """A file of cdr_custom, and the one that was rotated away last."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is opened when it is read."""
        self._path = path

    async def read(self) -> LegRecords:
        """Return the legs that ended lately, by call; none where the file cannot be read, which is logged."""
        return by_call(await asyncio.to_thread(self.read_now))

    def read_now(self) -> list[LegRecord]:
        """Return the legs that ended lately, those of the rotated file first."""
        lines: list[str] = []
        for path in (self._path.with_name(self._path.name + ROTATED), self._path):
            try:
                lines += last_lines(path)
            except OSError as error:
                if path is self._path or not isinstance(error, FileNotFoundError):
                    log.warning("cdr_file_not_read", file=str(path), error=error.strerror)
        records, damaged = parse_cdrs(lines)
        if damaged:
            log.warning("cdr_lines_damaged", file=str(self._path), lines=damaged)
        return records


def last_lines(path: Path) -> list[str]:
    """Return the whole lines in a file's last ``MOST_BYTES``.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - MOST_BYTES)
        file.seek(start)
        lines = file.read(MOST_BYTES).decode(errors="replace").split("\n")
    return lines[1:] if start else lines


def parse_cdrs(lines: Iterable[str]) -> tuple[list[LegRecord], int]:
    """Return the legs that lines of the file tell of, each with its last end, and how many lines were damaged."""
    records: dict[str, LegRecord] = {}
    damaged = 0
    for line in lines:
        if CDR_NOTE not in line:
            continue
        found = list(_records_of(line))
        damaged += not found
        for record in found:
            known = records.get(record.channel_id)
            if known is None or known.ended_at < record.ended_at:
                records[record.channel_id] = record
    return list(records.values()), damaged


def _records_of(line: str) -> Iterator[LegRecord]:
    try:
        userfield, end = next(csv.reader([line], strict=True))
        ended_at = read_moment(end)
        yield from [_record(note, ended_at) for note in parse_cdr_notes(userfield)]
    except (ValueError, csv.Error, StopIteration):
        return


def _record(note: CdrNote, ended_at: datetime) -> LegRecord:
    owner = parse_leg_variable(note.leg_variable)
    return LegRecord(
        channel_id=note.channel_id,
        call_id=call_id_of(note.leg_variable),
        answered_at=read_moment(note.answered),
        ended_at=ended_at,
        cause=None,
        trunk=note.endpoint,
        source=EndSource.ASTERISK_CDR,
        mark=owner if isinstance(owner, LegMark) else None,
    )
