"""One call in the simulated Asterisk: Tollgate's dialplan, step by step, and the people who talk.

It follows ``dialplan/tollgate.conf``: emergencies before the gate, the guard of three seconds, the verdict that must
name the call, one trunk after the other where a carrier fails, the deadline and the hang-up handler at the answer.
"""

import asyncio
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from dialplan.contract import (
    EMERGENCY_CONTEXT,
    GATE_LIMIT_S,
    INTERNAL_CONTEXT,
    LEG_MARK_VARIABLE,
    SLICE_VARIABLE,
    VERDICT_VARIABLE,
    MarkKind,
    Verdict,
    call_id_of,
    call_prefix,
    internal_extension,
)
from tollgate.simulator.beside import LEFT_ALONE, NEVER_CUT
from tollgate.simulator.channels import Channel
from tollgate.simulator.office import LONGEST_CALL_S
from tollgate.simulator.scripts import CAUSES, CallScript, Outcome
from tollgate.simulator.wall_clock import WallClock

if TYPE_CHECKING:
    from tollgate.simulator.pbx import Pbx

NORMAL, REFUSED, UNAVAILABLE = 16, 21, 34
RING_LIMIT_S = 120.0
ARMED_AFTER_S = (0.001, 0.006)
"""How long after the answer tg-answer has run."""


class CallKind(StrEnum):
    """How the dialplan let a call through; ``GATED`` until it has."""

    GATED = "gated"
    METERED = Verdict.METERED.value
    FREE = Verdict.FREE.value
    INTERNAL = "internal"
    EMERGENCY = MarkKind.EMERGENCY.value
    AWAY = MarkKind.AWAY.value


_CUT_BREAKS = {CallKind.EMERGENCY: NEVER_CUT, CallKind.AWAY: LEFT_ALONE}
CUT_EARLY_MS = 500
"""A leg is cut this long before its paid end at most: the margin of 300 ms, and what lines take."""


class PlacedCall:
    """A call from the phone's INVITE to the last channel's end."""

    def __init__(self, pbx: "Pbx", script: CallScript) -> None:
        self._pbx = pbx
        self._world = pbx.world
        self.script = script
        self.kind = CallKind.GATED
        self.caller = pbx.new_channel(script.endpoint, context="from-phones", call=self)
        self.rings_emergency = False
        """Whether the dialplan has been at tg-emergency, where the caller's hang-up handler comes from."""
        self.call_id = f"{call_prefix(pbx.node)}{self.caller.channel_id}-1"
        self.placed_at = pbx.world.now()
        self.legs: list[Channel] = []
        self.main_leg: Channel | None = None
        """The one that was answered first."""
        self.entered_told = False
        """A living service was told of the caller."""
        self._guard: asyncio.TimerHandle | None = None
        self._patience = pbx.world.later(script.patience_s, self._gives_up)
        self.is_transferred = False

    @property
    def lives(self) -> bool:
        """Whether any channel of it is there."""
        return self.caller.lives or any(leg.lives for leg in self.legs)

    @property
    def clock(self) -> WallClock:
        """Its node's time of day."""
        return self._pbx.clock

    def was_served_since(self, moment: datetime) -> bool:
        """Whether its node's service has been connected all the time since then."""
        return self._pbx.has_served_since(moment)

    # --- the gate -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Dial."""
        self._world.trace.note("dials", self.call_id, f"{self.script.endpoint} {self.script.dialled}")
        if self.script.dialled in self._pbx.emergency_numbers:
            self._let_through(CallKind.EMERGENCY)
        elif self._pbx.has_application:
            self.caller.context = "tg-gate"
            self.caller.in_application = True
            self._guard = self._world.later(GATE_LIMIT_S, self._guard_fires)
            self._pbx.tell_entered(self, (self.call_id, self.script.dialled, "", "", ""))
        elif self._pbx.rings_without_service(self.script.dialled):
            self._let_through(CallKind.AWAY)
        else:
            self._end_caller(UNAVAILABLE, "away")

    def continued(self, place: tuple[str, str] | None) -> None:
        """Go on in the dialplan where the service has given the caller back: at a context's extension, or as it was."""
        self._leave_application()
        if place is not None:
            if place == (INTERNAL_CONTEXT, internal_extension(self.call_id, self.script.dialled)):
                self._ring_internal()
            else:
                self._end_caller(UNAVAILABLE, "no such place")
            return
        verdict, _, call_id = self.caller.variables.get(VERDICT_VARIABLE, "").partition(":")
        if call_id != self.call_id:
            self._end_caller(UNAVAILABLE, "no verdict")
        else:
            self._let_through(CallKind(verdict))

    def clock_set(self, by_s: float) -> None:
        """Have what Asterisk counts by the time of day come sooner or later: the guard, and the limit of a Dial."""
        guard = self._guard
        if self.caller.in_application and guard is not None:
            guard.cancel()
            left_s = max(0.0, guard.when() - by_s - self._world.loop.time())
            self._guard = self._world.later(left_s, self._guard_fires)
        if by_s >= RING_LIMIT_S and self.kind is not CallKind.EMERGENCY:
            for leg in [leg for leg in self.legs if leg.lives and leg.state != "Up"]:
                self._fails(leg, Outcome.SILENCE, self._pbx.trunks.index(leg.trunk))

    def _guard_fires(self) -> None:
        if self.caller.in_application:
            self._leave_application()
            self._end_caller(UNAVAILABLE, "guard")

    def _leave_application(self) -> None:
        self.caller.in_application = False
        if self._guard is not None:
            self._guard.cancel()

    # --- dialling -----------------------------------------------------------------------------------------

    def _let_through(self, kind: CallKind) -> None:
        self.kind = kind
        self._world.trace.note("let through", self.call_id, kind)
        if kind is CallKind.EMERGENCY:
            self.caller.context, self.rings_emergency = EMERGENCY_CONTEXT, True
        self._attempt(0)
        if self.script.twin and kind is CallKind.METERED:
            self._attempt(0)

    def _ring_internal(self) -> None:
        self.kind = CallKind.INTERNAL
        self._patience.cancel()
        self._world.later(self.script.talk_s, self._gives_up)

    def _attempt(self, index: int) -> None:
        leg = self._pbx.new_channel(
            f"PJSIP/{self._pbx.trunks[index]}", context="tg-leg", call=self, trunk=self._pbx.trunks[index]
        )
        leg.application = "AppDial"
        self.legs.append(leg)
        self._pbx.tell_created(leg)
        leg.leg_variable = self._leg_variable()
        attempt = self.script.attempts[index]
        self._world.later(self._world.between(0.02, 0.2), lambda: self._rings(leg))
        ring_s = attempt.ring_s + (0.4 if len(self.legs) > 1 and self.script.twin else 0.2)
        if attempt.outcome is Outcome.ANSWER:
            self._world.later(ring_s, lambda: self._answers(leg))
        elif attempt.outcome is Outcome.SILENCE:
            if self.kind is not CallKind.EMERGENCY:
                self._world.later(RING_LIMIT_S, lambda: self._fails(leg, Outcome.SILENCE, index))
        else:
            self._world.later(ring_s, lambda: self._fails(leg, attempt.outcome, index))

    def _leg_variable(self) -> str:
        if self.kind in {CallKind.EMERGENCY, CallKind.AWAY}:
            return self.mark
        given = self.caller.variables.get(LEG_MARK_VARIABLE, "") if self.kind is CallKind.FREE else ""
        return given if call_id_of(given) == self.call_id else self.call_id

    @property
    def mark(self) -> str:
        """What the dialplan notes of a call that it lets through by itself."""
        return f"{self.kind}|{self.call_id}|{self.caller.name}|{self.script.dialled}"

    def cut_breaks(self, in_s: float = 0.0) -> str:
        """Return the invariant that does not hold where the service has it end in so many seconds; "" where it may."""
        lasts = self.kind is CallKind.AWAY and self._will_have_lasted(in_s)
        return "" if lasts else _CUT_BREAKS.get(self.kind, "")

    def _will_have_lasted(self, seconds: float) -> bool:
        """Whether it will have talked for its longest time, as far as a clock that was set can tell."""
        leg = self.main_leg
        if leg is None or leg.answered_at is None:
            return False
        now = self._world.now()
        mistaken = self._pbx.clock.most_mistaken(self.placed_at, now)
        talks = now - leg.answered_at + timedelta(seconds=seconds)
        return talks + mistaken + timedelta(milliseconds=CUT_EARLY_MS) >= timedelta(seconds=LONGEST_CALL_S)

    def talked_ms(self) -> int:
        """Return Dial's ANSWEREDTIME_MS, 0 where nobody has answered: how long it talked by the time of day."""
        if self.main_leg is None or self.main_leg.answered_at is None:
            return 0
        clock = self._pbx.clock
        until = clock.stamp() if self.main_leg.ended_at is None else clock.shown(self.main_leg.ended_at)
        return (until - clock.shown(self.main_leg.answered_at)) // timedelta(milliseconds=1)

    def _rings(self, leg: Channel) -> None:
        if leg.lives and leg.state == "Down":
            leg.state = "Ringing"
            self._pbx.tell_state(leg)

    def _fails(self, leg: Channel, outcome: Outcome, index: int) -> None:
        if not leg.lives or leg.state == "Up":
            return
        self._pbx.end(leg, CAUSES.get(outcome, 0), outcome)
        is_next = outcome is Outcome.CONGESTION or self.kind is CallKind.EMERGENCY
        if self.caller.lives and is_next and index + 1 < len(self._pbx.trunks):
            self._attempt(index + 1)
        elif self.caller.lives:
            self._end_caller(CAUSES.get(outcome, NORMAL), "nobody answered")

    # --- talking ------------------------------------------------------------------------------------------

    def _answers(self, leg: Channel) -> None:
        if not leg.lives:
            return
        self._patience.cancel()
        self._pbx.answer(leg)
        self._world.later(self._world.between(*ARMED_AFTER_S), lambda: self._runs_tg_answer(leg))
        if self.main_leg is None:
            self.main_leg = leg
            end = self._gives_up if self.script.caller_ends else lambda: self._far_end_hangs_up(leg)
            self._world.later(self.script.talk_s, end)
            if self.script.transfer_after_s is not None:
                self._world.later(self.script.transfer_after_s, self._transfers)

    def _runs_tg_answer(self, leg: Channel) -> None:
        if not leg.lives or self.kind is CallKind.EMERGENCY:
            return
        slice_s = self.caller.variables.get(SLICE_VARIABLE, "")
        if self.kind is CallKind.METERED:
            self._pbx.set_deadline(leg, float(slice_s))
        elif self.kind is CallKind.AWAY:
            self._pbx.set_deadline(leg, float(LONGEST_CALL_S))
        leg.answered_variable = f"{self._pbx.clock.stamp().timestamp():.3f}"
        leg.has_handler = True

    def _transfers(self) -> None:
        leg = self.main_leg
        if self.caller.lives and leg is not None and leg.lives:
            self.is_transferred = True
            leg.cdr_answered_at = self._world.now()
            self._world.trace.note("transfers", self.call_id)
            self._pbx.end(self.caller, NORMAL, "transfer")
            if self.script.caller_ends:  # the party it was transferred to hangs up instead
                self._world.later(self.script.talk_s, lambda: self._far_end_hangs_up(leg))

    # --- the end ------------------------------------------------------------------------------------------

    def _far_end_hangs_up(self, leg: Channel) -> None:
        if leg.lives:
            self._pbx.tell_hangup(leg, soft=False)
            self._pbx.end(leg, NORMAL, "far end")

    def _gives_up(self) -> None:
        """The caller hangs up."""
        if self.caller.lives:
            self._pbx.tell_hangup(self.caller, soft=False)
            self._leave_application()
            for leg in self.legs:
                if leg.lives:
                    self._pbx.end(leg, NORMAL, "caller")
            self._end_caller(127, "caller")

    def ended(self, channel: Channel) -> None:
        """Go on after the end of one of its channels, however it came."""
        if channel is self.caller:
            self._patience.cancel()
            self._leave_application()
            if not self.is_transferred:
                for leg in self.legs:
                    if leg.lives:
                        self._pbx.end(leg, NORMAL, "caller")
        elif channel is self.main_leg or (channel.answered_at is None and channel.ended_by in {"ari", "deadline"}):
            self._end_caller(NORMAL, channel.ended_by)

    def _end_caller(self, cause: int, by: str) -> None:
        if self.caller.lives:
            self._pbx.end(self.caller, cause, by)
