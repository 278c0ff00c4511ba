"""Health over real sockets, asked by well-behaved clients and by hostile ones while calls are metered beside them."""

import asyncio
import json
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from ari_app.metrics import Metrics
from ari_app.readiness import Readiness
from tollgate import health, listen
from tollgate.health import LARGEST_REQUEST_BYTES, MOST_CONNECTIONS, HealthServer
from tollgate.health_outcome import EXPECTED, Outcome
from tollgate.listen import ListenAddress, parse_listen_address

READY = Readiness(ari=True, ami=True, store=True, catalog=True, compared=True)
LIMIT_S = 60.0
TURNS = 200
OPEN = "tollgate_health_connections"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


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
    asked: Callable[[], Readiness] | None = None
    """Is asked instead, where it is there."""
    serving: asyncio.Task[Any] | None = None

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
        if self.asked is not None:
            return self.asked()
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
        return (await self.ask(LIVE)).startswith(b"HTTP/1.1 200 OK\r\n")

    def counted(self, *outcomes: Outcome) -> int:
        """Return how many connections ended so."""
        read = self.metrics.registry.get_sample_value
        return int(sum(read("tollgate_health_requests_total", {"outcome": each}) or 0 for each in outcomes))

    async def until_over(self, outcome: Outcome, times: int = 1) -> None:
        """Wait until so many connections ended so and none is left; each has one outcome, and no other was a fault."""
        async with asyncio.timeout(LIMIT_S):
            while self.counted(outcome) < times or self.metrics.registry.get_sample_value(OPEN):  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # counters tell nobody
        assert self.counted(*Outcome) == self.counted(*{outcome, *EXPECTED})
        assert self.counted(outcome) == times


def free_address() -> ListenAddress:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return ListenAddress(*found.getsockname())


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clinic = Clinic(free_address())
    server = HealthServer(clinic.address, clinic.readiness, clinic.metrics)
    clinic.serving = asyncio.create_task(server.run())
    tasks: list[asyncio.Task[Any]] = [clinic.serving]
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
    ("sent", "status", "outcome"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404", Outcome.NOT_FOUND),
        (b"GET /health/../metrics HTTP/1.1\r\n\r\n", b"404", Outcome.NOT_FOUND),
        (b"GET /\xff\x1b[2J HTTP/1.1\r\n\r\n", b"404", Outcome.NOT_FOUND),
        (b"POST /health/live HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", b"405", Outcome.BAD_METHOD),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"\x00" * 100 + b"\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"GET /health/live\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"GET /health/live SIP/2.0\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"GET /" + b"a" * LARGEST_REQUEST_BYTES, b"431", Outcome.TOO_LARGE),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000, b"431", Outcome.TOO_LARGE),
    ],
)
async def test_request_that_makes_no_sense_or_is_too_large_has_a_short_answer_and_is_counted_and_logged(
    clinic: Clinic, sent: bytes, status: bytes, outcome: Outcome
) -> None:
    with capture_logs() as logged:
        reader, writer = await clinic.connect()
        writer.write(sent)
        assert (await reader.read(12)) == b"HTTP/1.1 " + status
        writer.close()
        assert await clinic.is_live()
        await clinic.until_over(outcome)
    [line] = [line for line in logged if line["event"] == "health_request_in_vain"]
    assert (line["ended"], line["address"]) == (outcome, "127.0.0.1")
    assert line["why"].isprintable()


async def test_method_that_is_none_of_ours_is_told_which_are(clinic: Clinic) -> None:
    assert b"\r\nAllow: GET, HEAD\r\n" in await clinic.ask(b"DELETE /metrics HTTP/1.1\r\n\r\n")


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
    writer.write(LIVE)
    writer.write_eof()
    assert (await reader.read()).endswith(b'{"live": true}\n')
    writer.close()
    await clinic.until_over(Outcome.ANSWERED)


@pytest.mark.parametrize(
    ("sent", "answer", "outcome"),
    [
        (b"", b"", Outcome.SILENT),
        (b"GET /hea", b"HTTP/1.1 400 Bad Request", Outcome.INCOMPLETE),
        (b"GET /health/live HTTP/1.1\r\n", b"HTTP/1.1 400 Bad Request", Outcome.INCOMPLETE),
    ],
)
async def test_client_that_half_closes_before_its_request_is_whole_is_told_so(
    clinic: Clinic, sent: bytes, answer: bytes, outcome: Outcome
) -> None:
    with capture_logs() as logged:
        reader, writer = await clinic.connect()
        writer.write(sent)
        writer.write_eof()
        assert (await reader.read()).partition(b"\r\n")[0] == answer
        writer.close()
        await clinic.until_over(outcome)
    assert [line["ended"] for line in logged if line["event"] == "health_request_in_vain"] == [outcome]


@pytest.mark.parametrize("sent", [b"", b"GET /hea"])
async def test_client_that_leaves_at_once_disturbs_nobody_and_does_not_fill_the_log(
    clinic: Clinic, sent: bytes
) -> None:
    with capture_logs() as logged:
        for _ in range(200):
            _, writer = await clinic.connect()
            writer.write(sent)
            writer.transport.abort()
        assert await clinic.is_live()
        async with asyncio.timeout(LIMIT_S):
            while clinic.counted(*Outcome) < 201:  # noqa: ASYNC110  # counters tell nobody
                await asyncio.sleep(0.005)
    assert clinic.counted(Outcome.SILENT, Outcome.INCOMPLETE, Outcome.ANSWERED) == 201
    in_vain = [line["ended"] for line in logged if line["event"] == "health_request_in_vain"]
    assert in_vain
    assert len(in_vain) == len(set(in_vain))


async def test_client_that_resets_its_connection_in_the_middle_of_its_request_is_counted(clinic: Clinic) -> None:
    with socket.create_connection(clinic.address) as client:
        client.sendall(b"GET /hea")
        while not clinic.metrics.registry.get_sample_value(OPEN):  # noqa: ASYNC110  # counters tell nobody
            await asyncio.sleep(0)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await clinic.until_over(Outcome.INCOMPLETE)


async def test_client_that_resets_its_connection_before_its_answer_is_counted_as_gone(clinic: Clinic) -> None:
    with socket.create_connection(clinic.address) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def leave() -> Readiness:
            client.close()
            return READY

        clinic.asked = leave
        client.sendall(b"GET /health/ready HTTP/1.1\r\n\r\n")
        await clinic.until_over(Outcome.GONE)


async def test_fault_of_ours_is_answered_counted_and_logged_with_what_it_was(clinic: Clinic) -> None:
    fault = RuntimeError("a fault")

    def fail() -> Readiness:
        raise fault

    clinic.asked = fail
    with capture_logs() as logged:
        answer = await clinic.ask(b"GET /health/ready HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
        await clinic.until_over(Outcome.FAILED)
    [line] = [line for line in logged if line["event"] == "health_request_in_vain"]
    assert line["exc_info"] is fault
    assert await clinic.is_live()


async def test_connection_that_is_open_when_the_service_stops_is_counted(clinic: Clinic) -> None:
    reader, writer = await clinic.connect()
    while not clinic.metrics.registry.get_sample_value(OPEN):  # noqa: ASYNC110  # counters tell nobody
        await asyncio.sleep(0)
    assert clinic.serving is not None
    clinic.serving.cancel()
    assert await reader.read() == b""
    writer.close()
    await clinic.until_over(Outcome.STOPPED)


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
    await clinic.until_over(Outcome.SLOW)


async def test_client_that_keeps_its_connection_after_its_answer_is_given_up(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CONNECTION_LIMIT_S", 0.2)
    reader, writer = await clinic.connect()
    writer.write(LIVE)
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    await clinic.until_over(Outcome.SLOW)
    writer.close()


async def test_client_that_sends_without_end_does_not_hold_the_loop(clinic: Clinic) -> None:
    _, writer = await clinic.connect()
    writer.write(b"GET /health/live HTTP/1.1\r\n\r\n" + b"x" * 50_000_000)
    before = clinic.turns
    while clinic.turns < before + TURNS:  # noqa: ASYNC110  # the turns themselves are what is waited for
        await asyncio.sleep(0)
    writer.transport.abort()
    assert await clinic.is_live()
    await clinic.until_over(Outcome.TOO_LARGE)


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
