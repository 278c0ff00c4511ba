"""What AMI must never say: an error of the adapter within its limit, in bounded memory, and a loop that runs on."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ari_app import ami as ami_module
from ari_app import ami_line
from ari_app.access import AmiAccess
from ari_app.ami import AmiAdapter
from ari_app.complaints import Complaints
from ari_app.errors import AmiRefusedError, AmiUnavailableError
from ari_app.metrics import Metrics
from charging.cdr import Disposition
from tests.integration.ari_app.fake_asterisk import Caller
from tests.integration.ari_app.serving import serving
from tests.unit.ari_app.office import until

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BANNER = b"Asterisk Call Manager/11.0.0\r\n"
LIMIT_S = 0.5
MOST_LAG_S = 1.0
MOST_MEMORY_BYTES = 100 << 20
CHUNK = 1 << 20


@asynccontextmanager
async def server(script: Script) -> AsyncIterator[AmiAccess]:
    """Listen, and let ``script`` have each connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        yield AmiAccess(host="127.0.0.1", port=port, username="u", secret="s")


async def read_action(reader: asyncio.StreamReader) -> bytes:
    """Return the ActionID line of the next action."""
    request = await reader.readuntil(b"\r\n\r\n")
    return next(line for line in request.split(b"\r\n") if line.lower().startswith(b"actionid"))


async def log_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet a client and take its login."""
    writer.write(BANNER)
    writer.write(b"Response: Success\r\n" + await read_action(reader) + b"\r\nMessage: ok\r\n\r\n")


def says(raw: bytes, times: int = 1) -> Script:
    """Return a script that says this at once."""

    async def script(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(times):
            writer.write(raw)
            await writer.drain()
            await asyncio.sleep(0)

    return script


def answers(*parts: bytes, times: int = 1) -> Script:
    """Return a script that takes the login, and answers each action with these parts; ``@`` is its ActionID line."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await log_in(reader, writer)
        while True:
            action_id = await read_action(reader)
            for part in parts:
                for _ in range(times):
                    writer.write(part.replace(b"@", action_id))
                    await writer.drain()

    return script


async def closes(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def half_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await log_in(reader, writer)
    writer.write_eof()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def complaints(metrics: Metrics) -> Complaints:
    return Complaints(metrics.ami_messages)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ami_module, "ACTION_LIMIT_S", LIMIT_S)
    monkeypatch.setattr(ami_module, "LIST_LIMIT_S", 5.0)


@pytest.fixture
async def calm() -> AsyncIterator[None]:
    """Check that the event loop was never held up: in processor time, since the machine has other things to do."""
    lags: list[float] = []

    async def look() -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0.01)
            lags.append(time.thread_time() - before)

    looking = asyncio.create_task(look())
    await asyncio.sleep(0)
    yield
    looking.cancel()
    assert max(lags, default=0.0) < MOST_LAG_S


@pytest.fixture
def frugal() -> Iterator[None]:
    """Check that no memory was filled."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MOST_MEMORY_BYTES


@pytest.mark.parametrize(
    "script",
    [
        closes,
        says(b""),
        says(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        says(b"\x00\xff\xfe" * 1000),
        says(b"SSH-2.0-OpenSSH_9.2\r\n"),
        says(b"Asterisk Call Manager/" + b"1" * 1000),
        says(BANNER),
        says(BANNER + b"Response: Success\r\nMessage: no id\r\n\r\n"),
        says(BANNER + b"Response: Success\r\nActionID: another's\r\n\r\n"),
        says(BANNER + b"Event: FullyBooted\r\n\r\n" * 10_000),
        says(BANNER + b"x" * 100_000, times=1000),
        says(BANNER + b"\r\n\r\n" * 500_000),
    ],
    ids=[
        "closes",
        "silence",
        "http",
        "binary",
        "ssh",
        "banner without end",
        "no login answer",
        "answer without id",
        "foreign answer",
        "events",
        "a line of 100 MB",
        "empty lines",
    ],
)
async def test_neighbour_that_is_no_asterisk_is_unavailable_in_time(
    calm: None, script: Script, complaints: Complaints
) -> None:
    async with server(script) as access:
        adapter = AmiAdapter(access, complaints)
        began = time.monotonic()
        with pytest.raises(AmiUnavailableError):
            await adapter.connect()
        assert time.monotonic() - began < LIMIT_S + 10
        assert not adapter.connected
        with pytest.raises(AmiUnavailableError):
            await adapter.read_deadline("1.2")


GOOD = b"Response: Success\r\n@\r\nVariable: x\r\nValue: 7.5\r\n\r\n"


@pytest.mark.parametrize(
    "before",
    [
        b"garbage\r\n\r\n",
        b"\x00\xff\xfe\r\n\r\n" * 100,
        b"Event: Newchannel\r\nChannel: PJSIP/1\r\n\r\n" * 1000,
        b"Event: Newchannel\r\nEvent: Hangup\r\nEvent: Shutdown\r\n\r\n",
        b"Response: Success\r\nActionID: another's\r\nValue: 1\r\n\r\n",
        b"Response: Success\r\nActionID: a\r\nActionID: b\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b": \r\n : \r\n:\r\n\r\n",
        b"Response: Goodbye\r\n\r\n",
    ],
)
async def test_nonsense_before_an_answer_is_counted_and_passed_over(
    before: bytes, complaints: Complaints, metrics: Metrics
) -> None:
    async with server(answers(before, GOOD)) as access:
        adapter = AmiAdapter(access, complaints)
        await adapter.connect()
        for _ in range(3):
            assert await adapter.read_deadline("1.2") == 7.5
        adapter.close()

    counted = [
        metrics.registry.get_sample_value("tollgate_ami_messages_total", {"outcome": outcome}) or 0
        for outcome in ("malformed", "unasked")
    ]
    assert sum(counted) > 0


@pytest.mark.parametrize("value", ["", "nan", "inf", "-inf", "-1", "0", "1e300", "1e999", "x", "\x00", "9" * 5000])
async def test_deadline_read_back_that_is_no_time_is_none(value: str, complaints: Complaints) -> None:
    async with server(answers(GOOD.replace(b"7.5", value.encode()))) as access:
        adapter = AmiAdapter(access, complaints)
        await adapter.connect()
        assert await adapter.read_deadline("1.2") is None
        adapter.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"Response: Success\r\n@\r\nValue: 1\r\nValue: 2\r\n\r\n",
        b"Response: Error\r\nResponse: Success\r\n@\r\nValue: 1\r\n\r\n",
        b"Response: Error\r\nMessage: a\r\nMessage: b\r\n@\r\n\r\n",
        b"Response: nonsense\r\n@\r\n\r\n",
        b"Response: Error\r\n@\r\n\r\n",
    ],
)
async def test_answer_that_contradicts_itself_is_a_refusal(answer: bytes, complaints: Complaints) -> None:
    async with server(answers(answer)) as access:
        adapter = AmiAdapter(access, complaints)
        await adapter.connect()
        with pytest.raises(AmiRefusedError):
            await adapter.read_deadline("1.2")
        with pytest.raises(AmiRefusedError):
            await adapter.read_tree("tollgate-legs")
        assert adapter.connected
        adapter.close()


RECORD = b"Event: DBGetTreeResponse\r\nKey: /f/1\r\nVal: " + b"x" * 1000 + b"\r\n@\r\n\r\n"


@pytest.mark.parametrize(
    ("part", "times"),
    [
        (RECORD, 100_000),
        (b"x" * CHUNK, 100),
        (b"Event: DBGetTreeResponse\r\n@\r\n" + b"a: b\r\n" * 50_000 + b"\r\n", 1),
        (b"Event: Newchannel\r\n\r\n" * 100, 10_000),
        (b"Event: DBGetTreeResponse\r\n@\r\n\r\n", 1),
    ],
    ids=["records", "one line", "many lines", "events", "no end"],
)
async def test_list_that_does_not_end_costs_the_connection(
    monkeypatch: pytest.MonkeyPatch, calm: None, frugal: None, part: bytes, times: int, complaints: Complaints
) -> None:
    monkeypatch.setattr(ami_module, "LIST_LIMIT_S", 1.0)
    monkeypatch.setattr(ami_line, "LARGEST_ANSWER_BYTES", 4 << 20)
    start = b"Response: Success\r\nEventList: start\r\n@\r\n\r\n"

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await log_in(reader, writer)
        action_id = await read_action(reader)
        writer.write(start.replace(b"@", action_id))
        message = part.replace(b"@", action_id)
        for _ in range(times):
            writer.write(message)
            await writer.drain()
            await asyncio.sleep(0)

    async with server(script) as access:
        adapter = AmiAdapter(access, complaints)
        await adapter.connect()
        with pytest.raises(AmiUnavailableError):
            await adapter.read_tree("f")
        await asyncio.wait_for(adapter.wait_lost(), 60)
        assert not adapter.connected


async def test_line_that_is_closed_from_the_other_end_is_lost_at_once(complaints: Complaints) -> None:
    async with server(half_closes) as access:
        adapter = AmiAdapter(access, complaints)
        await adapter.connect()
        await asyncio.wait_for(adapter.wait_lost(), 60)


async def test_line_that_is_lost_fails_what_waits_at_once(
    monkeypatch: pytest.MonkeyPatch, complaints: Complaints
) -> None:
    monkeypatch.setattr(ami_module, "ACTION_LIMIT_S", 30.0)

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await log_in(reader, writer)
        await read_action(reader)
        writer.transport.abort()

    async with server(script) as access:
        adapter = AmiAdapter(access, complaints)
        await adapter.connect()
        async with asyncio.timeout(10):
            with pytest.raises(AmiUnavailableError, match="lost"):
                await adapter.read_deadline("1.2")


async def test_line_that_answers_no_ping_is_lost(monkeypatch: pytest.MonkeyPatch, complaints: Complaints) -> None:
    monkeypatch.setattr(ami_line, "PING_S", 0.1)
    async with server(log_in) as access:
        adapter = AmiAdapter(access, complaints)
        await adapter.connect()
        await asyncio.wait_for(adapter.wait_lost(), 60)
        assert not adapter.connected


async def test_call_beside_a_nonsensical_ami_is_charged_as_ever(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        served.asterisk.before_answers = b"\xff\x00garbage\r\n\r\nEvent: Newchannel\r\nChannel: x\r\n\r\n"
        caller = Caller(served.asterisk)
        await caller.enters()
        await caller.is_("Up")
        await until(lambda: served.service.switchboard.calls[caller.call_id].session.talking_leg)
        await until(lambda: any(action["Action"] == "Getvar" for action in served.asterisk.actions))
        await caller.hangs_up()
        cdr = await served.cdr()

        assert cdr.disposition is Disposition.ANSWERED
        assert served.counted("malformed", "ami") > 0
        assert served.counted("unasked", "ami") > 0
        assert served.service.ami.connected
