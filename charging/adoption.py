"""A session taken over from the store by a successor, whatever its predecessor was about to do."""

from charging.commands import Settle
from charging.state import Phase, Session
from charging.values import replace


def adopted(session: Session, *, held_micros: int, paid_s: int, allowance_s: int, slice_no: int) -> Session:
    """Return a saved session as the store's columns know it, with nothing under way.

    The saved state may be older than what happened next: a call saved before its verdict went out may be ringing. One
    that was saved after its end has the records that its end made: :class:`~charging.events.TakenOver` has them settled
    once more.
    """
    is_open = session.phase in {Phase.DIALLING, Phase.TALKING} or session.closing_record is not None
    legs = tuple(
        replace(leg, armed_cut_at=None, arming=False, arm_retry_at=None, checking_since=None, hang_up_retry_at=None)
        for leg in session.legs
    )
    return replace(
        session,
        phase=session.phase if is_open else Phase.DIALLING,
        dialling_since=session.dialling_since or session.call.started_at,
        held_micros=held_micros,
        paid_s=paid_s,
        allowance_s=allowance_s,
        slice_no=slice_no,
        legs=legs,
        retry_at=None,
    )


def settle_again(session: Session) -> tuple[Settle, ...]:
    """Return the settlements that may not have reached the store; one that has is a repetition there."""
    closing = session.closing_record
    return tuple(Settle(record, close=record is closing) for record in session.unsettled)
