"""Finds the legs on our trunks that never passed the gate, and has them hung up, metered or only told of.

A leg carries its call's id from its first ringing on (:mod:`dialplan.contract`), but none when it is created. So one
that appears without is a suspect, and is judged half a second later after a fresh read, or as soon as it is answered;
so is one whose id names a call that nobody knows. Suspects come from events and from the lists of channels that
comparing reads. There are never more than ``MOST_SUSPECTS``; what is beyond is left to the next list, and counted.

A leg that is judged has a session, as any call's has (:mod:`charging.ungated`), begun once it is answered where it is
only followed: an attempt that nobody stopped and nobody answered leaves no record. Everything that Asterisk is asked
has a limit, and what it does not answer is asked again. An inbound leg is never touched.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.clock import utc_now
from ari_app.decode import (
    Channel,
    ChannelDestroyed,
    ChannelHangupRequested,
    ChannelStateChanged,
    LegDialled,
    decode_channel,
)
from ari_app.errors import AmiChannelGoneError, AriUnavailableError, AsteriskError
from ari_app.execute import CommandExecutor
from ari_app.gate import GateSettings
from ari_app.lines import Lines
from ari_app.metrics import Metrics
from ari_app.requests import opening
from ari_app.store_watch import StoreWatch
from ari_app.switchboard import ChannelEvent, Switchboard
from ari_app.ungated_leg import QUEUE_MEMBER, Behind, is_outbound, read_behind, read_dialled, read_is_outbound
from ari_app.ungated_verdict import Fate, KnownLeg, UngatedAction, UngatedVerdict, barred, judge_leg, masked
from charging import events as ev
from charging.call import Call, Leg
from charging.commands import OpenSession
from charging.policy import MeteringPolicy
from charging.session import Session
from charging.ungated import bar, follow, held, meter
from dialplan.contract import ANSWERED_VARIABLE, EMERGENCY_CONTEXT, HANGUP_HANDLER, LEG_VARIABLE, call_id_of
from dialplan.trunks import Trunk, dialled_number
from rating.decision import Denial, DenyReason
from rating.funds_denial import PayerNames, first_hold_denial
from store.alerts import AlertKind
from store.answers import Denied, Held
from store.caps import SpendLimits
from store.errors import StoreError
from store.store import Store

log = structlog.get_logger(__name__)

JUDGED_AFTER_S = 0.5
"""A leg's call is told of by its first ringing, which follows its creation at once, or by a read then."""
AGAIN_S = (0.5, 1.0, 2.0, 5.0)
"""When what could not be read is read again; each comparing reads it at once."""
HOLD_LIMIT_S = 1.0
MOST_SUSPECTS = 500
MOST_DONE = 10_000
"""Channels that need no look any more are remembered; of a forgotten one Asterisk is asked again."""


@dataclass(slots=True, eq=False)
class Suspect:
    """A leg that no call answers for, as far as has been seen."""

    leg: Channel
    seen_at: datetime
    target: str = ""
    """Its dial string, where an event told it."""
    called: bool = False
    """Whether an event told that it was called from here."""
    answered_at: datetime | None = None
    far_end_hung_up_at: datetime | None = None
    ended: ChannelDestroyed | None = None
    verdict: UngatedVerdict | None = None
    """Known where it is followed as soon as it is answered."""
    behind: Behind = field(default_factory=Behind)
    alarm: asyncio.TimerHandle | None = None
    failures: int = 0
    """How often Asterisk or the store did not answer what was asked of it."""

    def is_seen(self, leg: Channel, at: datetime) -> None:
        """Take in the leg as a read shows it; an answer whose event went by unseen is taken to have come now."""
        self.leg = leg
        self.called = self.called or is_outbound(leg) is True
        if leg.state == "Up":
            self.answered_at = self.answered_at or leg.answered_at or at

    def learn(self, event: ChannelEvent) -> None:
        """Take in what an event tells."""
        self.leg = event.channel
        self.called = self.called or is_outbound(event.channel) is True
        if event.channel.state == "Up" and isinstance(event, ChannelStateChanged):
            self.answered_at = self.answered_at or event.at
        match event:
            case LegDialled() if event.dialled:
                self.target = event.dialled
            case ChannelHangupRequested(soft=False):
                self.far_end_hung_up_at = self.far_end_hung_up_at or event.at
            case ChannelDestroyed():
                self.ended = event
                self.answered_at = self.answered_at or event.channel.answered_at
            case _:
                pass


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
        self._policy = policy
        self._board = switchboard
        self._executor = executor
        self._lines = lines
        self._store = store
        self._store_watch = store_watch
        self._alerts = alerts
        self._metrics = metrics
        self._limits_of = limits_of
        self._clock = clock
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
        if suspect.verdict is not None:
            self._follow_on(suspect)
        elif suspect.answered_at is not None and not suspect.failures:
            self._look_now(suspect)  # it carries its call's id by now, or none

    def compared(self, strays: Collection[Channel], living: Collection[str], at: datetime) -> None:
        """Take in what a list of channels shows.

        Args:
            strays: Legs that no call answers for.
            living: The ids of all channels.
            at: When it was asked for.
        """
        for leg in strays:
            suspect = self._suspects.get(leg.channel_id) or self._suspect(leg, at)
            if suspect is not None:
                suspect.is_seen(leg, at)
                self._follow_on(suspect)
                if suspect.failures:
                    self._look_now(suspect)
        for suspect in tuple(self._suspects.values()):
            if suspect.verdict is not None and suspect.seen_at < at and suspect.leg.channel_id not in living:
                self._finish(suspect.leg.channel_id)

    def claimed(self, channel_id: str) -> None:
        """Take in that a call answers for this leg."""
        suspect = self._suspects.pop(channel_id, None)
        if suspect is not None and suspect.alarm is not None:
            suspect.alarm.cancel()

    def answered(self, call_id: str, channel_id: str, at: datetime) -> None:
        """Have the dialplan's handler leave word of the end of a metered leg that was answered."""
        self._executor.spawn(self._mark_answered(call_id, channel_id, at))

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
        if verdict.fate is Fate.METERED:
            verdict = await self._meter(suspect, verdict)
        self._tell(suspect, verdict)
        match verdict.fate:
            case Fate.FOLLOWED:
                suspect.verdict = verdict
                self._follow_on(suspect)
            case Fate.HUNG_UP:
                assert verdict.denial is not None
                self._begin_free(suspect, bar(verdict.call, self._leg_of(suspect), self._clock(), verdict.denial))
            case Fate.METERED:
                pass

    async def _verdict(self, suspect: Suspect) -> UngatedVerdict | None:
        """Return what becomes of a leg; None where it needs no verdict, or none yet."""
        ari, ami = self._lines.ari, self._lines.ami
        if ari is None or not self._board.reconciled:
            raise AriUnavailableError("the sessions have not been compared with the channels yet")
        reply = await ari.get(suspect.leg.channel_id)
        if reply.done:
            suspect.is_seen(decode_channel(reply.body), self._clock())
        elif reply.status != 404:
            raise AriUnavailableError(f"ARI answers with status {reply.status} where a channel is asked for")
        elif suspect.answered_at is None:
            return None  # it ended, and nobody had answered
        try:
            if await self._is_gated(suspect.leg, ami):
                return None
            if not suspect.called and not await read_is_outbound(suspect.leg, ami):
                return None
            if not suspect.target:
                suspect.target = await read_dialled(suspect.leg, ami)
            suspect.behind = await read_behind(suspect.leg, suspect.target, ari, ami)
        except AmiChannelGoneError:
            if suspect.answered_at is None or not suspect.called:
                return None
        return self._verdict_on(suspect)

    async def _is_gated(self, leg: Channel, ami: AmiAdapter) -> bool:
        """Whether a call answers for the leg after all, or answered for it until it ended.

        Its id is read over AMI where the snapshot has none: an ari.conf without our variables must end no call.
        """
        if not leg.leg_variable:
            leg = replace(leg, leg_variable=await ami.read_variable(leg.channel_id, LEG_VARIABLE))
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

    def _verdict_on(self, suspect: Suspect) -> UngatedVerdict:
        trunk = self._board.trunk_of(suspect.leg) or ""
        known = KnownLeg(
            channel_id=suspect.leg.channel_id,
            trunk=trunk,
            seen_at=suspect.seen_at,
            target=suspect.target,
            is_queue_member=suspect.leg.application == QUEUE_MEMBER,
            rings_emergency=suspect.leg.context == EMERGENCY_CONTEXT,
            caller_channel=suspect.behind.channel_id,
            deciding_name=suspect.behind.deciding_name,
        )
        return judge_leg(known, self._setting, self._board.catalog, self._gate, self._trunks[trunk])

    def _tell(self, suspect: Suspect, verdict: UngatedVerdict) -> None:
        leg, call = suspect.leg, verdict.call
        trunk = self._board.trunk_of(leg) or ""
        self._alerts.raise_alert(
            AlertKind.UNGATED_LEG,
            f"ungated:{self._gate.node}/{leg.channel_id}",
            call_id=call.call_id,
            channel=leg.name,
            trunk=trunk,
            number=masked(dialled_number(suspect.target, trunk) or ""),
            extension=call.extension or None,
            behind=suspect.behind.deciding_name or None,
            done=f"{verdict.fate}: {verdict.why}",
        )

    # --- what becomes of it -------------------------------------------------------------------------------

    def _follow_on(self, suspect: Suspect) -> None:
        """Begin the session of a leg that is only followed once it is answered; where it was not, nothing is left."""
        if suspect.verdict is None:
            return
        if suspect.answered_at is not None:
            self._begin_free(suspect, follow(suspect.verdict.call, self._leg_of(suspect), self._clock()))
        elif suspect.ended is not None:
            self._finish(suspect.leg.channel_id)

    def _begin_free(self, suspect: Suspect, session: Session) -> None:
        # The store is told for `tollgate calls`, and a successor: it goes on if this fails.
        self._begin(suspect, session, OpenSession(held_micros=0, paid_s=0))

    async def _meter(self, suspect: Suspect, verdict: UngatedVerdict) -> UngatedVerdict:
        """Hold for a leg what it has talked and a first slice, and meter it; else return why it is hung up."""
        call, at = verdict.call, self._clock()
        talked = timedelta() if suspect.answered_at is None else max(at - suspect.answered_at, timedelta())
        talked_s = -(-talked // timedelta(seconds=1))
        session, command = meter(call, self._leg_of(suspect), at, self._policy, talked_s=talked_s)
        answer = await self._hold(session, command)
        if isinstance(answer, Denial):
            return barred(call, answer)
        session = held(session, held_micros=answer.held_micros, paid_s=answer.paid_s, allowance_s=answer.allowance_s)
        self._begin(suspect, session, None)
        return verdict

    async def _hold(self, session: Session, command: OpenSession) -> Held | Denial:
        call = session.call
        assert call.account_id is not None
        operation = opening(session, command, call.account_id, self._policy, self._limits_of(call))
        try:
            answer = await self._store_watch.apply(operation, "ungated", limit_s=HOLD_LIMIT_S)
        except (StoreError, TimeoutError) as error:
            log.warning("ungated_leg_not_held", call_id=call.call_id, error=repr(error))
            fault = str(error) or f"no answer within {HOLD_LIMIT_S:g} s"
            return Denial(DenyReason.STORE_DOWN, f"the store: {fault}")
        if isinstance(answer, Held):
            return answer
        return _denial(call, command, answer, self._board.catalog.account_name(call.account_id))

    def _leg_of(self, suspect: Suspect) -> Leg:
        return Leg(channel_id=suspect.leg.channel_id, trunk=self._board.trunk_of(suspect.leg) or "")

    def _begin(self, suspect: Suspect, session: Session, command: OpenSession | None) -> None:
        """Make the session live, and have it catch up with what was seen of its leg."""
        leg, call_id = suspect.leg, session.call.call_id
        self._finish(leg.channel_id)
        if self._board.knows(call_id):
            return
        live = self._board.take(session)
        live.start((session, () if command is None else (command,)))
        if suspect.answered_at is not None:
            live.post(ev.LegAnswered(live.moment(suspect.answered_at), leg.channel_id, session.legs[0].trunk))
        if suspect.far_end_hung_up_at is not None:
            live.post(ev.LegHangupRequested(live.moment(suspect.far_end_hung_up_at), leg.channel_id))
        if (ended := suspect.ended) is not None:
            live.post(ev.LegEnded(live.moment(ended.at), leg.channel_id, session.legs[0].trunk, ended.cause))
        elif session.barred is None:
            self._executor.spawn(self._mark(call_id, leg.channel_id, suspect.answered_at))

    # --- marks on the leg ---------------------------------------------------------------------------------

    async def _mark(self, call_id: str, channel_id: str, answered_at: datetime | None) -> None:
        """Have the leg carry its call's id from here on, as one that passed the gate does."""
        if await self._set(channel_id, {LEG_VARIABLE: call_id}) and answered_at is not None:
            await self._mark_answered(call_id, channel_id, answered_at)

    async def _mark_answered(self, call_id: str, channel_id: str, at: datetime) -> None:
        variables = {
            LEG_VARIABLE: call_id,
            ANSWERED_VARIABLE: f"{at.timestamp():.3f}",
            "CHANNEL(hangup_handler_push)": HANGUP_HANDLER,
        }
        await self._set(channel_id, variables)

    async def _set(self, channel_id: str, variables: dict[str, str]) -> bool:
        try:
            for name, value in variables.items():
                await self._lines.ami.set_variable(channel_id, name, value)
        except AsteriskError as error:  # its events tell of its end, unless the service is away then
            log.warning("ungated_leg_not_marked", channel_id=channel_id, error=str(error))
            return False
        return True


def _denial(call: Call, command: OpenSession, answer: Denied, account: str) -> Denial:
    return Denial(
        *first_hold_denial(
            PayerNames(call.extension, account),
            hold_micros=command.held_micros,
            available_micros=answer.available_micros,
            limit=answer.limit,
            has_allowance=call.allowance is not None,
            after_allowance=call.after_allowance,
        )
    )
