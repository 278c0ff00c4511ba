"""What becomes of a leg that never passed the gate: the session that it gets, by its verdict.

Its session is as any call's (:mod:`charging.ungated`). It begins at once where the leg is hung up or metered, and once
the leg is answered where it is only followed: an attempt that nobody stopped and nobody answered leaves no record. The
leg carries its mark from then on (:mod:`ari_app.ungated_marks`).
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

import structlog

from ari_app.clock import CallClock
from ari_app.execute import CommandExecutor
from ari_app.lines import Lines
from ari_app.live import LiveCall
from ari_app.requests import opening, opening_denial, store_fault
from ari_app.store_watch import StoreWatch
from ari_app.switchboard import Switchboard
from ari_app.ungated_marks import UngatedMarks
from ari_app.ungated_ringing import RingingDeadlines
from ari_app.ungated_suspect import Suspect
from ari_app.ungated_verdict import Fate, UngatedVerdict, barred
from charging import events as ev
from charging.call import Call, Leg
from charging.commands import OpenSession
from charging.policy import MeteringPolicy
from charging.session import Session
from charging.ungated import bar, follow, held, meter, unpaid
from charging.values import replace
from rating.decision import Denial, DenyReason
from rating.funds_denial import PayerNames
from store.answers import Held
from store.caps import SpendLimits
from store.errors import StoreError

log = structlog.get_logger(__name__)

HOLD_LIMIT_S = 1.0
MARK_LIMIT_S = 0.2
"""A leg that is to be hung up waits no longer than this for its mark."""


class UngatedSessions:
    """Begins the sessions of legs that never passed the gate."""

    def __init__(
        self,
        *,
        policy: MeteringPolicy,
        switchboard: Switchboard,
        executor: CommandExecutor,
        lines: Lines,
        store_watch: StoreWatch,
        limits_of: Callable[[Call], SpendLimits],
        clock: Callable[[], datetime],
    ) -> None:
        """Take what sessions need; ``limits_of`` answers what limits a call's spending as things stand."""
        self._policy = policy
        self._board = switchboard
        self._executor = executor
        self._lines = lines
        self._store_watch = store_watch
        self._limits_of = limits_of
        self._clock = clock
        self._marks = UngatedMarks(executor, lines)
        self._ringing = RingingDeadlines(policy, executor, lines)

    async def carry_out(self, suspect: Suspect, verdict: UngatedVerdict) -> UngatedVerdict:
        """Do as the verdict says, and return it; where nothing can be held for the leg it is another."""
        if verdict.fate is Fate.METERED:
            verdict = await self._meter(suspect, verdict)
        match verdict.fate:
            case Fate.HUNG_UP:
                await self._hang_up(suspect, verdict)
            case Fate.FOLLOWED:
                self._marks.leave(suspect, unpaid(verdict.call))
            case Fate.METERED:
                self._marks.leave(suspect, verdict.call)
        return verdict

    def follow(self, suspect: Suspect, call: Call) -> None:
        """Begin the session of a call whose leg goes on and was answered."""
        if suspect.answered_at is not None and suspect.ended is None:
            self._marks.leave_answer(suspect.leg.channel_id, suspect.answered_at)
        self._begin_free(suspect, follow(call, self._leg_of(suspect), self._now(suspect)))

    def answered(self, channel_id: str, at: datetime) -> None:
        """Have a leg that was answered carry when."""
        self._marks.leave_answer(channel_id, at)

    def compared(self, living: Collection[str]) -> None:
        """Mark the legs among these channels that could not be marked, and bound those that ring and were adopted."""
        self._marks.make_up(living)
        for live in self._board.calls.values():
            if live.session.call.ungated:
                self._ringing.keep(live)

    def stop(self) -> None:
        """Go on with nothing: the service is going down."""
        self._ringing.stop()

    # --- the three fates ----------------------------------------------------------------------------------

    async def _hang_up(self, suspect: Suspect, verdict: UngatedVerdict) -> None:
        assert verdict.denial is not None
        if suspect.answered_at is not None:
            await self._marks.leave_within(MARK_LIMIT_S, suspect, unpaid(verdict.call))
        self._begin_free(suspect, bar(verdict.call, self._leg_of(suspect), self._now(suspect), verdict.denial))

    async def _meter(self, suspect: Suspect, verdict: UngatedVerdict) -> UngatedVerdict:
        """Hold for a leg what it has talked and a first slice, and meter it; else return why it is hung up."""
        call, at = verdict.call, self._now(suspect)
        talked = self._talked(suspect, at)
        talked_s = -(-talked // timedelta(seconds=1))
        session, command = meter(call, self._leg_of(suspect), at, self._policy, talked_s=talked_s)
        answer = await self._hold(session, command)
        if isinstance(answer, Denial):
            return barred(call, answer)
        session = held(session, held_micros=answer.held_micros, paid_s=answer.paid_s, allowance_s=answer.allowance_s)
        live = self._begin(suspect, session, None)
        if live is not None:
            self._ringing.keep(live)
        return verdict

    def _talked(self, suspect: Suspect, now: datetime) -> timedelta:
        if suspect.answered_at is None:
            return timedelta()
        own = CallClock(self._board.clock, suspect.judged_by)
        until = now if suspect.ended is None else own.moment(suspect.ended.at)
        return max(until - own.moment(suspect.answered_at), timedelta())

    async def _hold(self, session: Session, command: OpenSession) -> Held | Denial:
        call = session.call
        assert call.account_id is not None
        if not self._lines.ami.connected:  # as at the gate (:mod:`ari_app.overload`)
            return Denial(DenyReason.OVERLOAD, "AMI is not connected, so a paid call's deadline could not be kept")
        operation = opening(session, command, call.account_id, self._policy, self._limits_of(call))
        try:
            answer = await self._store_watch.apply(operation, "ungated", limit_s=HOLD_LIMIT_S)
        except (StoreError, TimeoutError) as error:
            log.warning("ungated_leg_not_held", call_id=call.call_id, error=repr(error))
            return Denial(DenyReason.STORE_DOWN, store_fault(error, HOLD_LIMIT_S))
        if isinstance(answer, Held):
            return answer
        names = PayerNames(call.extension, self._board.catalog.account_name(call.account_id))
        return opening_denial(call, command, answer, names)

    # --- sessions -----------------------------------------------------------------------------------------

    def _now(self, suspect: Suspect) -> datetime:
        """Return the present moment in the call's own time: that in which it was judged."""
        return self._clock() - self._board.clock.set_since(suspect.judged_by)

    def _leg_of(self, suspect: Suspect) -> Leg:
        return Leg(channel_id=suspect.leg.channel_id, trunk=self._board.trunk_of(suspect.leg) or "")

    def _begin_free(self, suspect: Suspect, session: Session) -> None:
        # The store is told for `tollgate calls`, and a successor: it goes on if this fails.
        self._begin(suspect, session, OpenSession(held_micros=0, paid_s=0))

    def _begin(self, suspect: Suspect, session: Session, command: OpenSession | None) -> LiveCall | None:
        """Make the session live, and have it catch up with what was seen of its leg; None where it is known."""
        leg = suspect.leg
        if self._board.knows(session.call.call_id):
            return None
        live = self._board.take(replace(session, saved_by=suspect.judged_by))
        live.start((session, () if command is None else (command,)))
        if suspect.answered_at is not None:
            live.post(ev.LegAnswered(live.moment(suspect.answered_at), leg.channel_id, session.legs[0].trunk))
        if suspect.far_end_hung_up_at is not None:
            live.post(ev.LegHangupRequested(live.moment(suspect.far_end_hung_up_at), leg.channel_id))
        if (ended := suspect.ended) is not None:
            live.post(ev.LegEnded(live.moment(ended.at), leg.channel_id, session.legs[0].trunk, ended.cause))
        return live
