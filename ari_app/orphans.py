"""This node's sessions in the store for which no call answers: those to adopt, the lost ones, the unreadable ones.

While this node was away another may have charged its calls what they hold (:mod:`store.lost_calls`). Where there is
a trace of such a call, or Asterisk lived through it, the charge is taken back first and the call is then settled as
any other. Where there is none, nobody will ever know its end: it stays charged, and its record is final.

A session whose saved state cannot be read is left alone: what it holds is charged once that is past
(:mod:`store.damaged_calls`), and until then its legs talk for it.
"""

import structlog

from ari_app.alerts import Alerts
from ari_app.ami import AmiAdapter
from ari_app.client import AriClient
from ari_app.clock import epoch_ms, utc_now
from ari_app.ends import merged
from ari_app.errors import AmiUnavailableError
from ari_app.findings import Findings
from ari_app.leg_records import ReadLegRecords, read_leg_records
from ari_app.living import asterisk_since, list_channels
from ari_app.lost_calls import LostCall, with_alert
from ari_app.saved_calls import session_of_row
from ari_app.switchboard import Switchboard
from charging.saved import SavedSessionError
from charging.session import Session
from dialplan.contract import call_id_of, caller_channel_of
from store.alerts import AlertKind
from store.cdr_rows import from_ms
from store.errors import StoreError, StoreOverloadedError, StoreUnavailableError
from store.lost_calls import settle_as_charged
from store.provisional import take_back
from store.records import OpenSession
from store.store import Store

log = structlog.get_logger(__name__)


class Orphans:
    """Finds the sessions of this node that live in the store alone."""

    def __init__(
        self,
        store: Store,
        switchboard: Switchboard,
        node: str,
        alerts: Alerts,
        read_cdrs: ReadLegRecords,
    ) -> None:
        """Take what is compared."""
        self._store = store
        self._switchboard = switchboard
        self._node = node
        self._alerts = alerts
        self._read_cdrs = read_cdrs

    async def find(self, found: Findings, ari: AriClient, ami: AmiAdapter) -> list[Session]:
        """Return the sessions to adopt, none of them charged as lost; the switchboard is told of unreadable ones.

        Raises:
            AsteriskError: Asterisk does not answer; nothing was concluded.
            StoreError: the store does not answer.
        """
        rows = await self._rows()
        if lost := [row for row in rows if row.is_lost]:
            await self._resume_lost(found, lost, ari, ami)
            rows = await self._rows()
        sessions = self._readable(found, [row for row in rows if not row.is_lost])
        if sessions and not ami.connected:
            raise AmiUnavailableError("AMI is not connected, so a call's deadline and its end could not be looked at")
        return sessions

    async def _rows(self) -> list[OpenSession]:
        """Return the rows of this node's sessions for which no call answers."""
        knows = self._switchboard.knows
        if all(map(knows, await self._store.open_call_ids(self._node))):  # as a rule, and much less to read
            return []
        rows = await self._store.open_sessions(node=self._node)
        return [row for row in rows if not knows(row.call_id)]

    def _readable(self, found: Findings, rows: list[OpenSession]) -> list[Session]:
        """Return the sessions whose saved state can be read; of each other one it is told once."""
        sessions = []
        found.damaged.clear()
        for row in rows:
            try:
                sessions.append(session_of_row(row))
            except SavedSessionError as error:
                found.damaged.add(row.call_id)
                # Its first line: what follows quotes the state, with the number that was dialled.
                fault = str(error).partition("\n")[0]
                key = f"session:{row.call_id}"
                self._alerts.raise_alert(AlertKind.SESSION_DAMAGED, key, call_id=row.call_id, error=fault)
        self._switchboard.unreadable = frozenset(found.damaged)
        return sessions

    async def _resume_lost(self, found: Findings, rows: list[OpenSession], ari: AriClient, ami: AmiAdapter) -> None:
        """Make each lost call an ordinary open one again, or close it where nothing is left of it, or of its state."""
        channels = await list_channels(ari)
        records = await read_leg_records(ami)
        records = merged(records, {} if all(row.call_id in records for row in rows) else await self._read_cdrs())
        started_at = await asterisk_since(ari)
        living = {call_id_of(channel.leg_variable) for channel in channels.values()}
        for row in rows:
            lives = row.call_id in living or caller_channel_of(row.call_id) in channels
            has_trace = lives or row.call_id in records or started_at < from_ms(row.opened_at_ms)
            try:
                await self._resume(found, row, lives=lives, has_trace=has_trace)
            except (StoreUnavailableError, StoreOverloadedError):
                raise
            except StoreError as error:  # its account's books are wrong: the other calls go on all the same
                log.error("lost_call_not_resumed", call_id=row.call_id, error=repr(error))  # noqa: TRY400

    async def _resume(self, found: Findings, row: OpenSession, *, lives: bool, has_trace: bool) -> None:
        session = _readable_session(row)
        if session is None and lives:
            return  # it cannot be followed: it is final when it has ended
        if session is not None and (has_trace or session.closing_record is not None):
            await self._store.apply(take_back(call_id=row.call_id, at_ms=epoch_ms(utc_now())))
            log.info("lost_call_resumed", call_id=row.call_id, charged_micros=row.provisional_micros)
            found.resumed.add(row.call_id)
            return
        lost = LostCall(row.call_id, row.node, row.provisional_micros)
        await self._store.apply(with_alert(settle_as_charged(call_id=row.call_id), lost, epoch_ms(utc_now())))
        lost.raise_on(self._alerts)
        found.final.add(row.call_id)


def _readable_session(row: OpenSession) -> Session | None:
    """Return a row's charging session, None where its saved state cannot be read."""
    try:
        return session_of_row(row)
    except SavedSessionError:
        return None
