"""What lives in Asterisk: its channels, and since when it runs itself."""

from collections.abc import Mapping
from datetime import UTC, datetime

from ari_app.client import AriClient
from ari_app.decode import Channel, decode_channels
from ari_app.errors import AriUnavailableError

Channels = Mapping[str, Channel]
"""Channels by id."""


async def list_channels(ari: AriClient) -> Channels:
    """Return every channel that lives.

    Raises:
        AriUnavailableError: ARI does not answer, or with a list that cannot be read whole.
    """
    reply = await ari.list_channels()
    return decode_channels(reply.status, reply.body)


async def asterisk_since(ari: AriClient) -> datetime:
    """Return when Asterisk was started: the hang-up handlers of calls since then have all run, unless they live.

    Raises:
        AriUnavailableError: ARI does not answer.
    """
    reply = await ari.status()
    try:
        started_at = datetime.fromisoformat(reply.body["status"]["startup_time"])
        return started_at.astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise AriUnavailableError(f"Asterisk does not say when it was started: status {reply.status}") from error
