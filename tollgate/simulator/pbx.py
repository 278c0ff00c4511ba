"""The simulated Asterisk of one node: channels, their deadlines, AstDB, events, and what ARI and AMI may ask.

It does what was measured on the real one: events go to whoever is connected and are never repeated; the leg's
variable is in its snapshots; a deadline ends its channel whatever else happens; the hang-up handler of an answered leg
writes its record to AstDB; a kill takes channels without a trace, and perhaps the last writes; channels' ids never
come again.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from ari_app.leg_records import RECORD_HOUR
from dialplan.contract import AROUND_RECORDS_FAMILY, EMERGENCY_RECORDS_FAMILY, LEG_RECORDS_FAMILY, MarkKind
from tollgate.simulator.beside import BesideScript, InboundCall, UngatedCall
from tollgate.simulator.channels import Channel
from tollgate.simulator.placed_call import PlacedCall
from tollgate.simulator.process import Process
from tollgate.simulator.scripts import CallScript
from tollgate.simulator.wall_clock import WallClock
from tollgate.simulator.world import World

JsonObject = dict[str, Any]
Talk = PlacedCall | UngatedCall | InboundCall
UNSYNCED = timedelta(seconds=1)
"""AstDB writes younger than this may be lost by a kill."""
LATEST_S = 3.0
REPLACED_ENDS_WITHIN_S = 10.0
GIVES_WAY = "a replaced service gives way"
ARMED_ANEW = "a late deadline is armed anew"
ARMED_WITHIN_S = 10.0
"""After the clock was set back, by a service that follows the call: what it asks may fail once or twice."""
EVENT_S = (0.0005, 0.0025)


class Socket:
    """One connected event socket of the application."""

    def __init__(
        self,
        process: Process,
        on_event: Callable[[JsonObject], None],
        on_lost: Callable[[], None],
        opened_at: datetime,
    ) -> None:
        self.process = process
        self.on_event = on_event
        self.on_lost = on_lost
        self.opened_at = opened_at
        self.last_at_s = 0.0
        """Events travel in order: none arrives before this."""


class Pbx:
    """One Asterisk; ``trunks`` are its carriers' endpoints in the order in which they are tried."""

    def __init__(
        self, world: World, node: str, trunks: tuple[str, ...], emergency_numbers: frozenset[str], away: tuple[str, ...]
    ) -> None:
        self.world = world
        self.node = node
        self.clock = WallClock(world, node, self._clock_set)
        """By which all of its stamps are, and its deadlines."""
        self.trunks = trunks
        self.emergency_numbers = emergency_numbers
        self._away_prefixes = away
        self.is_up = False
        self.started_at = datetime.min.replace(tzinfo=UTC)
        self.socket: Socket | None = None
        self.ami_up_since: datetime | None = None
        """Since when the service can ask over AMI."""
        self.channels: dict[str, Channel] = {}
        self.database: dict[str, dict[str, str]] = {
            LEG_RECORDS_FAMILY: {},
            AROUND_RECORDS_FAMILY: {},
            EMERGENCY_RECORDS_FAMILY: {},
        }
        """AstDB, by family."""
        self._written: list[tuple[datetime, str, Channel]] = []
        self.placed: list[PlacedCall] = []
        """Every call that was dialled towards the gate, in order."""
        self.ungated: list[UngatedCall] = []
        self.inbound: list[InboundCall] = []
        self._last_number = 0
        self.on_leg_end: Callable[[Talk, Channel], None] = lambda _call, _leg: None

    # --- starting and stopping ----------------------------------------------------------------------------

    def start(self) -> None:
        """Start, with no channel, where it does not run."""
        if self.is_up:
            return
        self.is_up = True
        self.started_at = self.clock.stamp()
        self.world.trace.note("asterisk starts", "", self.node)

    def stop(self) -> None:
        """Stop cleanly: every channel is hung up, handlers run, events go out."""
        self.world.trace.note("asterisk stops", "", self.node)
        for channel in list(self.channels.values()):
            if channel.channel_id in self.channels:
                self.end(channel, 16, "stopped")
        self._down()

    def kill(self) -> None:
        """Be killed: channels are gone, no handler runs, no event goes out, the last writes may be lost."""
        self.world.trace.note("asterisk killed", "", self.node)
        now = self.world.now()
        for written_at, family, channel in self._written:
            if written_at > now - UNSYNCED and self.world.chance(0.5):
                self.database[family].pop(channel.record_key, None)
                channel.record_key = ""
        for channel in self.channels.values():
            self._mark_ended(channel, "killed")
        self.channels.clear()
        self._down()

    def _down(self) -> None:
        self.is_up = False
        self._written.clear()
        self.cut_events()

    def cut_events(self) -> None:
        """Cut the event socket."""
        socket, self.socket = self.socket, None
        if socket is not None:
            self.world.trace.note("ari cut", "", self.node)
            socket.on_lost()

    def register(self, socket: Socket) -> None:
        """Have events go to this socket from now on; another service, which had them, is told so."""
        replaced = self.socket
        if replaced is not None and replaced.process is not socket.process:
            replaced.on_event({"type": "ApplicationReplaced", "application": "tollgate"})
            self.world.later(REPLACED_ENDS_WITHIN_S, self._check_replaced, replaced.process)
        self.cut_events()
        self.socket = socket

    def _check_replaced(self, process: Process) -> None:
        if process.is_alive:
            self.world.violated(GIVES_WAY, "", f"a replaced service of {self.node} lives on")

    def forget(self, process: Process) -> None:
        """Send a killed process nothing any more."""
        if self.socket is not None and self.socket.process is process and not process.is_alive:
            self.socket = None

    # --- calls and channels -------------------------------------------------------------------------------

    @property
    def has_application(self) -> bool:
        """Whether the service is connected."""
        return self.socket is not None

    def has_served_since(self, moment: datetime) -> bool:
        """Whether the service has been connected all the time since then."""
        return self.socket is not None and self.socket.opened_at <= moment

    def rings_without_service(self, dialled: str) -> bool:
        """Whether the dialplan lets this number through while the service is away."""
        return dialled.startswith(self._away_prefixes)

    def place(self, script: CallScript) -> None:
        """Have a phone dial."""
        if not self.is_up:
            return
        call = PlacedCall(self, script)
        self.placed.append(call)
        call.begin()

    def place_beside(self, script: BesideScript) -> None:
        """Have a leg dialled past the gate, or a call come in."""
        if not self.is_up:
            return
        if script.dialled:
            self.ungated.append(UngatedCall(self, script))
        else:
            self.inbound.append(InboundCall(self, script))

    def legs_beside(self, call_id: str) -> list[str]:
        """Return the legs' channels of a call beside the gate."""
        ungated = [call.leg.channel_id for call in self.ungated if call.call_id == call_id]
        return ungated + [call.leg.channel_id for call in self.inbound if call.call_id == call_id]

    def new_channel(self, endpoint: str, *, context: str, call: Talk, trunk: str = "", mark: str = "") -> Channel:
        """Make a channel; its id begins with the start of this Asterisk, so that none ever comes again."""
        self._last_number += 1
        number = self._last_number
        channel = Channel(
            channel_id=f"{int(self.started_at.timestamp())}.{number}",
            name=f"{endpoint}-{number:08x}",
            context=context,
            state="Down" if trunk else "Ring",
            leg_variable=mark,
            trunk=trunk,
            call=call,
        )
        self.channels[channel.channel_id] = channel
        return channel

    def end(self, channel: Channel, cause: int, by: str) -> None:
        """End a channel: its handler writes its record, its event goes out, its call goes on without it."""
        if self.channels.pop(channel.channel_id, None) is None:
            return
        if channel.has_handler:
            self._write_record(channel, cause)
        elif isinstance(channel.call, UngatedCall) and channel is channel.call.leg:
            self._write_around_record(channel.call, cause)
        elif isinstance(channel.call, PlacedCall) and channel is channel.call.caller:
            self._write_emergency_record(channel.call, cause)
        self._mark_ended(channel, by)
        self._tell("ChannelDestroyed", channel, {"cause": cause})
        call = channel.call
        if call is not None:
            if channel.is_leg:
                self.on_leg_end(call, channel)
            call.ended(channel)

    def _mark_ended(self, channel: Channel, by: str) -> None:
        channel.ended_at, channel.ended_by = self.world.now(), by
        if channel.deadline is not None:
            channel.deadline.cancel()
        self.world.trace.note(
            "ends", self.name_of(channel), f"{channel.channel_id} {channel.trunk or 'caller'} by {by}"
        )

    def _write_record(self, channel: Channel, cause: int) -> None:
        """Run tg-hang on a leg: of one that was not answered it leaves nothing."""
        if channel.answered_at is None:
            return
        answered = channel.answered_variable or _epoch(self.clock.shown(channel.answered_at))
        fields = (channel.leg_variable, answered, _epoch(self.clock.stamp()), str(cause), channel.trunk)
        self._write(LEG_RECORDS_FAMILY, channel, ",".join(fields))

    def _write_around_record(self, call: UngatedCall, cause: int) -> None:
        """Run tg-around on a leg that never passed the gate, as its endpoint has it do."""
        leg = call.leg
        if leg.answered_at is None:
            return
        behind = "" if call.caller is None else call.caller.name
        mark = leg.leg_variable or f"{MarkKind.AROUND}|{call.call_id}|{behind}|{call.target}"
        answered, ended = _epoch(self.clock.shown(leg.answered_at)), _epoch(self.clock.stamp())
        self._write(AROUND_RECORDS_FAMILY, leg, f"{mark},{answered},{ended},{cause},{leg.trunk}")

    def _write_emergency_record(self, call: PlacedCall, cause: int) -> None:
        """Run tg-emergency-end on the caller of an emergency call, as the dialplan has it do."""
        if not call.rings_emergency:
            return
        ended = _epoch(self.clock.stamp())
        self._write(EMERGENCY_RECORDS_FAMILY, call.caller, f"{call.mark},{ended},{call.talked_ms() or ''},{cause}")

    def _write(self, family: str, channel: Channel, value: str) -> None:
        now = self.world.now()
        channel.record_key = f"{self.clock.stamp().strftime(RECORD_HOUR)}/{channel.channel_id}"
        self.database[family][channel.record_key] = value
        self._written = [each for each in self._written if each[0] > now - UNSYNCED]
        self._written.append((now, family, channel))

    def answer(self, leg: Channel) -> None:
        """Have a leg be answered, and tell of it."""
        leg.state, leg.answered_at = "Up", self.world.now()
        leg.cdr_answered_at = leg.answered_at
        self.tell_state(leg)

    def cdr_answer_of(self, channel: Channel) -> str:
        """Return CDR(answer,u)."""
        at = channel.cdr_answered_at
        return "0.000000" if at is None else f"{self.clock.shown(at).timestamp():.6f}"

    def name_of(self, channel: Channel) -> str:
        """Return the id of a channel's call, or its own: what the trace calls it."""
        return channel.channel_id if channel.call is None else channel.call.call_id

    # --- deadlines ----------------------------------------------------------------------------------------

    def set_deadline(self, channel: Channel, seconds: float) -> None:
        """Set TIMEOUT(absolute): 0 takes it away."""
        if channel.deadline is not None:
            channel.deadline.cancel()
            channel.deadline, channel.deadline_s = None, None
        self._is_late(channel, is_late=False)
        if seconds > 0:
            channel.deadline_s = channel.wanted_s = self.world.loop.time() + seconds
            channel.deadline = self.world.later(seconds, self._deadline_fires, channel)
        self.world.trace.note("deadline", self.name_of(channel), f"{channel.channel_id} in {seconds:.3f} s")

    def _clock_set(self, by: timedelta) -> None:
        """Have every deadline come sooner or later: Asterisk counts them by the time of day (``ast_tvnow``)."""
        by_s = by.total_seconds()
        for channel in list(self.channels.values()):
            if channel.deadline is not None and channel.deadline_s is not None:
                channel.deadline.cancel()
                channel.deadline_s -= by_s
                left_s = max(0.0, channel.deadline_s - self.world.loop.time())
                channel.deadline = self.world.later(left_s, self._deadline_fires, channel)
                self._is_late(channel, is_late=channel.deadline_s > channel.wanted_s)
                if channel.is_deadline_late and by_s < 0:
                    self.world.later(ARMED_WITHIN_S, self._check_armed, channel, self.world.now())
            if isinstance(channel.call, PlacedCall) and channel is channel.call.caller:
                channel.call.clock_set(by_s)

    def _is_late(self, channel: Channel, *, is_late: bool) -> None:
        if channel.is_deadline_late and not is_late:
            channel.mended_at = self.world.now()
        channel.is_deadline_late = is_late

    def _check_armed(self, channel: Channel, set_at: datetime) -> None:
        """Look whether a service that has followed the call from its beginning has mended its deadline."""
        call = channel.call
        was_mended = channel.mended_at is not None and channel.mended_at >= set_at  # and made late again since
        if not channel.lives or not channel.is_deadline_late or was_mended or not isinstance(call, PlacedCall):
            return
        is_served = call.was_served_since(call.placed_at) and channel is call.main_leg and channel.up_told
        if is_served and self.ami_up_since is not None and self.ami_up_since <= set_at:
            self.world.violated(ARMED_ANEW, call.call_id, f"{channel.channel_id}, set back at {set_at}")

    def _deadline_fires(self, channel: Channel) -> None:
        if channel.lives:
            self.tell_hangup(channel, soft=True)
            self.end(channel, 16, "deadline")

    # --- events -------------------------------------------------------------------------------------------

    def tell_entered(self, call: PlacedCall, args: tuple[str, ...]) -> None:
        """Tell the application of a caller."""
        self._send({"type": "StasisStart", "args": list(args)}, call.caller, call)

    def tell_created(self, channel: Channel) -> None:
        """Tell of a new channel."""
        self._tell("ChannelCreated", channel, {})

    def tell_dialled(self, channel: Channel, target: str) -> None:
        """Tell that a leg is dialled; ``target`` is its dial string."""
        self._send({"type": "Dial", "dialstring": target, "peer": channel.document()}, channel, None)

    def tell_state(self, channel: Channel) -> None:
        """Tell of a channel's new state."""
        self._tell("ChannelStateChange", channel, {})

    def tell_hangup(self, channel: Channel, *, soft: bool) -> None:
        """Tell that a hang-up was asked for."""
        self._tell("ChannelHangupRequest", channel, {"soft": True} if soft else {})

    def _tell(self, kind: str, channel: Channel, fields: JsonObject) -> None:
        if channel.is_leg or channel.watched or channel.in_application:
            self._send({"type": kind, **fields}, channel, None)

    def _send(self, event: JsonObject, channel: Channel, entering: PlacedCall | None) -> None:
        socket, world = self.socket, self.world
        if socket is None:
            return
        event["timestamp"] = self.clock.stamp().isoformat(timespec="milliseconds")
        event["channel"] = channel.document()
        rates, roll = world.rates, world.dice.random()
        now_s = world.loop.time()
        at_s = max(socket.last_at_s, now_s + world.between(*EVENT_S))
        if roll < rates.event_lost:
            world.trace.note("event lost", self.name_of(channel), event["type"])
            return
        if roll < rates.event_lost + rates.event_late:
            at_s += world.between(0.0, LATEST_S)
            world.trace.note("event late", self.name_of(channel), event["type"])
        else:
            socket.last_at_s = at_s
        world.later(at_s - now_s, self._arrive, socket, event, channel, entering)
        if roll > 1.0 - rates.event_repeated:
            world.trace.note("event repeated", self.name_of(channel), event["type"])
            late_s = at_s - now_s + world.between(0.0, LATEST_S)
            world.later(late_s, self._arrive, socket, event, channel, entering)

    def _arrive(self, socket: Socket, event: JsonObject, channel: Channel, entering: PlacedCall | None) -> None:
        if socket is not self.socket:
            return
        kind = event["type"]
        channel.is_told = True
        if kind == "ChannelDestroyed":
            channel.end_told = True
        elif kind == "StasisStart" and entering is not None:
            entering.entered_told = True
        elif event["channel"]["state"] == "Up":
            channel.up_told = True
        self.world.trace.note(
            "event", self.name_of(channel), f"{kind} {channel.channel_id} {event['channel']['state']}"
        )
        socket.on_event(event)

    # --- what ARI and AMI ask -----------------------------------------------------------------------------

    def give_back(self, channel_id: str, place: tuple[str, str] | None) -> int:
        """Do ``POST channels/ID/continue``, at a context's extension where one is named; answer the status."""
        channel = self.channels.get(channel_id)
        if channel is None or not channel.in_application:
            return 404 if channel is None else 409
        assert isinstance(channel.call, PlacedCall)
        channel.call.continued(place)
        return 204

    def set_variables(self, channel_id: str, variables: dict[str, str]) -> int:
        """Do ``POST channels/ID/variables``; answer the status."""
        channel = self.channels.get(channel_id)
        if channel is None or not channel.in_application:
            return 404 if channel is None else 409
        channel.variables.update(variables)
        return 204

    def hang_up(self, channel_id: str, cause: int) -> int:
        """Do ``DELETE channels/ID``; answer the status."""
        channel = self.channels.get(channel_id)
        if channel is None:
            return 404
        if not channel.refuses_hangups and self.world.chance(self.world.rates.hangups_fail):
            channel.refuses_hangups = 6
        if channel.refuses_hangups > 1:
            channel.refuses_hangups -= 1
            self.world.trace.note("hangup refused", self.name_of(channel), channel_id)
            return 500
        call = channel.call
        if call is not None and (breaks := call.cut_breaks()):
            self.world.violated(breaks, call.call_id, f"DELETE of {channel_id}")
        self.tell_hangup(channel, soft=True)
        self.end(channel, cause, "ari")
        return 204

    def watch(self, channel_id: str) -> int:
        """Subscribe the application to a channel; answer the status."""
        channel = self.channels.get(channel_id)
        if channel is None:
            return 404
        channel.watched = True
        return 200

    def list_channels(self) -> list[JsonObject]:
        """Answer every channel that lives; whoever asked knows now which are answered."""
        for channel in self.channels.values():
            channel.is_told = True
            channel.up_told = channel.up_told or channel.state == "Up"
        return [channel.document() for channel in self.channels.values()]


def _epoch(at: datetime) -> str:
    """Return a moment as the dialplan's STRFTIME writes it."""
    return f"{at.timestamp():.3f}"
