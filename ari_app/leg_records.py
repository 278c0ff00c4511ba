"""What is left of a leg that ended unseen: the records that the dialplan's hang-up handlers write to AstDB.

One handler is pushed at the answer of a leg that passed the gate, and onto one that the service found beside it. A
trunk's endpoint may push another onto all its legs, which writes of those that have not the first one.

A record survives a clean stop of Asterisk. After a kill no handler has run, and records written just before may be
lost. Records are never removed while a session may still need them: the store may have been away for hours, and until
it has taken a call's settlement the record is all that is known of its end.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import structlog

from ari_app.ami import AmiAdapter
from ari_app.moments import read_moment
from charging.cdr import EndSource
from dialplan.contract import (
    AROUND_RECORDS_FAMILY,
    EMERGENCY_RECORDS_FAMILY,
    LEG_RECORDS_FAMILY,
    LegMark,
    call_id_of,
    parse_leg_variable,
)

log = structlog.get_logger(__name__)

RECORDS_KEPT = timedelta(hours=2)
RECORD_HOUR = "%Y%m%d%H"
_FAMILIES = (LEG_RECORDS_FAMILY, AROUND_RECORDS_FAMILY)


@dataclass(frozen=True, slots=True)
class LegRecord:
    """What is known of a leg that was answered and has ended."""

    channel_id: str
    call_id: str
    answered_at: datetime
    ended_at: datetime
    cause: int | None
    trunk: str
    source: EndSource = EndSource.HANDLER
    mark: LegMark | None = None
    """Why the dialplan let the leg through by itself; None: it did not, or this is not known."""


LegRecords = Mapping[str, list[LegRecord]]
"""Records by call."""
ReadLegRecords = Callable[[], Awaitable[LegRecords]]


@lru_cache(maxsize=4096)  # it stays in AstDB for hours, and each comparison that misses a channel reads it again
def parse_leg_record(key: str, value: str) -> LegRecord | None:
    """Return the record, or None where it is damaged. Form: HOUR/UNIQUEID = call,answered,ended,cause,endpoint."""
    try:
        variable, answered, ended, cause, trunk = value.rsplit(",", 4)
        owner = parse_leg_variable(variable)
        return LegRecord(
            channel_id=key.rpartition("/")[2],
            call_id=call_id_of(variable),
            answered_at=read_moment(answered),
            ended_at=read_moment(ended),
            cause=int(cause) if cause else None,
            trunk=trunk,
            mark=owner if isinstance(owner, LegMark) else None,
        )
    except ValueError:
        return None


def by_call(records: Iterable[LegRecord]) -> dict[str, list[LegRecord]]:
    """Return records by call, in their order."""
    found: dict[str, list[LegRecord]] = {}
    for record in records:
        found.setdefault(record.call_id, []).append(record)
    return found


async def no_leg_records() -> LegRecords:
    """Return none: what is asked where Asterisk's CDRs are not read."""
    return {}


async def read_leg_records(ami: AmiAdapter) -> LegRecords:
    """Return what hang-up handlers left, by call.

    Raises:
        AsteriskError: AMI does not answer, or refuses.
    """
    return by_call((await _read_by_channel(ami)).values())


async def read_leg_record(channel_id: str, ami: AmiAdapter) -> LegRecord | None:
    """Return what the hang-up handler of this leg left; None where it left nothing.

    Raises:
        AsteriskError: AMI does not answer, or refuses.
    """
    return (await _read_by_channel(ami)).get(channel_id)


async def _read_by_channel(ami: AmiAdapter) -> dict[str, LegRecord]:
    records: dict[str, LegRecord] = {}
    for family in _FAMILIES:
        for key, value in (await ami.read_tree(family)).items():
            record = parse_leg_record(key, value)
            if record is None:
                log.warning("leg_record_damaged", key=key)
            else:
                records.setdefault(record.channel_id, record)
    return records


async def forget_leg_records(ami: AmiAdapter, at: datetime, needed: Collection[str]) -> None:
    """Remove the records of hours that are long past, but for an hour that has one of a call in ``needed``.

    Args:
        at: The present moment.
        needed: Calls that are not settled.

    Raises:
        AsteriskError: AMI does not answer, or refuses.
    """
    oldest = (at - RECORDS_KEPT).strftime(RECORD_HOUR)
    for family in (*_FAMILIES, EMERGENCY_RECORDS_FAMILY):
        past: dict[str, bool] = {}
        for key, value in (await ami.read_tree(family)).items():
            hour = key.partition("/")[0]
            is_needed = call_id_of(value.partition(",")[0]) in needed
            if hour < oldest:
                past[hour] = past.get(hour, False) or is_needed
        for hour, is_needed in past.items():
            if not is_needed:
                await ami.delete_tree(family, hour)
