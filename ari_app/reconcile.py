"""Compares the channels that live with the sessions that are open, and settles what ended unseen.

Done after each connect and every half minute (:mod:`ari_app.comparing`). A session of this node that the store holds
and no call answers for (:mod:`ari_app.orphans`; the service was restarted) is adopted where one of its channels lives;
where none does it is settled by the best that is known of its end (:mod:`ari_app.ends`). Legs that the dialplan let
through by itself are found here too.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient
from ari_app.clock import utc_now
from ari_app.decode import Channel
from ari_app.emergency_records import EmergencyRecord, read_emergency_records
from ari_app.ends import merged, post_last_seen, post_records
from ari_app.errors import AsteriskError
from ari_app.findings import Findings
from ari_app.leg_records import LegRecord, ReadLegRecords, forget_leg_records, no_leg_records, read_leg_records
from ari_app.let_through import LetThrough
from ari_app.live import LiveCall
from ari_app.living import Channels, asterisk_since, list_channels
from ari_app.orphans import Orphans
from ari_app.switchboard import Switchboard
from ari_app.ungated_leg import LegGoneError, read_answered_at, read_is_around
from charging import events as ev
from charging.call import Leg
from charging.session import Phase, Session
from store.errors import StoreError
from store.store import Store

log = structlog.get_logger(__name__)

FORGET_EVERY = timedelta(minutes=30)
"""Every answered leg leaves a record, also where its end was seen: AstDB would grow for ever."""
STORE_LIMIT_S = 30.0
SETTLING_S = 0.5
"""A channel that has just gone sends its own event within this time; what it says is better than what we infer."""


class Reconciler:
    """Brings the calls in memory, the sessions in the store and the channels in Asterisk together."""

    def __init__(
        self,
        store: Store,
        switchboard: Switchboard,
        node: str,
        alerts: Alerts,
        read_cdrs: ReadLegRecords = no_leg_records,
    ) -> None:
        """Take what is compared; ``read_cdrs`` reads what Asterisk's own CDRs say of legs."""
        self._store = store
        self._switchboard = switchboard
        self._node = node
        self._orphans = Orphans(store, switchboard, node, alerts, read_cdrs)
        self._read_cdrs = read_cdrs
        self._let_through = LetThrough(store, switchboard, read_cdrs)
        self._are_records_due = True
        """Whether legs may have come and gone unseen: also where none is missed, what they left is looked at."""
        self._last_sign_at: datetime | None = None
        self._left_by_caller: frozenset[str] = frozenset()
        """Calls of which a leg was seen to live without its caller: the caller's end is not the leg's."""
        self._last_entry = 0
        self._unfinished: Findings | None = None
        """What a comparison found that failed before its end: the next one goes on with it."""
        self._unknown: frozenset[str] = frozenset()
        self._forget_at = datetime.min.replace(tzinfo=UTC)

    def lost(self, at: datetime) -> None:
        """Take in that a connection to Asterisk was lost: it was alive until then."""
        self._last_sign_at = at

    def reconnected(self) -> None:
        """Take in that events may have gone by unseen."""
        self._are_records_due = True
        self._let_through.ask()

    async def compare(self, ari: AriClient, ami: AmiAdapter) -> Findings:
        """Compare once.

        Where the store is away, what lives in memory is compared all the same, once the sessions have been read.

        Raises:
            AsteriskError: Asterisk does not answer; nothing was concluded.
            StoreError, TimeoutError: the store does not answer, and its sessions have never been read.
        """
        found = self._unfinished = self._unfinished or Findings(at=utc_now())
        store_answers = await self._look_into_store(found, ari, ami)
        known = {live: _channels_of(live) for live in self._switchboard.calls.values()}
        looked_at = utc_now()
        channels = dict(await list_channels(ari))
        legs = self._legs_by_call(channels)
        await self._read_answers(channels, legs, ari)
        for live in known:
            self._post_unseen(live, legs.get(live.call_id, ()), looked_at)
        gone = {live: ids - channels.keys() for live, ids in known.items()}
        is_start = not self._switchboard.reconciled
        if is_start or any(gone.values()) or (self._are_records_due and ami.connected):
            were_due, self._are_records_due = self._are_records_due, False
            try:
                await self._end_gone(found, gone, looked_at, ari, ami)
            except BaseException:
                self._are_records_due = self._are_records_due or were_due
                raise
        for live in known:
            live.follow(is_whole=not self._are_records_due)
        self._switchboard.reconciled = True
        for call_id, call_legs in legs.items():
            self._claim(found, call_id, call_legs, looked_at)
        self._note_outlived(channels)
        strays = self._switchboard.compared(channels, looked_at)
        found.alive = sum(
            not channels.keys().isdisjoint(_channels_of(live)) for live in self._switchboard.calls.values()
        )
        for leg in strays:
            if leg.leg_variable or await read_is_around(leg, ari):
                found.legs_of_nobody.add(leg.channel_id)
        found.news = not found.unknown <= self._unknown
        self._unknown = found.unknown
        self._unfinished = None
        is_all_written = await self._let_through.write_down(ami)
        if is_all_written and store_answers and ami.connected and looked_at >= self._forget_at:
            await self._forget_records(ami, looked_at)
        return found

    # --- the store's sessions -----------------------------------------------------------------------------

    async def _look_into_store(self, found: Findings, ari: AriClient, ami: AmiAdapter) -> bool:
        """Adopt the sessions that no call answers for; return whether the store answers."""
        try:
            async with asyncio.timeout(STORE_LIMIT_S):
                self._last_entry = await self._store.last_entry()
                found.begins_after(self._last_entry)
                sessions = await self._orphans.find(found, ari, ami)
        except (StoreError, TimeoutError) as error:
            if not self._switchboard.reconciled:
                raise
            found.begins_after(self._last_entry)
            log.warning("sessions_not_read", error=repr(error))
            found.damaged = set(self._switchboard.unreadable)
            return False
        for session in sessions:
            self._adopt(found, session)
        return True

    def _adopt(self, found: Findings, session: Session) -> None:
        """Make a session's call live; one that was saved after its end is settled as it was to be."""
        log.info("session_adopted", call_id=session.call.call_id, phase=session.phase)
        live = self._switchboard.take(session)
        live.post(ev.TakenOver(live.now()))
        found.adopted.add(live.call_id)
        if (record := session.closing_record) is not None:
            found.ended[live.call_id] = None if record.answered_at is None else record.end_source

    async def _forget_records(self, ami: AmiAdapter, at: datetime) -> None:
        """Remove old records that no call needs any more: its settlement has been committed."""
        try:
            async with asyncio.timeout(STORE_LIMIT_S):
                rows = await self._store.open_sessions(node=self._node)
                # A call that needed no verdict may have no session in the store: until it is settled it lives here.
                await forget_leg_records(ami, at, self._switchboard.calls.keys() | {row.call_id for row in rows})
        except (AsteriskError, StoreError, TimeoutError) as error:
            log.warning("leg_records_kept", error=repr(error))
            return
        self._forget_at = at + FORGET_EVERY

    # --- legs ---------------------------------------------------------------------------------------------

    def _legs_by_call(self, channels: Channels) -> dict[str, list[Channel]]:
        """Return the legs towards carriers that live, by the call whose id they carry."""
        legs: dict[str, list[Channel]] = {}
        for channel in channels.values():
            owner = self._switchboard.owner_of(channel)
            if owner and self._switchboard.trunk_of(channel) is not None:
                legs.setdefault(owner, []).append(channel)
        return legs

    async def _read_answers(
        self, channels: dict[str, Channel], legs: Mapping[str, list[Channel]], ari: AriClient
    ) -> None:
        """Have Asterisk's own CDR tell when legs were answered that carry no note of it, and whose call does not know.

        The dialplan notes nothing on an emergency call's leg, and its note is a few milliseconds behind the answer. A
        leg that has ended meanwhile lives no more: what it left is read.
        """
        for call_id, call_legs in legs.items():
            live = self._switchboard.calls.get(call_id)
            for channel in tuple(call_legs):
                leg = None if live is None else live.session.leg(channel.channel_id)
                is_known = channel.answered_at is not None or (leg is not None and leg.answered_at is not None)
                if channel.state != "Up" or is_known:
                    continue
                call_legs.remove(channel)
                try:
                    call_legs.append(replace(channel, answered_at=await read_answered_at(channel, ari)))
                except LegGoneError:
                    del channels[channel.channel_id]

    def _post_unseen(self, live: LiveCall, legs: Iterable[Channel], at: datetime) -> None:
        """Post legs, and answers of legs, whose events went by unseen."""
        for channel in legs:
            trunk = self._switchboard.trunk_of(channel)
            assert trunk is not None
            leg = live.session.leg(channel.channel_id)
            if channel.state == "Up" and (leg is None or leg.answered_at is None):
                answered_at = live.answered_at(channel.answered_at or at)
                live.post(ev.LegAnswered(answered_at, channel.channel_id, trunk))
            elif leg is None:
                live.post(ev.LegSeen(live.moment(at), channel.channel_id, trunk))

    def _claim(self, found: Findings, call_id: str, legs: list[Channel], at: datetime) -> None:
        """Have legs followed that the dialplan let through by itself, and hang up those that nobody answers for."""
        is_followed = self._switchboard.knows(call_id)
        for leg in legs:
            live = self._switchboard.call_of_leg(leg, at)
            if live is not None and not is_followed:
                found.adopted.add(call_id)
                self._post_unseen(live, (leg,), at)
            elif live is None and is_followed and self._switchboard.refuse_leg(leg):
                found.legs_of_nobody.add(leg.channel_id)

    def _note_outlived(self, channels: Channels) -> None:
        """Note the calls whose legs live on without their callers."""
        lives = channels.keys()
        calls = self._switchboard.calls
        outlived = {
            call_id
            for call_id, live in calls.items()
            if live.session.call.caller_channel not in lives
            and any(leg.channel_id in lives for leg in live.session.legs)
        }
        self._left_by_caller = (self._left_by_caller & calls.keys()) | outlived

    # --- ends ---------------------------------------------------------------------------------------------

    async def _end_gone(
        self, found: Findings, gone: Mapping[LiveCall, set[str]], looked_at: datetime, ari: AriClient, ami: AmiAdapter
    ) -> None:
        """Post the ends of channels that are gone and whose own events have not come."""
        await asyncio.sleep(SETTLING_S)
        records = await read_leg_records(ami)
        if any(ids and live.call_id not in records for live, ids in gone.items()):
            records = merged(records, await self._read_cdrs())
        emergencies = await read_emergency_records(ami)
        none_outlived = self._none_outlived(await asterisk_since(ari))
        for live, ids in gone.items():
            was_over = _is_over(live.session)
            emergency = self._caller_record(live, emergencies)
            source = post_records(live, ids, [*records.get(live.call_id, ()), *_of_emergency(live, ids, emergency)])
            past = none_outlived if emergency is None else [*none_outlived, emergency.ended_at]
            source = post_last_seen(live, ids, looked_at, past) or source
            if not was_over and _is_over(live.session):
                found.ended[live.call_id] = source

    def _caller_record(self, live: LiveCall, emergencies: Mapping[str, EmergencyRecord]) -> EmergencyRecord | None:
        """Return what the caller of an emergency call left, unless a leg was seen to live on after the caller's end."""
        record = emergencies.get(live.call_id)
        if record is None or live.call_id in self._left_by_caller:
            return None
        seen_up = [leg.answered_at for leg in live.session.legs if leg.answered_at is not None]
        return None if any(up_at > record.ended_at for up_at in seen_up) else record

    def _none_outlived(self, started_at: datetime) -> list[datetime]:
        """Return the moments that no channel lived through: Asterisk's start, and the last sign of the one before."""
        last_sign_at = self._last_sign_at
        return [started_at] if last_sign_at is None or last_sign_at > started_at else [last_sign_at, started_at]


def _of_emergency(live: LiveCall, gone: set[str], record: EmergencyRecord | None) -> list[LegRecord]:
    """Return the ends of the gone legs of an emergency call, as its caller's record has them."""
    if record is None:
        return []
    session = live.session
    legs = [leg for leg in session.legs if leg.channel_id in gone]
    if len(legs) < len(session.legs):  # it is the talk of the leg that lives
        return []
    if not session.legs and session.call.caller_channel in gone:  # it rang and was answered unseen
        legs.append(Leg(channel_id="", trunk=""))
    # The caller tells of one talk: with whoever was heard to answer, else with the trunk that was dialled last.
    talked = [leg for leg in legs if leg.answered_at is not None] or legs[-1:]
    ends = [record.of_leg(leg) for leg in talked]
    return [end for end in ends if end is not None]


def _channels_of(live: LiveCall) -> set[str]:
    """Return the channels that this call believes to be alive."""
    ids = {leg.channel_id for leg in live.session.legs}
    if not live.session.caller_gone:
        ids.add(live.session.call.caller_channel)
    return ids


def _is_over(session: Session) -> bool:
    """Whether the session has ended, or is about to: nothing of it lives."""
    return session.phase in {Phase.CLOSING, Phase.CLOSED} or (session.caller_gone and not session.legs)
