"""Compares the channels that live with the sessions that are open, and settles what ended unseen.

Done after each connect and every half minute. A session of this node that the store holds and no call answers for
(the service was restarted) is adopted where one of its channels lives; where none does it is settled by its true
end, which the dialplan's hang-up handler left in AstDB; where nobody knows the end, by the last moment that was
paid for. Legs that the dialplan let through by itself are found here too.

While this node was away another may have charged its calls what they hold (:mod:`store.lost_calls`). Where there is
a trace of such a call, or Asterisk lived through it, the charge is taken back first and the call is then settled as
any other. Where there is none, nobody will ever know its end: it stays charged, and its record is final.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from ari_app.ami import AmiAdapter
from ari_app.client import AriClient
from ari_app.clock import epoch_ms, utc_now
from ari_app.decode import Channel, decode_channel
from ari_app.errors import AmiUnavailableError, AriUnavailableError
from ari_app.live import LiveCall
from ari_app.saved_calls import session_of_row
from ari_app.switchboard import Switchboard
from charging import events as ev
from charging.cdr import EndSource
from charging.saved import SavedSessionError
from charging.session import Session, paid_end_at
from dialplan.contract import LEG_RECORDS_FAMILY, call_id_of, caller_channel_of
from store.cdr_rows import from_ms
from store.lost_calls import settle_as_charged
from store.provisional import take_back
from store.records import OpenSession
from store.store import Store

log = structlog.get_logger(__name__)

RECORDS_KEPT = timedelta(hours=2)
FORGET_EVERY = timedelta(minutes=30)
"""Every answered leg leaves a record, also where its end was seen: AstDB would grow for ever."""
RECORD_HOUR = "%Y%m%d%H"
SETTLING_S = 0.5
"""A channel that has just gone sends its own event within this time; what it says is better than what we infer."""


@dataclass(frozen=True, slots=True)
class LegRecord:
    """What the hang-up handler left of a leg."""

    channel_id: str
    call_id: str
    answered_at: datetime
    ended_at: datetime
    cause: int | None
    trunk: str


def parse_leg_record(key: str, value: str) -> LegRecord | None:
    """Return the record, or None where it is damaged. Form: HOUR/UNIQUEID = call,answered,ended,cause,endpoint."""
    try:
        variable, answered, ended, cause, trunk = value.rsplit(",", 4)
        return LegRecord(
            channel_id=key.rpartition("/")[2],
            call_id=call_id_of(variable),
            answered_at=datetime.fromtimestamp(float(answered), UTC),
            ended_at=datetime.fromtimestamp(float(ended), UTC),
            cause=int(cause) if cause else None,
            trunk=trunk,
        )
    except (ValueError, OverflowError, OSError):
        return None


class Reconciler:
    """Brings the calls in memory, the sessions in the store and the channels in Asterisk together."""

    def __init__(self, store: Store, switchboard: Switchboard, node: str) -> None:
        """Take what is compared."""
        self._store = store
        self._switchboard = switchboard
        self._node = node
        self._forget_at = datetime.min.replace(tzinfo=UTC)

    async def compare(self, ari: AriClient, ami: AmiAdapter) -> None:
        """Compare once.

        Raises:
            AsteriskError: Asterisk does not answer; nothing was concluded.
            StoreError: the store does not answer.
        """
        for session in await self._orphans(ari, ami):
            log.info("session_adopted", call_id=session.call.call_id, phase=session.phase)
            self._switchboard.take(session)
        known = {live: _channels_of(live) for live in self._switchboard.calls.values()}
        looked_at = utc_now()
        channels = await _list_channels(ari)
        for live in known:
            self._post_unseen(live, channels, looked_at)
        if any(not ids <= channels.keys() for ids in known.values()) or not self._switchboard.reconciled:
            await asyncio.sleep(SETTLING_S)
            records = await _leg_records(ami)
            for live, ids in known.items():
                _post_ended(live, ids - channels.keys(), records.get(live.call_id, []), looked_at)
        for live in known:
            live.follow()
        for channel in channels.values():
            if self._switchboard.trunk_of(channel) is not None and channel.leg_variable:
                self._claim(channel, channels, looked_at)
        self._switchboard.reconciled = True
        if ami.connected and looked_at >= self._forget_at:
            await _forget_old_records(ami, looked_at)
            self._forget_at = looked_at + FORGET_EVERY

    def _claim(self, leg: Channel, channels: dict[str, Channel], at: datetime) -> None:
        """Have a leg followed that the dialplan let through by itself, and hang up one that nobody answers for."""
        is_followed = self._switchboard.knows(call_id_of(leg.leg_variable))
        live = self._switchboard.call_of_leg(leg, at)
        if live is None:
            self._switchboard.refuse_leg(leg)
        elif not is_followed:
            self._post_unseen(live, channels, at)

    async def _orphans(self, ari: AriClient, ami: AmiAdapter) -> list[Session]:
        """Return this node's open sessions in the store for which no call answers, none of them charged as lost."""
        rows = await self._orphan_rows()
        if rows and not ami.connected:
            raise AmiUnavailableError("AMI is not connected, so a call's deadline and its end could not be looked at")
        if lost := [row for row in rows if row.is_lost]:
            await self._resume_lost(lost, ari, ami)
            rows = await self._orphan_rows()
        return _sessions_of(rows)

    async def _orphan_rows(self) -> list[OpenSession]:
        """Return the rows of this node's sessions for which no call answers."""
        rows = await self._store.open_sessions(node=self._node)
        return [row for row in rows if not self._switchboard.knows(row.call_id)]

    async def _resume_lost(self, rows: list[OpenSession], ari: AriClient, ami: AmiAdapter) -> None:
        """Make each lost call an ordinary open one again, or close it where nothing is left of it."""
        channels = await _list_channels(ari)
        with_trace = {call_id_of(channel.leg_variable) for channel in channels.values()}
        with_trace.update(await _leg_records(ami))
        asterisk_since = await _asterisk_since(ari)
        for row in rows:
            has_trace = row.call_id in with_trace or caller_channel_of(row.call_id) in channels
            if has_trace or asterisk_since < from_ms(row.opened_at_ms):
                await self._store.apply(take_back(call_id=row.call_id, at_ms=epoch_ms(utc_now())))
                log.info("lost_call_resumed", call_id=row.call_id, charged_micros=row.provisional_micros)
            else:
                await self._store.apply(settle_as_charged(call_id=row.call_id))
                log.warning("lost_call_final", call_id=row.call_id, charged_micros=row.provisional_micros)

    def _post_unseen(self, live: LiveCall, channels: dict[str, Channel], at: datetime) -> None:
        """Post legs, and answers of legs, whose events went by unseen."""
        for channel in channels.values():
            trunk = self._switchboard.trunk_of(channel)
            if trunk is None or call_id_of(channel.leg_variable) != live.call_id:
                continue
            leg = live.session.leg(channel.channel_id)
            if channel.state == "Up" and (leg is None or leg.answered_at is None):
                live.post(ev.LegAnswered(channel.answered_at or at, channel.channel_id, trunk))
            elif leg is None:
                live.post(ev.LegSeen(at, channel.channel_id, trunk))


def _sessions_of(rows: list[OpenSession]) -> list[Session]:
    sessions = []
    for row in rows:
        try:
            sessions.append(session_of_row(row))
        except SavedSessionError:
            log.exception("saved_session_damaged", call_id=row.call_id)
    return sessions


def _channels_of(live: LiveCall) -> set[str]:
    """Return the channels that this call believes to be alive."""
    ids = {leg.channel_id for leg in live.session.legs}
    if not live.session.caller_gone:
        ids.add(live.session.call.caller_channel)
    return ids


async def _list_channels(ari: AriClient) -> dict[str, Channel]:
    reply = await ari.list_channels()
    if not reply.done or not isinstance(reply.body, list):
        raise AriUnavailableError(f"the list of channels came with status {reply.status}")
    return {channel.channel_id: channel for channel in map(decode_channel, reply.body)}


async def _asterisk_since(ari: AriClient) -> datetime:
    """Return when Asterisk was started: the hang-up handlers of calls since then have all run, unless they live."""
    reply = await ari.status()
    try:
        started_at = datetime.fromisoformat(reply.body["status"]["startup_time"])
    except (KeyError, TypeError, ValueError) as error:
        raise AriUnavailableError(f"Asterisk does not say when it was started: status {reply.status}") from error
    return started_at.astimezone(UTC)


async def _leg_records(ami: AmiAdapter) -> dict[str, list[LegRecord]]:
    """Return what hang-up handlers left, by call."""
    records: dict[str, list[LegRecord]] = {}
    for key, value in (await ami.read_tree(LEG_RECORDS_FAMILY)).items():
        record = parse_leg_record(key, value)
        if record is None:
            log.warning("leg_record_damaged", key=key)
        else:
            records.setdefault(record.call_id, []).append(record)
    return records


def _post_ended(live: LiveCall, gone: set[str], records: list[LegRecord], at: datetime) -> None:
    """Post the ends of channels that are gone and whose own events have not come: first the legs', by their records."""
    for record in records:
        if record.channel_id in gone or live.session.leg(record.channel_id) is None:
            live.post(
                ev.LegEnded(
                    record.ended_at,
                    record.channel_id,
                    record.trunk,
                    record.cause,
                    EndSource.HANDLER,
                    record.answered_at,
                )
            )
    for leg in live.session.legs:
        if leg.channel_id in gone:
            ended_at = min(at, paid_end_at(live.session) or at)
            live.post(ev.LegEnded(ended_at, leg.channel_id, leg.trunk, None, EndSource.LAST_SEEN))
    if live.session.call.caller_channel in gone:
        live.post(ev.CallerGone(at))


async def _forget_old_records(ami: AmiAdapter, at: datetime) -> None:
    """Remove the records of hours that are long past; every session that needed one has been settled by now."""
    oldest = (at - RECORDS_KEPT).strftime(RECORD_HOUR)
    hours = {key.partition("/")[0] for key in await ami.read_tree(LEG_RECORDS_FAMILY)}
    for hour in hours:
        if hour < oldest:
            await ami.delete_tree(LEG_RECORDS_FAMILY, hour)
