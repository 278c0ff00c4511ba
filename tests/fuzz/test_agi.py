"""Whatever comes to the FastAGI port is a request, an answer, or one clean end, in however small portions."""

import asyncio
import socket
from contextlib import suppress
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from agi.answer import AnswerReader, CommandError, set_variable
from agi.connection import AgiConnection
from agi.lines import LONGEST_LINE_BYTES, MOST_BYTES, LineBuffer
from agi.outcome import Outcome, SessionOverError
from agi.request import Request, RequestReader
from agi.server import AgiServer
from ari_app.metrics import Metrics
from tests.fuzz.clients import PORTIONS, all_heard, counted, in_portions, say
from tests.fuzz.effort import fuzz
from tests.fuzz.mutation import damaged_text
from tollgate.listen import take_in
from tollgate.notes import OutcomeNotes

HEADER = "agi_network: yes\nagi_network_script: balance\nagi_channel: PJSIP/101-0000001f\nagi_uniqueid: 1.7\n\n"
ANSWERS = (
    "200 result=1\n",
    "100 result=0 Trying...\n",
    "520-Invalid\nUsage: x\n520 End\n",
    "511 result=-1 x\n",
    "HANGUP\n",
)
SAID = st.lists(
    damaged_text((HEADER, *ANSWERS)).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary(max_size=200)
    | st.sampled_from([HEADER.encode(), *(answer.encode() for answer in ANSWERS), b"x" * (LONGEST_LINE_BYTES + 1)]),
    max_size=8,
).map(b"".join)


@fuzz(300)
@given(SAID, PORTIONS)
def test_bytes_in_any_portions_are_read_alike_or_end_the_session(said: bytes, portions: list[int]) -> None:
    assert read(in_portions(said, portions)) == read([said])


def read(portions: list[bytes]) -> list[object]:
    """Return the request, the answers behind it, and how the session ended, if it did."""
    lines, found = LineBuffer(), list[object]()
    request, answer = RequestReader(), AnswerReader()
    try:
        for portion in portions:
            lines.feed(portion)
            while (line := lines.next_line()) is not None:
                if not found:
                    asked = request.take(line)
                    assert asked is None or (asked.channel and asked.channel_id)
                    found += [] if asked is None else [asked]
                elif (answered := answer.take(line)) is not None:
                    found.append(answered)
                    answer = AnswerReader()
    except SessionOverError as over:
        found.append(over.outcome)
    assert lines.received <= MOST_BYTES + max(map(len, portions), default=0)
    return found


@fuzz(200)
@given(st.text(max_size=30) | st.just("TG_X"), st.text(max_size=3000))
def test_command_is_one_line_or_none(name: str, value: str) -> None:
    with suppress(CommandError):
        command = set_variable(name, value)
        assert command.count(b"\n") == 1
        assert command.startswith(f'SET VARIABLE {name} "'.encode())


@fuzz(60)
@given(SAID, PORTIONS, st.sampled_from(["close", "shut", "reset"]))
def test_session_on_a_socket_ends_once_whatever_is_said(said: bytes, portions: list[int], then: str) -> None:
    assert asyncio.run(outcomes_of(in_portions(said, portions), then)) in [[outcome] for outcome in Outcome]


async def outcomes_of(portions: list[bytes], then: str) -> list[Outcome]:
    """Return how the one session of a client ended, which says what it says and leaves."""
    metrics = Metrics()

    async def handle(_request: Request, connection: AgiConnection) -> Outcome:
        await connection.set_variables({"A": "1", "B": "2"})
        return Outcome.HANDLED

    server = AgiServer({"balance": handle}, OutcomeNotes(metrics.agi_sessions))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        accepting = asyncio.create_task(server.accept(partial(take_in, listener)))
        await asyncio.sleep(0)
        with socket.create_connection(listener.getsockname()) as client, suppress(OSError):
            await say(client, portions, then)
            if then == "shut":
                await all_heard(client)
        async with asyncio.timeout(60):
            while not (ended := _counted(metrics)) or server.open_connections:  # noqa: ASYNC110  # nobody tells
                await asyncio.sleep(0.001)
        accepting.cancel()
        await asyncio.wait([accepting])
    return ended


def _counted(metrics: Metrics) -> list[Outcome]:
    return counted(metrics, "agi_sessions", Outcome)
