"""Clients that wish the portal no good, over real sockets: each has a clean answer and is counted."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.integration.service.portal_visits import LIMIT_S, PASSWORD, Browser, Portal, open_portal
from tests.sqlite import fresh_file
from tollgate import listen
from tollgate.portal import MOST_CONNECTIONS, portal_of
from web import answering, connection, password_check
from web.connection import MOST_BODY_BYTES, MOST_BYTES, MOST_SURPLUS_BYTES
from web.outcome import EXPECTED, Outcome

TURNS = 200
OWN = b"Host: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.fixture
async def portal(tmp_path: Path) -> AsyncIterator[Portal]:
    async with open_portal(fresh_file(tmp_path)) as opened:
        yield opened


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have connections be cut sooner."""
    monkeypatch.setattr(connection, "CONNECTION_LIMIT_S", 0.3)


@pytest.mark.parametrize(
    ("sent", "status", "outcome"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"\x00" * 100 + b"\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"GET /sign-in\r\n\r\n", b"421", Outcome.FORBIDDEN_HOST),
        (b"GET / SIP/2.0\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"GET /" + b"a" * 5000, b"400", Outcome.MALFORMED),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000, b"400", Outcome.MALFORMED),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 100_000, b"400", Outcome.MALFORMED),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"GET / HTTP/1.1\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: 127.0.0.1\r\n\r\n", b"400", Outcome.MALFORMED),
        (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421", Outcome.FORBIDDEN_HOST),
        (b"BREW / HTTP/1.1\r\n" + OWN + b"\r\n", b"400", Outcome.MALFORMED),
        (b"TRACE / HTTP/1.1\r\n" + OWN + b"\r\n", b"405", Outcome.BAD_METHOD),
        (b"OPTIONS * HTTP/1.1\r\n" + OWN + b"\r\n", b"404", Outcome.NOT_FOUND),
        (b"CONNECT evil.example:443 HTTP/1.1\r\n" + OWN + b"\r\n", b"404", Outcome.NOT_FOUND),
        (b"DELETE /reconciliations HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"403", Outcome.FORBIDDEN_ORIGIN),
        (b"GET /static/../sign_in.py HTTP/1.1\r\n" + OWN + b"\r\n", b"404", Outcome.NOT_FOUND),
        (b"GET /static/%2e%2e/pages.py HTTP/1.1\r\n" + OWN + b"\r\n", b"404", Outcome.NOT_FOUND),
        (b"GET /static/..%2fpages.py HTTP/1.1\r\n" + OWN + b"\r\n", b"404", Outcome.NOT_FOUND),
        (b"GET /static//etc/passwd HTTP/1.1\r\n" + OWN + b"\r\n", b"404", Outcome.NOT_FOUND),
        (b"GET /static/%00 HTTP/1.1\r\n" + OWN + b"\r\n", b"404", Outcome.NOT_FOUND),
        (b"GET /sign-in HTTP/1.1\r\n" + OWN + b"Cookie: tollgate=\xff\xfe; =;;;\r\n\r\n", b"200", Outcome.ANSWERED),
        (b"GET /sign-in HTTP/1.1\r\n" + OWN + b"Cookie: " + b"a=b;" * 1500 + b"\r\n\r\n", b"200", Outcome.ANSWERED),
        (b"GET /sign-in HTTP/1.1\r\n" + OWN + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", b"200", None),
        (b"POST /sign-in HTTP/1.1\r\n" + OWN + b"Content-Length: 1\r\n\r\nx", b"415", Outcome.MALFORMED),
        (
            b"POST /sign-in HTTP/1.1\r\n" + OWN + b"Content-Type: multipart/form-data\r\nContent-Length: 1\r\n\r\nx",
            b"415",
            Outcome.MALFORMED,
        ),
        (
            b"POST /sign-in HTTP/1.1\r\n" + OWN + FORM + b"Content-Length: 9\r\n\r\nname=\xff\xfe\xff\xfe",
            b"400",
            Outcome.MALFORMED,
        ),
        (
            b"POST /sign-in HTTP/1.1\r\n" + OWN + FORM + b"Content-Length: 50\r\n\r\n" + b"a&" * 25,
            b"400",
            Outcome.MALFORMED,
        ),
        (
            b"POST /sign-in HTTP/1.1\r\n" + OWN + FORM + b"Content-Length: 99999999\r\n\r\n" + b"x" * 200_000,
            b"413",
            Outcome.TOO_LARGE,
        ),
        (
            b"POST /sign-in HTTP/1.1\r\n"
            + OWN
            + FORM
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + b"2000\r\n"
            + b"x" * 8192
            + b"\r\n2000\r\n"
            + b"x" * 8192
            + b"\r\n0\r\n\r\n",
            b"413",
            Outcome.TOO_LARGE,
        ),
        (
            b"POST /sign-in HTTP/1.1\r\n"
            + OWN
            + FORM
            + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            # a million bytes, if anybody unpacked them
            % len(gzip.compress(b"a" * 1_000_000))
            + gzip.compress(b"a" * 1_000_000),
            b"400",
            Outcome.MALFORMED,
        ),
        (
            b"POST /sign-in HTTP/1.1\r\n" + OWN + FORM + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n",
            b"400",
            Outcome.MALFORMED,
        ),
        (b"POST /sign-in HTTP/1.1\r\n" + OWN + b"Expect: 200-maybe\r\n\r\n", b"417", Outcome.INCOMPLETE),
    ],
)
async def test_request_that_makes_no_sense_has_a_short_answer_and_is_counted(
    portal: Portal, sent: bytes, status: bytes, outcome: Outcome | None
) -> None:
    reader, writer = await portal.connect()
    writer.write(sent)
    answer = await reader.readexactly(len(b"HTTP/1.1 200"))
    assert answer.startswith(b"HTTP/")
    assert answer[9:].startswith(status), answer
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"Content-Security-Policy: default-src 'none'" in head
    with suppress(ConnectionError, TimeoutError):  # it was cut for what else came
        async with asyncio.timeout(0.5):
            assert b"Traceback" not in await reader.read()
    writer.close()
    if outcome is not None:
        await portal.until_counted(outcome)
    assert await portal.is_well()
    assert portal.counted(Outcome.FAILED) == 0


async def test_pipelined_requests_have_one_answer(portal: Portal) -> None:
    one = b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answer = b""
    with suppress(ConnectionError):
        answer = await portal.send(one * 1000)
    assert answer.count(b"HTTP/1.1 200 OK") <= 1
    await portal.until_counted(Outcome.ANSWERED)
    assert portal.counted(Outcome.ANSWERED) == 1


async def test_client_that_half_closes_has_its_answer(portal: Portal) -> None:
    reader, writer = await portal.connect()
    writer.write(b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    writer.write_eof()
    assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
    writer.close()


@pytest.mark.parametrize(
    ("sent", "outcome"),
    [
        (b"", Outcome.SILENT),
        (b"GET /sig", Outcome.INCOMPLETE),
        (b"POST /sign-in HTTP/1.1\r\n" + OWN + FORM + b"Content-Length: 99\r\n\r\nname=", Outcome.GONE),
    ],
)
async def test_client_that_leaves_at_once_is_counted(portal: Portal, sent: bytes, outcome: Outcome) -> None:
    for _ in range(50):
        _, writer = await portal.connect()
        writer.write(sent)
        await asyncio.sleep(0.002)
        writer.transport.abort()
    await portal.until_counted(outcome, 50)
    assert await portal.is_well()


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(("sent", "outcome"), [(b"", Outcome.SILENT), (b"GET /sign-in HTTP/1.1\r\nX: ", Outcome.SLOW)])
async def test_client_that_does_not_come_to_an_end_is_cut(portal: Portal, sent: bytes, outcome: Outcome) -> None:
    reader, writer = await portal.connect()
    writer.write(sent)
    cut = asyncio.create_task(reader.read())
    with suppress(ConnectionError):
        while not cut.done():
            if sent:
                writer.write(b"x")
            await asyncio.sleep(0.01)
        assert not cut.result()
    writer.close()
    await portal.until_counted(outcome)


async def test_client_that_half_closes_in_the_middle_is_cut(portal: Portal) -> None:
    reader, writer = await portal.connect()
    writer.write(b"GET /sign-in HT")
    writer.write_eof()
    with suppress(ConnectionError):
        assert not await reader.read()
    writer.close()
    await portal.until_counted(Outcome.INCOMPLETE)


async def test_body_that_does_not_come_is_waited_for_no_longer_than_a_request_may_take(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "REQUEST_LIMIT_S", 0.2)
    answer = await portal.send(b"POST /sign-in HTTP/1.1\r\n" + OWN + FORM + b"Content-Length: 99\r\n\r\nname=")
    assert answer.startswith(b"HTTP/1.1 503 ")
    await portal.until_counted(Outcome.OVERTIME)


@pytest.mark.usefixtures("hurried")
async def test_client_that_does_not_read_its_answer_is_cut(portal: Portal) -> None:
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.connect(portal.address)
        client.sendall(b"GET /static/pico.min.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await portal.until_counted(Outcome.ANSWERED)
    assert await portal.is_well()


async def test_client_that_sends_without_end_does_not_hold_the_loop(portal: Portal) -> None:
    turning = asyncio.create_task(portal.turn())
    head = b"POST /sign-in HTTP/1.1\r\n" + OWN + FORM + b"Content-Length: 99999999\r\n\r\n"
    for junk in (head, b"GET /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 1000, b""):
        _, writer = await portal.connect()
        writer.write(junk + b"x" * 20_000_000)
        before = portal.turns
        async with asyncio.timeout(LIMIT_S):
            while portal.turns < before + TURNS:  # noqa: ASYNC110  # the turns themselves are what is waited for
                await asyncio.sleep(0)
        writer.transport.abort()
    assert MOST_BODY_BYTES < MOST_BYTES < MOST_SURPLUS_BYTES < 20_000_000
    turning.cancel()
    assert await portal.is_well()


@pytest.mark.usefixtures("hurried")
async def test_hundreds_of_connections_are_served_a_few_at_a_time_and_the_loop_goes_on(portal: Portal) -> None:
    silent = [socket.socket() for _ in range(100)]
    for each in silent:
        each.setblocking(False)
        each.connect_ex(portal.address)
    turning = asyncio.create_task(portal.turn())
    before = portal.turns
    while portal.turns < before + TURNS:
        assert portal.server.open_connections <= MOST_CONNECTIONS
        await asyncio.sleep(0)
    turning.cancel()
    answers = await asyncio.gather(*(portal.is_well() for _ in range(100)))
    assert all(answers)
    for each in silent:
        each.close()
    await portal.until_counted(Outcome.ANSWERED, 100)
    await portal.until_counted(Outcome.SILENT, 100)


async def test_flood_of_attempts_is_refused_before_it_costs_anything(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = 0

    def count(_password: str, _hash: str | None) -> bool:
        nonlocal compared
        compared += 1
        return False

    monkeypatch.setattr(password_check, "is_password", count)
    browser = Browser(portal)
    await browser.get("/sign-in")
    fields = {"name": "anna", "password": PASSWORD}
    pages = await asyncio.gather(*(browser.post("/sign-in", fields) for _ in range(100)))
    await browser.http.close()
    assert {page.status for page in pages} <= {403, 429, 503}
    assert compared <= 10
    assert portal.counted(Outcome.SIGN_IN_LIMITED) >= 90
    assert portal.counted(Outcome.FAILED) == 0


async def test_flood_does_not_fill_the_log(portal: Portal) -> None:
    with capture_logs() as logged:
        for _ in range(100):
            await portal.send(b"nonsense\r\n\r\n")
        await portal.until_counted(Outcome.MALFORMED, 100)
    assert len(logged) == 1
    assert (logged[0]["event"], logged[0]["ended"]) == ("portal_request_in_vain", "malformed")


async def test_request_that_is_worked_on_ends_with_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = asyncio.Event()

    async def never(*_: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    async with open_portal(fresh_file(tmp_path)) as portal:
        monkeypatch.setattr(portal.store, "portal_session", never)
        reader, writer = await portal.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: tollgate=" + b"x" * 43 + b"\r\n\r\n")
        await reached.wait()
    with suppress(ConnectionError):
        assert not await reader.read()
    writer.close()
    assert portal.counted(Outcome.GONE) == 1


async def test_address_that_is_taken_is_tried_until_it_is_free(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "LISTEN_AGAIN_S", 0.01)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", 0))
        address = listen.ListenAddress(*other.getsockname())
        other.listen()
        second = portal_of("", portal.store, portal.metrics)
        serving = asyncio.create_task(second.run(address))
        await asyncio.sleep(0.05)
        assert not serving.done()
    async with asyncio.timeout(LIMIT_S):
        while True:
            with suppress(ConnectionError):
                _, writer = await asyncio.open_connection(*address)
                writer.close()
                break
            await asyncio.sleep(0.01)
    assert "tollgate_portal_connections" in portal.metrics.text().decode()
    serving.cancel()
    await asyncio.wait([serving])


def test_outcomes_that_are_not_logged_are_those_of_honest_clients() -> None:
    assert Outcome.FAILED not in EXPECTED
    assert Outcome.SIGN_IN_REFUSED not in EXPECTED
