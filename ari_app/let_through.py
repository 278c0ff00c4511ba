"""Calls that the dialplan let through by itself, or that never passed the gate, and that ended unseen.

The store has no session of such a call, and Asterisk no channel any more; the record that the hang-up handler left of
its leg is all there is, or Asterisk's own CDR where that was lost. So after each connect the records are looked
through, and what neither the store nor a live call knows is written down as any other call that was observed. An
emergency call has nothing done to its leg: its caller leaves the record (:mod:`ari_app.emergency_records`).
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TypeVar

import structlog

from ari_app.ami import AmiAdapter
from ari_app.clock import utc_now
from ari_app.emergency_records import EmergencyRecord, read_emergency_records
from ari_app.ends import merged, post_records
from ari_app.errors import AsteriskError
from ari_app.leg_records import LegRecord, ReadLegRecords, read_leg_records
from ari_app.live import LiveCall
from ari_app.switchboard import Switchboard
from charging import events as ev
from charging.cdr import EndSource
from store.errors import StoreError
from store.store import Store

log = structlog.get_logger(__name__)
T = TypeVar("T")

LOOKED_BACK = timedelta(days=7)
"""Records are removed in time, CDRs are not: what is older was written down, if not in this store."""


class LetThrough:
    """Writes down the calls that nobody followed; asked after each connect, and tried until it was done."""

    def __init__(self, store: Store, switchboard: Switchboard, read_cdrs: ReadLegRecords) -> None:
        """Begin with records that have not been looked through."""
        self._read_cdrs = read_cdrs
        self._store = store
        self._switchboard = switchboard
        self._is_due = True

    def ask(self) -> None:
        """Have the records looked through at the next opportunity: calls may have gone by unseen."""
        self._is_due = True

    async def write_down(self, ami: AmiAdapter) -> bool:
        """Settle the calls of which only records are left, if this is due; return whether none is left to be settled.

        To be called when the channels that live have been compared: a call that goes on is followed by then.
        """
        if not self._is_due:
            return True
        if not ami.connected:
            return False
        self._is_due = False  # who asks from here on has it done once more
        try:
            unseen = await self._unseen(ami)
            emergencies = await self._unseen_emergencies(ami)
        except (AsteriskError, StoreError) as error:
            log.warning("leg_records_not_read", error=repr(error))
            self._is_due = True
            return False
        for records in unseen:
            mark = records[0].mark
            if mark is not None and not self._switchboard.knows(mark.call_id):
                log.info("unseen_call_recorded", call_id=mark.call_id, kind=mark.kind)
                live = self._switchboard.observe(mark, records[0].answered_at, records[0].trunk)
                post_records(live, set(), records)
                live.follow()
        for emergency in emergencies:
            if not self._switchboard.knows(emergency.mark.call_id):
                log.info("unseen_call_recorded", call_id=emergency.mark.call_id, kind=emergency.mark.kind)
                _post_emergency(self._switchboard.observe(emergency.mark, emergency.began_at), emergency)
        return True

    async def _unseen_emergencies(self, ami: AmiAdapter) -> list[EmergencyRecord]:
        """Return the records of the emergency calls that nobody knows."""
        return await self._of_unknown(await read_emergency_records(ami))

    async def _unseen(self, ami: AmiAdapter) -> list[list[LegRecord]]:
        """Return the records, call by call, of the calls that needed no verdict and that nobody knows."""
        records = merged(await read_leg_records(ami), await self._read_cdrs())
        oldest = utc_now() - LOOKED_BACK
        return await self._of_unknown(
            {
                call_id: legs
                for call_id, legs in records.items()
                if legs[0].mark is not None and (legs[0].source is EndSource.HANDLER or legs[0].ended_at > oldest)
            }
        )

    async def _of_unknown(self, by_call: Mapping[str, T]) -> list[T]:
        """Return what there is of the calls that neither lived here lately nor are in the store."""
        fresh = {call_id: left for call_id, left in by_call.items() if not self._switchboard.knows(call_id)}
        known = await self._store.known_call_ids(fresh) if fresh else set()
        return [left for call_id, left in fresh.items() if call_id not in known]


def _post_emergency(live: LiveCall, record: EmergencyRecord) -> None:
    """Post what became of an emergency call; its leg's own channel is not known any more."""
    if record.answered_at is not None:
        answered_at, ended_at = live.talk("", record.answered_at, record.ended_at)
        live.post(ev.LegEnded(ended_at, "", "", record.cause, EndSource.HANDLER, answered_at))
    else:
        live.post(ev.CallerGone(*live.past(record.ended_at)))
    live.follow()
