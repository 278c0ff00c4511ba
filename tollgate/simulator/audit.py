"""What callers got, held against the truth that only the simulated Asterisk knows.

========================================  ===========================================================================
invariant                                 checked
========================================  ===========================================================================
no second beyond what is paid             at each metered leg's end: talked ≤ paid, as committed by then
nothing rings without a hold              at each metered leg's end: its call has, or had, a session
emergency never cut                       at each request of the service, and at each emergency leg's end
not cut before the money ends             at each end by a deadline or a hang-up of ours, in episodes without faults
a late deadline is armed anew             some seconds after the clock was set back, where the service follows the call
no session left, no hold left             at the end of the episode
verify is clean                           at the end: ``tollgate verify`` on the whole store
each answered leg has one record          at the end, and a call that nobody answered has one
records tell of what was                  at the end: each record of a talk belongs to one leg that was answered then
the end is known as well as it can be     at the end: ``end_source``, and the moment it tells
charged for the true seconds              at the end, wherever the end was known by event or handler
========================================  ===========================================================================
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import permutations

from ari_app.ungated_verdict import UngatedAction
from charging.cdr import Cdr, EndSource
from dialplan.contract import LegMark, MarkKind, parse_leg_variable
from store.journal import EntryKind
from store.store import Store
from tollgate.simulator import beside_audit
from tollgate.simulator.beside_audit import BesideAudit
from tollgate.simulator.books import Books
from tollgate.simulator.channels import Channel
from tollgate.simulator.dates import Dates, Talk
from tollgate.simulator.office import INCLUDED, LONGEST_CALL_S, rate_of
from tollgate.simulator.pbx import ARMED_ANEW, Pbx
from tollgate.simulator.pbx import Talk as AnyCall
from tollgate.simulator.placed_call import CUT_EARLY_MS, CallKind, PlacedCall
from tollgate.simulator.plain_price import plain_charge_micros
from tollgate.simulator.process import Process
from tollgate.simulator.wall_clock import WallClock
from tollgate.simulator.world import World

INVARIANTS = (
    "no second beyond what is paid",
    "nothing rings without a hold",
    "emergency never cut",
    "not cut before the money ends",
    "no session left",
    "no hold left",
    "verify is clean",
    "each answered leg has one record",
    "records tell of what was",
    "the end is known as well as it can be",
    "charged for the true seconds",
    ARMED_ANEW,
    *beside_audit.INVARIANTS,
)
"""What is checked as it happens and at the end of an episode."""

ARMED_WITHIN_MS = 10
"""A limit of the plan counts from the moment at which the dialplan sets it, not from the answer."""
CUT_WITHIN = timedelta(seconds=20)
"""A service that is back ends a leg whose deadline is late within this time."""
LONGEST_CALL_MS = LONGEST_CALL_S * 1000


class Audit:
    """Looks at each end of a leg, and at the records in the end."""

    def __init__(self, world: World, books: Books, *, is_calm: bool, ungated: UngatedAction) -> None:
        self.process = Process("office", lambda _when: None)
        self.checks = 0
        self._world = world
        self._books = books
        self._is_calm = is_calm
        self._beside = BesideAudit(world, books, ungated, is_calm=is_calm)
        self._pbxs: Sequence[Pbx] = ()
        self._counts: Counter[str] = Counter()

    def watch(self, pbxs: Sequence[Pbx]) -> None:
        """Take the truth from these."""
        self._pbxs = pbxs

    def counts(self) -> dict[str, int]:
        """Return how many of what there were."""
        for pbx in self._pbxs:
            for call in pbx.placed:
                self._counts[f"{call.kind} calls"] += 1
        return dict(sorted(self._counts.items()))

    def names_of(self, call_id: str) -> frozenset[str]:
        """Return a call's id and its channels' ids; nothing where no call is meant."""
        for pbx in self._pbxs:
            for call in pbx.placed:
                if call_id and call_id in {call.call_id, *(leg.channel_id for leg in call.legs)}:
                    return frozenset({call.call_id, call.caller.channel_id, *(leg.channel_id for leg in call.legs)})
            if legs := pbx.legs_beside(call_id):
                return frozenset({call_id, *legs})
        return frozenset()

    def is_quiet(self) -> bool:
        """Whether no call lives and none has a session."""
        return not self._books.open_calls and not any(pbx.channels for pbx in self._pbxs)

    # --- as it happens ------------------------------------------------------------------------------------

    def leg_ended(self, call: AnyCall, leg: Channel) -> None:
        """Look at a leg that has just ended while Asterisk lives."""
        if leg.answered_at is None or leg.ended_at is None:
            return
        self.checks += 2
        if not isinstance(call, PlacedCall):
            self._beside.leg_ended(call, leg)
            return
        talked_ms = (leg.ended_at - leg.answered_at) // timedelta(milliseconds=1)
        if call.kind is CallKind.EMERGENCY and leg.ended_by in {"ari", "deadline"}:
            self._world.violated("emergency never cut", call.call_id, f"by {leg.ended_by} after {talked_ms} ms")
        if call.kind not in {CallKind.METERED, CallKind.AWAY}:
            return
        paid_ms = LONGEST_CALL_MS + ARMED_WITHIN_MS  # an included call costs nothing, but its plan limits it
        if call.kind is CallKind.METERED and call.script.dialled != INCLUDED:
            paid_ms = self._books.calls[call.call_id].paid_s * 1000
            if not self._books.calls[call.call_id].was_opened:
                self._world.violated("nothing rings without a hold", call.call_id, f"talked {talked_ms} ms")
                return
        if talked_ms > paid_ms:
            if not self._is_excused(call, leg, talked_ms - paid_ms):
                detail = f"talked {talked_ms} of {paid_ms} ms"
                self._world.violated("no second beyond what is paid", call.call_id, detail)
        elif self._is_calm and leg is call.main_leg and call.was_served_since(leg.answered_at):
            self._check_cut(call, leg, talked_ms, paid_ms)

    def _is_excused(self, call: PlacedCall, leg: Channel, beyond_ms: int) -> bool:
        """Whether nobody could have cut a leg: Asterisk's deadline was late, and no service was there for long.

        It is late where the clock was set back, and where a service armed it by an answer that it took for a later one.
        Of a call that was let through while none was there no service can know better.
        """
        assert leg.ended_at is not None
        beyond = timedelta(milliseconds=beyond_ms)
        was_late = leg.is_deadline_late or (leg.mended_at is not None and leg.mended_at >= leg.ended_at - beyond)
        is_mistaken = beyond <= call.clock.most_mistaken(call.placed_at, leg.ended_at)
        is_unserved = not call.was_served_since(leg.ended_at - CUT_WITHIN)
        is_excused = (was_late and is_unserved) or (is_mistaken and (is_unserved or call.kind is CallKind.AWAY))
        self._counts["talked on by a late deadline"] += is_excused
        return is_excused

    def _check_cut(self, call: PlacedCall, leg: Channel, talked_ms: int, paid_ms: int) -> None:
        self.checks += 1
        if leg.ended_by in {"ari", "deadline"} and talked_ms < min(paid_ms, LONGEST_CALL_MS) - CUT_EARLY_MS:
            detail = f"cut after {talked_ms} of {paid_ms} ms"
            self._world.violated("not cut before the money ends", call.call_id, detail)

    # --- at the end ---------------------------------------------------------------------------------------

    async def at_the_end(self, store: Store) -> None:
        """Look at what is left and at every record."""
        self.checks += 3
        for call_id in self._books.open_calls:
            self._world.violated("no session left", call_id, f"of {self._books.calls[call_id].node}")
        if self._books.reserved_micros:
            self._world.violated("no hold left", "", f"{self._books.reserved_micros} micro-units")
        for difference in await store.verify():
            self._world.violated("verify is clean", "", str(difference))
        records: defaultdict[str, list[Cdr]] = defaultdict(list)
        async for cdr in store.cdrs():
            records[cdr.call_id].append(cdr)
            self._counts["records"] += 1
            self._counts[f"ended as known by {cdr.end_source}"] += 1
        for pbx in self._pbxs:
            for call in pbx.placed:
                self._check_records(call, records[call.call_id], pbx.clock)
            self._beside.at_the_end(pbx, records)

    def _check_records(self, call: PlacedCall, records: list[Cdr], clock: WallClock) -> None:
        self.checks += 1
        answered = [leg for leg in call.legs if leg.answered_at is not None]
        dates = self._dates(call, clock) if records and answered else None
        told: list[Channel] = []
        for record in records:
            if record.provisional:
                self._world.violated("no session left", call.call_id, "a provisional record")
        talks = [record for record in records if record.answered_at is not None]
        for record, leg in zip(talks, _legs_of(call, talks, answered, dates), strict=True):
            if dates is not None and leg is not None:
                told.append(leg)
                self._check_record(call, leg, record, dates)
            elif record.end_source is not EndSource.LAST_SEEN or any(each.record_key for each in answered):
                detail = f"{record.answered_at}, one of {len(answered)} legs"
                self._world.violated("records tell of what was", call.call_id, detail)
        self._check_count(call, answered, told, records)

    def _dates(self, call: PlacedCall, clock: WallClock) -> Dates:
        book = self._books.calls[call.call_id]
        recorded_at = book.recorded_at
        assert recorded_at is not None
        own_by = recorded_at
        if call.kind is CallKind.METERED and call.main_leg is not None and call.main_leg.answered_at is not None:
            own_by = call.main_leg.answered_at  # its service knew it before it rang
        is_begin_known = call.kind not in (CallKind.AWAY, CallKind.EMERGENCY)
        return Dates(clock, call.placed_at, own_by, recorded_at, is_begin_known)

    def _check_count(self, call: PlacedCall, answered: list[Channel], told: list[Channel], records: list[Cdr]) -> None:
        book = self._books.calls.get(call.call_id)
        # One that nobody answered, let through and over while the service was away, left no word.
        was_told = (
            call.rings_emergency or call.caller.is_told or any(leg.is_told or leg.record_key for leg in call.legs)
        )
        left_word = call.rings_emergency and bool(call.caller.record_key)
        if not records and ((self._is_calm and was_told) or left_word or (book is not None and book.was_opened)):
            self._world.violated("each answered leg has one record", call.call_id, "the call has no record")
        if book is None or not book.was_opened:
            return
        for leg in answered:
            is_known = bool(leg.record_key) and (leg is call.main_leg or leg.up_told)
            if is_known and leg not in told and not self._is_recorded_alone(leg):
                self._world.violated("each answered leg has one record", call.call_id, f"none of {leg.channel_id}")
        extra = [record for record in records if record.answered_at is None]
        if len(extra) > 1 or (extra and told):
            self._world.violated("each answered leg has one record", call.call_id, f"{len(records)} records")

    def _is_recorded_alone(self, leg: Channel) -> bool:
        """Whether a leg has its record as a call of its own: it was found when the call that it was of was over."""
        owner = parse_leg_variable(leg.leg_variable)
        if not (isinstance(owner, LegMark) and owner.kind is MarkKind.UNGATED):
            return False
        book = self._books.calls.get(owner.call_id)
        return book is not None and len(book.charged_micros) == 1

    def _check_record(self, call: PlacedCall, leg: Channel, record: Cdr, dates: Dates) -> None:
        """Look at the record of a leg that was answered."""
        self.checks += 2
        assert leg.ended_at is not None
        match record.end_source:
            case EndSource.EVENT:
                is_right = leg.end_told and dates.is_talk(record, _talk(call, leg, leg.ended_at))
            case EndSource.HANDLER:
                # Of an emergency call it is the caller's, who may have left it to somebody else.
                caller_end = call.caller.ended_at if call.rings_emergency else None
                by_caller = caller_end is not None and dates.is_talk(record, _talk(call, leg, caller_end))
                is_right = by_caller or (leg.has_handler and dates.is_talk(record, _talk(call, leg, leg.ended_at)))
            case _:
                is_right = not leg.record_key or leg is not call.main_leg
        if not is_right:
            detail = f"{record.end_source} {record.ended_at}, true {leg.ended_at}, told {leg.end_told}"
            self._world.violated("the end is known as well as it can be", call.call_id, detail)
        elif record.end_source is not EndSource.LAST_SEEN and leg is call.main_leg:
            self._check_charge(call, record)

    def _check_charge(self, call: PlacedCall, record: Cdr) -> None:
        assert record.answered_at is not None
        talked_ms = (record.ended_at - record.answered_at) // timedelta(milliseconds=1)
        is_beyond = call.kind is CallKind.METERED and self._is_beyond(call, talked_ms)
        rate = rate_of(record.e164 or "") if is_beyond else record.rate
        expected_micros = 0
        if call.kind is CallKind.METERED and rate is not None:
            expected_micros = plain_charge_micros(rate, talked_ms, record.allowance_s)
        # Nothing was held for a second leg. Which one is the second follows from whose answer was heard of first.
        expected = (expected_micros, 0) if record.leg == 1 else (0, expected_micros)
        if record.leg == 1 and is_beyond:
            expected = (record.charged_micros, expected_micros - record.charged_micros)
        if (record.charged_micros, record.unfunded_micros) != expected:
            detail = f"{record.charged_micros} + {record.unfunded_micros}, {talked_ms} ms are {expected_micros}"
            self._world.violated("charged for the true seconds", call.call_id, detail)

    def _is_beyond(self, call: PlacedCall, talked_ms: int) -> bool:
        """Whether a record tells of more than was paid, as it can where the clock was set, and all of the hold went."""
        book = self._books.calls[call.call_id]
        return talked_ms > 1000 * book.paid_s and not book.taken_micros[EntryKind.RELEASE]


def _legs_of(
    call: PlacedCall, records: list[Cdr], answered: list[Channel], dates: Dates | None
) -> Sequence[Channel | None]:
    """Return the leg that each record tells of, None where it is none; of all ways to match them the likeliest."""
    if dates is None:
        return [None] * len(records)
    ended = [leg for leg in answered if leg.ended_at is not None]
    ways = permutations([*ended, *[None] * len(records)], len(records))
    return min(ways, key=lambda legs: _unlikely(call, records, legs, dates))


def _unlikely(
    call: PlacedCall, records: list[Cdr], legs: Sequence[Channel | None], dates: Dates
) -> tuple[int, int, int, timedelta]:
    """Return how unlikely it is that the records are of these legs.

    How many are of no leg, how many have another end than theirs, how many of those that tell a leg's word are of one
    whose word is not there (a kill of Asterisk may have taken it since), and how far off they are.
    """
    strangers, other_ends, wordless, apart = 0, 0, 0, timedelta()
    for record, leg in zip(records, legs, strict=True):
        talk = None if leg is None or leg.ended_at is None else _talk(call, leg, leg.ended_at)
        if talk is None or not dates.is_answer(record, talk):
            strangers += 1 if talk is None else 2  # rather of none than of one that it cannot be of
        else:
            other_ends += not dates.is_talk(record, talk)
            wordless += record.end_source is EndSource.HANDLER and leg is not None and not leg.record_key
            apart += dates.apart(record, talk)
    return strangers, other_ends, wordless, apart


def _talk(call: PlacedCall, leg: Channel, ended_at: datetime) -> Talk:
    assert leg.answered_at is not None
    is_noted = call.kind is not CallKind.EMERGENCY or not call.is_transferred
    return Talk(leg.answered_at, ended_at, is_answer_noted=is_noted)
