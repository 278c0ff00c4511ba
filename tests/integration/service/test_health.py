"""Health over real sockets, asked by well-behaved clients and by hostile ones while calls are metered beside them."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from ari_app.metrics import Metrics
from ari_app.readiness import Readiness
from tollgate import health, listen
from tollgate.health import LARGEST_REQUEST_BYTES, MOST_CONNECTIONS, HealthServer
from tollgate.listen import ListenAddress, parse_listen_address

READY = Readiness(ari=True, ami=True, store=True, catalog=True, compared=True)
LIMIT_S = 60.0
TURNS = 200


@dataclass
class Clinic:
    """A server of health, and what it tells."""

    address: ListenAddress
    parts: Readiness = READY
    metrics: Metrics = field(default_factory=Metrics)
    turns: int = 0
    """How often the loop has turned: what a call's metering, which waits for its turn too, would have had."""
    most_answers_a_turn: int = 0
    answers: int = 0

    async def turn(self) -> None:
        """Count the loop's turns, and the answers between two of them."""
        before = 0
        while True:
            self.turns += 1
            self.most_answers_a_turn = max(self.most_answers_a_turn, self.answers - before)
            before = self.answers
            await asyncio.sleep(0)

    def readiness(self) -> Readiness:
        """Return what is there; asked once for each answer."""
        self.answers += 1
        return self.parts

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect as a client that does what it likes."""
        return await asyncio.open_connection(self.address.host, self.address.port)

    async def ask(self, sent: bytes) -> bytes:
        """Send something, and return all that comes back."""
        reader, writer = await self.connect()
        writer.write(sent)
        answer = await reader.read()
        writer.close()
        return answer

    async def is_live(self) -> bool:
        """Ask as a monitor does."""
        return (await self.ask(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")


def free_address() -> ListenAddress:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return ListenAddress(*found.getsockname())


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clinic = Clinic(free_address())
    server = HealthServer(clinic.address, clinic.readiness, clinic.metrics)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(server.run())]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(clinic.turn()))
    async with asyncio.timeout(LIMIT_S):
        yield clinic
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_monitor_is_told_that_the_service_lives_and_is_ready(clinic: Clinic) -> None:
    url = f"http://{clinic.address}"
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}/health/live") as live:
            assert (live.status, await live.json()) == (200, {"live": True})
        async with http.get(f"{url}/health/ready?full=1") as ready:
            assert ready.status == 200
            expected = {"ready": True, "ari": True, "ami": True, "store": True, "catalog": True, "compared": True}
            assert await ready.json() == expected
        async with http.head(f"{url}/health/live") as head:
            assert (head.status, await head.read()) == (200, b"")
        async with http.get(f"{url}/metrics") as metrics:
            assert metrics.headers["Content-Type"].startswith("text/plain; version=")
            assert "tollgate_health_connections 1.0" in await metrics.text()


async def test_monitor_is_told_each_part_that_is_away(clinic: Clinic) -> None:
    clinic.parts = Readiness(ari=True, ami=False, store=False, catalog=True, compared=True)
    answer = await clinic.ask(b"GET /health/ready HTTP/1.0\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable")
    expected = {"ready": False, "ari": True, "ami": False, "store": False, "catalog": True, "compared": True}
    assert json.loads(body) == expected


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404"),
        (b"GET /health/../metrics HTTP/1.1\r\n\r\n", b"404"),
        (b"POST /health/live HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"405"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"\x00" * 100 + b"\r\n\r\n", b"400"),
        (b"GET /health/live\r\n\r\n", b"400"),
        (b"GET /health/live SIP/2.0\r\n\r\n", b"400"),
        (b"\r\n\r\n", b"400"),
        (b"GET /" + b"a" * LARGEST_REQUEST_BYTES, b"431"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000, b"431"),
    ],
)
async def test_request_that_makes_no_sense_or_is_too_large_has_a_short_answer(
    clinic: Clinic, sent: bytes, status: bytes
) -> None:
    reader, writer = await clinic.connect()
    writer.write(sent)
    assert (await reader.read(12)) == b"HTTP/1.1 " + status
    writer.close()
    assert await clinic.is_live()


async def test_loop_that_stands_still_tells_nobody_that_it_lives(clinic: Clinic) -> None:
    with socket.create_connection(clinic.address) as client:
        client.sendall(b"GET /health/live HTTP/1.1\r\n\r\n")
        time.sleep(0.2)  # noqa: ASYNC251  # the stall that is meant
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        assert (await asyncio.get_running_loop().sock_recv(client, 15)) == b"HTTP/1.1 200 OK"


async def test_client_that_half_closes_has_its_answer(clinic: Clinic) -> None:
    reader, writer = await clinic.connect()
    writer.write(b"GET /health/live HTTP/1.1\r\n\r\n")
    writer.write_eof()
    assert (await reader.read()).endswith(b'{"live": true}\n')
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /hea"])
async def test_client_that_leaves_at_once_disturbs_nobody(clinic: Clinic, sent: bytes) -> None:
    for _ in range(200):
        _, writer = await clinic.connect()
        writer.write(sent)
        writer.transport.abort()
    assert await clinic.is_live()


async def test_client_that_is_slow_is_given_up(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "CONNECTION_LIMIT_S", 0.2)
    reader, writer = await clinic.connect()
    answered = asyncio.create_task(reader.read())
    while not answered.done():
        writer.write(b"G")
        await asyncio.sleep(0.01)
    answer = None if answered.exception() else answered.result()
    assert not answer
    writer.close()
    assert await clinic.is_live()


async def test_client_that_sends_without_end_does_not_hold_the_loop(clinic: Clinic) -> None:
    _, writer = await clinic.connect()
    writer.write(b"GET /health/live HTTP/1.1\r\n\r\n" + b"x" * 50_000_000)
    before = clinic.turns
    while clinic.turns < before + TURNS:  # noqa: ASYNC110  # the turns themselves are what is waited for
        await asyncio.sleep(0)
    writer.transport.abort()
    assert await clinic.is_live()


async def test_thousands_of_connections_are_served_a_few_at_a_time_and_the_loop_goes_on(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CONNECTION_LIMIT_S", 0.2)
    silent = [socket.socket() for _ in range(100)]
    for each in silent:
        each.setblocking(False)
        each.connect_ex(clinic.address)
    before = clinic.turns
    while clinic.turns < before + TURNS:
        text = clinic.metrics.text().decode()
        [line] = [line for line in text.splitlines() if line.startswith("tollgate_health_connections ")]
        assert float(line.split()[1]) <= MOST_CONNECTIONS
        await asyncio.sleep(0)
    for each in silent:
        each.close()

    gate = asyncio.Semaphore(64)

    async def ask() -> bytes:
        async with gate:
            return await clinic.ask(b"GET /health/ready HTTP/1.1\r\n\r\n")

    before = clinic.turns
    answers = await asyncio.gather(*(ask() for _ in range(2000)))
    assert clinic.answers == len(answers) == 2000
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 200"}
    assert clinic.most_answers_a_turn <= MOST_CONNECTIONS
    assert clinic.turns - before >= 2000 // MOST_CONNECTIONS


async def test_address_that_is_taken_is_tried_until_it_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "LISTEN_AGAIN_S", 0.01)
    clinic = Clinic(free_address())
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(clinic.address)
        other.listen()
        serving = asyncio.create_task(HealthServer(clinic.address, clinic.readiness, clinic.metrics).run())
        await asyncio.sleep(0.05)
        assert not serving.done()
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                assert await clinic.is_live()
                break
            except ConnectionError:
                await asyncio.sleep(0.01)
    serving.cancel()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", None),
        ("127.0.0.1:8099", ListenAddress("127.0.0.1", 8099)),
        ("0.0.0.0:80", ListenAddress("0.0.0.0", 80)),
        ("[::1]:8099", ListenAddress("::1", 8099)),
    ],
)
def test_address_is_read_and_written(text: str, address: ListenAddress | None) -> None:
    assert parse_listen_address(text) == address
    assert text == ("" if address is None else str(address))


@pytest.mark.parametrize(
    "text", ["8099", "localhost:8099", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", ":8099", "x"]
)
def test_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"port|address"):
        parse_listen_address(text)
