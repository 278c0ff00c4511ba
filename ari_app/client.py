"""A small ARI client: events and REST requests over one websocket, REST over HTTP where Asterisk is older.

Requests are named after the operations in Asterisk's Swagger documents (``/ari/api-docs``). REST over the
websocket exists from Asterisk 20.14, 22.4 and 23 on; setting many variables at once from 20.20.1 and 22.10.1.
"""

import asyncio
import base64
import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from ari_app.access import AriAccess
from ari_app.complaints import Complaints
from ari_app.errors import AriUnavailableError
from ari_app.version import AsteriskVersion

REQUEST_LIMIT_S = 2.0
CONNECT_LIMIT_S = 5.0
LARGEST_MESSAGE_BYTES = 32 << 20
"""A list of channels takes a kilobyte for each of them; reading one this large takes a third of a second."""
KEEP_ALIVE_S = 10  # Asterisk closes an idle connection after 15 s

MOST_IN_FLIGHT = 4096
"""Requests that may wait for an answer; with a limit of two seconds each, more would say that Asterisk is stuck."""

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AriReply:
    """Status code and decoded body (None where there is none) of a REST request."""

    status: int
    body: Any = None

    @property
    def done(self) -> bool:
        """Whether the request was carried out."""
        return 200 <= self.status < 300


class AriClient:
    """One connection to ARI; a lost one is not revived, make another."""

    def __init__(self, access: AriAccess, on_event: Callable[[JsonObject], None], complaints: Complaints) -> None:
        """Prepare a client that hands each event to ``on_event``, which must not block.

        ``complaints`` takes what comes and is neither an event nor an answer.
        """
        self._access = access
        self._on_event = on_event
        self._complaints = complaints
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._waiting: dict[str, asyncio.Future[AriReply]] = {}
        self._last_request = 0
        self._rest_over_socket = False
        self.version: AsteriskVersion | None = None
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """How many requests wait for an answer."""
        return self._in_flight

    async def connect(self) -> None:
        """Connect and register the application.

        Raises:
            AriUnavailableError: Asterisk cannot be reached or refuses the credentials.
        """
        credentials = f"{self._access.username}:{self._access.password}".encode()
        self._http = aiohttp.ClientSession(
            headers={"Authorization": "Basic " + base64.b64encode(credentials).decode()},
            connector=aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE_S, limit=32),
            timeout=aiohttp.ClientTimeout(total=REQUEST_LIMIT_S),
            auto_decompress=False,
        )
        try:
            await self._ask_version()
            self._socket = await asyncio.wait_for(self._open_socket(self._http), CONNECT_LIMIT_S)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            await self.close()
            raise AriUnavailableError(f"ARI at {self._access.url} does not answer: {error!r}") from error
        except AriUnavailableError:
            await self.close()
            raise

    async def _ask_version(self) -> None:
        info = await self._over_http("GET", "asterisk/info", {"only": "system"}, None)
        if not info.done:
            raise AriUnavailableError(_refusal(info.status, self._access))
        try:
            self.version = AsteriskVersion.parse(info.body["system"]["version"])
        except (KeyError, TypeError, ValueError) as error:
            raise AriUnavailableError(f"what answers at {self._access.url} is no Asterisk") from error
        self._rest_over_socket = self.version.has_rest_over_websocket

    async def _open_socket(self, http: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        return await http.ws_connect(
            f"{self._access.url}/ari/events?{urlencode({'app': self._access.application})}",
            heartbeat=KEEP_ALIVE_S,
            max_msg_size=LARGEST_MESSAGE_BYTES,
        )

    async def listen(self) -> None:
        """Hand on events until the connection ends; returns then.

        A message that makes no sense is passed over. A frame that is too large or against the protocol ends the
        connection: what follows it cannot be told apart.
        """
        assert self._socket is not None
        async for message in self._socket:
            match message.type:
                case aiohttp.WSMsgType.TEXT:
                    self._take(message.data)
                case aiohttp.WSMsgType.BINARY:
                    self._complaints.note("binary", "ari_message_binary", length=len(message.data))
                case aiohttp.WSMsgType.ERROR:
                    self._complain_of_frame(message.data)
                    return
                case _:
                    return

    def _complain_of_frame(self, error: object) -> None:
        if getattr(error, "code", None) == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            self._complaints.note("too_large", "ari_message_too_large", error_text=str(error))
        else:
            self._complaints.note("broken", "ari_protocol_broken", error_text=str(error))

    def _take(self, text: str) -> None:
        try:
            document = _read_json(text)
        except (ValueError, RecursionError) as error:
            self._complaints.note("not_json", "ari_message_not_json", length=len(text), error_text=str(error))
            return
        if not isinstance(document, dict):
            self._complaints.note("not_an_object", "ari_message_not_an_object", length=len(text))
        elif document.get("type") == "RESTResponse":
            self._answered(document)
        else:
            self._on_event(document)

    def _answered(self, document: JsonObject) -> None:
        request_id = document.get("request_id")
        future = self._waiting.pop(request_id, None) if isinstance(request_id, str) else None
        if future is None or future.done():  # it came twice, or too late, or was never asked for
            self._complaints.note("unclaimed", "ari_answer_unclaimed")
            return
        status, body = document.get("status_code"), document.get("message_body")
        if not isinstance(status, int) or isinstance(status, bool) or not isinstance(body, str | None):
            self._complaints.note("malformed", "ari_answer_malformed")
            future.set_exception(AriUnavailableError("ARI's answer is of an unknown form"))
            return
        future.set_result(AriReply(status, _body_of(body)))

    async def close(self) -> None:
        """Close the connection; requests under way fail."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(AriUnavailableError("the connection to ARI was closed"))
        self._waiting.clear()
        if self._socket is not None:
            await self._socket.close()
        if self._http is not None:
            await self._http.close()

    # --- operations ---------------------------------------------------------------------------------------

    async def filter(self, allowed: tuple[str, ...]) -> AriReply:
        """Have Asterisk send these event types only (and the answers to our own requests)."""
        types = [{"type": name} for name in (*allowed, "RESTResponse")]
        path = f"applications/{_segment(self._access.application)}/eventFilter"
        return await self._request("PUT", path, body={"allowed": types})

    async def subscribe(self, event_source: str) -> AriReply:
        """Subscribe to ``channel:ID`` or ``endpoint:TECH/NAME``."""
        path = f"applications/{_segment(self._access.application)}/subscription"
        return await self._request("POST", path, {"eventSource": event_source})

    async def status(self) -> AriReply:
        """Return when Asterisk was started, among other things."""
        return await self._request("GET", "asterisk/info", {"only": "status"})

    async def list_channels(self) -> AriReply:
        """Return every channel that lives."""
        return await self._request("GET", "channels")

    async def get(self, channel_id: str) -> AriReply:
        """Return one channel."""
        return await self._request("GET", f"channels/{_segment(channel_id)}")

    async def get_variable(self, channel_id: str, name: str) -> AriReply:
        """Return a variable or function of a channel, also of one that is not in the application.

        Never ask for a function that chan_pjsip answers (:meth:`ari_app.ami.AmiAdapter.read_variable`).
        """
        return await self._request("GET", f"channels/{_segment(channel_id)}/variable", {"variable": name})

    async def set_channel_vars(self, channel_id: str, variables: Mapping[str, str]) -> AriReply:
        """Set variables on a channel that is in the application."""
        body = {"variables": dict(variables)}
        return await self._request("POST", f"channels/{_segment(channel_id)}/variables", body=body)

    async def continue_in_dialplan(self, channel_id: str, place: tuple[str, str] | None = None) -> AriReply:
        """Give a channel back to the dialplan: where it left it, or at a place of its own, a context and extension."""
        given = {} if place is None else dict(zip(("context", "extension"), place, strict=True))
        return await self._request("POST", f"channels/{_segment(channel_id)}/continue", given)

    async def hangup(self, channel_id: str, cause: int = 16) -> AriReply:
        """End a channel, with a Q.850 cause."""
        return await self._request("DELETE", f"channels/{_segment(channel_id)}", {"reason_code": str(cause)})

    # --- transport ----------------------------------------------------------------------------------------

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: JsonObject | None = None
    ) -> AriReply:
        if self._in_flight >= MOST_IN_FLIGHT:
            raise AriUnavailableError(f"{MOST_IN_FLIGHT} requests wait for ARI already")
        self._in_flight += 1
        try:
            if self._rest_over_socket:
                return await self._over_socket(method, path, query, body)
            return await self._over_http(method, path, query, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AriUnavailableError(f"ARI did not answer {method} {path.partition('/')[0]}: {error!r}") from error
        finally:
            self._in_flight -= 1

    async def _over_socket(
        self, method: str, path: str, query: Mapping[str, str] | None, body: JsonObject | None
    ) -> AriReply:
        if self._socket is None or self._socket.closed:
            raise AriUnavailableError("ARI is not connected")
        self._last_request += 1
        request_id = str(self._last_request)
        request: JsonObject = {
            "type": "RESTRequest",
            "request_id": request_id,
            "method": method,
            "uri": f"{path}?{urlencode(query)}" if query else path,
        }
        if body is not None:
            request["content_type"] = "application/json"
            request["message_body"] = json.dumps(body)
        future: asyncio.Future[AriReply] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        try:
            await self._socket.send_str(json.dumps(request))
            async with asyncio.timeout(REQUEST_LIMIT_S):
                return await future
        finally:
            self._waiting.pop(request_id, None)

    async def _over_http(
        self, method: str, path: str, query: Mapping[str, str] | None, body: JsonObject | None
    ) -> AriReply:
        if self._http is None:
            raise AriUnavailableError("ARI is not connected")
        url = URL(f"{self._access.url}/ari/{path}{f'?{urlencode(query)}' if query else ''}", encoded=True)
        async with self._http.request(method, url, json=body, allow_redirects=False) as response:
            return AriReply(response.status, _body_of(await _read_bounded(response)))


async def _read_bounded(response: aiohttp.ClientResponse) -> str:
    """Return the body of an answer.

    Raises:
        AriUnavailableError: it is larger than any that Asterisk sends.
    """
    read = bytearray()
    async for chunk in response.content.iter_any():
        read += chunk
        if len(read) > LARGEST_MESSAGE_BYTES:
            raise AriUnavailableError(f"ARI's answer has more than {LARGEST_MESSAGE_BYTES} bytes")
    return read.decode(errors="replace")


def _body_of(text: str | None) -> Any:
    """Return what the body of an answer holds: JSON as a rule, else its text."""
    if not text:
        return None
    with suppress(ValueError, RecursionError):
        return _read_json(text)
    return text


def _read_json(text: str) -> Any:
    """Return what JSON text holds; Python's own reader knows numbers that JSON does not.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number without end")
    return number


@lru_cache(maxsize=4096)  # a channel is asked for several things
def _segment(text: str) -> str:
    """Return a text as one segment of a path, whatever is in it.

    Raises:
        AriUnavailableError: no path has such a segment.
    """
    try:
        segment = quote(text, safe="")
    except UnicodeEncodeError as error:
        raise AriUnavailableError("an id that no URI can hold") from error
    if not segment.strip("."):
        raise AriUnavailableError(f"the id {text!r} would lead to another path")
    return segment


def _refusal(status: int, access: AriAccess) -> str:
    if status == 401:
        return f"ARI at {access.url} refuses the user {access.username!r}: compare ari.conf with the settings"
    return f"ARI at {access.url} answers with status {status}: is ari.conf enabled?"
