"""ARI's JSON events as typed values, with Asterisk's own timestamps.

Nothing is bent into shape: a field of another type than Asterisk's Swagger documents name is an error of the whole
event, as is an id that no channel has. What a caller chooses (numbers, names) is text of any form, and is never looked
at here: no caller makes an event malformed, and so escapes its meter.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from ari_app.errors import AriUnavailableError, AsteriskError
from ari_app.moments import read_moment
from dialplan.contract import ANSWERED_VARIABLE, LEG_VARIABLE

LONGEST_ID: Final = 150
"""Asterisk's own limit for the id of a channel (AST_MAX_PUBLIC_UNIQUEID)."""
SOFT_BY_DRIVER: Final = 1
"""The ``cause`` of a soft request by the channel's own driver (AST_SOFTHANGUP_DEV)."""


class MalformedEventError(AsteriskError):
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
    by_driver: bool = False
    """Whether it was the channel's own driver in Asterisk: its far end fell silent, or transferred the call away."""


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
                return CallerEntered(
                    _at(document), decode_channel(document["channel"]), _list_of_texts(document["args"])
                )
            case "ChannelCreated":
                return ChannelCreated(_at(document), decode_channel(document["channel"]))
            case "Dial":
                dialled = _text(document.get("dialstring", ""))
                return LegDialled(_at(document), decode_channel(document["peer"]), dialled)
            case "ChannelStateChange":
                return ChannelStateChanged(_at(document), decode_channel(document["channel"]))
            case "ChannelHangupRequest":
                soft = document.get("soft", False) is True
                by_driver = soft and document.get("cause") == SOFT_BY_DRIVER
                return ChannelHangupRequested(_at(document), decode_channel(document["channel"]), soft, by_driver)
            case "ChannelDestroyed":
                channel = decode_channel(document["channel"])
                return ChannelDestroyed(_at(document), channel, _cause(document.get("cause")))
            case "BridgeAttendedTransfer":
                far_ends = (document.get("transferee"), document.get("transfer_target"))
                return FarEndsJoined(_at(document), tuple(decode_channel(end) for end in far_ends if end))
            case "ApplicationReplaced":
                return ApplicationReplaced()
            case _:
                return None
    except (MalformedEventError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise MalformedEventError(f"{kind}: {error!r}") from error


def decode_channel(document: object) -> Channel:
    """Return the channel in an event or a list of channels.

    Raises:
        MalformedEventError: a field is missing or of another form than documented.
    """
    try:
        fields = _object(document)
        variables = _object(fields.get("channelvars") or {})
        place = _object(fields.get("dialplan") or {})
        channel_id, name, state = fields["id"], fields["name"], fields["state"]
        leg_variable, answered = variables.get(LEG_VARIABLE, ""), variables.get(ANSWERED_VARIABLE, "")
        context = place.get("context") or ""
        application, application_data = place.get("app_name") or "", place.get("app_data") or ""
        _texts((channel_id, name, state, leg_variable, answered, context, application, application_data))
        _check_id(channel_id)
        return Channel(
            channel_id,
            name,
            state,
            leg_variable,
            context,
            read_moment(answered) if answered else None,
            application,
            application_data,
        )
    except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise MalformedEventError(f"channel: {error!r}") from error


def decode_channels(status: int, body: object) -> dict[str, Channel]:
    """Return a list of channels that ARI answered with, by id.

    Raises:
        AriUnavailableError: it is no list, or one of it cannot be read. Which one lives would then be unknown, and
            nothing may be concluded of any.
    """
    if not 200 <= status < 300 or not isinstance(body, list):
        raise AriUnavailableError(f"the list of channels came with status {status}")
    try:
        return {channel.channel_id: channel for channel in map(decode_channel, body)}
    except MalformedEventError as error:
        raise AriUnavailableError(f"the list of channels is damaged: {error}") from error


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} where an object is due")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} where a text is due")
    return value


def _texts(values: tuple[Any, ...]) -> None:
    """Have all of them be texts: a channel has eight, and there is no end of channels.

    To join them is the quickest way to find one that is none.
    """
    "".join(values)


def _list_of_texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} where a list is due")
    texts = tuple(value)
    _texts(texts)
    return texts


@lru_cache(maxsize=4096)  # a channel is told of again and again
def _check_id(text: str) -> None:
    """Have an id be one that may be part of a URI and of an AMI action; Asterisk makes no others."""
    if not 0 < len(text) <= LONGEST_ID or not text.isascii() or not text.isprintable() or not text.strip("."):
        raise ValueError("no id of a channel")


def _cause(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{type(value).__name__} where a number is due")
    return value


def _at(document: dict[str, Any]) -> datetime:
    at = datetime.fromisoformat(document["timestamp"])
    if at.tzinfo is None:
        raise ValueError("timestamp without offset")
    return at.astimezone(UTC)
