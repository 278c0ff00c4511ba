"""One call from the first digit to the settled record, as a pure state machine.

Theory of operation
-------------------
A session is a frozen value. :func:`begin`, :func:`refuse` and :func:`observe` make one; :func:`step` takes an
event and returns the next session and the commands to carry out; :func:`next_wake_at` names the moment at which
a :class:`~charging.events.Woke` is due. Nothing here waits, reads a clock or talks to anybody. Every event has
an answer in every phase, because events are lost, repeated and reordered in real life.

========== ============================================== ==========================================
phase      what is going on                                left by
========== ============================================== ==========================================
OPENING    the store is asked for the first hold           SessionOpened, SessionDenied
ADMITTING  the verdict is on its way to Asterisk           CallerAdmitted, AdmissionMissed, a leg
DIALLING   the dialplan dials; trunk legs come and go      LegAnswered; the end of all attempts
TALKING    a trunk leg is answered, its seconds are paid   LegEnded of the last answered leg
CLOSING    the last record is on its way to the store      Settled
CLOSED     nothing more will happen                        -
========== ============================================== ==========================================

A hold belongs to the call, not to a leg: trunk fail-over keeps it. It goes back when an answered leg has ended,
or when no leg lives and none can come: the caller is gone, or the ring limit passed.
A paid leg is cut ``cutoff_margin_ms`` before its paid end, by Asterisk's own deadline and by a hang-up from here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from charging import events as ev
from charging.call import Call, Leg
from charging.cdr import Cdr
from charging.commands import (
    AdmitCaller,
    ArmDeadline,
    CheckDeadline,
    Command,
    HangUpLeg,
    OpenSession,
    RefuseCaller,
    RenewSlice,
    SaveSession,
    Settle,
)
from charging.policy import MeteringPolicy
from charging.records import answered_record, refused_record, surplus_record, unanswered_record
from rating.decision import DenyReason
from rating.price import charge_micros, first_hold_s

LINGER = timedelta(milliseconds=300)
"""A leg may live unseen for a moment after its caller has gone: wait this long before the hold is released."""

RING_GRACE = timedelta(seconds=5)
"""The dialplan's own ring limit comes first; ours is for the case that it did not."""

UNVERIFIED_LIMIT = timedelta(seconds=1)
"""A paid leg whose deadline could not be verified this long after its answer is hung up."""


class Phase(StrEnum):
    """Where a call is in its life; see the table in the module's text."""

    OPENING = "opening"
    ADMITTING = "admitting"
    DIALLING = "dialling"
    TALKING = "talking"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The charging session of one call. Money in micro-units, ``paid_s`` seconds from the answer."""

    call: Call
    phase: Phase
    held_micros: int = 0
    paid_s: int = 0
    slice_no: int = 1
    slice_s: int = 0
    """Seconds of the newest slice."""
    legs: tuple[Leg, ...] = ()
    """The trunk legs that live."""
    answered_legs: int = 0
    """How many legs have been answered so far."""
    dialling_since: datetime | None = None
    caller_gone: bool = False
    caller_hung_up: bool = False
    last_cause: int | None = None
    last_trunk: str | None = None
    end_of_dial_at: datetime | None = None
    """No further leg is expected; the call closes then unless one shows up."""
    renewing: bool = False
    retry_at: datetime | None = None
    """Earliest moment to ask for the next slice again after a refusal."""
    hang_up_retry_at: datetime | None = None

    @property
    def talking_leg(self) -> Leg | None:
        """The answered leg whose seconds the holds pay for."""
        return next((leg for leg in self.legs if leg.number and not leg.surplus), None)

    def leg(self, channel_id: str) -> Leg | None:
        """Return the live leg on this channel."""
        return next((leg for leg in self.legs if leg.channel_id == channel_id), None)


Transition = tuple[Session, tuple[Command, ...]]


# --- ways a session begins -------------------------------------------------------------------------------


def begin(call: Call, policy: MeteringPolicy) -> Transition:
    """Open a session for a call that may be made: with a first hold where it is paid."""
    if call.rate is None:
        return Session(call=call, phase=Phase.OPENING), (OpenSession(held_micros=0, paid_s=0),)
    paid_s = first_hold_s(call.rate, policy.first_slice_s)
    held_micros = charge_micros(call.rate, paid_s)
    session = Session(call=call, phase=Phase.OPENING, held_micros=held_micros, paid_s=paid_s, slice_s=paid_s)
    return session, (OpenSession(held_micros, paid_s),)


def refuse(call: Call, at: datetime, reason: DenyReason, rule: str) -> Transition:
    """Turn a call away and write down why."""
    return _refuse(Session(call=call, phase=Phase.OPENING), at, reason, rule)


def observe(call: Call, at: datetime) -> Session:
    """Follow a free call that the dialplan let through by itself (emergency, or the service was away)."""
    return Session(call=call, phase=Phase.DIALLING, dialling_since=at)


# --- the step --------------------------------------------------------------------------------------------


def step(session: Session, event: ev.Event, policy: MeteringPolicy) -> Transition:
    """Return the session after ``event``, and what to do about it. Total: never raises, never waits."""
    if session.phase is Phase.CLOSED:
        return session, ()
    if session.phase is Phase.CLOSING:
        return _while_closing(session, event)
    return _HANDLERS[type(event)](session, event, policy)


def next_wake_at(session: Session, policy: MeteringPolicy) -> datetime | None:
    """Return when the session wants a ``Woke`` event, or None."""
    match session.phase:
        case Phase.DIALLING:
            return _dialling_wake_at(session, policy)
        case Phase.TALKING:
            return _talking_wake_at(session, policy)
        case _:
            return None


def paid_end_at(session: Session) -> datetime | None:
    """Return the moment up to which the talking leg is paid; None where nothing is metered."""
    leg = session.talking_leg
    if leg is None or leg.answered_at is None or session.call.rate is None:
        return None
    return leg.answered_at + timedelta(seconds=session.paid_s)


def adopted(session: Session, held_micros: int, paid_s: int, slice_no: int) -> Session:
    """Return a saved session as the store's columns know it, with nothing under way.

    The saved state may be older than what happened next: a call saved before its verdict went out may be ringing.
    """
    begun = session.phase in {Phase.OPENING, Phase.ADMITTING}
    legs = tuple(replace(leg, armed_cut_at=None, arming=False, arm_retry_at=None) for leg in session.legs)
    return replace(
        session,
        phase=Phase.DIALLING if begun else session.phase,
        dialling_since=session.dialling_since or session.call.started_at,
        held_micros=held_micros,
        paid_s=paid_s,
        slice_no=slice_no,
        legs=legs,
        renewing=False,
        retry_at=None,
        hang_up_retry_at=None,
    )


# --- gate ------------------------------------------------------------------------------------------------


def _opened(session: Session, event: ev.SessionOpened, policy: MeteringPolicy) -> Transition:
    if session.phase is not Phase.OPENING:
        return session, ()
    if session.caller_gone:
        return _close_unanswered(session, event.at)
    return _admit(session, policy)


def _admit(session: Session, policy: MeteringPolicy) -> Transition:
    limit = _talk_limit(session, policy)
    slice_ms = None if limit is None else limit // timedelta(milliseconds=1)
    return replace(session, phase=Phase.ADMITTING), (AdmitCaller(slice_ms),)


def _denied(session: Session, event: ev.SessionDenied, policy: MeteringPolicy) -> Transition:
    if session.phase is not Phase.OPENING:
        return session, ()
    if session.call.rings_without_store(policy):
        return _admit(session, policy)
    return _refuse(session, event.at, event.reason, event.rule)


def _refuse(session: Session, at: datetime, reason: DenyReason, rule: str) -> Transition:
    closing, settle = _close(session, refused_record(session.call, at, reason, rule))
    return closing, (RefuseCaller(reason), *settle)


def _admitted(session: Session, event: ev.CallerAdmitted, _policy: MeteringPolicy) -> Transition:
    if session.phase is not Phase.ADMITTING:
        return session, ()
    return replace(session, phase=Phase.DIALLING, dialling_since=event.at), ()


def _missed(session: Session, event: ev.AdmissionMissed, policy: MeteringPolicy) -> Transition:
    if session.phase is not Phase.ADMITTING:
        return session, ()
    waited = event.at - session.call.started_at
    if session.caller_gone or waited < timedelta(milliseconds=policy.gate_limit_ms - 100):
        return _close_unanswered(session, event.at)
    rule = f"the verdict came {int(waited.total_seconds() * 1000)} ms after the caller"
    return _close(session, refused_record(session.call, event.at, DenyReason.GATE_LATE, rule))


# --- legs ------------------------------------------------------------------------------------------------


def _with_leg(session: Session, at: datetime, channel_id: str, trunk: str) -> Session:
    """Return the session with this leg among its live ones; a leg proves that the caller was admitted."""
    if session.leg(channel_id) is not None:
        return session
    return replace(
        session,
        phase=Phase.TALKING if session.phase is Phase.TALKING else Phase.DIALLING,
        dialling_since=session.dialling_since or at,
        legs=(*session.legs, Leg(channel_id=channel_id, trunk=trunk)),
        last_trunk=trunk,
        end_of_dial_at=None,
    )


def _seen(session: Session, event: ev.LegSeen, _policy: MeteringPolicy) -> Transition:
    if session.phase is Phase.OPENING:
        return session, ()
    return _with_leg(session, event.at, event.channel_id, event.trunk), ()


def _answered(session: Session, event: ev.LegAnswered, policy: MeteringPolicy) -> Transition:
    if session.phase is Phase.OPENING:  # nothing is held for it yet
        return session, () if session.call.rate is None else (HangUpLeg(event.channel_id),)
    session = _with_leg(session, event.at, event.channel_id, event.trunk)
    leg = session.leg(event.channel_id)
    if leg is None or leg.answered_at is not None:
        return session, ()
    surplus = session.talking_leg is not None
    leg = replace(
        leg,
        answered_at=event.at,
        number=session.answered_legs + 1,
        surplus=surplus,
        arm_retry_at=event.at + timedelta(milliseconds=policy.check_deadline_ms),
    )
    session = replace(_replaced(session, leg), phase=Phase.TALKING, answered_legs=leg.number, end_of_dial_at=None)
    if surplus and session.call.rate is not None:
        return session, (SaveSession(), HangUpLeg(leg.channel_id))
    return session, (SaveSession(),)


def _leg_hangup(session: Session, event: ev.LegHangupRequested, _policy: MeteringPolicy) -> Transition:
    leg = session.leg(event.channel_id)
    if leg is None or session.caller_hung_up:
        return session, ()
    return _replaced(session, replace(leg, far_end_hung_up=True)), ()


def _leg_ended(session: Session, event: ev.LegEnded, policy: MeteringPolicy) -> Transition:
    if session.phase is Phase.OPENING:
        return session, ()
    leg = session.leg(event.channel_id)
    if leg is None or leg.answered_at is None:
        if event.answered_at is not None:
            answer = ev.LegAnswered(event.answered_at, event.channel_id, event.trunk)
            session, _ = _answered(session, answer, policy)
        else:
            session = _with_leg(session, event.at, event.channel_id, event.trunk)
        leg = session.leg(event.channel_id)
    assert leg is not None
    session = replace(
        session,
        legs=tuple(other for other in session.legs if other.channel_id != event.channel_id),
        last_cause=event.cause,
        last_trunk=event.trunk,
    )
    if leg.answered_at is not None:
        return _answered_leg_ended(session, leg, event, policy)
    if session.legs or not session.caller_gone:
        return session, ()
    return _close_unanswered(session, event.at)


def _answered_leg_ended(session: Session, leg: Leg, event: ev.LegEnded, policy: MeteringPolicy) -> Transition:
    if leg.surplus:
        record = surplus_record(session.call, leg, event)
        return session, (Settle(record, close=False),)
    record = answered_record(
        session.call,
        leg,
        event,
        held_micros=session.held_micros,
        paid_s=session.paid_s,
        caller_hung_up=session.caller_hung_up,
        cut=_cut_at(session, leg, policy),
    )
    return _close(session, record)


# --- caller and dialplan ---------------------------------------------------------------------------------


def _caller_hangup(session: Session, _event: ev.CallerHangupRequested, _policy: MeteringPolicy) -> Transition:
    if any(leg.far_end_hung_up for leg in session.legs):
        return session, ()
    return replace(session, caller_hung_up=True), ()


def _caller_gone(session: Session, event: ev.CallerGone, _policy: MeteringPolicy) -> Transition:
    session = replace(session, caller_gone=True)
    if session.phase is Phase.DIALLING and not session.legs:
        return replace(session, end_of_dial_at=session.end_of_dial_at or event.at + LINGER), ()
    return session, ()


# --- metering --------------------------------------------------------------------------------------------


def _granted(session: Session, event: ev.SliceGranted, _policy: MeteringPolicy) -> Transition:
    if event.slice_no != session.slice_no + 1:
        return session, ()
    session = replace(
        session,
        slice_no=event.slice_no,
        slice_s=event.paid_s - session.paid_s,
        paid_s=event.paid_s,
        held_micros=event.held_micros,
        renewing=False,
        retry_at=None,
    )
    return session, ()


def _slice_denied(session: Session, event: ev.SliceDenied, policy: MeteringPolicy) -> Transition:
    if event.slice_no != session.slice_no + 1:
        return session, ()
    return replace(session, renewing=False, retry_at=event.at + policy.retry), ()


def _armed(session: Session, event: ev.DeadlineArmed, _policy: MeteringPolicy) -> Transition:
    leg = session.leg(event.channel_id)
    if leg is None:
        return session, ()
    return _replaced(session, replace(leg, armed_cut_at=event.cut_at, arming=False, arm_retry_at=None)), ()


def _arm_failed(session: Session, event: ev.DeadlineFailed, policy: MeteringPolicy) -> Transition:
    leg = session.leg(event.channel_id)
    if leg is None:
        return session, ()
    retry_at = event.at + timedelta(milliseconds=policy.check_deadline_ms)
    return _replaced(session, replace(leg, arming=False, arm_retry_at=retry_at)), ()


def _woke(session: Session, event: ev.Woke, policy: MeteringPolicy) -> Transition:
    if session.phase is Phase.DIALLING:
        return _woke_dialling(session, event.at, policy)
    leg = session.talking_leg
    if session.phase is not Phase.TALKING or leg is None:
        return session, ()
    return _woke_talking(session, leg, event.at, policy)


def _woke_dialling(session: Session, at: datetime, policy: MeteringPolicy) -> Transition:
    if session.end_of_dial_at is not None and at >= session.end_of_dial_at and not session.legs:
        return _close_unanswered(session, at)
    if at < _ring_limit_at(session, policy):
        return session, ()
    if not session.legs:
        return _close_unanswered(session, at)
    return _hang_up(session, at, policy, *session.legs)


def _woke_talking(session: Session, leg: Leg, at: datetime, policy: MeteringPolicy) -> Transition:
    """Cut, verify or re-arm Asterisk's deadline, renew: whatever is due at this moment."""
    commands: list[Command] = []
    cut_at = _cut_at(session, leg, policy)
    if cut_at is None or leg.answered_at is None:
        return session, ()
    unverified = leg.armed_cut_at is None and at >= leg.answered_at + UNVERIFIED_LIMIT and not leg.arming
    if (at >= cut_at or unverified) and _due(session.hang_up_retry_at, at):
        session, hang_ups = _hang_up(session, at, policy, leg)
        commands.extend(hang_ups)
    elif leg.armed_cut_at != cut_at and not leg.arming and _due(leg.arm_retry_at, at):
        arm = CheckDeadline if leg.armed_cut_at is None and session.slice_no == 1 else ArmDeadline
        commands.append(arm(leg.channel_id, cut_at))
        session = _replaced(session, replace(leg, arming=True))
    renew_at = _renew_at(session, leg, policy)
    if renew_at is not None and renew_at <= at < cut_at:
        commands.append(RenewSlice(session.slice_no + 1, policy.slice_s))
        session = replace(session, renewing=True)
    return session, tuple(commands)


def _hang_up(session: Session, at: datetime, policy: MeteringPolicy, *legs: Leg) -> Transition:
    commands = tuple(HangUpLeg(leg.channel_id) for leg in legs)
    return replace(session, hang_up_retry_at=at + policy.retry), commands


def _due(moment: datetime | None, at: datetime) -> bool:
    return moment is None or at >= moment


# --- when ------------------------------------------------------------------------------------------------


def _ring_limit_at(session: Session, policy: MeteringPolicy) -> datetime:
    since = session.dialling_since or session.call.started_at
    return since + timedelta(seconds=policy.ring_limit_s) * session.call.trunks + RING_GRACE


def _talk_limit(session: Session, policy: MeteringPolicy) -> timedelta | None:
    """Return how long the call may talk as things stand: what is paid, less the margin, and the longest call."""
    limits = []
    if session.call.rate is not None:
        limits.append(timedelta(seconds=session.paid_s) - policy.margin)
    if session.call.longest_call_s is not None:
        limits.append(timedelta(seconds=session.call.longest_call_s))
    return min(limits, default=None)


def _cut_at(session: Session, leg: Leg, policy: MeteringPolicy) -> datetime | None:
    limit = _talk_limit(session, policy)
    return None if limit is None or leg.answered_at is None else leg.answered_at + limit


def _renew_at(session: Session, leg: Leg, policy: MeteringPolicy) -> datetime | None:
    """Return when the next slice is asked for; None where none is wanted or one is being asked for."""
    longest_s = session.call.longest_call_s
    if session.call.rate is None or leg.answered_at is None or session.renewing:
        return None
    if longest_s is not None and session.paid_s >= longest_s + policy.margin.total_seconds():
        return None
    renew_at = leg.answered_at + timedelta(seconds=session.paid_s) - policy.renew_lead(session.slice_s)
    return renew_at if session.retry_at is None else max(renew_at, session.retry_at)


def _dialling_wake_at(session: Session, policy: MeteringPolicy) -> datetime:
    moments = [_ring_limit_at(session, policy)]
    if session.end_of_dial_at is not None and not session.legs:
        moments.append(session.end_of_dial_at)
    if session.hang_up_retry_at is not None:
        moments[0] = max(moments[0], session.hang_up_retry_at)
    return min(moments)


def _talking_wake_at(session: Session, policy: MeteringPolicy) -> datetime | None:
    leg = session.talking_leg
    cut_at = None if leg is None else _cut_at(session, leg, policy)
    if leg is None or cut_at is None or leg.answered_at is None:
        return None
    moments = [cut_at]
    if leg.armed_cut_at is None and not leg.arming:
        moments.append(leg.answered_at + UNVERIFIED_LIMIT)
    if session.hang_up_retry_at is not None:
        moments = [max(moment, session.hang_up_retry_at) for moment in moments]
    if leg.armed_cut_at != cut_at and not leg.arming:
        moments.append(leg.arm_retry_at or leg.answered_at)
    renew_at = _renew_at(session, leg, policy)
    if renew_at is not None and renew_at < cut_at:
        moments.append(renew_at)
    return min(moments)


# --- the end ---------------------------------------------------------------------------------------------


def _close(session: Session, record: Cdr) -> Transition:
    return replace(session, phase=Phase.CLOSING), (Settle(record, close=True),)


def _close_unanswered(session: Session, at: datetime) -> Transition:
    record = unanswered_record(
        session.call,
        at,
        cause=session.last_cause,
        trunk=session.last_trunk,
        caller_gone=session.caller_gone or session.caller_hung_up,
    )
    return _close(session, record)


def _while_closing(session: Session, event: ev.Event) -> Transition:
    match event:
        case ev.Settled():
            return replace(session, phase=Phase.CLOSED), ()
        case ev.LegAnswered(channel_id=channel_id) if session.call.rate is not None:
            return session, (HangUpLeg(channel_id),)
        case _:
            return session, ()


def _settled(session: Session, _event: ev.Settled, _policy: MeteringPolicy) -> Transition:
    return session, ()  # the record of a surplus leg: the call goes on


def _replaced(session: Session, leg: Leg) -> Session:
    legs = tuple(leg if other.channel_id == leg.channel_id else other for other in session.legs)
    return replace(session, legs=legs)


_HANDLERS: dict[type, Callable[[Session, Any, MeteringPolicy], Transition]] = {
    ev.SessionOpened: _opened,
    ev.SessionDenied: _denied,
    ev.CallerAdmitted: _admitted,
    ev.AdmissionMissed: _missed,
    ev.LegSeen: _seen,
    ev.LegAnswered: _answered,
    ev.LegHangupRequested: _leg_hangup,
    ev.LegEnded: _leg_ended,
    ev.CallerHangupRequested: _caller_hangup,
    ev.CallerGone: _caller_gone,
    ev.SliceGranted: _granted,
    ev.SliceDenied: _slice_denied,
    ev.DeadlineArmed: _armed,
    ev.DeadlineFailed: _arm_failed,
    ev.Woke: _woke,
    ev.Settled: _settled,
}
