"""ARI's JSON events as typed values, with Asterisk's own timestamps."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dialplan.contract import ANSWERED_VARIABLE, LEG_VARIABLE


class MalformedEventError(Exception):
    """An event lacks what every Asterisk sends."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What an event tells of a channel."""

    channel_id: str
    name: str
    state: str
    leg_variable: str
    """The value of ``TOLLGATE_CALL``; '' where the channel is no leg of ours."""
    context: str = ""
    """Where in the dialplan the channel is."""
    answered_at: datetime | None = None
    """When the dialplan saw the leg's answer, where it has."""
    application: str = ""
    """The dialplan application that runs on it; of a leg that another channel made, which one made it."""
    application_data: str = ""


@dataclass(frozen=True, slots=True)
class CallerEntered:
    """A caller entered the application (StasisStart)."""

    at: datetime
    channel: Channel
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChannelCreated:
    """A channel exists: it was called from here (state Down), or calls here (Ring)."""

    at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True)
class LegDialled:
    """A leg dials: to whom, as the dial string has it, such as ``+33…@my-carrier`` (Dial, its first of each leg)."""

    at: datetime
    channel: Channel
    dialled: str


@dataclass(frozen=True, slots=True)
class ChannelStateChanged:
    """A channel began to ring or was answered."""

    at: datetime
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelHangupRequested:
    """A hang-up was asked for: by the channel's own far end, or (``soft``) by Asterisk."""

    at: datetime
    channel: Channel
    soft: bool


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """A channel is gone."""

    at: datetime
    channel: Channel
    cause: int | None


@dataclass(frozen=True, slots=True)
class FarEndsJoined:
    """An attended transfer joined the far ends of two calls (BridgeAttendedTransfer)."""

    at: datetime
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another client registered the same application: we get nothing any more."""


TimedEvent = (
    CallerEntered
    | ChannelCreated
    | LegDialled
    | ChannelStateChanged
    | ChannelHangupRequested
    | ChannelDestroyed
    | FarEndsJoined
)
AriEvent = TimedEvent | ApplicationReplaced

WANTED_EVENTS = (
    "StasisStart",
    "ChannelCreated",
    "Dial",
    "ChannelStateChange",
    "ChannelHangupRequest",
    "ChannelDestroyed",
    "BridgeAttendedTransfer",
    "ApplicationReplaced",
)


def decode_event(document: dict[str, Any]) -> AriEvent | None:  # noqa: PLR0911 (a table)
    """Return the event, or None for a type that is of no use here.

    Raises:
        MalformedEventError: a field is missing or of another form than documented.
    """
    kind = document.get("type")
    try:
        match kind:
            case "StasisStart":
                args = tuple(str(arg) for arg in document["args"])
                return CallerEntered(_at(document), decode_channel(document["channel"]), args)
            case "ChannelCreated":
                return ChannelCreated(_at(document), decode_channel(document["channel"]))
            case "Dial":
                return LegDialled(_at(document), decode_channel(document["peer"]), str(document.get("dialstring", "")))
            case "ChannelStateChange":
                return ChannelStateChanged(_at(document), decode_channel(document["channel"]))
            case "ChannelHangupRequest":
                soft = bool(document.get("soft", False))
                return ChannelHangupRequested(_at(document), decode_channel(document["channel"]), soft)
            case "ChannelDestroyed":
                cause = document.get("cause")
                channel = decode_channel(document["channel"])
                return ChannelDestroyed(_at(document), channel, None if cause is None else int(cause))
            case "BridgeAttendedTransfer":
                far_ends = (document.get("transferee"), document.get("transfer_target"))
                return FarEndsJoined(_at(document), tuple(decode_channel(end) for end in far_ends if end))
            case "ApplicationReplaced":
                return ApplicationReplaced()
            case _:
                return None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise MalformedEventError(f"{kind}: {error!r}") from error


def decode_channel(document: dict[str, Any]) -> Channel:
    """Return the channel in an event or a list of channels."""
    variables = document.get("channelvars") or {}
    place = document.get("dialplan") or {}
    return Channel(
        channel_id=str(document["id"]),
        name=str(document["name"]),
        state=str(document["state"]),
        leg_variable=str(variables.get(LEG_VARIABLE, "")),
        context=str(place.get("context", "")),
        application=str(place.get("app_name", "")),
        application_data=str(place.get("app_data", "")),
        answered_at=_answered_at(str(variables.get(ANSWERED_VARIABLE, ""))),
    )


def _answered_at(text: str) -> datetime | None:
    return datetime.fromtimestamp(float(text), UTC) if text else None


def _at(document: dict[str, Any]) -> datetime:
    at = datetime.fromisoformat(document["timestamp"])
    if at.tzinfo is None:
        raise ValueError("timestamp without offset")
    return at.astimezone(UTC)
