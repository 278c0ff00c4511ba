"""Carries out what a call wants done: in the store, over ARI, over AMI.

Telephony comes only after the store's commit, because the session asks for it only then. Every outcome, a failure
too, becomes an event of the call. Nothing here decides.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

import structlog

from ari_app.alerts import Alerts
from ari_app.call_marks import mark_of
from ari_app.client import AriClient, AriReply
from ari_app.clock import epoch_ms, utc_now
from ari_app.errors import AsteriskError
from ari_app.leg_records import ReadLegRecords, no_leg_records
from ari_app.legs import LegCommands
from ari_app.lines import Lines
from ari_app.live import LiveCall
from ari_app.lost_calls import lost_call_of, with_alert
from ari_app.metrics import Metrics
from ari_app.requests import opening, opening_denial, renewal, saving, store_fault
from ari_app.store_watch import StoreWatch
from charging import commands as cmd
from charging import events as ev
from charging.call import Call
from charging.cdr import Cdr, Disposition
from charging.policy import MeteringPolicy
from charging.records import CALL_REJECTED, refusal_cause
from charging.saved import dump_session
from charging.session import paid_end_at
from dialplan.contract import (
    INTERNAL_CONTEXT,
    LEG_MARK_VARIABLE,
    PRESENTATION_VARIABLE,
    SLICE_VARIABLE,
    VERDICT_VARIABLE,
    MarkKind,
    Presentation,
    Verdict,
    internal_extension,
    number_variable,
)
from dialplan.trunks import Trunk, trunk_number
from rating.decision import DenyReason
from rating.destination import DestinationClass
from rating.funds_denial import PayerNames, renewal_denial
from store.answers import Denied, Granted, Held
from store.caps import SpendLimits
from store.errors import (
    CallSettledError,
    KeyConflictError,
    StoreError,
    StoreOverloadedError,
    UnknownCallError,
)
from store.operation import Operation
from store.settlement import settle_leg

log = structlog.get_logger(__name__)

STORE_LIMIT_S = 2.0
"""A caller waits no longer than this for the store's answer; the dialplan's guard would fire at 3 s."""
UNSEEN_LIMIT_S = 60.0
"""A call waits no longer than this with its closing record for a comparison to tell what went by unseen."""
LAST_LEGS_LIMIT_S = 2.0
SETTLE_RETRY_S = (0.1, 0.3, 1.0, 3.0, 5.0)
MOST_REFUSALS = 500
"""Channels that no call answers for are ended so many at a time."""


class CommandExecutor:
    """Carries out commands in tasks of their own, and posts what came of them."""

    def __init__(
        self,
        store: StoreWatch,
        lines: Lines,
        alerts: Alerts,
        policy: MeteringPolicy,
        trunks: tuple[Trunk, ...],
        home_region: str,
        limits_of: Callable[[Call], SpendLimits],
        account_of: Callable[[Call], str],
        metrics: Metrics,
        read_cdrs: ReadLegRecords = no_leg_records,
    ) -> None:
        """Take what the commands need.

        ``limits_of`` answers what limits a call's spending as things stand, ``account_of`` the name of who pays,
        ``read_cdrs`` what Asterisk's own CDRs say of legs.
        """
        self._limits_of = limits_of
        self._account_of = account_of
        self._metrics = metrics
        self._store = store
        self._lines = lines
        self._alerts = alerts
        self._legs = LegCommands(lines, alerts, read_cdrs)
        self._policy = policy
        self._trunks = trunks
        self._home_region = home_region
        self._tasks: set[asyncio.Task[None]] = set()
        self._retrying = 0
        self._refusing = 0

    @property
    def under_way(self) -> int:
        """How many commands are being carried out; a call has no more than one of a kind."""
        return len(self._tasks)

    @property
    def settlements_retrying(self) -> int:
        """How many settlements the store did not take, and that are tried again."""
        return self._retrying

    def execute(self, live: LiveCall, command: cmd.Command) -> None:
        """Start carrying out ``command`` for ``live``."""
        self.spawn(self._coroutine(live, command))

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run something to its end, as a command is; a failure is logged."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def watch_caller(self, live: LiveCall) -> None:
        """Have the caller's channel send its events to us, also when it has left the application."""
        self.spawn(self._watch_caller(live))

    def refuse_channel(self, channel_id: str, cause: int = CALL_REJECTED) -> None:
        """End a channel that no call of ours answers for.

        There is a limit to how many at a time: a caller beyond it is refused by the dialplan's guard, and a leg is
        found again by the next comparison.
        """
        if self._refusing >= MOST_REFUSALS:
            self._metrics.dropped.labels("refusals").inc()
            return
        self._refusing += 1
        self.spawn(self._refuse_channel(channel_id, cause))

    async def drain(self, limit_s: float) -> None:
        """Wait for what is under way, and for what follows from it, but no longer than ``limit_s``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        for task in self._tasks:
            task.cancel()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("command_failed", exc_info=task.exception())

    def _coroutine(self, live: LiveCall, command: cmd.Command) -> Coroutine[Any, Any, None]:  # noqa: C901, PLR0911 (a table)
        match command:
            case cmd.OpenSession():
                return self._open(live, command)
            case cmd.AdmitCaller():
                return self._admit(live, command)
            case cmd.RefuseCaller():
                return self._refuse(live, command)
            case cmd.RenewSlice():
                return self._renew(live, command)
            case cmd.SaveSession():
                return self._save(live, command)
            case cmd.CheckDeadline():
                return self._legs.check_deadline(live, command)
            case cmd.ArmDeadline():
                return self._legs.arm_deadline(live, command)
            case cmd.ClearDeadline():
                return self._legs.clear_deadline(live, command)
            case cmd.HangUpLeg():
                return self._legs.hang_up(live, command)
            case cmd.Settle():
                return self._settle(live, command)

    # --- store --------------------------------------------------------------------------------------------

    async def _open(self, live: LiveCall, command: cmd.OpenSession) -> None:
        call = live.session.call
        assert call.account_id is not None or call.destination_class is DestinationClass.EMERGENCY or call.ungated
        if call.account_id is None:
            live.post(ev.SessionOpened(live.now()))
            return
        try:
            operation = self._opening(live, command, call.account_id)
            answer = await self._store.begin(operation, "opening", limit_s=STORE_LIMIT_S)
        except (StoreError, TimeoutError) as error:
            log.warning("session_not_opened", call_id=call.call_id, error=repr(error))
            reason = DenyReason.OVERLOAD if isinstance(error, StoreOverloadedError) else DenyReason.STORE_DOWN
            live.post(ev.SessionDenied(live.now(), reason, store_fault(error, STORE_LIMIT_S)))
            return
        match answer:
            case Held():
                live.post(ev.SessionOpened(live.now(), ev.Slice(answer.paid_s, answer.held_micros, answer.allowance_s)))
            case Denied():
                denial = opening_denial(call, command, answer, self._names_of(call))
                live.post(ev.SessionDenied(live.now(), *denial))

    def _opening(self, live: LiveCall, command: cmd.OpenSession, account_id: int) -> Operation[Held | Denied]:
        return opening(live.to_save(), command, account_id, self._policy, self._limits_of(live.session.call))

    async def _renew(self, live: LiveCall, command: cmd.RenewSlice) -> None:
        session = live.to_save()
        paid_until = paid_end_at(session)
        if paid_until is None:
            return  # it ended before we could ask
        limits = self._limits_of(session.call)
        operation = renewal(session, command, self._policy, paid_until, utc_now(), limits)
        try:
            answer = await self._store.apply(operation, "renewal", limit_s=STORE_LIMIT_S)
        except (UnknownCallError, CallSettledError):
            return  # it ended while we asked
        except (StoreError, TimeoutError) as error:
            log.warning("slice_not_renewed", call_id=live.call_id, error=repr(error))
            rule = store_fault(error, STORE_LIMIT_S)
            live.post(ev.SliceDenied(live.now(), command.slice_no, DenyReason.STORE_DOWN, rule))
            return
        match answer:
            case Granted():
                granted = (answer.paid_s, answer.held_micros, answer.allowance_s)
                live.post(ev.SliceGranted(live.now(), command.slice_no, *granted))
            case Denied():
                denial = renewal_denial(
                    self._names_of(session.call),
                    available_micros=answer.available_micros,
                    limit=answer.limit,
                    after_allowance=session.call.after_allowance,
                )
                live.post(ev.SliceDenied(live.now(), command.slice_no, *denial))

    def _names_of(self, call: Call) -> PayerNames:
        return PayerNames(call.extension, self._account_of(call))

    async def _save(self, live: LiveCall, command: cmd.SaveSession) -> None:
        if live.session.call.account_id is None:
            return
        operation = saving(live.to_save(), command, paid_end_at(live.session), utc_now())
        try:
            await self._store.apply(operation, "saving")
        except (UnknownCallError, CallSettledError):
            return
        except StoreError as error:
            log.warning("session_not_saved", call_id=live.call_id, error=repr(error))

    async def _settle(self, live: LiveCall, command: cmd.Settle) -> None:
        """Settle, and keep trying: a record is never dropped while the service runs."""
        lost = lost_call_of(command.cdr, close=command.close)
        if command.close and command.cdr.disposition is not Disposition.REFUSED:
            await _others_first(live, command.cdr)
        attempt = 0
        while True:
            try:
                # A successor of a call that goes on must not write this leg down once more.
                state = None if command.close else dump_session(live.to_save())
                at_ms = epoch_ms(utc_now())
                operation = settle_leg(cdr=command.cdr, close=command.close, at_ms=at_ms, state=state)
                if lost is not None:
                    operation = with_alert(operation, lost, at_ms)
                if command.cdr.disposition is Disposition.REFUSED:  # it waits until those who talk need the store less
                    await self._store.begin(operation, "settlement")
                else:
                    await self._store.apply(operation, "settlement")
                self._metrics.records.labels(command.cdr.disposition.value, command.cdr.end_source or "").inc()
                if lost is not None:
                    lost.raise_on(self._alerts)
                break
            except KeyConflictError as error:
                # By another service under our name, as well as it knew the clock; what was settled first stands.
                log.warning("settled_otherwise_before", call_id=live.call_id, error=str(error))
                break
            except StoreError as error:
                pause_s = SETTLE_RETRY_S[min(attempt, len(SETTLE_RETRY_S) - 1)]
                log.warning("not_settled_yet", call_id=live.call_id, error=repr(error), retry_s=pause_s)
                attempt += 1
                self._retrying += 1
                try:
                    await asyncio.sleep(pause_s)
                finally:
                    self._retrying -= 1
        live.post(ev.Settled(live.now(), command.cdr.leg))

    # --- the caller ---------------------------------------------------------------------------------------

    async def _admit(self, live: LiveCall, command: cmd.AdmitCaller) -> None:
        ari = self._lines.ari
        if ari is None:
            live.post(ev.AdmissionMissed(live.now()))
            return
        try:
            replies = await self._send_verdict(ari, live, command)
        except AsteriskError as error:
            # It may have arrived all the same, and the caller may dial: the hold stays until that is known to be over.
            log.warning("verdict_not_confirmed", call_id=live.call_id, error=str(error))
            return
        if all(reply.done for reply in replies):
            self._metrics.verdicts.labels("admitted", "").inc()
            live.post(ev.CallerAdmitted(live.now()))
        else:
            log.info("verdict_too_late", call_id=live.call_id, status=[reply.status for reply in replies])
            live.post(ev.AdmissionMissed(live.now()))

    async def _send_verdict(self, ari: AriClient, live: LiveCall, command: cmd.AdmitCaller) -> Sequence[AriReply]:
        """Give the caller back to the dialplan, with what it may do.

        Within the office it goes on in the PBX's own dialplan, which may want AstDB; and Asterisk 22.10.1 keeps AstDB
        from a channel on which variables were set over ARI (docs/restarts.md).
        """
        call = live.session.call
        if call.destination_class is DestinationClass.INTERNAL:
            place = INTERNAL_CONTEXT, internal_extension(call.call_id, call.number)
            return [await ari.continue_in_dialplan(call.caller_channel, place)]
        # Both travel at once. Should the first fail, the dialplan finds no verdict for this call and refuses.
        return await asyncio.gather(
            ari.set_channel_vars(call.caller_channel, self._variables(live, command)),
            ari.continue_in_dialplan(call.caller_channel),
        )

    def _variables(self, live: LiveCall, command: cmd.AdmitCaller) -> dict[str, str]:
        """Return the verdict's variables: all of them each time, so that nothing of another call is left."""
        call = live.session.call
        match call.destination_class:
            case DestinationClass.EMERGENCY:
                verdict = Verdict.EMERGENCY
            case _:
                verdict = Verdict.FREE if command.slice_ms is None else Verdict.METERED
        variables = {
            VERDICT_VARIABLE: f"{verdict}:{call.call_id}",
            SLICE_VARIABLE: "" if command.slice_ms is None else f"{command.slice_ms / 1000:.3f}",
            LEG_MARK_VARIABLE: "" if command.is_in_store else str(mark_of(call, MarkKind.AWAY)),
            PRESENTATION_VARIABLE: _presentation(call),
        }
        for index, trunk in enumerate(self._trunks, start=1):
            number = trunk_number(call.number, trunk.dial_format, self._home_region)
            variables[number_variable(index)] = number
        return variables

    async def _watch_caller(self, live: LiveCall) -> None:
        ari = self._lines.ari
        if ari is None:
            return
        try:
            reply = await ari.subscribe(f"channel:{live.session.call.caller_channel}")
        except AsteriskError as error:
            log.warning("caller_not_watched", call_id=live.call_id, error=str(error))
            return
        if not reply.done:  # it has gone before we could look
            live.post(ev.CallerGone(live.now()))

    async def _refuse(self, live: LiveCall, command: cmd.RefuseCaller) -> None:
        self._metrics.verdicts.labels("refused", command.reason.value).inc()
        await self._legs.hang_up_channel(live.session.call.caller_channel, refusal_cause(command.reason))

    async def _refuse_channel(self, channel_id: str, cause: int) -> None:
        try:
            await self._legs.hang_up_channel(channel_id, cause)
        finally:
            self._refusing -= 1


def _presentation(call: Call) -> str:
    """Return what the trunk is told of the caller's number. An emergency service is never refused it."""
    if call.withhold_caller_id is None or call.destination_class is DestinationClass.EMERGENCY:
        return ""
    return Presentation.WITHHELD if call.withhold_caller_id else Presentation.SHOWN


async def _others_first(live: LiveCall, closing: Cdr) -> None:
    """Have the other legs of a call written down before the record that closes it.

    Should the service die in between, its successor finds the call open, and writes down what is lacking. A leg that
    came and went unseen is told of by the comparison that is under way. One that is thought to ring may have been
    answered unheard: its end comes with the call's, or is not waited for.
    """
    await _wait(UNSEEN_LIMIT_S, live.until(lambda live: live.is_seen_whole))
    await _wait(LAST_LEGS_LIMIT_S, live.until(_has_no_leg))
    await live.until(lambda live: all(cdr.leg == closing.leg for cdr in live.session.unsettled))


async def _wait(limit_s: float, waiting: Coroutine[Any, Any, None]) -> None:
    """Wait for something, but no longer than this."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await waiting


def _has_no_leg(live: LiveCall) -> bool:
    """Say whether all legs have ended; a call to an emergency number waits for none."""
    return not live.session.legs or live.session.call.destination_class is DestinationClass.EMERGENCY
