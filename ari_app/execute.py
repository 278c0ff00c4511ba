"""Carries out what a call wants done: in the store, over ARI, over AMI.

Telephony comes only after the store's commit, because the session asks for it only then. Every outcome, a failure
too, becomes an event of the call. Nothing here decides.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol

import structlog

from ari_app.ami import AmiAdapter
from ari_app.client import AriClient
from ari_app.clock import epoch_ms, utc_now
from ari_app.decode import decode_channel
from ari_app.errors import AsteriskError
from ari_app.live import LiveCall
from ari_app.requests import opening, renewal, saving
from charging import commands as cmd
from charging import events as ev
from charging.call import Call
from charging.cdr import EndSource
from charging.policy import MeteringPolicy
from charging.records import CALL_REJECTED, refusal_cause
from charging.session import paid_end_at
from dialplan.contract import (
    EMERGENCY_CONTEXT,
    INTERNAL_VARIABLE,
    PRESENTATION_VARIABLE,
    SLICE_VARIABLE,
    VERDICT_VARIABLE,
    Presentation,
    Verdict,
    number_variable,
)
from dialplan.trunks import Trunk, trunk_number
from rating.decision import DenyReason
from rating.destination import DestinationClass
from rating.money import format_money
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
from store.store import Store

log = structlog.get_logger(__name__)

STORE_LIMIT_S = 2.0
"""A caller waits no longer than this for the store's answer; the dialplan's guard would fire at 3 s."""
SETTLE_RETRY_S = (0.1, 0.3, 1.0, 3.0, 5.0)
HANGUP_SETTLE_S = 1.0
"""A channel that ARI no longer knows sends its last event within this time, or never."""
EARLY = timedelta(milliseconds=50)
"""A deadline read back this much later than wanted is still the one that was set."""


class Lines(Protocol):
    """The connections to Asterisk as they are at the moment."""

    @property
    def ari(self) -> AriClient | None:
        """The ARI connection, or None while there is none."""

    @property
    def ami(self) -> AmiAdapter:
        """The AMI adapter, connected or not."""


class CommandExecutor:
    """Carries out commands in tasks of their own, and posts what came of them."""

    def __init__(
        self,
        store: Store,
        lines: Lines,
        policy: MeteringPolicy,
        trunks: tuple[Trunk, ...],
        home_region: str,
        limits_of: Callable[[Call], SpendLimits],
    ) -> None:
        """Take what the commands need; ``limits_of`` answers what limits a call's spending as things stand."""
        self._limits_of = limits_of
        self._store = store
        self._lines = lines
        self._policy = policy
        self._trunks = trunks
        self._home_region = home_region
        self._tasks: set[asyncio.Task[None]] = set()

    def execute(self, live: LiveCall, command: cmd.Command) -> None:
        """Start carrying out ``command`` for ``live``."""
        self._spawn(self._coroutine(live, command))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def watch_caller(self, live: LiveCall) -> None:
        """Have the caller's channel send its events to us, also when it has left the application."""
        self._spawn(self._watch_caller(live))

    def refuse_channel(self, channel_id: str) -> None:
        """End a channel that no call of ours answers for."""
        self._spawn(self._refuse_channel(channel_id))

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
                return self._check_deadline(live, command)
            case cmd.ArmDeadline():
                return self._arm_deadline(live, command)
            case cmd.ClearDeadline():
                return self._clear_deadline(live, command)
            case cmd.HangUpLeg():
                return self._hang_up(live, command)
            case cmd.Settle():
                return self._settle(live, command)

    # --- store --------------------------------------------------------------------------------------------

    async def _open(self, live: LiveCall, command: cmd.OpenSession) -> None:
        call = live.session.call
        assert call.account_id is not None or call.destination_class is DestinationClass.EMERGENCY
        if call.account_id is None:
            live.post(ev.SessionOpened(utc_now()))
            return
        try:
            async with asyncio.timeout(STORE_LIMIT_S):
                answer = await self._store.apply(self._opening(live, command, call.account_id))
        except (StoreError, TimeoutError) as error:
            log.warning("session_not_opened", call_id=call.call_id, error=repr(error))
            reason = DenyReason.OVERLOAD if isinstance(error, StoreOverloadedError) else DenyReason.STORE_DOWN
            live.post(ev.SessionDenied(utc_now(), reason, f"the store: {_fault(error)}"))
            return
        match answer:
            case Held():
                live.post(ev.SessionOpened(utc_now(), ev.Slice(answer.paid_s, answer.held_micros, answer.allowance_s)))
            case Denied():
                live.post(ev.SessionDenied(utc_now(), *_denial(call, command.held_micros, answer)))

    def _opening(self, live: LiveCall, command: cmd.OpenSession, account_id: int) -> Operation[Held | Denied]:
        return opening(live.session, command, account_id, self._policy, self._limits_of(live.session.call))

    async def _renew(self, live: LiveCall, command: cmd.RenewSlice) -> None:
        session = live.session
        paid_until = paid_end_at(session)
        if paid_until is None:
            return  # it ended before we could ask
        limits = self._limits_of(session.call)
        operation = renewal(session, command, self._policy, paid_until, utc_now(), limits)
        try:
            async with asyncio.timeout(STORE_LIMIT_S):
                answer = await self._store.apply(operation)
        except (UnknownCallError, CallSettledError):
            return  # it ended while we asked
        except (StoreError, TimeoutError) as error:
            log.warning("slice_not_renewed", call_id=live.call_id, error=repr(error))
            rule = f"the store: {_fault(error)}"
            live.post(ev.SliceDenied(utc_now(), command.slice_no, DenyReason.STORE_DOWN, rule))
            return
        match answer:
            case Granted():
                granted = (answer.paid_s, answer.held_micros, answer.allowance_s)
                live.post(ev.SliceGranted(utc_now(), command.slice_no, *granted))
            case Denied():
                live.post(ev.SliceDenied(utc_now(), command.slice_no, *_renewal_denial(session.call, answer)))

    async def _save(self, live: LiveCall, command: cmd.SaveSession) -> None:
        if live.session.call.account_id is None:
            return
        operation = saving(live.session, command, paid_end_at(live.session), utc_now())
        try:
            await self._store.apply(operation)
        except (UnknownCallError, CallSettledError):
            return
        except StoreError as error:
            log.warning("session_not_saved", call_id=live.call_id, error=repr(error))

    async def _settle(self, live: LiveCall, command: cmd.Settle) -> None:
        """Settle, and keep trying: a record is never dropped while the service runs."""
        attempt = 0
        while True:
            try:
                await self._store.apply(settle_leg(cdr=command.cdr, close=command.close, at_ms=epoch_ms(utc_now())))
                break
            except KeyConflictError:
                log.exception("settled_otherwise_before", call_id=live.call_id)
                break
            except StoreError as error:
                pause_s = SETTLE_RETRY_S[min(attempt, len(SETTLE_RETRY_S) - 1)]
                log.warning("not_settled_yet", call_id=live.call_id, error=repr(error), retry_s=pause_s)
                attempt += 1
                await asyncio.sleep(pause_s)
        live.post(ev.Settled(utc_now(), command.cdr.leg))

    # --- the caller ---------------------------------------------------------------------------------------

    async def _admit(self, live: LiveCall, command: cmd.AdmitCaller) -> None:
        channel_id = live.session.call.caller_channel
        ari = self._lines.ari
        if ari is None:
            live.post(ev.AdmissionMissed(utc_now()))
            return
        try:
            # Both travel at once. Should the first fail, the dialplan finds no verdict for this call and refuses.
            variables, back = await asyncio.gather(
                ari.set_channel_vars(channel_id, self._variables(live, command)),
                ari.continue_in_dialplan(channel_id),
            )
        except AsteriskError as error:
            # It may have arrived all the same, and the caller may dial: the hold stays until that is known to be over.
            log.warning("verdict_not_confirmed", call_id=live.call_id, error=str(error))
            return
        if variables.done and back.done:
            live.post(ev.CallerAdmitted(utc_now()))
        else:
            log.info("verdict_too_late", call_id=live.call_id, status=(variables.status, back.status))
            live.post(ev.AdmissionMissed(utc_now()))

    def _variables(self, live: LiveCall, command: cmd.AdmitCaller) -> dict[str, str]:
        """Return the verdict's variables: all of them each time, so that nothing of another call is left."""
        call = live.session.call
        match call.destination_class:
            case DestinationClass.EMERGENCY:
                verdict = Verdict.EMERGENCY
            case DestinationClass.INTERNAL:
                verdict = Verdict.INTERNAL
            case _:
                verdict = Verdict.FREE if command.slice_ms is None else Verdict.METERED
        variables = {
            VERDICT_VARIABLE: f"{verdict}:{call.call_id}",
            SLICE_VARIABLE: "" if command.slice_ms is None else f"{command.slice_ms / 1000:.3f}",
            INTERNAL_VARIABLE: call.number if verdict is Verdict.INTERNAL else "",
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
            live.post(ev.CallerGone(utc_now()))

    async def _refuse(self, live: LiveCall, command: cmd.RefuseCaller) -> None:
        await self._hangup_channel(live.session.call.caller_channel, refusal_cause(command.reason))

    async def _refuse_channel(self, channel_id: str) -> None:
        await self._hangup_channel(channel_id, CALL_REJECTED)

    # --- legs ---------------------------------------------------------------------------------------------

    async def _hang_up(self, live: LiveCall, command: cmd.HangUpLeg) -> None:
        if await self._rings_emergency(command.channel_id):
            live.post(ev.LegExempted(utc_now(), command.channel_id))
            return
        if await self._hangup_channel(command.channel_id) != 404:
            return
        await asyncio.sleep(HANGUP_SETTLE_S)
        leg = live.session.leg(command.channel_id)
        if leg is not None:
            live.post(ev.LegEnded(utc_now(), leg.channel_id, leg.trunk, None, EndSource.LAST_SEEN))

    async def _rings_emergency(self, channel_id: str) -> bool:
        """Whether a transfer has just made this leg the caller of an emergency call: its events may be on the way."""
        ari = self._lines.ari
        try:
            reply = None if ari is None else await ari.get(channel_id)
            return reply is not None and reply.done and decode_channel(reply.body).context == EMERGENCY_CONTEXT
        except (AsteriskError, KeyError, TypeError):
            return False

    async def _clear_deadline(self, live: LiveCall, command: cmd.ClearDeadline) -> None:
        try:
            await self._lines.ami.clear_deadline(command.channel_id)
        except AsteriskError as error:
            # The dialplan has done so too, and we arm none any more.
            log.warning("deadline_not_cleared", call_id=live.call_id, error=str(error))

    async def _hangup_channel(self, channel_id: str, cause: int = 16) -> int | None:
        """Ask for a hang-up; 404 means that it is done already."""
        ari = self._lines.ari
        try:
            return None if ari is None else (await ari.hangup(channel_id, cause)).status
        except AsteriskError as error:
            log.warning("hangup_failed", channel_id=channel_id, error=str(error))
            return None

    async def _check_deadline(self, live: LiveCall, command: cmd.CheckDeadline) -> None:
        try:
            left_s = await self._lines.ami.read_deadline(command.channel_id)
        except AsteriskError as error:
            self._deadline_failed(live, command.channel_id, error)
            return
        if left_s is not None and utc_now() + timedelta(seconds=left_s) <= command.cut_at + EARLY:
            live.post(ev.DeadlineArmed(utc_now(), command.channel_id, command.cut_at))
            return
        log.error("deadline_missing", call_id=live.call_id, channel_id=command.channel_id, left_s=left_s)
        await self._arm_deadline(live, cmd.ArmDeadline(command.channel_id, command.cut_at))

    async def _arm_deadline(self, live: LiveCall, command: cmd.ArmDeadline) -> None:
        # Last of all before it is armed: the dialplan clears the deadline of a leg that comes to call an emergency.
        if await self._rings_emergency(command.channel_id):
            live.post(ev.LegExempted(utc_now(), command.channel_id))
            return
        leg = live.session.leg(command.channel_id)
        if leg is None or leg.exempt:
            return
        try:
            left_s = (command.cut_at - utc_now()).total_seconds()
            await self._lines.ami.set_deadline(command.channel_id, max(left_s, 0.001))
            armed_s = await self._lines.ami.read_deadline(command.channel_id)
        except AsteriskError as error:
            self._deadline_failed(live, command.channel_id, error)
            return
        if armed_s is None or utc_now() + timedelta(seconds=armed_s) > command.cut_at + EARLY:
            self._deadline_failed(live, command.channel_id, f"read back {armed_s}")
            return
        live.post(ev.DeadlineArmed(utc_now(), command.channel_id, command.cut_at))

    def _deadline_failed(self, live: LiveCall, channel_id: str, error: object) -> None:
        log.error("deadline_not_armed", call_id=live.call_id, channel_id=channel_id, error=str(error))
        live.post(ev.DeadlineFailed(utc_now(), channel_id))


def _fault(error: StoreError | TimeoutError) -> str:
    return str(error) or f"no answer within {STORE_LIMIT_S:g} s"


def _renewal_denial(call: Call, denied: Denied) -> tuple[DenyReason, str]:
    """Return why a call gets no further slice, and the rule."""
    if denied.limit is not None:
        return denied.limit.reason, denied.limit.rule(call.extension)
    if call.after_allowance is not None:
        reason, rule = call.after_allowance
        return reason, f"the allowance is used up; {rule}"
    available = format_money(denied.available_micros)
    return DenyReason.NO_FUNDS, f"{available} is available, which is not enough for further seconds of the call"


def _denial(call: Call, held_micros: int, denied: Denied) -> tuple[DenyReason, str]:
    """Return why a call that the store would not open is refused, and the rule."""
    if denied.limit is not None:
        rule = f"{denied.limit.rule(call.extension)}; the first hold is {format_money(held_micros)}"
        return denied.limit.reason, rule
    if call.after_allowance is not None:
        reason, rule = call.after_allowance
        return reason, f"the allowance is used up; {rule}"
    used_up = "" if call.allowance is None else "the allowance is used up; "
    available = format_money(denied.available_micros)
    rule = f"{used_up}the first hold is {format_money(held_micros)}, {available} is available"
    return DenyReason.NO_FUNDS, rule


def _presentation(call: Call) -> str:
    """Return what the trunk is told of the caller's number. An emergency service is never refused it."""
    if call.withhold_caller_id is None or call.destination_class is DestinationClass.EMERGENCY:
        return ""
    return Presentation.WITHHELD if call.withhold_caller_id else Presentation.SHOWN
