"""What became of the legs that never passed the gate, and of the calls that came in beside them.

=============================================  =======================================================================
invariant                                      checked
=============================================  =======================================================================
inbound and included calls are left alone      at each request of the service and each inbound leg's end; no record of
                                               an inbound call, nor in calm weather of a gated call's leg by itself
no un-gated leg goes on                        in calm weather: hung up soon after its answer, or within what is paid
each un-gated leg has one record               at the end, in calm weather: of each that was answered and watched, or
                                               that left word of its end
un-gated legs cost what they talked            at the end: charge and ``unfunded`` are the price of the true seconds
=============================================  =======================================================================
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from ari_app.ungated_verdict import UngatedAction
from charging.cdr import Cdr, EndSource
from dialplan.contract import ungated_call_id
from rating.rate import Rate
from tollgate.simulator.beside import LEFT_ALONE, InboundCall, UngatedCall
from tollgate.simulator.books import Books
from tollgate.simulator.channels import Channel
from tollgate.simulator.dates import Dates, Talk
from tollgate.simulator.office import rate_of
from tollgate.simulator.pbx import Pbx
from tollgate.simulator.plain_price import plain_charge_micros
from tollgate.simulator.wall_clock import WallClock
from tollgate.simulator.world import World

GOES_ON = "no un-gated leg goes on"
ONE_RECORD = "each un-gated leg has one record"
COSTS = "un-gated legs cost what they talked"
INVARIANTS = (LEFT_ALONE, GOES_ON, ONE_RECORD, COSTS)

FOUND_WITHIN_MS = 1500
"""A leg is judged half a second after it is seen, or at its answer; what is asked meanwhile takes its time."""
_OURS = frozenset({"ari", "deadline"})


class BesideAudit:
    """Looks at each end of such a leg, and at its record in the end."""

    def __init__(self, world: World, books: Books, ungated: UngatedAction, *, is_calm: bool) -> None:
        self._world = world
        self._books = books
        self._ungated = ungated
        self._is_calm = is_calm
        self._due: set[str] = set()
        """Calls of answered legs that were watched from beginning to end in calm weather: each has its record."""

    def leg_ended(self, call: UngatedCall | InboundCall, leg: Channel) -> None:
        """Look at an answered leg that has just ended while Asterisk lives."""
        if leg.ended_by in _OURS and (breaks := call.cut_breaks()):
            self._world.violated(breaks, call.call_id, f"by {leg.ended_by}")
        elif isinstance(call, UngatedCall) and self._is_calm and call.was_served_since_placed():
            self._due.add(call.call_id)
            self._check_end(call, leg)

    def _check_end(self, call: UngatedCall, leg: Channel) -> None:
        assert leg.answered_at is not None
        assert leg.ended_at is not None
        if call.is_emergency or self._ungated is UngatedAction.ALERT:
            return
        is_metered = self._ungated is UngatedAction.METER
        book = self._books.calls.get(call.call_id)
        paid_ms = book.paid_s * 1000 if is_metered and book is not None else 0
        if is_metered and _rate_of(call) is None and call.pays:
            return  # the plan of whoever is behind it includes it
        talked_ms = (leg.ended_at - leg.answered_at) // timedelta(milliseconds=1)
        if talked_ms > max(paid_ms, FOUND_WITHIN_MS):
            self._world.violated(GOES_ON, call.call_id, f"talked {talked_ms} of {paid_ms} ms")

    def at_the_end(self, pbx: Pbx, records: Mapping[str, Sequence[Cdr]]) -> None:
        """Look at the records, which are by call."""
        for inbound in pbx.inbound:
            if records.get(inbound.ungated_id):
                self._world.violated(LEFT_ALONE, inbound.call_id, "an inbound call has a record")
        for call in pbx.ungated:
            self._check_records(call, records.get(call.call_id, ()), pbx.clock)
        if self._is_calm:
            for leg in (leg for placed in pbx.placed for leg in placed.legs):
                if records.get(ungated_call_id(pbx.node, leg.channel_id)):
                    self._world.violated(LEFT_ALONE, leg.channel_id, "a leg that passed the gate was judged")

    def _check_records(self, call: UngatedCall, records: Sequence[Cdr], clock: WallClock) -> None:
        is_due = call.call_id in self._due or (self._is_calm and bool(call.leg.record_key))
        if len(records) > 1 or (is_due and not records):
            self._world.violated(ONE_RECORD, call.call_id, f"{len(records)} records")
            return
        for record in records:
            if not record.ungated:
                self._world.violated(ONE_RECORD, call.call_id, "its record does not say that it is un-gated")
            elif record.answered_at is not None:
                self._check_price(call, record, clock)

    def _check_price(self, call: UngatedCall, record: Cdr, clock: WallClock) -> None:
        assert record.answered_at is not None
        rate = _rate_of(call)
        talked_ms = (record.ended_at - record.answered_at) // timedelta(milliseconds=1)
        if not record.dialled and not call.leg.record_key:
            return  # it was gone before anybody could look what it dialled, and what it left was lost in a kill
        expected_micros = 0
        if rate is not None and call.pays:
            expected_micros = plain_charge_micros(rate, talked_ms, record.allowance_s)
        found_micros = record.charged_micros + record.unfunded_micros
        is_true = record.end_source in {EndSource.EVENT, EndSource.HANDLER}
        if is_true and not (self._is_talk(call, record, clock) and found_micros == expected_micros):
            detail = f"{record.end_source} {found_micros} for {talked_ms} ms, which are {expected_micros}"
            self._world.violated(COSTS, call.call_id, detail)

    def _is_talk(self, call: UngatedCall, record: Cdr, clock: WallClock) -> bool:
        book, leg = self._books.calls[call.call_id], call.leg
        recorded_at = book.recorded_at
        if recorded_at is None or leg.answered_at is None or leg.ended_at is None:
            return False
        # One that was found talking was answered when it was found, where nobody could read when that was.
        talk = Talk(leg.answered_at, leg.ended_at, is_answer_noted=False)
        return Dates(clock, call.placed_at, recorded_at, recorded_at, is_begin_known=False).is_talk(record, talk)


def _rate_of(call: UngatedCall) -> Rate | None:
    """Return what it costs; None where it costs nothing."""
    return None if call.is_emergency else rate_of(call.script.dialled)
