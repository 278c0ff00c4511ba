"""What a call asks of the store, in the store's terms."""

from datetime import datetime

from ari_app.clock import epoch_ms
from charging import commands as cmd
from charging.call import Call
from charging.policy import MeteringPolicy
from charging.saved import dump_session
from charging.session import Session
from rating.periods import highest_per_minute_micros
from store.allowances import AllowanceRequest
from store.answers import Denied, Granted, Held
from store.operation import Operation
from store.renewal import renew_slice
from store.sessions import open_session


def opening(session: Session, command: cmd.OpenSession, account_id: int) -> Operation[Held | Denied]:
    """Return the operation that holds the first slice. It counts in the month in which the call is placed."""
    call = session.call
    return open_session(
        call_id=call.call_id,
        node=call.node,
        account_id=account_id,
        extension=call.extension,
        held_micros=command.held_micros,
        paid_s=command.paid_s,
        per_minute_micros=max(map(highest_per_minute_micros, call.rates), default=0),
        state=dump_session(session),
        at_ms=epoch_ms(call.started_at),
        allowance=_allowance(call, call.started_at, command.allowance_want_s),
    )


def renewal(
    session: Session, command: cmd.RenewSlice, policy: MeteringPolicy, paid_until: datetime, now: datetime
) -> Operation[Granted | Denied]:
    """Return the operation that holds the next slice, which begins at ``paid_until``."""
    call, leg = session.call, session.talking_leg
    allowance = _allowance(call, paid_until, command.want_s, within_month=True)
    return renew_slice(
        call_id=call.call_id,
        n=command.slice_no,
        rate=call.rate,
        want_s=command.want_s,
        min_s=policy.least_slice_s,
        paid_until_ms=epoch_ms(paid_until),
        state=dump_session(session),
        at_ms=epoch_ms(now),
        allowance=allowance,
        answered_at=None if leg is None or leg.answered_at is None else call.local(leg.answered_at),
    )


def _allowance(call: Call, at: datetime, want_s: int, *, within_month: bool = False) -> AllowanceRequest | None:
    """Return what to ask of the call's allowance for seconds that begin ``at``; the next month has its own."""
    share = call.allowance
    if share is None:
        return None
    period = call.period(at)
    return AllowanceRequest(
        plan=share.plan,
        allowance=share.name,
        extension=share.extension,
        month=period.first_day.isoformat(),
        limit_s=share.limit_s,
        want_s=min(want_s, period.seconds_left(at)) if within_month else want_s,
    )
