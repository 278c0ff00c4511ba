"""The metering of a call that talks: slices granted and denied, Asterisk's deadline, the hang-up from here.

Each function is a part of :func:`charging.session.step`.
"""

from datetime import datetime, timedelta

from charging import events as ev
from charging.call import Leg
from charging.commands import ArmDeadline, CheckDeadline, Command, HangUpLeg, RenewSlice, Transition
from charging.policy import MeteringPolicy
from charging.state import Session
from charging.timing import OUTCOME_LIMIT, arm_at, cut_at, ends_a_day, hang_up_at, renew_at
from charging.values import replace
from rating.decision import Denial


def granted(session: Session, event: ev.SliceGranted, policy: MeteringPolicy) -> Transition:
    """Take in the seconds that were asked for last."""
    if event.slice_no != session.slice_no + 1:
        return session, ()
    # A slice is short where a day, a month or an allowance ends: what follows is asked for as early as ever.
    turns = ends_a_day(session, event.paid_s) or event.allowance_s > session.allowance_s
    least_s = policy.slice_s if turns else 0
    session = replace(
        session,
        denied=None,
        slice_no=event.slice_no,
        slice_s=max(event.paid_s - session.paid_s, least_s),
        paid_s=event.paid_s,
        held_micros=event.held_micros,
        allowance_s=event.allowance_s,
        retry_at=None,
    )
    return session, ()


def slice_denied(session: Session, event: ev.SliceDenied, policy: MeteringPolicy) -> Transition:
    """Keep in mind why no further seconds are paid for, and ask again after a pause."""
    if event.slice_no != session.slice_no + 1:
        return session, ()
    return replace(session, retry_at=event.at + policy.retry, denied=Denial(event.reason, event.rule)), ()


def armed(session: Session, event: ev.DeadlineArmed, _policy: MeteringPolicy) -> Transition:
    """Take in that Asterisk's deadline was read back."""
    leg = session.leg(event.channel_id)
    if leg is None:
        return session, ()
    return session.with_leg(replace(leg, armed_cut_at=event.cut_at, arming=False, arm_retry_at=None)), ()


def arm_failed(session: Session, event: ev.DeadlineFailed, policy: MeteringPolicy) -> Transition:
    """Have the deadline tried again after a pause."""
    leg = session.leg(event.channel_id)
    if leg is None:
        return session, ()
    retry_at = event.at + timedelta(milliseconds=policy.check_deadline_ms)
    return session.with_leg(replace(leg, arming=False, arm_retry_at=retry_at)), ()


def clock_set(session: Session, event: ev.ClockSet, policy: MeteringPolicy) -> Transition:
    """Have deadlines looked at and armed anew, as after a restart."""
    for leg in session.limited_legs:
        unknown = replace(leg, armed_cut_at=None, arming=False, arm_retry_at=None, checking_since=None)
        session = session.with_leg(unknown)
    return arm_due(session, event.at, policy)


def hang_up_due(session: Session, at: datetime, policy: MeteringPolicy) -> Transition:
    """Hang up the legs whose time is over, again and again until they are gone."""
    legs = [leg for leg in session.legs if due(hang_up_at(session, leg, policy), at)]
    for leg in legs:
        session = session.with_leg(replace(leg, hang_up_retry_at=at + policy.retry))
    return session, tuple(HangUpLeg(leg.channel_id) for leg in legs)


def arm_due(session: Session, at: datetime, policy: MeteringPolicy) -> Transition:
    """Have Asterisk's deadlines checked once, and armed wherever one is not what is wanted."""
    commands: tuple[Command, ...] = ()
    for leg in session.limited_legs:
        session, arm = _arm_leg(session, leg, at, policy)
        commands += arm
    return session, commands


def _arm_leg(session: Session, leg: Leg, at: datetime, policy: MeteringPolicy) -> Transition:
    wanted = cut_at(session, leg, policy)
    if wanted is None or not due(arm_at(session, leg, policy), at):
        return session, ()
    by_dialplan = leg.armed_cut_at is None and session.slice_no == 1 and not session.call.ungated
    command = CheckDeadline if by_dialplan else ArmDeadline
    checking_since = leg.checking_since or at
    leg = replace(leg, arming=True, arm_retry_at=at + OUTCOME_LIMIT, checking_since=checking_since)
    return session.with_leg(leg), (command(leg.channel_id, wanted),)


def renew_due(session: Session, leg: Leg, at: datetime, policy: MeteringPolicy) -> Transition:
    """Ask for the next slice, or ask again for one that was denied."""
    if not due(renew_at(session, leg, policy), at):
        return session, ()
    retry_at = at + OUTCOME_LIMIT
    if due(cut_at(session, leg, policy), at):  # too late: this retry comes after the cut, so it never does
        return replace(session, retry_at=retry_at), ()
    return replace(session, retry_at=retry_at), (RenewSlice(session.slice_no + 1, policy.further_s(session.slice_s)),)


def due(moment: datetime | None, at: datetime) -> bool:
    """Whether a moment has come; None never does."""
    return moment is not None and at >= moment
