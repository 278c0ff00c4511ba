"""What is done to the legs of calls over ARI and AMI: their deadlines, and their end."""

import asyncio
from datetime import datetime, timedelta

import structlog

from ari_app.alerts import Alerts
from ari_app.clock import utc_now
from ari_app.decode import decode_channel
from ari_app.ends import post_last_seen, post_records
from ari_app.errors import AmiChannelGoneError, AmiUnavailableError, AsteriskError
from ari_app.leg_records import ReadLegRecords, read_leg_records
from ari_app.lines import Lines
from ari_app.live import LiveCall
from ari_app.living import asterisk_since
from charging import commands as cmd
from charging import events as ev
from dialplan.contract import EMERGENCY_CONTEXT
from store.alerts import AlertKind

log = structlog.get_logger(__name__)

HANGUP_SETTLE_S = 1.0
"""A channel that ARI no longer knows sends its last event within this time, or never."""
HANG_UPS_BEFORE_ALERT = 3
"""One may fail because a connection is being made again."""
MOST_ARMINGS = 3
"""A deadline that was on its way for long is armed anew at once: a machine that stood still must not end a call."""
EARLY = timedelta(milliseconds=50)
"""A deadline read back this much later than wanted is still the one that was set."""


class LegCommands:
    """Carries out the commands that concern a leg, and posts what came of them."""

    def __init__(self, lines: Lines, alerts: Alerts, read_cdrs: ReadLegRecords) -> None:
        """Take the connections, who is told of what does not work, and what reads Asterisk's own CDRs."""
        self._read_cdrs = read_cdrs
        self._lines = lines
        self._alerts = alerts

    async def hang_up(self, live: LiveCall, command: cmd.HangUpLeg) -> None:
        """End a leg, unless it has come to call an emergency; one that is gone already has its end told."""
        if await self._rings_emergency(command.channel_id):
            live.post(ev.LegExempted(live.now(), command.channel_id))
            return
        status = await self.hang_up_channel(command.channel_id)
        if status != 404:
            self._count_hang_up(live, command.channel_id, status)
            return
        missed_at = utc_now()
        await asyncio.sleep(HANGUP_SETTLE_S)
        if live.session.leg(command.channel_id) is not None:
            await self._end_unseen(live, command.channel_id, missed_at)

    async def _end_unseen(self, live: LiveCall, channel_id: str, missed_at: datetime) -> None:
        """Post the end of a leg that is gone and whose event does not come, by the best that is known of it.

        While AMI is away that cannot be told: the leg is asked to end again, and its hold stays meanwhile.
        """
        try:
            records = await read_leg_records(self._lines.ami)
        except AsteriskError as error:
            log.warning("leg_records_not_read", call_id=live.call_id, error=str(error))
            return
        if live.call_id not in records:
            records = await self._read_cdrs()
        post_records(live, {channel_id}, records.get(live.call_id, []))
        if live.session.leg(channel_id) is not None:
            post_last_seen(live, {channel_id}, missed_at, await self._none_outlived())

    async def _none_outlived(self) -> list[datetime]:
        """Return the moment that no channel lived through: Asterisk's start, where it says when that was."""
        ari = self._lines.ari
        try:
            return [] if ari is None else [await asterisk_since(ari)]
        except AsteriskError as error:
            log.warning("asterisk_start_not_read", error=str(error))
            return []

    def _count_hang_up(self, live: LiveCall, channel_id: str, status: int | None) -> None:
        """Tell of a leg that does not end: it is asked to again and again, and its call keeps its hold meanwhile."""
        if status is not None and 200 <= status < 300:
            return
        live.failed_hang_ups[channel_id] += 1
        attempts = live.failed_hang_ups[channel_id]
        if attempts >= HANG_UPS_BEFORE_ALERT:
            key = f"hangup:{live.session.call.node}/{channel_id}"
            self._alerts.raise_alert(
                AlertKind.HANGUP_FAILS, key, call_id=live.call_id, channel=channel_id, attempts=attempts
            )

    async def _rings_emergency(self, channel_id: str) -> bool:
        """Whether a transfer has just made this leg the caller of an emergency call: its events may be on the way."""
        ari = self._lines.ari
        try:
            reply = None if ari is None else await ari.get(channel_id)
            return reply is not None and reply.done and decode_channel(reply.body).context == EMERGENCY_CONTEXT
        except AsteriskError:
            return False

    async def clear_deadline(self, live: LiveCall, command: cmd.ClearDeadline) -> None:
        """Take a leg's deadline away."""
        try:
            await self._lines.ami.clear_deadline(command.channel_id)
        except AsteriskError as error:
            # The dialplan has done so too, and we arm none any more.
            log.warning("deadline_not_cleared", call_id=live.call_id, error=str(error))

    async def hang_up_channel(self, channel_id: str, cause: int = 16) -> int | None:
        """Ask for a hang-up; 404 means that it is done already."""
        ari = self._lines.ari
        try:
            return None if ari is None else (await ari.hangup(channel_id, cause)).status
        except AsteriskError as error:
            log.warning("hangup_failed", channel_id=channel_id, error=str(error))
            return None

    async def check_deadline(self, live: LiveCall, command: cmd.CheckDeadline) -> None:
        """Read a leg's deadline back, and arm it where it is missing or late."""
        asked_at = live.now()
        try:
            left_s = await self._lines.ami.read_deadline(command.channel_id)
        except AsteriskError as error:
            self._deadline_failed(live, command, error)
            return
        if _ends_by(command.cut_at, asked_at, left_s):
            live.post(ev.DeadlineArmed(live.now(), command.channel_id, command.cut_at))
            return
        log.error("deadline_missing", call_id=live.call_id, channel_id=command.channel_id, left_s=left_s)
        await self.arm_deadline(live, cmd.ArmDeadline(command.channel_id, command.cut_at))

    async def arm_deadline(self, live: LiveCall, command: cmd.ArmDeadline) -> None:
        """Have Asterisk end a leg in time, and read that back."""
        # Last of all before it is armed: the dialplan clears the deadline of a leg that comes to call an emergency.
        if await self._rings_emergency(command.channel_id):
            live.post(ev.LegExempted(live.now(), command.channel_id))
            return
        leg = live.session.leg(command.channel_id)
        if leg is None or leg.exempt:
            return
        for _ in range(MOST_ARMINGS):
            sent_at = live.now()
            try:
                left_s = (command.cut_at - sent_at).total_seconds()
                await self._lines.ami.set_deadline(command.channel_id, max(left_s, 0.001))
                asked_at = live.now()
                armed_s = await self._lines.ami.read_deadline(command.channel_id)
            except AsteriskError as error:
                self._deadline_failed(live, command, error)
                return
            if _ends_by(command.cut_at, asked_at, armed_s):
                live.post(ev.DeadlineArmed(live.now(), command.channel_id, command.cut_at))
                return
            if not _ends_by(command.cut_at, sent_at, armed_s):
                self._deadline_failed(live, command, f"read back {armed_s}")
                return
            log.warning("deadline_late", call_id=live.call_id, channel_id=command.channel_id)
        live.post(ev.DeadlineFailed(live.now(), command.channel_id))

    def _deadline_failed(self, live: LiveCall, command: cmd.CheckDeadline | cmd.ArmDeadline, error: object) -> None:
        channel_id = command.channel_id
        log.error("deadline_not_armed", call_id=live.call_id, channel_id=channel_id, error=str(error))
        is_over = live.now() >= command.cut_at  # one that ends the leg at once is not there any more to be read
        if not is_over and not isinstance(error, AmiChannelGoneError | AmiUnavailableError):
            key = f"deadline:{live.session.call.node}/{channel_id}"
            self._alerts.raise_alert(
                AlertKind.DEADLINE_REFUSED, key, call_id=live.call_id, channel=channel_id, error=str(error)
            )
        live.post(ev.DeadlineFailed(live.now(), channel_id))


def _ends_by(cut_at: datetime, asked_at: datetime, left_s: float | None) -> bool:
    """Whether a deadline that had ``left_s`` left is in time, if it was looked at when it was asked for, or later.

    The answer says nothing of how long it took: on a machine that stands still for a moment, a deadline that is right
    must not be taken for a missing one, which would end the call.
    """
    return left_s is not None and asked_at + timedelta(seconds=left_s) <= cut_at + EARLY
