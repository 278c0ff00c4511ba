"""The calls that live now: those with a session in the store, and those the dialplan let through by itself."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ari_app.decode import Channel
from ari_app.saved_calls import session_of_row
from charging.call import Leg
from charging.records import usage
from charging.saved import SavedSessionError
from charging.session import Phase, Session
from dialplan.contract import (
    LegMark,
    MarkKind,
    call_id_of,
    caller_channel_of,
    endpoint_of,
    parse_leg_variable,
)
from rating.destination import DestinationClass
from rating.price import affordable_s
from store.records import Account, OpenSession

_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveCall:
    """One live call as it is shown.

    ``talked_s`` are the seconds talked, None where only the service knows; cost and limit are None on free calls.
    """

    call_id: str
    extension: str
    number: str
    destination_class: DestinationClass | None
    state: str
    started_at: datetime | None
    talked_s: int | None
    cost_micros: int | None = None
    left_s: int | None = None
    held_micros: int = 0
    node: str | None = None
    account: Account | None = None

    @property
    def is_emergency(self) -> bool:
        """Whether it calls an emergency service."""
        return self.destination_class is DestinationClass.EMERGENCY


def call_of_session(
    row: OpenSession, account: Account, now: datetime, within_caps_micros: int | None = None
) -> LiveCall:
    """Return the call of an open session; one whose saved state cannot be read still holds its money.

    ``left_s`` is how long it could go on if it had all to itself that is available, of which the caps leave
    ``within_caps_micros``; None is all. A lost call talks no more as
    far as is known: it cost what it was charged, until its node is back.
    """
    try:
        session = session_of_row(row)
    except SavedSessionError:
        return _damaged_call(row, account)
    if row.is_lost:
        return _lost_call(row, account, session)
    talked = _talked(session.talking_leg, now)
    more_micros = account.available_micros
    if within_caps_micros is not None:
        more_micros = min(more_micros, within_caps_micros)
    return LiveCall(
        call_id=row.call_id,
        extension=row.extension,
        number=session.call.number or session.call.dialled,
        destination_class=session.call.destination_class,
        state=session.phase.value,
        started_at=session.call.started_at,
        talked_s=talked // _SECOND,
        cost_micros=_cost_micros(session, now, row.held_micros),
        left_s=_left_s(session, now, row.held_micros + more_micros),
        held_micros=row.held_micros,
        node=row.node,
        account=account,
    )


def _lost_call(row: OpenSession, account: Account, session: Session) -> LiveCall:
    return LiveCall(
        call_id=row.call_id,
        extension=row.extension,
        number=session.call.number or session.call.dialled,
        destination_class=session.call.destination_class,
        state="lost",
        started_at=session.call.started_at,
        talked_s=None,
        cost_micros=row.provisional_micros if session.call.metered else None,
        node=row.node,
        account=account,
    )


def _damaged_call(row: OpenSession, account: Account) -> LiveCall:
    return LiveCall(
        call_id=row.call_id,
        extension=row.extension,
        number="",
        destination_class=None,
        state="lost" if row.is_lost else "damaged",
        started_at=None,
        talked_s=None,
        cost_micros=row.provisional_micros or None,
        held_micros=row.held_micros,
        node=row.node,
        account=account,
    )


def _talked(leg: Leg | None, now: datetime) -> timedelta:
    if leg is None or leg.answered_at is None:
        return timedelta()
    return max(timedelta(), now - leg.answered_at)


def _cost_micros(session: Session, now: datetime, held_micros: int) -> int | None:
    leg = session.talking_leg
    if not session.call.metered:
        return None
    if leg is None or leg.answered_at is None:
        return 0
    return min(usage(session.call, leg.answered_at, now, session.allowance_s).price_micros, held_micros)


def _left_s(session: Session, now: datetime, funds_micros: int) -> int | None:
    call, leg = session.call, session.talking_leg
    if not call.metered and call.longest_call_s is None:
        return None
    answered_at = now if leg is None or leg.answered_at is None else leg.answered_at
    limits_s = [] if call.longest_call_s is None else [call.longest_call_s]
    if call.metered:
        paid_s = session.allowance_s
        if call.rate is not None:
            paid_s += affordable_s(call.rate, funds_micros, call.local(answered_at + session.allowance_s * _SECOND))
        limits_s.append(paid_s)
    return max(0, min(limits_s) - (now - answered_at) // _SECOND)


def calls_without_session(channels: Sequence[Channel], known: Collection[str]) -> list[LiveCall]:
    """Return the calls whose trunk legs carry a mark of the dialplan's own, but for those in ``known``.

    Emergency calls are such calls, and included ones that rang while the service was away.
    """
    found: dict[str, LiveCall] = {}
    for channel in channels:
        mark = parse_leg_variable(channel.leg_variable)
        if isinstance(mark, LegMark) and mark.call_id not in known:
            found[mark.call_id] = _marked_call(mark, channel)
    return list(found.values())


_CLASSES = {MarkKind.EMERGENCY: DestinationClass.EMERGENCY, MarkKind.AWAY: DestinationClass.INCLUDED}
"""What a mark says of where its call goes; one that never passed the gate may go anywhere else."""


def _marked_call(mark: LegMark, leg: Channel) -> LiveCall:
    talks = leg.state == "Up"
    return LiveCall(
        call_id=mark.call_id,
        extension=endpoint_of(mark.caller_name).partition("/")[2],
        number=mark.dialled,
        destination_class=_CLASSES.get(mark.kind),
        state=(Phase.TALKING if talks else Phase.DIALLING).value,
        started_at=None,
        talked_s=None,
    )


def channels_of(call_id: str, channels: Sequence[Channel]) -> list[str]:
    """Return the channels to end so that a call ends: its trunk legs, or its caller where it has none."""
    legs = [
        channel.channel_id
        for channel in channels
        if channel.leg_variable and call_id_of(channel.leg_variable) == call_id
    ]
    caller = caller_channel_of(call_id)
    return legs or [channel.channel_id for channel in channels if channel.channel_id == caller]
