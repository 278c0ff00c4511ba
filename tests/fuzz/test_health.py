"""Whatever comes to the health server's port has one outcome: an answer that is HTTP, or the end of its connection."""

import asyncio
import json
import socket
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.metrics import Metrics
from ari_app.readiness import Readiness
from tests.fuzz.clients import PORTIONS, all_heard, counted, in_portions, say
from tests.fuzz.effort import fuzz
from tests.fuzz.mutation import damaged_text
from tollgate import health
from tollgate.health import LARGEST_REQUEST_BYTES, HealthServer
from tollgate.health_outcome import Outcome
from tollgate.listen import ListenAddress

LIVE = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
REQUESTS = (
    LIVE,
    "HEAD /health/live HTTP/1.0\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
    "POST /health/ready?x=1 HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    "GET http://x/health/live HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
)
SAID = st.lists(
    damaged_text(REQUESTS).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary(max_size=200)
    | st.sampled_from([*(request.encode() for request in REQUESTS), b"\r\n\r\n", b"x" * LARGEST_REQUEST_BYTES]),
    max_size=6,
).map(b"".join)
LEAVES = st.sampled_from(["close", "shut", "reset", "stay"])
LIMIT_S = 60.0
OPEN = "tollgate_health_connections"


@fuzz(60)
@given(SAID, PORTIONS, LEAVES)
def test_connection_ends_once_and_the_next_client_is_served_whatever_is_said(
    said: bytes, portions: list[int], then: str
) -> None:
    asyncio.run(visited(in_portions(said, portions), then))


async def visited(portions: list[bytes], then: str) -> None:
    """Have a client say what it says and leave, and a monitor ask after it."""
    metrics = Metrics()
    ready = Readiness(ari=True, ami=True, store=True, catalog=True, compared=True)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        address = ListenAddress(*found.getsockname())
    serving = asyncio.create_task(HealthServer(address, lambda: ready, metrics).run())
    await asyncio.sleep(0)
    with pytest.MonkeyPatch.context() as patch:
        if then == "stay":
            patch.setattr(health, "CONNECTION_LIMIT_S", 0.05)
        answer = await said_and_heard(address, portions, then)
        assert len(await all_over(metrics, 1)) == 1
    assert not answer or is_http(answer)
    assert (await said_and_heard(address, [LIVE.encode()], "shut")).startswith(b"HTTP/1.1 200 OK\r\n")
    assert Outcome.ANSWERED in await all_over(metrics, 2)
    serving.cancel()
    await asyncio.wait([serving])


async def said_and_heard(address: ListenAddress, portions: list[bytes], then: str) -> bytes:
    """Return what comes back until the server closes, if the client waits for it."""
    heard = b""
    with socket.create_connection(address) as client, suppress(OSError):
        await say(client, portions, then)
        async with asyncio.timeout(LIMIT_S):
            heard = await all_heard(client) if then in {"shut", "stay"} else b""
    return heard


async def all_over(metrics: Metrics, connections: int) -> list[Outcome]:
    """Return how the connections ended, once all of them have and none is open; none ends twice."""
    read = metrics.registry.get_sample_value
    async with asyncio.timeout(LIMIT_S):
        while len(ended := _counted(metrics)) < connections or read(OPEN):  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.001)
    assert len(ended) == connections
    return ended


def is_http(answer: bytes) -> bool:
    """Whether an answer is one whole message of HTTP; one to HEAD has no body."""
    head, found, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert found
    assert status.startswith("HTTP/1.1 ")
    assert headers["Connection"] == "close"
    if body and headers["Content-Type"] == "application/json":
        json.loads(body)
    return len(body) in {0, int(headers["Content-Length"])}


def _counted(metrics: Metrics) -> list[Outcome]:
    return counted(metrics, "health_requests", Outcome)
