"""The provisional record of a lost call: its node is silent, and what was held for it is over.

A call whose end is unknown is charged all that it holds, once the seconds that this pays for have passed; when its
node is back and the true end is known, the difference is refunded (DESIGN.md: a lost call is charged, then refunded).
A call that was not answered as far as is known is charged too: its node may have died between the answer and the
moment at which that was to be saved.

All moments are read from the call's own state, which its node wrote by its own clock. :data:`CLOCK_MARGIN` is how far
that clock may be behind the judging node's; a call that is judged too early is no worse off, since everything that is
written here can be taken back.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from charging import events as ev
from charging.call import Leg
from charging.cdr import Cdr, Disposition, EndSource
from charging.policy import MeteringPolicy
from charging.records import answered_record, unanswered_record
from charging.state import Session
from charging.timing import ring_limit_at

CLOCK_MARGIN = timedelta(seconds=30)
"""Two nodes' clocks may differ by as much without a call being judged before its paid end."""


def lost_record(session: Session, policy: MeteringPolicy, *, last_seen_at: datetime, at: datetime) -> Cdr | None:
    """Return the provisional record of a silent node's call, or None while it may still be paid for.

    A metered call is charged all that it holds and ends at its paid end. One that costs nothing ends when its node
    was last heard of: nothing else is known of it.

    Args:
        session: As the store's columns have it (:func:`charging.adoption.adopted`).
        last_seen_at: The last sign of the call's node.
        at: The present moment.
    """
    record = _metered(session, policy) if session.call.metered else _free(session, last_seen_at)
    over_at = record.ended_at if session.call.metered else _latest_answer_at(session, policy)
    return replace(record, provisional=True) if at >= over_at + CLOCK_MARGIN else None


def _metered(session: Session, policy: MeteringPolicy) -> Cdr:
    """Return the record of a call that talked for all that it paid, answered as late as it can have been."""
    leg = session.talking_leg
    call = session.call
    if leg is None or leg.answered_at is None:
        answered_at = _latest_answer_at(session, policy)
        call = call.answered(answered_at)
        trunk = session.last_trunk or ""
        leg = Leg(channel_id="", trunk=trunk, answered_at=answered_at, number=session.answered_legs + 1)
    assert leg.answered_at is not None
    end = ev.LegEnded(
        leg.answered_at + timedelta(seconds=session.paid_s), leg.channel_id, leg.trunk, None, EndSource.LAST_SEEN
    )
    record = answered_record(
        call,
        leg,
        end,
        held_micros=session.held_micros,
        paid_s=session.paid_s,
        allowance_s=session.allowance_s,
        caller_hung_up=session.caller_hung_up,
        caller_gone_at=session.caller_gone_at,
        cut=None,
    )
    return replace(
        record,
        trunk=leg.trunk or None,
        billable_s=session.paid_s,
        allowance_s=session.allowance_s,
        charged_micros=session.held_micros,
        unfunded_micros=0,
    )


def _free(session: Session, last_seen_at: datetime) -> Cdr:
    leg = session.talking_leg
    if leg is not None and leg.answered_at is not None:
        end = ev.LegEnded(last_seen_at, leg.channel_id, leg.trunk, None, EndSource.LAST_SEEN)
        return answered_record(
            session.call,
            leg,
            end,
            held_micros=0,
            paid_s=0,
            allowance_s=0,
            caller_hung_up=session.caller_hung_up,
            caller_gone_at=session.caller_gone_at,
            cut=None,
        )
    record = unanswered_record(
        session.call,
        max(last_seen_at, session.call.started_at),
        cause=session.last_cause,
        trunk=session.last_trunk,
        caller_gone=session.caller_gone,
    )
    return replace(record, disposition=Disposition.NO_ANSWER, hangup_side=None, end_source=EndSource.LAST_SEEN)


def _latest_answer_at(session: Session, policy: MeteringPolicy) -> datetime:
    """Return when the call was answered, or the last moment at which it can have been."""
    leg = session.talking_leg
    if leg is not None and leg.answered_at is not None:
        return leg.answered_at
    return (ring_limit_at(session, policy) or session.call.started_at) + policy.gate_limit
