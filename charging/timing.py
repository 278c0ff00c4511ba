"""When something is due in a call's life. Every moment follows from the session alone; None means never."""

from datetime import datetime, timedelta

from charging.call import Leg
from charging.policy import MeteringPolicy
from charging.state import Phase, Session, paid_end_at
from rating.destination import DestinationClass

OUTCOME_LIMIT = timedelta(seconds=3)
"""What was asked of the store or of Asterisk and is not answered by then is asked again; both are asked with limits
of 2 s, so this is for an answer that got lost."""

UNVERIFIED_LIMIT = timedelta(seconds=1)
"""A paid leg whose deadline could not be verified this long after its answer is hung up …"""
CHECKING_LIMIT = timedelta(milliseconds=500)
"""… but not sooner after the first look at it: an answer may be reported late, or found after a restart."""

_RING_WITHOUT_LIMIT = frozenset({DestinationClass.EMERGENCY, DestinationClass.INTERNAL})
"""Nothing of ours ends an emergency call, and the legs of an internal one are not seen."""


def next_wake_at(session: Session, policy: MeteringPolicy) -> datetime | None:
    """Return when the session wants a ``Woke`` event, or None."""
    match session.phase:
        case Phase.OPENING | Phase.ADMITTING:
            return verdict_limit_at(session, policy)
        case Phase.DIALLING | Phase.TALKING:
            if not session.legs:
                return dial_end_at(session, policy)
            limit = talk_limit(session, policy)
            moments = [_hang_up_at(session, each, policy, limit) for each in session.legs]
            for leg in session.limited_legs:
                cut = _cut_at(leg, limit)
                moments += (_arm_at(leg, cut), _renew_at(session, policy, cut))
            return _earliest(*moments)
        case _:
            return None


def verdict_limit_at(session: Session, policy: MeteringPolicy) -> datetime:
    """Return when nothing more is to be heard of a verdict: the dialplan's guard has fired long ago."""
    return session.call.started_at + policy.gate_limit + OUTCOME_LIMIT


def ring_limit_at(session: Session, policy: MeteringPolicy) -> datetime | None:
    """Return when the dialplan has tried every trunk for as long as it may."""
    if session.call.destination_class in _RING_WITHOUT_LIMIT:
        return None
    since = session.dialling_since or session.call.started_at
    return since + policy.ring_limit(session.call.trunks)


def dial_end_at(session: Session, policy: MeteringPolicy) -> datetime | None:
    """Return when a call without a leg is over."""
    return _earliest(session.end_of_dial_at, ring_limit_at(session, policy))


def talk_limit(session: Session, policy: MeteringPolicy) -> timedelta | None:
    """Return how long the call may talk as things stand: what is paid, less the margin, and the longest call."""
    if session.barred is not None:
        return timedelta()
    call = session.call
    paid = timedelta(seconds=session.paid_s) - policy.margin if call.metered else None
    if call.longest_call_s is None:
        return paid
    longest = timedelta(seconds=call.longest_call_s)
    return longest if paid is None else min(paid, longest)


def cut_at(session: Session, leg: Leg, policy: MeteringPolicy) -> datetime | None:
    """Return when an answered leg is cut."""
    return _cut_at(leg, talk_limit(session, policy))


def _cut_at(leg: Leg, limit: timedelta | None) -> datetime | None:
    return None if limit is None or leg.answered_at is None or leg.exempt else leg.answered_at + limit


def hang_up_at(session: Session, leg: Leg, policy: MeteringPolicy) -> datetime | None:
    """Return when a leg is to be hung up, or to be hung up again."""
    return _hang_up_at(session, leg, policy, talk_limit(session, policy))


def _hang_up_at(session: Session, leg: Leg, policy: MeteringPolicy, limit: timedelta | None) -> datetime | None:
    """Return it for a leg of a call that may talk for as long as ``limit``, which is worked out once for all of them.

    The next alarm is looked for after each event.
    """
    over_at = _over_at(session, leg, policy, limit)
    return over_at if over_at is None or leg.hang_up_retry_at is None else max(over_at, leg.hang_up_retry_at)


def _over_at(session: Session, leg: Leg, policy: MeteringPolicy, limit: timedelta | None) -> datetime | None:
    if leg.exempt:
        return None
    if leg.answered_at is None:
        return ring_limit_at(session, policy) if session.barred is None else session.dialling_since
    if leg.surplus:
        return leg.answered_at
    return _earliest(_cut_at(leg, limit), _unverified_at(session, leg))


def _unverified_at(session: Session, leg: Leg) -> datetime | None:
    """Return when a paid leg has gone without a deadline of Asterisk's for too long."""
    is_verified = leg.armed_cut_at is not None
    if not session.call.metered or is_verified or leg.checking_since is None or leg.answered_at is None:
        return None
    limit_at = max(leg.answered_at + UNVERIFIED_LIMIT, leg.checking_since + CHECKING_LIMIT)
    return max(limit_at, leg.arm_retry_at or limit_at) if leg.arming else limit_at


def arm_at(session: Session, leg: Leg, policy: MeteringPolicy) -> datetime | None:
    """Return when the leg's deadline is to be checked or armed."""
    return _arm_at(leg, cut_at(session, leg, policy))


def _arm_at(leg: Leg, wanted: datetime | None) -> datetime | None:
    if wanted is None or leg.armed_cut_at == wanted:
        return None
    return leg.arm_retry_at or leg.answered_at


def renew_at(session: Session, leg: Leg, policy: MeteringPolicy) -> datetime | None:
    """Return when the next slice is asked for; None where none is wanted, or none would come in time."""
    return _renew_at(session, policy, cut_at(session, leg, policy))


def _renew_at(session: Session, policy: MeteringPolicy, last_moment: datetime | None) -> datetime | None:
    paid_end = None if last_moment is None else paid_end_at(session)
    if paid_end is None or last_moment is None:
        return None
    longest_s = session.call.longest_call_s
    if longest_s is not None and timedelta(seconds=session.paid_s) >= timedelta(seconds=longest_s) + policy.margin:
        return None
    at = paid_end - policy.renew_lead(session.slice_s)
    at = at if session.retry_at is None else max(at, session.retry_at)
    return at if at < last_moment else None


def ends_a_day(session: Session, paid_s: int) -> bool:
    """Say whether a slice up to ``paid_s`` seconds in all reaches the account's midnight, where caps turn over."""
    end_at = paid_end_at(session)
    if end_at is None:
        return False
    local = session.call.local
    return local(end_at).date() != local(end_at + timedelta(seconds=paid_s - session.paid_s)).date()


def _earliest(*moments: datetime | None) -> datetime | None:
    return min([moment for moment in moments if moment is not None], default=None)
