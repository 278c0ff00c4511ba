"""What is left of an emergency call that ended unseen: the record that its caller's hang-up handler writes to AstDB.

Nothing is done to the leg of such a call, so it leaves no record of its own (:mod:`ari_app.leg_records`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from ari_app.ami import AmiAdapter
from ari_app.leg_records import LegRecord
from ari_app.moments import read_moment
from charging.call import Leg
from charging.cdr import EndSource
from dialplan.contract import EMERGENCY_RECORDS_FAMILY, LegMark, parse_leg_variable

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EmergencyRecord:
    """What is known of an emergency call whose caller is gone."""

    mark: LegMark
    answered_at: datetime | None
    """None where nobody answered."""
    ended_at: datetime
    cause: int | None

    @property
    def began_at(self) -> datetime:
        """The earliest moment that is known of it."""
        return self.answered_at or self.ended_at

    def of_leg(self, leg: Leg) -> LegRecord | None:
        """Return the end of the leg that its session knows, which ended with the caller; None where none answered."""
        answered_at = leg.answered_at or self.answered_at
        if answered_at is None:
            return None
        return LegRecord(
            channel_id=leg.channel_id,
            call_id=self.mark.call_id,
            answered_at=answered_at,
            ended_at=self.ended_at,
            cause=self.cause,
            trunk=leg.trunk,
            source=EndSource.HANDLER,
            mark=self.mark,
        )


def parse_emergency_record(value: str) -> EmergencyRecord | None:
    """Return the record, or None where it is damaged. Form: mark,ended,talked ms,cause."""
    try:
        variable, ended, talked_ms, cause = value.rsplit(",", 3)
        ended_at = read_moment(ended)
        mark = parse_leg_variable(variable)
        if not isinstance(mark, LegMark):
            return None
        talked = timedelta(milliseconds=int(talked_ms or 0))
        # Asterisk tells how long by the time of day: where that was set back meanwhile, it is less than nothing.
        answered_at = read_moment(str((ended_at - talked).timestamp())) if talked else None
        return EmergencyRecord(mark, answered_at, ended_at, int(cause) if cause else None)
    except (ValueError, OverflowError):
        return None


async def read_emergency_records(ami: AmiAdapter) -> Mapping[str, EmergencyRecord]:
    """Return what callers' hang-up handlers left, by call.

    Raises:
        AsteriskError: AMI does not answer, or refuses.
    """
    records = {}
    for key, value in (await ami.read_tree(EMERGENCY_RECORDS_FAMILY)).items():
        record = parse_emergency_record(value)
        if record is None:
            log.warning("emergency_record_damaged", key=key)
        else:
            records[record.mark.call_id] = record
    return records
