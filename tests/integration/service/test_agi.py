"""FastAGI over real sockets: Asterisk as it talks, and clients that are slow, huge, half-closed, binary, or gone."""

import asyncio
import errno
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from agi import connection as connection_module
from agi import server as server_module
from agi.connection import AgiConnection
from agi.lines import LONGEST_LINE_BYTES
from agi.outcome import EXPECTED, Outcome
from agi.request import Request
from agi.server import MOST_CONNECTIONS, MOST_FROM_ONE_ADDRESS, AgiServer
from ari_app.metrics import Metrics
from tollgate.fastagi import serve_agi
from tollgate.listen import ListenAddress
from tollgate.notes import OutcomeNotes

LIMIT_S = 60.0
TURNS = 200
SET = b'SET VARIABLE TG_X "1"\n'
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def header(path: str = "x") -> bytes:
    """Return what Asterisk sends first."""
    lines = (
        "agi_network: yes",
        f"agi_network_script: {path}",
        f"agi_request: agi://127.0.0.1/{path}",
        "agi_channel: PJSIP/101-00000001",
        "agi_uniqueid: 1793610000.7",
        "",
        "",
    )
    return "\n".join(lines).encode()


@dataclass
class Exchange:
    """A server with one path that sets one variable, and what became of its sessions."""

    address: ListenAddress
    metrics: Metrics = field(default_factory=Metrics)
    turns: int = 0
    fault: Exception | None = None

    def __post_init__(self) -> None:
        self.server = AgiServer({"x": self._set_one}, OutcomeNotes(self.metrics.agi_sessions))

    async def _set_one(self, _request: Request, connection: AgiConnection) -> Outcome:
        if self.fault is not None:
            raise self.fault
        await connection.set_variables({"TG_X": "1"})
        return Outcome.HANDLED

    async def turn(self) -> None:
        """Count the loop's turns: what a call's metering, which waits for its turn too, would have had."""
        while True:
            self.turns += 1
            await asyncio.sleep(0)

    async def connect(self) -> Client:
        """Connect as a client that does what it likes."""
        return await asyncio.open_connection(*self.address)

    async def send(self, sent: bytes) -> bytes:
        """Send something, and return all that comes back until the server closes."""
        reader, writer = await self.connect()
        answer = b""
        with suppress(ConnectionError):
            writer.write(sent)
            async with asyncio.timeout(LIMIT_S):
                answer = await reader.read()
        writer.close()
        return answer

    async def is_well(self) -> bool:
        """Ask as Asterisk does."""
        before = self.counted(Outcome.HANDLED)
        assert await self.send(header() + b"200 result=1\n") == SET
        return self.counted(Outcome.HANDLED) == before + 1

    def counted(self, *outcomes: Outcome) -> int:
        """Return how many sessions ended so."""
        read = self.metrics.registry.get_sample_value
        return int(sum(read("tollgate_agi_sessions_total", {"outcome": each}) or 0 for each in set(outcomes)))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds, while clients do what they like."""
        async with asyncio.timeout(LIMIT_S):
            while not condition():  # noqa: ASYNC110  # counters tell nobody
                await asyncio.sleep(0.005)

    async def until_over(self, outcome: Outcome) -> None:
        """Wait until a session ended so, none is left, and none ended otherwise than it should."""
        await self.until(lambda: self.counted(outcome) > 0 and not self.server.open_connections)
        assert self.counted(*Outcome) == self.counted(outcome, *EXPECTED)


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        exchange = Exchange(ListenAddress(*found.getsockname()))
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(serve_agi(exchange.address, exchange.server))]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(exchange.turn()))
    yield exchange
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert exchange.server.open_connections == 0


async def test_asterisk_is_told_what_to_set_and_the_connection_is_closed(exchange: Exchange) -> None:
    reader, writer = await exchange.connect()
    for line in header().splitlines(keepends=True):
        writer.write(line)
        await asyncio.sleep(0)
    assert await reader.readline() == SET
    writer.write(b"200 res")
    await writer.drain()
    writer.write(b"ult=1\r\n")
    assert await reader.read() == b""
    writer.close()
    assert exchange.counted(*Outcome) == exchange.counted(Outcome.HANDLED) == 1


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        (header("y"), Outcome.UNKNOWN_PATH),
        (header("../x"), Outcome.UNKNOWN_PATH),
        (header() + b"HANGUP\n", Outcome.HUNG_UP),
        (header() + b"510 Invalid or unknown command\n", Outcome.NOT_DONE),
        (header() + b"511 result=-1 Command Not Permitted\n", Outcome.NOT_DONE),
        (header() + b"520-Invalid\nUsage\n520 End\n", Outcome.NOT_DONE),
        (header() + b"200 result=-1\n", Outcome.NOT_DONE),
        (header() + b"999 result=1\n", Outcome.NOT_DONE),
        (header() + b"\x00\xff\n", Outcome.BAD_ANSWER),
        (header() + b"520-" + b"x\n" * 1000, Outcome.BAD_ANSWER),
        (header() + b"2" * (LONGEST_LINE_BYTES + 1), Outcome.TOO_LARGE),
        (b"agi_channel: " + b"x" * LONGEST_LINE_BYTES, Outcome.TOO_LARGE),
        (b"x" * 5_000_000, Outcome.TOO_LARGE),
        (b"".join(b"agi_arg_%d: x\n" % number for number in range(100_000)), Outcome.TOO_LARGE),
        (b"".join(b"agi_arg_%d: %s\n" % (number, b"x" * 1000) for number in range(100)), Outcome.TOO_LARGE),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Outcome.MALFORMED),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", Outcome.MALFORMED),
        (b"\x00" * 100 + b"\n", Outcome.MALFORMED),
        (b"\n", Outcome.MALFORMED),
        (header().replace(b"channel", b"chanel"), Outcome.MALFORMED),
        (b"agi_channel: PJSIP/102-00000001\n" + header(), Outcome.MALFORMED),
    ],
)
async def test_client_that_says_what_no_asterisk_says_is_closed_counted_and_told_of(
    exchange: Exchange, sent: bytes, outcome: Outcome
) -> None:
    with capture_logs() as logs:
        assert await exchange.send(sent) in (b"", SET)
        await exchange.until_over(outcome)
    told = [line for line in logs if line["event"] == "agi_session_in_vain"]
    assert [line["ended"] for line in told] == ([] if outcome in EXPECTED else [outcome])
    assert all(line["exc_info"] is None and len(str(line)) < 600 for line in told)
    assert await exchange.is_well()


@pytest.mark.parametrize(("sent", "outcome"), [(b"", Outcome.SILENT), (b"agi_netw", Outcome.INCOMPLETE)])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_client_that_leaves_within_the_header_disturbs_nobody(
    exchange: Exchange, sent: bytes, outcome: Outcome, reset: bool
) -> None:
    for _ in range(100):
        client = socket.create_connection(exchange.address)
        client.sendall(sent)
        leave(client, reset=reset)
        await asyncio.sleep(0)
    await exchange.until(lambda: exchange.counted(*Outcome) == 100)
    # A reset may overtake what was sent before it.
    assert exchange.counted(Outcome.SILENT, outcome, Outcome.REFUSED_ADDRESS) == 100
    assert exchange.counted(outcome) > 0
    assert await exchange.is_well()


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_client_that_leaves_before_it_answers_disturbs_nobody(exchange: Exchange, reset: bool) -> None:
    reader, writer = await exchange.connect()
    writer.write(header())
    assert await reader.readline() == SET
    if reset:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    writer.close()
    await exchange.until_over(Outcome.GONE)
    assert await exchange.is_well()


async def test_client_that_cannot_be_reached_any_more_is_no_fault_of_ours(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(*_arguments: object) -> bytes:
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    with monkeypatch.context() as patched:
        patched.setattr(asyncio.get_running_loop(), "sock_recv", unreachable)
        assert await exchange.send(header()) == b""
    await exchange.until_over(Outcome.SILENT)
    assert await exchange.is_well()


def leave(client: socket.socket, *, reset: bool) -> None:
    """Close a connection, or have the kernel reset it."""
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


async def test_client_that_half_closes_has_its_command_and_the_rest_is_closed(exchange: Exchange) -> None:
    reader, writer = await exchange.connect()
    writer.write(header())
    writer.write_eof()
    assert await reader.read() == SET
    writer.close()
    await exchange.until_over(Outcome.GONE)


async def drip(writer: asyncio.StreamWriter) -> None:
    """Send a header that has no end, byte by byte."""
    with suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(b"a")
            await asyncio.sleep(0.01)


async def nothing(_writer: asyncio.StreamWriter) -> None:
    """Send nothing."""


@pytest.mark.parametrize(
    ("sent", "then", "limit", "outcome"),
    [
        (b"", drip, "HEADER_LIMIT_S", Outcome.SLOW),
        (b"", nothing, "HEADER_LIMIT_S", Outcome.SLOW),
        (header()[:-1], nothing, "HEADER_LIMIT_S", Outcome.SLOW),
        (header(), nothing, "ANSWER_LIMIT_S", Outcome.NO_ANSWER),
        (header() + b"100 result=0 Trying...\n", nothing, "ANSWER_LIMIT_S", Outcome.NO_ANSWER),
        (header() + b"520-Invalid\n", nothing, "ANSWER_LIMIT_S", Outcome.NO_ANSWER),
        (header(), nothing, "SESSION_LIMIT_S", Outcome.OVERTIME),
        (b"", drip, "SESSION_LIMIT_S", Outcome.OVERTIME),
    ],
)
async def test_client_that_keeps_us_waiting_is_given_up(
    exchange: Exchange,
    monkeypatch: pytest.MonkeyPatch,
    sent: bytes,
    then: Callable[[asyncio.StreamWriter], Awaitable[None]],
    limit: str,
    outcome: Outcome,
) -> None:
    monkeypatch.setattr(server_module if limit == "SESSION_LIMIT_S" else connection_module, limit, 0.2)
    reader, writer = await exchange.connect()
    writer.write(sent)
    dripping = asyncio.ensure_future(then(writer))
    with suppress(ConnectionError):
        assert await reader.read() in (b"", SET)
    writer.close()
    await dripping
    await exchange.until_over(outcome)


async def test_client_that_sends_without_end_does_not_hold_the_loop(exchange: Exchange) -> None:
    _, writer = await exchange.connect()
    writer.write(header() + b"100 result=0\n" + b"x" * 50_000_000)
    before = exchange.turns
    while exchange.turns < before + TURNS:  # noqa: ASYNC110  # the turns themselves are what is waited for
        await asyncio.sleep(0)
    writer.transport.abort()
    await exchange.until_over(Outcome.TOO_LARGE)


async def test_idle_connections_are_bounded_those_beyond_are_closed_and_all_are_given_up(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "HEADER_LIMIT_S", 1.0)
    loop, silent = asyncio.get_running_loop(), [socket.socket() for _ in range(500)]
    with capture_logs() as logs:
        before, most = exchange.turns, 0
        for each in silent:
            each.setblocking(False)
            await loop.sock_connect(each, exchange.address)
            most = max(most, exchange.server.open_connections)
        await exchange.until(lambda: exchange.counted(*Outcome) == 500)
    assert most == MOST_FROM_ONE_ADDRESS < MOST_CONNECTIONS
    assert exchange.turns - before >= 500, "the loop had a turn for others between any two of them"
    assert exchange.counted(Outcome.REFUSED_ADDRESS, Outcome.SLOW) == 500
    assert exchange.counted(Outcome.SLOW) >= MOST_FROM_ONE_ADDRESS
    assert len([line for line in logs if line["event"].startswith("agi_")]) <= 4
    for each in silent:
        each.close()
    assert await exchange.is_well()


async def test_crowd_that_comes_at_once_is_taken_in_one_by_one_with_a_turn_for_others_between(
    exchange: Exchange,
) -> None:
    crowd = [socket.create_connection(exchange.address) for _ in range(MOST_FROM_ONE_ADDRESS)]  # the kernel's so far
    taken, most = 0, 0
    while taken < len(crowd):
        await asyncio.sleep(0)
        before, taken = taken, exchange.server.open_connections
        most = max(most, taken - before)
    assert most == 1
    for client in crowd:
        client.close()
    await exchange.until_over(Outcome.SILENT)


async def test_bound_on_all_addresses_together_holds_too(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    clients: list[socket.socket] = []
    for last in range(2, 6):
        for _ in range(MOST_FROM_ONE_ADDRESS // 2):
            client = socket.create_connection(exchange.address, source_address=(f"127.0.0.{last}", 0))
            clients.append(client)
            await asyncio.sleep(0)
    await exchange.until(lambda: exchange.server.open_connections == MOST_CONNECTIONS)
    assert await exchange.send(header()) == b""
    assert exchange.counted(Outcome.REFUSED) == 1
    for client in clients:
        client.close()
    await exchange.until(lambda: not exchange.server.open_connections)
    assert await exchange.is_well()


async def test_fault_of_a_handler_is_told_of_and_ends_its_own_session_alone(exchange: Exchange) -> None:
    exchange.fault = KeyError("ours")
    with capture_logs() as logs:
        assert await exchange.send(header()) == b""
        await exchange.until_over(Outcome.FAILED)
    [told] = [line for line in logs if line["event"] == "agi_session_in_vain"]
    assert isinstance(told["exc_info"], KeyError)
    exchange.fault = None
    assert await exchange.is_well()


async def test_service_that_stops_closes_what_is_open_and_takes_nobody_else_in(exchange: Exchange) -> None:
    clients = [await exchange.connect() for _ in range(5)]
    await exchange.until(lambda: exchange.server.open_connections == 5)
    await exchange.server.close()
    for reader, writer in clients:
        assert await reader.read() == b""
        writer.close()
    assert exchange.counted(*Outcome) == exchange.counted(Outcome.STOPPED) == 5
