"""What Asterisk says of one call, from its beginning to its end, as ARI's JSON."""

from datetime import UTC, datetime, timedelta
from typing import Any

from ari_app.clock import utc_now

Json = dict[str, Any]
JERSEY = "00447797123456"


def stamp(at: datetime) -> str:
    """Return a moment as Asterisk writes it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def channel(channel_id: str, name: str, state: str, **variables: str) -> Json:
    """Return a channel as ARI shows it."""
    return {
        "id": channel_id,
        "name": name,
        "state": state,
        "dialplan": {
            "context": "tg-gate",
            "exten": JERSEY,
            "priority": 3,
            "app_name": "Stasis",
            "app_data": "tollgate",
        },
        "channelvars": variables,
    }


def story(caller: str = "1793610000.7", leg: str = "1793610000.8", dialled: str = JERSEY) -> list[Json]:
    """Return a call of extension 101 that began five seconds ago, talked for three, and has just ended."""
    began = utc_now() - timedelta(seconds=5)
    call_id = f"{caller}-1"

    def event(kind: str, seconds: float, **fields: Any) -> Json:
        return {
            "type": kind,
            "timestamp": stamp(began + timedelta(seconds=seconds)),
            "application": "tollgate",
            "asterisk_id": "00:11:22:33:44:55",
            **fields,
        }

    def trunk_leg(state: str, **variables: str) -> Json:
        return channel(leg, "PJSIP/carrier1-00000002", state, TOLLGATE_CALL=call_id, **variables)

    def phone(state: str) -> Json:
        return channel(caller, "PJSIP/101-00000001", state)

    answered = {"TOLLGATE_ANSWERED": f"{(began + timedelta(seconds=1)).timestamp():.3f}"}
    return [
        event("StasisStart", 0, channel=phone("Ring"), args=[call_id, dialled, "", "", ""]),
        event("ChannelCreated", 0.1, channel=channel(leg, "PJSIP/carrier1-00000002", "Down")),
        event("Dial", 0.2, peer=trunk_leg("Down"), dialstring="+447797123456@carrier1", dialstatus=""),
        event("ChannelStateChange", 0.5, channel=trunk_leg("Ringing")),
        event("ChannelStateChange", 1, channel=trunk_leg("Up", **answered)),
        event("BridgeAttendedTransfer", 2, transferee=trunk_leg("Up"), transfer_target=phone("Up")),
        event("ChannelHangupRequest", 4, channel=trunk_leg("Up"), cause=16, soft=False),
        event("ChannelDestroyed", 4, channel=trunk_leg("Up", **answered), cause=16, cause_txt="Normal Clearing"),
        event("ChannelDestroyed", 4.1, channel=phone("Up"), cause=16, cause_txt="Normal Clearing"),
    ]
