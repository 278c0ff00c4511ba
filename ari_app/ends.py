"""Ends of channels that went by unseen, posted to their calls by the best that is known of them.

A leg's end is known by the record of the dialplan's hang-up handler, or by Asterisk's own CDR. Where there is neither
it is the earliest moment at which the leg must have been over: when it was missed, its paid end, the start of an
Asterisk that came after it, or the last sign of the one that it was in.
"""

from collections.abc import Sequence
from datetime import datetime

from ari_app.leg_records import LegRecord, LegRecords, by_call
from ari_app.live import LiveCall
from charging import events as ev
from charging.call import Leg
from charging.cdr import EndSource
from charging.session import paid_end_at


def merged(records: LegRecords, cdrs: LegRecords) -> LegRecords:
    """Return the hang-up handlers' records, and after them Asterisk's CDRs of legs that left none."""
    known = {record.channel_id for call_records in records.values() for record in call_records}
    of_handlers = [record for call_records in records.values() for record in call_records]
    of_cdrs = [record for call_records in cdrs.values() for record in call_records if record.channel_id not in known]
    return by_call([*of_handlers, *of_cdrs])


def post_records(live: LiveCall, gone: set[str], records: list[LegRecord]) -> EndSource | None:
    """Post the ends that records tell of; return how the last one is known.

    Where several legs of a call were answered one pays, the one that is known to talk or else the first, and its end is
    the call's: the others' come before.
    """
    told = [record for record in records if _is_news(live, gone, record)]
    told.sort(key=lambda record: record.answered_at)
    for record in told if len(told) > 1 else ():
        answered_at, _ = live.talk(record.channel_id, record.answered_at, record.ended_at)
        live.post(ev.LegAnswered(answered_at, record.channel_id, record.trunk))
    talking = live.session.talking_leg  # since before, perhaps: its answer was heard of, an earlier one was not
    ends = sorted(told, key=lambda record: talking is not None and record.channel_id == talking.channel_id)
    for record in ends:
        answered_at, ended_at = live.talk(record.channel_id, record.answered_at, record.ended_at)
        live.post(ev.LegEnded(ended_at, record.channel_id, record.trunk, record.cause, record.source, answered_at))
    return ends[-1].source if ends else None


def _is_news(live: LiveCall, gone: set[str], record: LegRecord) -> bool:
    is_known = record.channel_id not in gone and live.session.leg(record.channel_id) is not None
    return not is_known and record.channel_id not in live.session.ended_legs


def post_last_seen(
    live: LiveCall, gone: set[str], looked_at: datetime, none_outlived: Sequence[datetime]
) -> EndSource | None:
    """Post the ends of gone channels of which there is no record; return how an answered leg's is known.

    Args:
        looked_at: When they were missed.
        none_outlived: Moments that no channel lived through.
    """
    source = None
    for leg in live.session.legs:
        if leg.channel_id in gone:
            ended_at = _over_at(live, leg, looked_at, none_outlived)
            source = source if leg.answered_at is None else EndSource.LAST_SEEN
            live.post(ev.LegEnded(ended_at, leg.channel_id, leg.trunk, None, EndSource.LAST_SEEN))
    if live.session.call.caller_channel in gone:
        live.post(ev.CallerGone(_over_at(live, None, looked_at, none_outlived)))
    return source


def _over_at(live: LiveCall, leg: Leg | None, looked_at: datetime, none_outlived: Sequence[datetime]) -> datetime:
    """Return the earliest moment at which a gone channel must have been gone."""
    began_at = live.session.call.started_at if leg is None else leg.answered_at or live.session.call.started_at
    moments = [live.moment(looked_at)]
    if leg is not None and (paid_end := paid_end_at(live.session)) is not None:
        moments.append(paid_end)
    past = [live.past(stamp)[0] for stamp in none_outlived]
    return min((*moments, *(at for at in past if at > began_at)))
