"""One call from the first digit to the settled record, as a pure state machine.

Theory of operation
-------------------
A session is a frozen value. :func:`begin`, :func:`refuse` and :func:`observe` make one, :mod:`charging.ungated` that of
a call which never passed the gate. :func:`step` takes an event and returns the next session and the commands to
carry out; :func:`~charging.timing.next_wake_at` names the moment at which a :class:`~charging.events.Woke` is due.
Nothing here waits, reads a clock or talks to anybody.
Every event has an answer in every phase, because events are lost, repeated and reordered in real life.

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
from datetime import datetime, timedelta
from typing import Any

from charging import events as ev
from charging.adoption import settle_again
from charging.call import Call, Leg
from charging.cdr import Cdr, EndSource
from charging.commands import (
    AdmitCaller,
    ClearDeadline,
    Command,
    HangUpLeg,
    OpenSession,
    RefuseCaller,
    SaveSession,
    Settle,
    Transition,
)
from charging.cut_rules import cut_rule
from charging.metering import arm_due, arm_failed, armed, clock_set, due, granted, hang_up_due, renew_due, slice_denied
from charging.policy import MeteringPolicy
from charging.records import answered_record, refused_record, surplus_record, unanswered_record
from charging.state import Phase, Session, paid_end_at
from charging.timing import cut_at, dial_end_at, next_wake_at, talk_limit, verdict_limit_at
from charging.values import replace
from rating.decision import DenyReason
from rating.destination import DestinationClass
from rating.funding import FirstHold, first_hold

__all__ = [
    "Phase",
    "Session",
    "Transition",
    "begin",
    "next_wake_at",
    "observe",
    "paid_end_at",
    "refuse",
    "step",
]

NOTHING_HELD = FirstHold(paid_s=0, micros=0)
LINGER = timedelta(milliseconds=300)
"""A leg may live unseen for a moment after its caller has gone: wait this long before the hold is released."""


# --- ways a session begins -------------------------------------------------------------------------------


def begin(call: Call, policy: MeteringPolicy) -> Transition:
    """Open a session for a call that may be made: with a first slice where it is metered."""
    hold = NOTHING_HELD
    if call.rates:
        ring_limit = policy.ring_limit(call.trunks)
        hold = first_hold(call.rates, call.local(call.started_at), policy.first_hold_s, ring_limit)
    want_s = 0 if call.allowance is None else policy.first_hold_s
    session = Session(call=call, phase=Phase.OPENING, held_micros=hold.micros, paid_s=hold.paid_s, slice_s=hold.paid_s)
    return session, (OpenSession(hold.micros, hold.paid_s, want_s),)


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


# --- gate ------------------------------------------------------------------------------------------------


def _opened(session: Session, event: ev.SessionOpened, policy: MeteringPolicy) -> Transition:
    if session.phase is not Phase.OPENING:
        return session, ()
    if event.slice is not None:
        paid_s, held_micros, allowance_s = event.slice
        session = replace(session, paid_s=paid_s, held_micros=held_micros, allowance_s=allowance_s, slice_s=paid_s)
    if session.caller_gone:
        return _not_admitted(session, event.at, policy)
    return _admit(session, event.at, policy)


def _admit(session: Session, at: datetime, policy: MeteringPolicy) -> Transition:
    limit = talk_limit(session, policy)
    if limit is not None and limit <= timedelta():
        rule = f"{session.paid_s} s are left of the allowance, which is no more than the cut-off margin"
        return _refuse(session, at, DenyReason.NO_FUNDS, rule)
    slice_ms = None if limit is None else limit // timedelta(milliseconds=1)
    return _admitting(session, AdmitCaller(slice_ms))


def _admitting(session: Session, command: AdmitCaller) -> Transition:
    return replace(session, phase=Phase.ADMITTING), (command,)


def _denied(session: Session, event: ev.SessionDenied, policy: MeteringPolicy) -> Transition:
    if session.phase is not Phase.OPENING:
        return session, ()
    if session.call.rings_without_store(policy):
        return _admitting(session, AdmitCaller(slice_ms=None, is_in_store=False))
    return _refuse(session, event.at, event.reason, event.rule)


def _refuse(session: Session, at: datetime, reason: DenyReason, rule: str) -> Transition:
    closing, settle = _close(session, refused_record(session.call, at, reason, rule))
    return closing, (RefuseCaller(reason), *settle)


def _admitted(session: Session, event: ev.CallerAdmitted, _policy: MeteringPolicy) -> Transition:
    if session.phase is not Phase.ADMITTING:
        return session, ()
    return _dialling(session, event.at), ()


def _dialling(session: Session, at: datetime) -> Session:
    """Return the session of a caller who is in the dialplan, or has been."""
    end_of_dial_at = at + LINGER if session.caller_gone else None
    return replace(session, phase=Phase.DIALLING, dialling_since=at, end_of_dial_at=end_of_dial_at)


def _verdict_overdue(session: Session, at: datetime, policy: MeteringPolicy) -> Transition:
    """Go on without the store's answer, or without Asterisk's: neither will come any more."""
    if session.phase is Phase.ADMITTING:  # the caller may have been admitted: the hold stays until that is over
        return _dialling(session, at), ()
    return _denied(session, ev.SessionDenied(at, DenyReason.GATE_LATE, "the store gave no answer"), policy)


def _missed(session: Session, event: ev.AdmissionMissed, policy: MeteringPolicy) -> Transition:
    if session.phase is not Phase.ADMITTING:
        return session, ()
    return _not_admitted(session, event.at, policy)


def _not_admitted(session: Session, at: datetime, policy: MeteringPolicy) -> Transition:
    """Close a call whose verdict reached nobody: the caller hung up, or the dialplan had refused it meanwhile."""
    waited = at - session.call.started_at
    if session.caller_hung_up or waited < timedelta(milliseconds=policy.gate_limit_ms - 100):
        return _close_unanswered(session, at)
    rule = f"the verdict came {int(waited.total_seconds() * 1000)} ms after the caller"
    return _close(session, refused_record(session.call, at, DenyReason.GATE_LATE, rule))


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
    if session.phase is Phase.OPENING or event.channel_id in session.ended_legs:
        return session, ()
    return _with_leg(session, event.at, event.channel_id, event.trunk), ()


def _answered(session: Session, event: ev.LegAnswered, policy: MeteringPolicy) -> Transition:
    if session.phase is Phase.OPENING:  # nothing is held for it yet
        return session, (HangUpLeg(event.channel_id),) if session.call.metered else ()
    if event.channel_id in session.ended_legs:
        return session, ()
    session = _with_leg(session, event.at, event.channel_id, event.trunk)
    leg = session.leg(event.channel_id)
    if leg is None or leg.answered_at is not None:
        return session, ()
    leg = replace(
        leg,
        answered_at=event.at,
        number=session.answered_legs + 1,
        surplus=session.call.metered and session.talking_leg is not None,
        arm_retry_at=event.at + timedelta(milliseconds=policy.check_deadline_ms),
        hang_up_retry_at=None,
    )
    session = replace(
        session.with_leg(leg),
        call=session.call.answered(event.at) if session.call.later_rates else session.call,
        phase=Phase.TALKING,
        answered_legs=leg.number,
        end_of_dial_at=None,
    )
    session, hang_ups = hang_up_due(session, event.at, policy)
    pays_from = None if leg.surplus else event.at
    return session, (SaveSession(pays_from), *hang_ups)


def _leg_hangup(session: Session, event: ev.LegHangupRequested, _policy: MeteringPolicy) -> Transition:
    leg = session.leg(event.channel_id)
    if leg is None or session.caller_hung_up:
        return session, ()
    return session.with_leg(replace(leg, far_end_hung_up=True)), ()


def _leg_ended(session: Session, event: ev.LegEnded, policy: MeteringPolicy) -> Transition:
    if session.phase is Phase.OPENING or event.channel_id in session.ended_legs:
        return session, ()
    session = _with_leg(session, event.at, event.channel_id, event.trunk)
    if event.answered_at is not None:
        answer = ev.LegAnswered(event.answered_at, event.channel_id, event.trunk)
        session, _ = _answered(session, answer, policy)
    leg = session.leg(event.channel_id)
    assert leg is not None
    session = replace(
        session.without_leg(leg.channel_id),
        last_leg_ended_at=event.at,
        last_cause=event.cause,
        last_trunk=event.trunk,
    )
    if leg.answered_at is not None:
        return _answered_leg_ended(session, leg, event, policy)
    if session.legs or not session.caller_gone:
        return session, ()
    return _close_unanswered(session, event.at)


def _exempted(session: Session, event: ev.LegExempted, _policy: MeteringPolicy) -> Transition:
    leg = session.leg(event.channel_id)
    if leg is None:
        return session, ()
    return session.with_leg(replace(leg, exempt=True)), (ClearDeadline(leg.channel_id), SaveSession())


def _answered_leg_ended(session: Session, leg: Leg, event: ev.LegEnded, policy: MeteringPolicy) -> Transition:
    if leg.surplus:
        return _settle_surplus(session, leg, event)
    record = answered_record(
        session.call,
        leg,
        event,
        held_micros=session.held_micros,
        paid_s=session.paid_s,
        allowance_s=session.allowance_s,
        caller_hung_up=session.caller_hung_up,
        caller_gone_at=session.caller_gone_at,
        cut=cut_at(session, leg, policy),
        cut_rule=cut_rule(session, policy),
    )
    if session.talking_leg is not None:
        return _settle(session, record)  # a call that costs nothing goes on with another leg
    session, rest = _end_surplus_legs(session, event.at)
    session, settle = _close(session, record)
    return session, (*rest, *settle)


def _end_surplus_legs(session: Session, at: datetime) -> Transition:
    """Write down the surplus legs that outlive the call: nobody will follow them any more."""
    commands: list[Command] = []
    for leg in session.legs:
        if leg.answered_at is None:
            continue
        if not leg.exempt:
            commands.append(HangUpLeg(leg.channel_id))
        end = ev.LegEnded(at, leg.channel_id, leg.trunk, None, EndSource.LAST_SEEN)
        session, settle = _settle_surplus(session.without_leg(leg.channel_id), leg, end)
        commands.extend(settle)
    return session, tuple(commands)


def _settle_surplus(session: Session, leg: Leg, end: ev.LegEnded) -> Transition:
    return _settle(session, surplus_record(session.call, leg, end))


def _settle(session: Session, record: Cdr) -> Transition:
    """Write down a leg of a call that goes on."""
    return replace(session, unsettled=(*session.unsettled, record)), (Settle(record, close=False),)


# --- caller and dialplan ---------------------------------------------------------------------------------


def _caller_hangup(session: Session, _event: ev.CallerHangupRequested, _policy: MeteringPolicy) -> Transition:
    if any(leg.far_end_hung_up for leg in session.legs):
        return session, ()
    return replace(session, caller_hung_up=True), ()


def _caller_gone(session: Session, event: ev.CallerGone, _policy: MeteringPolicy) -> Transition:
    session = replace(session, caller_gone_at=session.caller_gone_at or event.at)
    if session.phase is Phase.DIALLING and not session.legs:
        return replace(session, end_of_dial_at=session.end_of_dial_at or event.at + LINGER), ()
    return session, ()


# --- what is due -----------------------------------------------------------------------------------------


def _woke(session: Session, event: ev.Woke, policy: MeteringPolicy) -> Transition:
    at = event.at
    if session.phase in {Phase.OPENING, Phase.ADMITTING}:
        return _verdict_overdue(session, at, policy) if at >= verdict_limit_at(session, policy) else (session, ())
    if not session.legs:
        return _close_unanswered(session, at) if due(dial_end_at(session, policy), at) else (session, ())
    session, hang_ups = hang_up_due(session, at, policy)
    leg = session.talking_leg
    if leg is None:
        return session, hang_ups
    session, arm = arm_due(session, at, policy)
    session, renew = renew_due(session, leg, at, policy)
    return session, (*hang_ups, *arm, *renew)


# --- the end ---------------------------------------------------------------------------------------------


def _close(session: Session, record: Cdr) -> Transition:
    session = replace(session, phase=Phase.CLOSING, closing_leg=record.leg, unsettled=(*session.unsettled, record))
    return session, (Settle(record, close=True),)


def _close_unanswered(session: Session, at: datetime) -> Transition:
    # We waited a moment for legs that might still show up: the call was over before.
    ends = [end for end in (session.caller_gone_at, session.last_leg_ended_at) if end is not None]
    record = unanswered_record(
        session.call,
        max(ends) if session.caller_gone else at,
        cause=session.last_cause,
        trunk=session.last_trunk,
        caller_gone=session.caller_gone or session.caller_hung_up,
        barred=session.barred,
    )
    return _close(session, record)


def _while_closing(session: Session, event: ev.Event) -> Transition:
    match event:
        case ev.Settled(leg=leg):
            return _closed_if_over(session.without_record(leg)), ()
        case ev.TakenOver():
            return session, settle_again(session)
        case ev.LegExempted(channel_id=channel_id):
            known = session.leg(channel_id)
            return session if known is None else session.with_leg(replace(known, exempt=True)), ()
        case ev.LegAnswered(channel_id=channel_id) if session.call.metered:
            known = session.leg(channel_id)
            return session, () if known is not None and known.exempt else (HangUpLeg(channel_id),)
        case ev.LegEnded():
            session, settle = _unheard_of_leg(session, event)
            is_known = session.leg(event.channel_id) is not None
            return _closed_if_over(session.without_leg(event.channel_id) if is_known else session), settle
        case _:
            return session, ()


def _closed_if_over(session: Session) -> Session:
    """Return a closing call as closed where its last record is written, and none of its legs lives.

    One that is thought to ring may have been answered unheard: what it left tells. An emergency call's is not needed.
    """
    is_followed = session.legs and session.call.destination_class is not DestinationClass.EMERGENCY
    return session if session.closing_record is not None or is_followed else replace(session, phase=Phase.CLOSED)


def _unheard_of_leg(session: Session, event: ev.LegEnded) -> Transition:
    """Write down a leg of whose answer nobody heard before the call was over: its money has gone back by now.

    Not so of an emergency call, whose caller's word may have been this very leg's.
    """
    is_emergency = session.call.destination_class is DestinationClass.EMERGENCY
    if event.answered_at is None or event.channel_id in session.ended_legs or is_emergency:
        return session, ()
    number = session.answered_legs + 1
    leg = Leg(
        channel_id=event.channel_id, trunk=event.trunk, answered_at=event.answered_at, number=number, surplus=True
    )
    session = replace(session.without_leg(leg.channel_id), answered_legs=number)
    return _settle_surplus(session, leg, event)


def _settled(session: Session, event: ev.Settled, _policy: MeteringPolicy) -> Transition:
    return session.without_record(event.leg), ()  # of a surplus leg: the call goes on


def _taken_over(session: Session, _event: ev.TakenOver, _policy: MeteringPolicy) -> Transition:
    return session, settle_again(session)


_HANDLERS: dict[type, Callable[[Session, Any, MeteringPolicy], Transition]] = {
    ev.SessionOpened: _opened,
    ev.SessionDenied: _denied,
    ev.CallerAdmitted: _admitted,
    ev.AdmissionMissed: _missed,
    ev.LegSeen: _seen,
    ev.LegAnswered: _answered,
    ev.LegHangupRequested: _leg_hangup,
    ev.LegEnded: _leg_ended,
    ev.LegExempted: _exempted,
    ev.CallerHangupRequested: _caller_hangup,
    ev.CallerGone: _caller_gone,
    ev.SliceGranted: granted,
    ev.SliceDenied: slice_denied,
    ev.DeadlineArmed: armed,
    ev.DeadlineFailed: arm_failed,
    ev.ClockSet: clock_set,
    ev.TakenOver: _taken_over,
    ev.Woke: _woke,
    ev.Settled: _settled,
}
