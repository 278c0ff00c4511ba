"""ARI by plain HTTP, beside a running service.

The service's own client registers the application when it connects; a second one would silence it. These
requests register nothing.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote

import aiohttp

from ari_app.access import AriAccess
from ari_app.client import REQUEST_LIMIT_S, AriReply
from ari_app.decode import Channel, decode_channels
from ari_app.errors import AriUnavailableError


class AriHttp:
    """Requests to ARI over one HTTP session."""

    def __init__(self, http: aiohttp.ClientSession, access: AriAccess) -> None:
        self._http = http
        self._access = access

    async def get(self, path: str, **query: str) -> AriReply:
        """Read ``path``, such as ``channels``; whatever the status is, it is the answer.

        Raises:
            AriUnavailableError: ARI does not answer, or refuses the credentials.
        """
        return await self._request("GET", path, query)

    async def channels(self) -> list[Channel]:
        """Return every channel that lives.

        Raises:
            AriUnavailableError: ARI does not answer as it should.
        """
        reply = await self.get("channels")
        return list(decode_channels(reply.status, reply.body).values())

    async def hang_up(self, channel_id: str) -> bool:
        """End a channel; one that has gone already is ended. Answer whether it is.

        Raises:
            AriUnavailableError: ARI does not answer.
        """
        reply = await self._request("DELETE", f"channels/{quote(channel_id, safe='')}", {"reason_code": "16"})
        return reply.done or reply.status == 404

    async def _request(self, method: str, path: str, query: dict[str, str]) -> AriReply:
        url = f"{self._access.url}/ari/{path}"
        try:
            async with self._http.request(method, url, params=query) as response:
                text = await response.text()
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeDecodeError) as error:
            raise AriUnavailableError(f"ARI at {self._access.url} does not answer ({error})") from error
        if response.status in {401, 403}:
            raise AriUnavailableError(
                f"ARI at {self._access.url} refuses the user {self._access.username!r}; "
                "compare ari.conf with the settings"
            )
        body: object = None
        with suppress(ValueError):
            body = json.loads(text) if text else None
        return AriReply(response.status, body)


@asynccontextmanager
async def ari_http(access: AriAccess) -> AsyncIterator[AriHttp]:
    """Open a session for a few requests."""
    credentials = b64encode(f"{access.username}:{access.password}".encode()).decode()
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Basic {credentials}"},
        timeout=aiohttp.ClientTimeout(total=REQUEST_LIMIT_S),
    ) as http:
        yield AriHttp(http, access)
    # aiohttp closes its transports one turn of the loop after the session.
    await asyncio.sleep(0)
