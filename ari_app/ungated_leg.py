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

Functions that chan_pjsip answers (``CHANNEL(pjsip,…)``, ``CHANNEL(endpoint)``) are never read over AMI: on a leg that
rings that locked the whole of Asterisk up.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ari_app.ami import AmiAdapter
from ari_app.client import AriClient
from ari_app.decode import Channel
from ari_app.errors import AmiRefusedError
from ari_app.living import list_channels
from dialplan.contract import endpoint_of

DIALLED_VARIABLE = "DIALEDPEERNUMBER"
DNID = "CALLERID(dnid)"
LINKED_ID = "CHANNEL(linkedid)"
FORWARDED_BY = ("BLINDTRANSFER", "ATTENDEDTRANSFER", "FORWARDERNAME")
"""Where Asterisk leaves the name of the channel that transferred or forwarded a call: it pays, as at the gate."""

QUEUE_MEMBER = "AppQueue"
_CALLED = frozenset({"AppDial", "AppDial2", QUEUE_MEMBER})
_OUTBOUND_STATES = frozenset({"Down", "Ringing"})
_INBOUND_STATE = "Ring"


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


async def read_is_outbound(leg: Channel, ami: AmiAdapter) -> bool:
    """Say whether a leg was called from here, where events do not tell.

    Raises:
        AmiUnavailableError, AmiRefusedError: AMI does not answer; AmiChannelGoneError: it has ended.
    """
    known = is_outbound(leg)
    return not await ami.read_variable(leg.channel_id, DNID) if known is None else known


async def read_dialled(leg: Channel, ami: AmiAdapter) -> str:
    """Return the dial string of a leg that Dial made; '' where another application did.

    Raises:
        AmiUnavailableError, AmiRefusedError: as :func:`read_is_outbound`.
    """
    return await ami.read_variable(leg.channel_id, DIALLED_VARIABLE)


async def read_behind(leg: Channel, dialled: str, ari: AriClient, ami: AmiAdapter) -> Behind:
    """Return who is behind a leg: whoever transferred or forwarded the call, else the channel that began it.

    Never by a caller's number: outsiders set it.

    Raises:
        AriUnavailableError, AmiUnavailableError, AmiRefusedError: Asterisk does not answer.
    """
    linked_id = await ami.read_variable(leg.channel_id, LINKED_ID)
    if linked_id in {"", leg.channel_id}:
        return Behind()
    channels = await list_channels(ari)
    for channel in (*await _dialling(channels, dialled, linked_id, ami), channels.get(linked_id)):
        if channel is None:
            continue
        name = await _forwarded_by(channel, ami) or channel.name
        if endpoint_of(name):
            return Behind(channel.channel_id, name)
    return Behind()


async def _dialling(channels: Mapping[str, Channel], dialled: str, linked_id: str, ami: AmiAdapter) -> list[Channel]:
    """Return the channel that runs the Dial of a leg, where it is the only one of its call."""
    target = f"PJSIP/{dialled}"
    found = []
    for channel in channels.values():
        runs_it = dialled and channel.application == "Dial" and target in channel.application_data
        if runs_it and await _linked_id(channel, ami) == linked_id:
            found.append(channel)
    return found if len(found) == 1 else []


async def _linked_id(channel: Channel, ami: AmiAdapter) -> str:
    try:
        return await ami.read_variable(channel.channel_id, LINKED_ID)
    except AmiRefusedError:  # it has gone meanwhile
        return ""


async def _forwarded_by(channel: Channel, ami: AmiAdapter) -> str:
    try:
        for variable in FORWARDED_BY:
            if name := await ami.read_variable(channel.channel_id, variable):
                return name
    except AmiRefusedError:  # it has gone meanwhile
        pass
    return ""
