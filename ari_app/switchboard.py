"""Finds the call that an event belongs to, and begins one where a caller enters or an unknown leg shows up."""

from collections import OrderedDict, defaultdict
from datetime import datetime

import structlog

from ari_app.clock import utc_now
from ari_app.decode import (
    CallerEntered,
    Channel,
    ChannelDestroyed,
    ChannelHangupRequested,
    ChannelStateChanged,
    FarEndsJoined,
)
from ari_app.execute import CommandExecutor, Lines
from ari_app.gate import GateSettings, MalformedEntryError, Refused, judge, observed_call
from ari_app.live import LiveCall
from charging import events as ev
from charging.commands import OpenSession
from charging.policy import MeteringPolicy
from charging.session import Session, begin, observe, refuse
from dialplan.contract import (
    EMERGENCY_CONTEXT,
    LegMark,
    call_id_of,
    caller_channel_of,
    endpoint_of,
    parse_leg_variable,
)
from rating.decision import DenyReason
from rating.destination import DestinationClass
from store.payers import Catalog

log = structlog.get_logger(__name__)

MOST_CALLS = 5000
"""Beyond this many calls at once a further paid call is refused; emergencies are not."""

ENDED_REMEMBERED = 10_000
"""Calls that ended lately: their late and repeated events begin nothing."""

ChannelEvent = ChannelStateChanged | ChannelHangupRequested | ChannelDestroyed


class Switchboard:
    """The calls that live, by id and by caller channel."""

    def __init__(
        self,
        gate: GateSettings,
        policy: MeteringPolicy,
        executor: CommandExecutor,
        lines: Lines,
        catalog: Catalog,
    ) -> None:
        """Begin with no call."""
        self._gate = gate
        self._policy = policy
        self._executor = executor
        self._lines = lines
        self._by_caller: defaultdict[str, list[LiveCall]] = defaultdict(list)
        self._trunk_endpoints = {f"PJSIP/{name}": name for name in gate.trunk_endpoints}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self.calls: dict[str, LiveCall] = {}
        self.reconciled = False
        """Whether the open sessions have been compared with the channels since Asterisk was reached."""
        self.catalog = catalog

    def knows(self, call_id: str) -> bool:
        """Whether this call lives here or has ended here lately."""
        return call_id in self.calls or call_id in self._ended

    def stop(self) -> None:
        """Stop every call's alarm; their holds stay for a successor."""
        for live in self.calls.values():
            live.stop()

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
        if isinstance(verdict, Refused):
            log.info("call_refused", call_id=call.call_id, reason=verdict.reason, rule=verdict.rule)
            transition = refuse(call, utc_now(), verdict.reason, verdict.rule)
        elif call.metered and (fault := self._overload()) is not None:
            log.warning("call_refused", call_id=call.call_id, reason=DenyReason.OVERLOAD, rule=fault)
            transition = refuse(call, utc_now(), DenyReason.OVERLOAD, fault)
        else:
            transition = begin(call, self._policy)
        self.take(transition[0]).start(transition)

    def _overload(self) -> str | None:
        """Return why no paid call can be metered now, or None."""
        if len(self.calls) >= MOST_CALLS:
            return f"{len(self.calls)} calls are under way already"
        if not self._lines.ami.connected:
            return "AMI is not connected, so a paid call's deadline could not be kept"
        return None

    def take(self, session: Session) -> LiveCall:
        """Make a session's call live; its alarm is kept once it is started or followed."""
        live = LiveCall(session, self._policy, self._executor, utc_now, self._closed)
        self.calls[live.call_id] = live
        self._by_caller[session.call.caller_channel].append(live)
        if not session.caller_gone:
            self._executor.watch_caller(live)
        if session.call.destination_class is DestinationClass.EMERGENCY:
            self._exempt(session.call.caller_channel)
        return live

    def far_ends_joined(self, event: FarEndsJoined) -> None:
        """Have a paid leg never be cut that an attended transfer joined to an emergency call."""
        calls = [self.calls.get(call_id_of(channel.leg_variable)) for channel in event.channels]
        if any(live is not None and _is_emergency(live) for live in calls):
            for channel, live in zip(event.channels, calls, strict=True):
                if live is not None and not _is_emergency(live):
                    self._exempt(channel.channel_id)

    def _exempt(self, channel_id: str) -> None:
        """Have a leg talk to an emergency service without its paid end."""
        for other in tuple(self.calls.values()):
            if other.session.leg(channel_id) is not None:
                other.post(ev.LegExempted(utc_now(), channel_id))

    def _closed(self, live: LiveCall) -> None:
        self.calls.pop(live.call_id, None)
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
        if trunk is None or not event.channel.leg_variable:
            return
        leg_call = self.call_of_leg(event.channel, event.at)
        if leg_call is not None:
            _post_leg_event(leg_call, event, trunk)
        elif self.reconciled and isinstance(event, ChannelStateChanged):
            self.refuse_leg(event.channel)

    def refuse_leg(self, leg: Channel) -> None:
        """Hang up an answered leg that no call answers for: nothing is held for it, unless it needs no verdict."""
        is_marked = isinstance(parse_leg_variable(leg.leg_variable), LegMark)
        if leg.state != "Up" or is_marked or leg.context == EMERGENCY_CONTEXT:
            return
        log.error("leg_without_session", channel_id=leg.channel_id)
        self._executor.refuse_channel(leg.channel_id)

    def trunk_of(self, channel: Channel) -> str | None:
        """Return the trunk's endpoint name where the channel is a leg towards a carrier.

        An outside party that called in and was transferred is on a trunk too, and may carry the id of the call that
        it makes: it is that call's caller, never its leg.
        """
        if caller_channel_of(call_id_of(channel.leg_variable)) == channel.channel_id:
            return None
        return self._trunk_endpoints.get(endpoint_of(channel.name))

    def call_of_leg(self, channel: Channel, at: datetime) -> LiveCall | None:
        """Return the live call of a leg; one that the dialplan let through by itself is live from here on."""
        owner = parse_leg_variable(channel.leg_variable)
        call_id = owner.call_id if isinstance(owner, LegMark) else owner
        live = self.calls.get(call_id)
        if live is None and isinstance(owner, LegMark) and call_id not in self._ended:
            session = observe(observed_call(owner, at, self.catalog, self._gate), at)
            live = self.take(session)
            # For `tollgate calls`, and a successor: the call needs nobody's leave, and goes on if this fails.
            live.start((session, (OpenSession(held_micros=0, paid_s=0),)))
            live.follow()
        return live


def _is_emergency(live: LiveCall) -> bool:
    return live.session.call.destination_class is DestinationClass.EMERGENCY


def _post_caller_event(live: LiveCall, event: ChannelEvent) -> None:
    match event:
        case ChannelHangupRequested(soft=False):
            live.post(ev.CallerHangupRequested(event.at))
        case ChannelDestroyed():
            live.post(ev.CallerGone(event.at))
        case _:
            pass


def _post_leg_event(live: LiveCall, event: ChannelEvent, trunk: str) -> None:
    channel_id = event.channel.channel_id
    match event:
        case ChannelStateChanged() if event.channel.state == "Up":
            live.post(ev.LegAnswered(event.at, channel_id, trunk))
        case ChannelStateChanged():
            live.post(ev.LegSeen(event.at, channel_id, trunk))
        case ChannelHangupRequested(soft=False):
            live.post(ev.LegHangupRequested(event.at, channel_id))
        case ChannelDestroyed():
            live.post(ev.LegEnded(event.at, channel_id, trunk, event.cause, answered_at=event.channel.answered_at))
        case _:
            pass
