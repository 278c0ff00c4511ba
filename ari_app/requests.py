"""What a call asks of the store, in the store's terms, and why it did not get it, in those of the record."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ari_app.clock import epoch_ms
from charging import commands as cmd
from charging.call import Call
from charging.policy import MeteringPolicy
from charging.saved import dump_session
from charging.session import Session
from rating.funds_denial import PayerNames, first_hold_denial
from rating.periods import highest_per_minute_micros
from rating.reasons import Denial
from store.allowances import AllowanceRequest
from store.answers import Denied, Granted, Held
from store.caps import Spending, SpendLimits, spend_day
from store.errors import StoreError
from store.operation import Operation
from store.renewal import renew_slice
from store.sessions import open_session, save_session
from store.spend import by_local_day


def opening(
    session: Session, command: cmd.OpenSession, account_id: int, policy: MeteringPolicy, limits: SpendLimits
) -> Operation[Held | Denied]:
    """Return the operation that holds the first slice.

    Of an allowance it counts in the month in which the call is placed; its money counts on the day of the answer.
    """
    call = session.call
    # The last second of the first slice, should the call ring for as long as it may.
    slice_s = max(command.allowance_want_s + command.paid_s, 1)
    ends_by = call.started_at + policy.ring_limit(call.trunks) + timedelta(seconds=slice_s)
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
        # What holds no money counts nowhere.
        spending=_spending(call, limits, call.started_at, ends_by) if command.held_micros else None,
    )


def opening_denial(call: Call, command: cmd.OpenSession, answer: Denied, names: PayerNames) -> Denial:
    """Return why the first slice could not be held."""
    return Denial(
        *first_hold_denial(
            names,
            hold_micros=command.held_micros,
            available_micros=answer.available_micros,
            limit=answer.limit,
            has_allowance=call.allowance is not None,
            after_allowance=call.after_allowance,
        )
    )


def store_fault(error: StoreError | TimeoutError, limit_s: float) -> str:
    """Return the rule of a call that was refused because the store failed, or gave no answer within ``limit_s``."""
    return f"the store: {str(error) or f'no answer within {limit_s:g} s'}"


def renewal(
    session: Session,
    command: cmd.RenewSlice,
    policy: MeteringPolicy,
    paid_until: datetime,
    now: datetime,
    limits: SpendLimits,
) -> Operation[Granted | Denied]:
    """Return the operation that holds the next slice, which begins at ``paid_until``.

    It ends with the day, since spend counts by days: an increment that begins before midnight is the day's.
    """
    call, leg = session.call, session.talking_leg
    want_s = min(command.want_s, call.day(paid_until).seconds_left(paid_until))
    allowance = _allowance(call, paid_until, want_s, within_month=True)
    return renew_slice(
        call_id=call.call_id,
        n=command.slice_no,
        rate=call.rate,
        want_s=want_s,
        min_s=policy.least_slice_s,
        paid_until_ms=epoch_ms(paid_until),
        state=dump_session(session),
        at_ms=epoch_ms(now),
        allowance=allowance,
        answered_at=None if leg is None or leg.answered_at is None else call.local(leg.answered_at),
        spending=_spending(call, limits, paid_until),
    )


def saving(session: Session, command: cmd.SaveSession, paid_until: datetime | None, now: datetime) -> Operation[None]:
    """Return the operation that saves the session's state and, at the answer, on which day its hold counts."""
    held_by_day = None
    call = session.call
    if command.answered_at is not None and session.held_micros and call.rate is not None:
        begins = call.local(command.answered_at + timedelta(seconds=session.allowance_s))
        held_by_day = by_local_day(call.rate, session.paid_s - session.allowance_s, begins, session.held_micros)
    return save_session(
        call_id=call.call_id,
        state=dump_session(session),
        paid_until_ms=None if paid_until is None else epoch_ms(paid_until),
        held_by_day=held_by_day,
        at_ms=epoch_ms(now),
    )


def _spending(call: Call, limits: SpendLimits, *moments: datetime) -> Spending:
    """Return on which days a slice may count, and within which limits."""
    zone = ZoneInfo(call.timezone)
    days = [spend_day(at, zone, call.month_day) for at in moments]
    return Spending(extension=call.extension, days=tuple(dict.fromkeys(days)), limits=limits)


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
