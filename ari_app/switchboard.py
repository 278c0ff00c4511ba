"""Finds the call that an event belongs to, and begins one where a caller enters or an unknown leg shows up."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol, TypeGuard

import structlog

from ari_app.clock import CallClock, Clock
from ari_app.decode import (
    CallerEntered,
    Channel,
    ChannelCreated,
    ChannelDestroyed,
    ChannelHangupRequested,
    ChannelStateChanged,
    FarEndsJoined,
    LegDialled,
)
from ari_app.execute import CommandExecutor
from ari_app.gate import GateSettings, MalformedEntryError, Refused, judge, observed_call
from ari_app.lines import Lines
from ari_app.live import LiveCall
from ari_app.overload import MOST_RECORDED, LoopLag, Overload
from charging import events as ev
from charging.commands import OpenSession
from charging.policy import MeteringPolicy
from charging.records import SAME_END, refusal_cause
from charging.session import Phase, Session, begin, observe, refuse
from dialplan.contract import (
    EMERGENCY_CONTEXT,
    LegMark,
    MarkKind,
    call_id_of,
    caller_channel_of,
    endpoint_of,
    parse_leg_variable,
    ungated_leg_of,
)
from rating.decision import DenyReason
from rating.destination import DestinationClass
from store.payers import Catalog

log = structlog.get_logger(__name__)

ENDED_REMEMBERED = 10_000
"""Calls that ended lately: their late and repeated events begin nothing."""

_OVER = frozenset({Phase.CLOSING, Phase.CLOSED})

ChannelEvent = ChannelCreated | LegDialled | ChannelStateChanged | ChannelHangupRequested | ChannelDestroyed


class Strays(Protocol):
    """Is told of the legs that no call answers for (:mod:`ari_app.ungated`)."""

    def noticed(self, event: ChannelEvent) -> None:
        """Take in an event of such a leg."""

    def compared(self, strays: Collection[Channel], living: Collection[str], at: datetime) -> Collection[str]:
        """Take in such legs of a list of channels, and the ids of all channels that live.

        Returns:
            The ids of those legs that may have been called from here and have no verdict yet.
        """

    def claimed(self, channel_id: str) -> None:
        """Take in that a call answers for a leg."""

    def answered(self, call_id: str, channel_id: str, at: datetime) -> None:
        """Take in that the leg of a call that never passed the gate was answered."""

    def recall(self, mark: LegMark, trunk: str, at: datetime) -> Session:
        """Return the session of a call that never passed the gate, of which its leg's mark is all that is left."""


class Switchboard:
    """The calls that live, by id and by caller channel."""

    def __init__(
        self,
        gate: GateSettings,
        policy: MeteringPolicy,
        executor: CommandExecutor,
        lines: Lines,
        catalog: Catalog,
        clock: Clock,
    ) -> None:
        """Begin with no call."""
        self.clock = clock
        self._gate = gate
        self._policy = policy
        self._executor = executor
        self._by_caller: defaultdict[str, list[LiveCall]] = defaultdict(list)
        self._trunk_endpoints = {f"PJSIP/{name}": name for name in gate.trunk_endpoints}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self.calls: dict[str, LiveCall] = {}
        self.reconciled = False
        """Whether the open sessions have been compared with the channels since Asterisk was reached."""
        self.unreadable: frozenset[str] = frozenset()
        """Calls of this node that hold money in the store, and whose saved state cannot be read."""
        self.catalog = catalog
        self.strays: Strays | None = None
        self.answer_missed: Callable[[], None] = lambda: None
        """Is called where a leg's end tells that its answer went by unseen: what it left is to be read."""
        self.overload = Overload(calls=self.calls, ami=lambda: lines.ami, store_is_busy=lambda: False, lag=LoopLag())
        """Says why no paid call can be taken on."""
        self._ungated: dict[str, LiveCall] = {}
        """The calls that never passed the gate, by their leg's channel, which may not carry their id."""

    def knows(self, call_id: str) -> bool:
        """Whether this call lives here or has ended here lately."""
        return call_id in self.calls or call_id in self._ended

    def count(self) -> int:
        """Return how many calls live."""
        return len(self.calls)

    def count_ended(self) -> int:
        """Return how many calls that ended lately are remembered."""
        return len(self._ended)

    @property
    def is_judging(self) -> bool:
        """Whether a caller waits for a verdict."""
        return any(live.session.phase in (Phase.OPENING, Phase.ADMITTING) for live in self.calls.values())

    def stop(self) -> None:
        """Stop every call's alarm; their holds stay for a successor."""
        for live in self.calls.values():
            live.stop()

    def lose_sight(self) -> None:
        """Take in that events may go by unseen until the next comparison."""
        for live in self.calls.values():
            live.lose_sight()

    # --- callers ------------------------------------------------------------------------------------------

    def caller_entered(self, event: CallerEntered) -> None:
        """Judge a caller, and begin the call or refuse it."""
        try:
            verdict = judge(event, self.catalog, self._gate)
        except MalformedEntryError:
            log.exception("caller_not_understood", channel_id=event.channel.channel_id)
            self._executor.refuse_channel(event.channel.channel_id)
            return
        call = verdict.call
        if self.knows(call.call_id):
            return  # the same event again
        if len(self.calls) >= MOST_RECORDED and call.destination_class is not DestinationClass.EMERGENCY:
            log.error("caller_turned_away", call_id=call.call_id, calls=len(self.calls))
            self._executor.refuse_channel(event.channel.channel_id, refusal_cause(DenyReason.OVERLOAD))
            return
        if isinstance(verdict, Refused):
            log.info("call_refused", call_id=call.call_id, reason=verdict.reason, rule=verdict.rule)
            transition = refuse(call, self.clock.now(), verdict.reason, verdict.rule)
        elif call.metered and (fault := self.overload.fault()) is not None:
            log.warning("call_refused", call_id=call.call_id, reason=DenyReason.OVERLOAD, rule=fault)
            transition = refuse(call, self.clock.now(), DenyReason.OVERLOAD, fault)
        else:
            transition = begin(call, self._policy)
        self.take(transition[0]).start(transition)

    def take(self, session: Session) -> LiveCall:
        """Make a session's call live; its alarm is kept once it is started or followed."""
        live = LiveCall(session, self._policy, self._executor, self.clock, self._closed)
        self.calls[live.call_id] = live
        if session.call.ungated:
            self._ungated[ungated_leg_of(live.call_id)] = live
        self._by_caller[session.call.caller_channel].append(live)
        if not session.caller_gone:
            self._executor.watch_caller(live)
        if session.call.destination_class is DestinationClass.EMERGENCY:
            self._exempt(session.call.caller_channel)
        return live

    def far_ends_joined(self, event: FarEndsJoined) -> None:
        """Have a paid leg never be cut that an attended transfer joined to an emergency call."""
        calls = [self.calls.get(self.owner_of(channel)) for channel in event.channels]
        if any(live is not None and _is_emergency(live) for live in calls):
            for channel, live in zip(event.channels, calls, strict=True):
                if live is not None and not _is_emergency(live):
                    self._exempt(channel.channel_id)

    def _exempt(self, channel_id: str) -> None:
        """Have a leg talk to an emergency service without its paid end."""
        for other in tuple(self.calls.values()):
            if other.session.leg(channel_id) is not None:
                other.post(ev.LegExempted(other.now(), channel_id))

    def _closed(self, live: LiveCall) -> None:
        self.calls.pop(live.call_id, None)
        self._ungated.pop(ungated_leg_of(live.call_id), None)
        self._ended[live.call_id] = None
        if len(self._ended) > ENDED_REMEMBERED:
            self._ended.popitem(last=False)
        channel_id = live.session.call.caller_channel
        siblings = self._by_caller.get(channel_id, [])
        if live in siblings:
            siblings.remove(live)
        if not siblings:
            self._by_caller.pop(channel_id, None)

    # --- channels -----------------------------------------------------------------------------------------

    def channel_event(self, event: ChannelEvent) -> None:
        """Hand a channel's event to the call whose caller it is, and to the call whose leg it is."""
        for live in tuple(self._by_caller.get(event.channel.channel_id, ())):
            _post_caller_event(live, event)
        trunk = self.trunk_of(event.channel)
        if trunk is None:
            return
        leg_call = self.call_of_leg(event.channel, event.at)
        if leg_call is None:
            self._stray_event(event)
            return
        if isinstance(event, ChannelDestroyed) and _hides_answer(leg_call, event):
            # Not its end yet: a comparison misses the leg, and takes both from what it left.
            leg_call.post(ev.LegSeen(leg_call.moment(event.at), event.channel.channel_id, trunk))
            self.answer_missed()
        else:
            _post_leg_event(leg_call, event, trunk)
        if self.strays is not None:
            self.strays.claimed(event.channel.channel_id)
            if leg_call.session.call.ungated and isinstance(event, ChannelStateChanged) and event.channel.state == "Up":
                self.strays.answered(leg_call.call_id, event.channel.channel_id, event.at)

    def _stray_event(self, event: ChannelEvent) -> None:
        """Have a leg judged that never passed the gate; an answered one whose call has ended here is hung up."""
        if not self.knows(call_id_of(event.channel.leg_variable)):
            if self.strays is not None:
                self.strays.noticed(event)
        elif self.reconciled and isinstance(event, ChannelStateChanged):
            self.refuse_leg(event.channel)

    def compared(self, channels: Mapping[str, Channel], at: datetime) -> list[Channel]:
        """Have the legs judged that a list of channels shows and no call answers for.

        Returns:
            The answered ones that name a call which nobody knows, or none and have no verdict yet.
        """
        strays = [leg for leg in channels.values() if self._is_stray(leg)]
        unjudged = () if self.strays is None else self.strays.compared(strays, channels.keys(), at)
        return [leg for leg in strays if leg.state == "Up" and (leg.leg_variable or leg.channel_id in unjudged)]

    def _is_stray(self, leg: Channel) -> bool:
        owner = self.owner_of(leg)
        return self.trunk_of(leg) is not None and not self.knows(owner) and owner not in self.unreadable

    def is_let_through(self, leg: Channel) -> bool:
        """Whether the dialplan let a leg through by itself, so that it needs no verdict."""
        return _is_let_through(parse_leg_variable(leg.leg_variable))

    def owner_of(self, leg: Channel) -> str:
        """Return the id of the call that a leg belongs to; '' where it carries none."""
        live = self._ungated.get(leg.channel_id)
        return call_id_of(leg.leg_variable) if live is None else live.call_id

    def refuse_leg(self, leg: Channel) -> bool:
        """Hang up an answered leg that no call answers for, and return whether it is one.

        Nothing is held for it, unless it needs no verdict, or its call's session is there and cannot be read: its
        money is held, and the dialplan has armed its deadline.
        """
        owner = parse_leg_variable(leg.leg_variable)
        if leg.state != "Up" or isinstance(owner, LegMark) or leg.context == EMERGENCY_CONTEXT:
            return False
        if owner in self.unreadable:
            return False
        log.error("leg_without_session", channel_id=leg.channel_id)
        self._executor.refuse_channel(leg.channel_id)
        return True

    def trunk_of(self, channel: Channel) -> str | None:
        """Return the trunk's endpoint name where the channel is a leg towards a carrier.

        An outside party that called in and was transferred is on a trunk too, and may carry the id of the call that
        it makes: it is that call's caller, never its leg.
        """
        if caller_channel_of(call_id_of(channel.leg_variable)) == channel.channel_id:
            return None
        return self._trunk_endpoints.get(endpoint_of(channel.name))

    def call_of_leg(self, channel: Channel, at: datetime) -> LiveCall | None:
        """Return the live call of a leg; one that the dialplan let through by itself is live from here on.

        But not before the first comparison: the store may hold such a call's session, which knows more of it.
        """
        owner = parse_leg_variable(channel.leg_variable)
        call_id = owner.call_id if isinstance(owner, LegMark) else owner
        live = self._ungated.get(channel.channel_id) or self.calls.get(call_id)
        if live is None and self.reconciled and _is_let_through(owner) and call_id not in self._ended:
            live = self.observe(owner, at, self.trunk_of(channel) or "")
            # For `tollgate calls`, and a successor: the call needs nobody's leave, and goes on if this fails.
            live.start((live.session, (OpenSession(held_micros=0, paid_s=0),)))
            live.follow()
        return live

    def observe(self, mark: LegMark, at: datetime, trunk: str = "") -> LiveCall:
        """Make a call live of which a mark tells, on this trunk: the dialplan let it through by itself, or we did.

        Args:
            at: When it began, as Asterisk stamped it.
        """
        (at,) = CallClock(self.clock).past(at)
        if ungated_leg_of(mark.call_id) and self.strays is not None:
            return self.take(self.strays.recall(mark, trunk, at))
        return self.take(observe(observed_call(mark, at, self.catalog, self._gate), at))


def _is_let_through(owner: str | LegMark) -> TypeGuard[LegMark]:
    """Whether a leg's call needs no verdict; one that never passed the gate is judged anew."""
    return isinstance(owner, LegMark) and owner.kind in {MarkKind.EMERGENCY, MarkKind.AWAY}


def _is_emergency(live: LiveCall) -> bool:
    return live.session.call.destination_class is DestinationClass.EMERGENCY


def _post_caller_event(live: LiveCall, event: ChannelEvent) -> None:
    at = live.moment(event.at)
    match event:
        case ChannelHangupRequested(soft=False):
            live.post(ev.CallerHangupRequested(at))
        case ChannelHangupRequested(by_driver=True):
            live.caller_given_up_at = at
        case ChannelDestroyed():
            live.post(ev.CallerGone(at))
        case _:
            pass


def _ends_with_its_caller(live: LiveCall, at: datetime) -> bool:
    """Whether a leg ends because its caller fell silent; a transferred one outlives its caller."""
    return live.caller_given_up_at is not None and at - live.caller_given_up_at <= SAME_END


def _hides_answer(live: LiveCall, event: ChannelDestroyed) -> bool:
    """Whether a leg that ended had been answered, and neither an event nor the leg itself has told when."""
    leg = live.session.leg(event.channel.channel_id)
    is_told = event.channel.answered_at is not None or (leg is not None and leg.answered_at is not None)
    is_over = (live.session.phase in _OVER and leg is None) or event.channel.channel_id in live.session.ended_legs
    return event.channel.state == "Up" and not is_told and not is_over


def _post_leg_event(live: LiveCall, event: ChannelEvent, trunk: str) -> None:
    channel_id, at = event.channel.channel_id, live.moment(event.at)
    match event:
        case ChannelStateChanged() if event.channel.state == "Up":
            live.post(ev.LegAnswered(at, channel_id, trunk))
        case ChannelStateChanged():
            live.post(ev.LegSeen(at, channel_id, trunk))
        case ChannelHangupRequested():
            live.post(ev.LegSeen(at, channel_id, trunk))  # nothing else may be heard of it
            if not event.soft:
                live.post(ev.LegHangupRequested(at, channel_id))
        case ChannelDestroyed():
            answered_at = event.channel.answered_at
            answered_at = None if answered_at is None else live.answered_at(answered_at)
            if _ends_with_its_caller(live, at):
                live.post(ev.CallerHangupRequested(at))
            live.post(ev.LegEnded(at, channel_id, trunk, event.cause, answered_at=answered_at))
        case _:
            pass
