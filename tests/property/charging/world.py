"""A little world in virtual time: one call, a store with money, an Asterisk with channels, and a bad connection.

Everything that happens is drawn from one source of chance, so that a failing life can be lived again. Events are
lost, repeated and late; answers of the store get lost after the work was done; deadlines cannot be armed; a sweep
like the reconciler's tells the truth every half minute.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random

from charging import commands as cmd
from charging import events as ev
from charging.call import Call
from charging.cdr import Cdr, EndSource
from charging.policy import MeteringPolicy
from charging.session import Phase, begin, next_wake_at, step
from rating.decision import DenyReason
from rating.price import affordable_s, charge_micros
from tests.unit.charging.story import T0

SWEEP_S = 30.0
END_S = 1500.0
ASTERISK_LATE_S = 0.01


@dataclass(frozen=True)
class Faults:
    """How bad things are: chances from 0 to 1."""

    lost_events: float = 0.0
    repeated_events: float = 0.0
    late_events_s: float = 0.0
    store_fails: float = 0.0
    store_late_s: float = 0.0
    hang_up_fails: float = 0.0
    arming_fails: float = 0.0
    unarmed_at_answer: bool = False
    """The dialplan did not arm the deadline at the answer."""


@dataclass(frozen=True)
class Plan:
    """What the people and the carriers will do, in seconds from the admission or the answer."""

    caller_leaves_s: float
    attempts: tuple["Attempt", ...]
    caller_transfers: bool = False
    """The caller leaves the talking call to its far end: the leg lives on."""


@dataclass(frozen=True)
class Attempt:
    """One trunk: how long it rings, the cause that ends it unless it is answered, and how long it would talk."""

    rings_s: float
    cause: int | None
    talks_s: float = 0.0


@dataclass
class TrunkLeg:
    """A channel in the world's Asterisk."""

    channel_id: str
    attempt: Attempt
    answered_s: float | None = None
    ended_s: float | None = None
    deadline_s: float | None = None
    cause: int | None = None


@dataclass
class World:
    """One call from its entry to its record."""

    call: Call
    plan: Plan
    faults: Faults
    funds_micros: int
    chance: Random
    policy: MeteringPolicy
    now_s: float = 0.0
    legs: list[TrunkLeg] = field(default_factory=list)
    records: dict[int, Cdr] = field(default_factory=dict)
    closings: int = 0
    held_micros: int = 0
    paid_s: int = 0
    slice_no: int = 0
    charged_micros: int = 0
    caller_gone: bool = False
    admitted: bool = False
    hang_ups: list[str] = field(default_factory=list)
    wakes: int = 0

    def __post_init__(self) -> None:
        """Let the caller enter."""
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self._alarm = 0
        self.available_micros = self.funds_micros
        self.session, commands = begin(self.call, self.policy)
        self._carry_out(commands)
        self._later(SWEEP_S, self._sweep)

    def live(self) -> None:
        """Let time pass until the call is closed, or for much longer than any call can last."""
        while self._agenda and self.session.phase is not Phase.CLOSED:
            self.now_s, _, action = heapq.heappop(self._agenda)
            if self.now_s > END_S:
                return
            action()

    # --- time and the connection ---------------------------------------------------------------------------

    def moment(self, seconds: float | None = None) -> datetime:
        """Return the world's time as a time."""
        return T0 + timedelta(seconds=self.now_s if seconds is None else seconds)

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._agenda, (self.now_s + delay_s, self._count, action))

    def _happens(self, chance: float) -> bool:
        return self.chance.random() < chance

    def _report(self, event: ev.Event) -> None:
        """Send an event of Asterisk's over the bad connection."""
        if self._happens(self.faults.lost_events):
            return
        for _ in range(2 if self._happens(self.faults.repeated_events) else 1):
            self._later(self.chance.uniform(0, self.faults.late_events_s), lambda: self._post(event))

    def _post(self, event: ev.Event) -> None:
        self.session, commands = step(self.session, event, self.policy)
        self._carry_out(commands)
        self._set_alarm()

    def _set_alarm(self) -> None:
        wake_at = next_wake_at(self.session, self.policy)
        self._alarm += 1
        if wake_at is not None:
            mine = self._alarm
            self._later(max(0.0, (wake_at - self.moment()).total_seconds()), lambda: self._ring(mine))

    def _ring(self, alarm: int) -> None:
        if alarm == self._alarm:
            self.wakes += 1
            assert self.wakes < 5000, "woken without end"
            self._post(ev.Woke(self.moment()))

    # --- what the call wants -------------------------------------------------------------------------------

    def _carry_out(self, commands: tuple[cmd.Command, ...]) -> None:
        for command in commands:
            match command:
                case cmd.OpenSession():
                    self._store(partial(self._open, command))
                case cmd.RenewSlice():
                    self._store(partial(self._renew, command))
                case cmd.Settle():
                    self._settle(command)
                case cmd.AdmitCaller():
                    self._later(0.01, partial(self._admit, command))
                case cmd.RefuseCaller():
                    self.caller_gone = True
                case cmd.HangUpLeg():
                    self._hang_up(command.channel_id)
                case cmd.CheckDeadline() | cmd.ArmDeadline():
                    self._later(0.01, partial(self._deadline, command))

    def _store(self, work: Callable[[], ev.Event]) -> None:
        """Do the work, and answer late or with a failure: the work may have been done all the same."""
        failed = self._happens(self.faults.store_fails)
        reply = work() if not failed or self._happens(0.5) else None
        if failed or reply is None:
            self._later(2.0, lambda: self._post(self._store_failure()))
        else:
            self._later(self.chance.uniform(0, self.faults.store_late_s), partial(self._post, reply))

    def _store_failure(self) -> ev.Event:
        if self.session.phase is Phase.OPENING:
            return ev.SessionDenied(self.moment(), DenyReason.STORE_DOWN, "no answer")
        return ev.SliceDenied(self.moment(), self.session.slice_no + 1, DenyReason.STORE_DOWN, "the store: gone")

    def _open(self, command: cmd.OpenSession) -> ev.Event:
        if command.held_micros > self.available_micros:
            return ev.SessionDenied(self.moment(), DenyReason.NO_FUNDS, "too little")
        self.available_micros -= command.held_micros
        self.held_micros, self.paid_s, self.slice_no = command.held_micros, command.paid_s, 1
        return ev.SessionOpened(self.moment())

    def _renew(self, command: cmd.RenewSlice) -> ev.Event:
        assert self.call.rate is not None
        if command.slice_no == self.slice_no + 1:
            budget_micros = self.held_micros + self.available_micros
            paid_s = min(self.paid_s + command.want_s, affordable_s(self.call.rate, budget_micros))
            if paid_s <= self.paid_s:
                return ev.SliceDenied(self.moment(), command.slice_no, DenyReason.NO_FUNDS, "no funds")
            more_micros = charge_micros(self.call.rate, paid_s) - self.held_micros
            self.available_micros -= more_micros
            self.held_micros += more_micros
            self.paid_s, self.slice_no = paid_s, command.slice_no
        return ev.SliceGranted(self.moment(), command.slice_no, self.paid_s, self.held_micros)

    def _settle(self, command: cmd.Settle) -> None:
        cdr = command.cdr
        assert cdr.leg not in self.records, "a leg is settled once"
        assert cdr.charged_micros <= self.held_micros, "no charge above the hold"
        self.records[cdr.leg] = cdr
        self.held_micros -= cdr.charged_micros
        self.charged_micros += cdr.charged_micros
        if command.close:
            self.closings += 1
            self.available_micros += self.held_micros
            self.held_micros = 0
        self._later(0.01, lambda: self._post(ev.Settled(self.moment(), cdr.leg)))

    # --- Asterisk ------------------------------------------------------------------------------------------

    def _admit(self, command: cmd.AdmitCaller) -> None:
        if self.caller_gone or self.now_s > self.policy.gate_limit_ms / 1000:
            self.caller_gone = True
            self._report(ev.CallerGone(self.moment()))
            self._post(ev.AdmissionMissed(self.moment()))
            return
        self.admitted = True
        slice_s = None if command.slice_ms is None else command.slice_ms / 1000
        self._later(self.plan.caller_leaves_s, self._caller_leaves)
        self._later(0.02, lambda: self._dial(0, slice_s))
        self._post(ev.CallerAdmitted(self.moment()))

    def _dial(self, index: int, slice_s: float | None) -> None:
        if self.caller_gone or index == len(self.plan.attempts):
            self._gone()
            return
        attempt = self.plan.attempts[index]
        leg = TrunkLeg(f"leg-{index}", attempt)
        self.legs.append(leg)
        self._report(ev.LegSeen(self.moment(), leg.channel_id, "carrier"))
        rings_s = min(attempt.rings_s, float(self.policy.ring_limit_s))
        self._later(rings_s, lambda: self._rung(leg, index, slice_s))

    def _rung(self, leg: TrunkLeg, index: int, slice_s: float | None) -> None:
        if leg.ended_s is not None:
            return
        rang_out = leg.attempt.rings_s > self.policy.ring_limit_s
        if leg.attempt.cause is not None or rang_out:
            self._end(leg, leg.attempt.cause or 16)
            self._later(0.01, lambda: self._dial(len(self.plan.attempts) if rang_out else index + 1, slice_s))
            return
        leg.answered_s = self.now_s
        if slice_s is not None and not self.faults.unarmed_at_answer:
            self._arm(leg, slice_s)
        self._report(ev.LegAnswered(self.moment(), leg.channel_id, "carrier"))
        self._later(leg.attempt.talks_s, lambda: self._end(leg, 16))

    def _arm(self, leg: TrunkLeg, seconds: float) -> None:
        leg.deadline_s = self.now_s + seconds
        deadline_s = leg.deadline_s
        self._later(seconds + ASTERISK_LATE_S, lambda: self._fire(leg, deadline_s))

    def _fire(self, leg: TrunkLeg, deadline_s: float) -> None:
        if leg.deadline_s == deadline_s:
            self._end(leg, 0)

    def _end(self, leg: TrunkLeg, cause: int) -> None:
        if leg.ended_s is not None:
            return
        leg.ended_s, leg.cause = self.now_s, cause
        self._report(self._end_of(leg, EndSource.EVENT))
        if leg.answered_s is not None:
            self._later(0.01, self._gone)

    def _end_of(self, leg: TrunkLeg, source: EndSource) -> ev.LegEnded:
        answered_at = None if leg.answered_s is None else self.moment(leg.answered_s)
        return ev.LegEnded(self.moment(leg.ended_s), leg.channel_id, "carrier", leg.cause, source, answered_at)

    def _caller_leaves(self) -> None:
        """The caller hangs up, which ends its leg; or transfers, which does not."""
        live = [leg for leg in self.legs if leg.ended_s is None]
        if self.plan.caller_transfers and any(leg.answered_s is not None for leg in live):
            self._gone()
            return
        for leg in live:
            self._end(leg, 127 if leg.answered_s is None else 16)
        self._gone()

    def _gone(self) -> None:
        if not self.caller_gone:
            self.caller_gone = True
            self._report(ev.CallerGone(self.moment()))

    def _hang_up(self, channel_id: str) -> None:
        self.hang_ups.append(channel_id)
        leg = next(leg for leg in self.legs if leg.channel_id == channel_id)
        if self._happens(self.faults.hang_up_fails):
            return
        if leg.ended_s is None:
            self._later(0.01, lambda: self._end(leg, 16))
        else:
            self._later(1.0, lambda: self._not_found(channel_id))

    def _not_found(self, channel_id: str) -> None:
        if self.session.leg(channel_id) is not None:
            self._post(ev.LegEnded(self.moment(), channel_id, "carrier", None, EndSource.LAST_SEEN))

    def _deadline(self, command: cmd.CheckDeadline | cmd.ArmDeadline) -> None:
        leg = next(leg for leg in self.legs if leg.channel_id == command.channel_id)
        cut_s = (command.cut_at - T0).total_seconds()
        in_place = leg.deadline_s is not None and leg.deadline_s <= cut_s + 0.05
        if leg.ended_s is not None or self._happens(self.faults.arming_fails):
            self._post(ev.DeadlineFailed(self.moment(), command.channel_id))
            return
        if not (isinstance(command, cmd.CheckDeadline) and in_place):
            self._arm(leg, max(0.001, cut_s - self.now_s))
        self._post(ev.DeadlineArmed(self.moment(), command.channel_id, command.cut_at))

    # --- the truth, now and then ---------------------------------------------------------------------------

    def _sweep(self) -> None:
        for leg in self.legs:
            known = self.session.leg(leg.channel_id)
            if leg.ended_s is not None:
                if known is not None or leg.answered_s is not None:
                    self._post(self._end_of(leg, EndSource.HANDLER))
            elif leg.answered_s is not None and (known is None or known.answered_at is None):
                self._post(ev.LegAnswered(self.moment(leg.answered_s), leg.channel_id, "carrier"))
            elif known is None:
                self._post(ev.LegSeen(self.moment(), leg.channel_id, "carrier"))
        if self.caller_gone and not self.session.caller_gone:
            self._post(ev.CallerGone(self.moment()))
        self._later(SWEEP_S, self._sweep)
