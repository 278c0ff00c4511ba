"""What Asterisk knows of a leg that never passed the gate: its direction, what it dials, and who is behind it.

Measured on Asterisk 22.10.1, by events, by the list of channels and over AMI:

=============================== ========================= ================= ====================== ==================
a leg on the trunk              state when created        application       DIALEDPEERNUMBER       CALLERID(dnid)
=============================== ========================= ================= ====================== ==================
Dial, by a phone or through     Down, then Ringing or Up  AppDial           ``NUMBER@ENDPOINT``,   empty
Local channels, a forward                                                   on the leg itself
a queue's member                Down                      AppQueue          empty                  empty
Originate by AMI, ARI, CLI      Down                      AppDial2, later   empty: the number is   empty
                                                          what it runs      in its Dial event
one of these, transferred       -                         what it runs      as it was              empty
an inbound call                 Ring, then Up             what it runs      empty, then the number what was dialled
                                                                            of *its* far end
an inbound call, transferred    -                         what it runs      of its new far end     what was dialled
=============================== ========================= ================= ====================== ==================

So a state of Down or Ringing, or an application that only a called channel has, means outbound; Ring means inbound; a
leg first seen Up while it runs something else is told by its DNID. ``CHANNEL(linkedid)`` of a leg that a channel of
this PBX began is that channel's id, through Local channels too. A leg's context is its endpoint's in both directions.

All of it is asked of ARI, which reads the variables of any channel: a leg is judged while AMI is away.

Functions that chan_pjsip answers (``CHANNEL(pjsip,…)``, ``CHANNEL(endpoint)``) are never read: on a leg that rings that
locked the whole of Asterisk up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ari_app.client import AriClient, JsonObject
from ari_app.decode import Channel
from ari_app.errors import AriUnavailableError, AsteriskError
from ari_app.living import list_channels
from ari_app.moments import read_moment
from dialplan.contract import LEG_VARIABLE, endpoint_of

DIALLED_VARIABLE = "DIALEDPEERNUMBER"
DNID = "CALLERID(dnid)"
LINKED_ID = "CHANNEL(linkedid)"
ANSWER = "CDR(answer,u)"
"""Seconds since the epoch with microseconds, 0 before the answer; a millisecond after the carrier's 200."""
FORWARDED_BY = ("BLINDTRANSFER", "ATTENDEDTRANSFER", "FORWARDERNAME")
"""Where Asterisk leaves the name of the channel that transferred or forwarded a call: it pays, as at the gate."""

QUEUE_MEMBER = "AppQueue"
_CALLED = frozenset({"AppDial", "AppDial2", QUEUE_MEMBER})
_OUTBOUND_STATES = frozenset({"Down", "Ringing"})
_INBOUND_STATE = "Ring"


class LegGoneError(AsteriskError):
    """The channel has ended."""


@dataclass(frozen=True, slots=True)
class Behind:
    """The channel that is behind a leg; the names are '' where nobody of this PBX is."""

    channel_id: str = ""
    deciding_name: str = ""
    """The name of the channel whose extension pays."""


def is_outbound(leg: Channel) -> bool | None:
    """Say whether a leg on a trunk was called from here; None where what is seen of it does not tell."""
    if leg.state in _OUTBOUND_STATES or leg.application in _CALLED:
        return True
    return False if leg.state == _INBOUND_STATE else None


async def read_variable(channel_id: str, name: str, ari: AriClient) -> str:
    """Return a channel's variable, '' where it is not set.

    Raises:
        AriUnavailableError: ARI does not answer; LegGoneError: the channel has ended.
    """
    reply = await ari.get_variable(channel_id, name)
    body = reply.body if isinstance(reply.body, dict) else {}
    if reply.done:
        return str(body.get("value") or "")
    if reply.status != 404:
        raise AriUnavailableError(f"ARI answers with status {reply.status} where a variable is asked for")
    if _is_of_variable(body):
        return ""
    raise LegGoneError(f"no channel {channel_id}")


def _is_of_variable(body: JsonObject) -> bool:
    """Whether an answer of status 404 tells of a variable that is not set, and not of a channel that is not there."""
    return "variable" in str(body.get("message", "")).lower()


async def read_is_outbound(leg: Channel, ari: AriClient) -> bool:
    """Say whether a leg was called from here, where events do not tell.

    Raises:
        AriUnavailableError, LegGoneError: as :func:`read_variable`.
    """
    known = is_outbound(leg)
    return not await read_variable(leg.channel_id, DNID, ari) if known is None else known


async def read_is_around(leg: Channel, ari: AriClient) -> bool:
    """Say whether a leg of which a list shows no call was called from here and indeed names none.

    False where that cannot be told: its verdict is still to come.
    """
    try:
        return not await read_variable(leg.channel_id, LEG_VARIABLE, ari) and await read_is_outbound(leg, ari)
    except AsteriskError:
        return False


async def read_dialled(leg: Channel, ari: AriClient) -> str:
    """Return the dial string of a leg that Dial made; '' where another application did.

    Raises:
        AriUnavailableError, LegGoneError: as :func:`read_variable`.
    """
    return await read_variable(leg.channel_id, DIALLED_VARIABLE, ari)


async def read_answered_at(leg: Channel, ari: AriClient) -> datetime | None:
    """Return when a leg was answered, as Asterisk's own CDR has it; None where that is not kept.

    Raises:
        AriUnavailableError: ARI does not answer; LegGoneError: the leg has ended.
    """
    reply = await ari.get_variable(leg.channel_id, ANSWER)
    body = reply.body if isinstance(reply.body, dict) else {}
    if reply.status == 404 and not _is_of_variable(body):
        raise LegGoneError(f"no channel {leg.channel_id}")
    if not reply.done:  # without its CDRs Asterisk says 500 to the function
        return None
    try:
        answered_at = read_moment(str(body.get("value")))
    except ValueError:
        return None
    return answered_at if answered_at.timestamp() > 0 else None


async def read_behind(leg: Channel, dialled: str, ari: AriClient) -> Behind:
    """Return who is behind a leg: whoever transferred or forwarded the call, else the channel that began it.

    Never by a caller's number: outsiders set it.

    Raises:
        AriUnavailableError, LegGoneError: as :func:`read_variable`.
    """
    linked_id = await read_variable(leg.channel_id, LINKED_ID, ari)
    if linked_id in {"", leg.channel_id}:
        return Behind()
    channels = await list_channels(ari)
    for channel in (*await _dialling(channels, dialled, linked_id, ari), channels.get(linked_id)):
        if channel is None:
            continue
        name = await _forwarded_by(channel, ari) or channel.name
        if endpoint_of(name):
            return Behind(channel.channel_id, name)
    if leg.channel_id not in channels:
        raise LegGoneError(f"{leg.channel_id} and whoever was behind it ended while it was read")
    return Behind()


async def _dialling(channels: Mapping[str, Channel], dialled: str, linked_id: str, ari: AriClient) -> list[Channel]:
    """Return the channel that runs the Dial of a leg, where it is the only one of its call."""
    target = f"PJSIP/{dialled}"
    found = []
    for channel in channels.values():
        runs_it = dialled and channel.application == "Dial" and target in channel.application_data
        if runs_it and await _of_caller(channel, LINKED_ID, ari) == linked_id:
            found.append(channel)
    return found if len(found) == 1 else []


async def _forwarded_by(channel: Channel, ari: AriClient) -> str:
    for variable in FORWARDED_BY:
        if name := await _of_caller(channel, variable, ari):
            return name
    return ""


async def _of_caller(channel: Channel, variable: str, ari: AriClient) -> str:
    """Return a variable of a channel that may have gone meanwhile."""
    try:
        return await read_variable(channel.channel_id, variable, ari)
    except LegGoneError:
        return ""
