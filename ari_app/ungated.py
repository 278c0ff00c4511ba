"""Finds the legs on our trunks that never passed the gate, and has them hung up, metered or only told of.

A leg carries its call's id from its first ringing on (:mod:`dialplan.contract`), but none when it is created. So one
that appears without is a suspect, and is judged half a second later after a fresh read, or as soon as it is answered;
so is one whose id names a call that nobody knows. Suspects come from events and from the lists of channels that
comparing reads. There are never more than ``MOST_SUSPECTS``; what is beyond is left to the next list, and counted.

What becomes of a leg that is judged: :mod:`ari_app.ungated_sessions`. All that a verdict needs is asked of ARI, so that
one is judged while AMI is away. A leg that is gone is known by what its hang-up handler left, which takes AMI: it can
wait for that, since nothing is to be hung up any more. Everything that is asked has a limit, and what is not answered
is asked again. An inbound leg is never touched.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime

import structlog

from ari_app.alerts import Alerts
from ari_app.client import AriClient
from ari_app.clock import utc_now
from ari_app.decode import Channel, ChannelDestroyed, decode_channel
from ari_app.errors import AriUnavailableError, AsteriskError
from ari_app.execute import CommandExecutor
from ari_app.gate import GateSettings
from ari_app.leg_records import read_leg_record
from ari_app.lines import Lines
from ari_app.metrics import Metrics
from ari_app.store_watch import StoreWatch
from ari_app.switchboard import ChannelEvent, Switchboard
from ari_app.ungated_leg import (
    QUEUE_MEMBER,
    Behind,
    LegGoneError,
    is_outbound,
    read_answered_at,
    read_behind,
    read_dialled,
    read_is_outbound,
    read_variable,
)
from ari_app.ungated_sessions import UngatedSessions
from ari_app.ungated_suspect import Suspect
from ari_app.ungated_verdict import Fate, KnownLeg, UngatedAction, UngatedVerdict, judge_leg, masked
from charging.call import Call
from charging.policy import MeteringPolicy
from charging.session import Session
from charging.ungated import recall
from dialplan.contract import (
    EMERGENCY_CONTEXT,
    LEG_VARIABLE,
    LegMark,
    MarkKind,
    call_id_of,
    parse_leg_variable,
    ungated_leg_of,
)
from dialplan.trunks import Trunk, dialled_number
from store.alerts import AlertKind
from store.caps import SpendLimits
from store.errors import StoreError
from store.store import Store

log = structlog.get_logger(__name__)

JUDGED_AFTER_S = 0.5
"""A leg's call is told of by its first ringing, which follows its creation at once, or by a read then."""
AGAIN_S = (0.5, 1.0, 2.0, 5.0)
"""When what could not be read is read again; each comparing reads it at once."""
MOST_SUSPECTS = 500
MOST_DONE = 10_000
"""Channels that need no look any more are remembered; of a forgotten one Asterisk is asked again."""
UNSEEN = "followed: it had ended before a service saw it"


class UngatedLegs:
    """Watches for legs that no call answers for."""

    def __init__(
        self,
        *,
        setting: UngatedAction,
        gate: GateSettings,
        trunks: tuple[Trunk, ...],
        policy: MeteringPolicy,
        switchboard: Switchboard,
        executor: CommandExecutor,
        lines: Lines,
        store: Store,
        store_watch: StoreWatch,
        alerts: Alerts,
        metrics: Metrics,
        limits_of: Callable[[Call], SpendLimits],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        """Begin with no suspect; the switchboard tells of them."""
        self._setting = setting
        self._gate = gate
        self._trunks = {trunk.endpoint: trunk for trunk in trunks}
        self._board = switchboard
        self._executor = executor
        self._lines = lines
        self._store = store
        self._alerts = alerts
        self._metrics = metrics
        self._clock = clock
        self._sessions = UngatedSessions(
            policy=policy,
            switchboard=switchboard,
            executor=executor,
            lines=lines,
            store_watch=store_watch,
            limits_of=limits_of,
            clock=clock,
        )
        self._suspects: dict[str, Suspect] = {}
        self._done: OrderedDict[str, None] = OrderedDict()
        metrics.gauge("ungated_suspects", "Legs whose call is not known yet", lambda: len(self.suspects))

    @property
    def suspects(self) -> Collection[Suspect]:
        """The legs whose call is not known yet."""
        return self._suspects.values()

    def stop(self) -> None:
        """Judge nothing any more: the service is going down."""
        for suspect in self._suspects.values():
            if suspect.alarm is not None:
                suspect.alarm.cancel()
        self._suspects.clear()
        self._sessions.stop()

    # --- what is seen -------------------------------------------------------------------------------------

    def noticed(self, event: ChannelEvent) -> None:
        """Take in an event of a leg that no call answers for."""
        channel_id = event.channel.channel_id
        suspect = self._suspects.get(channel_id)
        if suspect is None and not isinstance(event, ChannelDestroyed):
            suspect = self._suspect(event.channel, event.at)
        if suspect is None:
            if isinstance(event, ChannelDestroyed):
                self._done.pop(channel_id, None)
            return
        suspect.learn(event)
        if suspect.answered_at is None and suspect.ended is not None and event.channel.state == "Up":
            self._board.answer_missed()  # it needs no verdict any more: what it left tells of it
        if suspect.verdict is not None:
            self._follow_on(suspect)
        elif suspect.answered_at is not None and not suspect.failures:
            self._look_now(suspect)  # it carries its call's id by now, or none

    def compared(self, strays: Collection[Channel], living: Collection[str], at: datetime) -> Collection[str]:
        """Take in what a list of channels shows.

        Args:
            strays: Legs that no call answers for.
            living: The ids of all channels.
            at: When it was asked for.

        Returns:
            The ids of those that may have been called from here and have no verdict yet.
        """
        unjudged = set[str]()
        for leg in strays:
            suspect = self._suspects.get(leg.channel_id) or self._suspect(leg, at)
            if suspect is not None:
                if suspect.verdict is None:
                    unjudged.add(leg.channel_id)
                suspect.is_seen(leg, at)
                self._follow_on(suspect)
                if suspect.failures:
                    self._look_now(suspect)
        for suspect in tuple(self._suspects.values()):
            if suspect.verdict is not None and suspect.seen_at < at and suspect.leg.channel_id not in living:
                self._finish(suspect.leg.channel_id)
        self._sessions.compared(living)
        return unjudged

    def claimed(self, channel_id: str) -> None:
        """Take in that a call answers for this leg."""
        suspect = self._suspects.pop(channel_id, None)
        if suspect is not None and suspect.alarm is not None:
            suspect.alarm.cancel()

    def answered(self, _call_id: str, channel_id: str, at: datetime) -> None:
        """Have a leg that was answered carry when."""
        self._sessions.answered(channel_id, at)

    def recall(self, mark: LegMark, trunk: str, at: datetime) -> Session:
        """Return the session of a call of which a mark is all that is left; no account pays for it.

        One that no service has seen is told of.

        Args:
            trunk: Its leg's endpoint, '' where that is not known.
            at: When it was answered, or found.
        """
        leg = KnownLeg(
            channel_id=ungated_leg_of(mark.call_id),
            trunk=trunk,
            seen_at=at,
            target=_target_of(mark, trunk),
            is_queue_member=False,
            rings_emergency=False,
            caller_channel="",
            deciding_name=mark.caller_name,
        )
        verdict = self._judged(leg)
        if mark.kind is not MarkKind.AROUND:
            return recall(verdict.call, at, verdict.denial)
        self._tell(leg, leg.channel_id, verdict.call, UNSEEN)
        return recall(verdict.call, at, None)

    def _suspect(self, leg: Channel, at: datetime) -> Suspect | None:
        """Begin to suspect a leg, unless it calls here or has been judged."""
        if leg.channel_id in self._done:
            return None
        if is_outbound(leg) is False:
            self._finish(leg.channel_id)
            return None
        if len(self._suspects) >= MOST_SUSPECTS:
            self._metrics.dropped.labels("ungated").inc()
            return None
        suspect = Suspect(leg, at, called=is_outbound(leg) is True)
        self._suspects[leg.channel_id] = suspect
        self._look_later(suspect, JUDGED_AFTER_S)
        return suspect

    def _finish(self, channel_id: str) -> None:
        """Look at this channel no more."""
        self.claimed(channel_id)
        self._done[channel_id] = None
        if len(self._done) > MOST_DONE:
            self._done.popitem(last=False)

    def _look_later(self, suspect: Suspect, delay_s: float) -> None:
        suspect.alarm = asyncio.get_running_loop().call_later(delay_s, self._look, suspect)

    def _look_now(self, suspect: Suspect) -> None:
        """Look at once, unless that is being done."""
        if suspect.alarm is not None:
            suspect.alarm.cancel()
            self._look(suspect)

    def _look(self, suspect: Suspect) -> None:
        suspect.alarm = None
        self._executor.spawn(self._judge(suspect))

    # --- the verdict --------------------------------------------------------------------------------------

    async def _judge(self, suspect: Suspect) -> None:
        try:
            verdict = await self._verdict(suspect)
            if self._suspects.get(suspect.leg.channel_id) is not suspect:
                return  # a call claimed it meanwhile
            if verdict is None:
                self._finish(suspect.leg.channel_id)
            else:
                await self._carry_out(suspect, verdict)
        except (AsteriskError, StoreError) as error:
            log.warning("leg_not_judged", channel_id=suspect.leg.channel_id, error=str(error))
            self._look_later(suspect, AGAIN_S[min(suspect.failures, len(AGAIN_S) - 1)])
            suspect.failures += 1
        except Exception:  # one that cannot be read is left to the next comparing
            log.exception("leg_not_judged", channel_id=suspect.leg.channel_id)
            self.claimed(suspect.leg.channel_id)

    async def _carry_out(self, suspect: Suspect, verdict: UngatedVerdict) -> None:
        verdict = await self._sessions.carry_out(suspect, verdict)
        self._tell(self._known(suspect), suspect.leg.name, verdict.call, f"{verdict.fate}: {verdict.why}")
        if verdict.fate is Fate.FOLLOWED:
            suspect.verdict = verdict
            self._follow_on(suspect)
        else:
            self._finish(suspect.leg.channel_id)

    async def _verdict(self, suspect: Suspect) -> UngatedVerdict | None:
        """Return what becomes of a leg; None where it needs no verdict, or none yet."""
        ari = self._lines.ari
        if ari is None or not self._board.reconciled:
            raise AriUnavailableError("the sessions have not been compared with the channels yet")
        reply = await ari.get(suspect.leg.channel_id)
        if reply.done:
            suspect.is_seen(decode_channel(reply.body), self._clock())
        elif reply.status != 404:
            raise AriUnavailableError(f"ARI answers with status {reply.status} where a channel is asked for")
        elif suspect.answered_at is None:
            return None  # it ended, and nobody had answered
        elif self._board.is_let_through(suspect.leg):
            return None  # what it left is read after each comparison, and knows more
        try:
            if await self._is_gated(suspect.leg, ari) or not await self._has_learnt(suspect, ari):
                return None
        except LegGoneError:
            if suspect.answered_at is None or not await self._has_left_word(suspect, ari):
                return None
        suspect.judged_by = self._board.clock.reading(self._board.clock.now())
        return self._judged(self._known(suspect))

    async def _has_left_word(self, suspect: Suspect, ari: AriClient) -> bool:
        """Take in what a leg that is gone has left; return whether it was called from here, and needs a verdict."""
        record = await read_leg_record(suspect.leg.channel_id, self._lines.ami)
        if record is None:
            return suspect.called
        suspect.leg = replace(suspect.leg, leg_variable=str(record.mark or record.call_id))
        if suspect.is_found_talking:
            suspect.answer_is_read(record.answered_at)
        if self._board.is_let_through(suspect.leg) or await self._is_gated(suspect.leg, ari):
            return False
        return suspect.called if record.mark is None else await self._has_learnt(suspect, ari)

    async def _has_learnt(self, suspect: Suspect, ari: AriClient) -> bool:
        """Read what a verdict needs of a leg; return whether it was called from here, and needs one."""
        mark = parse_leg_variable(suspect.leg.leg_variable)
        if isinstance(mark, LegMark):  # a service before this one knew it
            suspect.target = _target_of(mark, self._board.trunk_of(suspect.leg) or "")
            suspect.behind = Behind("", mark.caller_name)
            return True
        if not suspect.called and not await read_is_outbound(suspect.leg, ari):
            return False
        if suspect.is_found_talking:
            suspect.answer_is_read(await read_answered_at(suspect.leg, ari))
        if not suspect.target:
            suspect.target = await read_dialled(suspect.leg, ari)
        suspect.behind = await read_behind(suspect.leg, suspect.target, ari)
        return True

    async def _is_gated(self, leg: Channel, ari: AriClient) -> bool:
        """Whether a call answers for the leg after all, or answered for it until it ended.

        Its id is read where the snapshot has none: an ari.conf without our variables must end no call.
        """
        if not leg.leg_variable:
            leg = replace(leg, leg_variable=await read_variable(leg.channel_id, LEG_VARIABLE, ari))
        if self._board.call_of_leg(leg, self._clock()) is not None:
            return True
        call_id = call_id_of(leg.leg_variable)
        if self._board.knows(call_id):
            self._board.refuse_leg(leg)
            return True
        return bool(call_id) and await self._is_in_store(call_id)

    async def _is_in_store(self, call_id: str) -> bool:
        """Whether an open call of the store's has this id: another node's, or one that is not adopted yet.

        A lost one of this node's is there still only where its state cannot be read: what it held is charged and over.
        """
        rows = [row for row in await self._store.open_sessions() if row.call_id == call_id]
        return any(row.node != self._gate.node or not row.is_lost for row in rows)

    def _known(self, suspect: Suspect) -> KnownLeg:
        return KnownLeg(
            channel_id=suspect.leg.channel_id,
            trunk=self._board.trunk_of(suspect.leg) or "",
            seen_at=self._board.clock.present(suspect.seen_at),
            target=suspect.target,
            is_queue_member=suspect.leg.application == QUEUE_MEMBER,
            rings_emergency=suspect.leg.context == EMERGENCY_CONTEXT,
            caller_channel=suspect.behind.channel_id,
            deciding_name=suspect.behind.deciding_name,
        )

    def _judged(self, leg: KnownLeg) -> UngatedVerdict:
        trunk = self._trunks.get(leg.trunk) or Trunk(endpoint=leg.trunk)
        return judge_leg(leg, self._setting, self._board.catalog, self._gate, trunk)

    def _tell(self, leg: KnownLeg, name: str, call: Call, done: str) -> None:
        """Raise the alert of a leg whose channel has this name."""
        self._alerts.raise_alert(
            AlertKind.UNGATED_LEG,
            f"ungated:{self._gate.node}/{leg.channel_id}",
            call_id=call.call_id,
            channel=name,
            trunk=leg.trunk,
            number=masked(dialled_number(leg.target, leg.trunk) or ""),
            extension=call.extension or None,
            behind=leg.deciding_name or None,
            done=done,
        )

    def _follow_on(self, suspect: Suspect) -> None:
        """Begin the session of a leg that is only followed once it is answered; where it was not, nothing is left."""
        if suspect.verdict is None:
            return
        if suspect.answered_at is not None:
            self._finish(suspect.leg.channel_id)
            self._sessions.follow(suspect, suspect.verdict.call)
        elif suspect.ended is not None:
            self._finish(suspect.leg.channel_id)


def _target_of(mark: LegMark, trunk: str) -> str:
    """Return a leg's dial string, of which a service's own mark has the number alone."""
    return mark.dialled if mark.kind is MarkKind.AROUND else f"{mark.dialled}@{trunk}"
