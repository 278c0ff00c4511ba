"""What ARI must never say: each message is counted and answered for, and the call beside it does not notice."""

import json
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ari_app import client as client_module
from charging.cdr import Disposition, EndSource
from tests.integration.ari_app.fake_asterisk import Caller, channel, event
from tests.integration.ari_app.serving import Serving, serving
from tests.unit.ari_app.office import until

LIMIT = 400_000
"""The largest message, in these tests."""
GOOD = channel("1793610000.99", "PJSIP/carrier1-00000099", "Up")

NOT_JSON = (
    "",
    "{",
    '{"type": "StasisStart", "channel": {"id": "1"',
    "nonsense",
    "\x00",
    "[" * 50_000,
    '{"a":' * 50_000,
    '{"type": NaN}',
    '{"type": "ChannelDestroyed", "cause": Infinity}',
    '{"type": "ChannelDestroyed", "cause": 1e999}',
    '{"type": "ChannelDestroyed", "cause": ' + "9" * 5000 + "}",
)
NO_OBJECT = ("[]", "null", "5", '"text"', "true", '[{"type": "StasisStart"}]')
UNCLAIMED = (
    '{"type": "RESTResponse"}',
    '{"type": "RESTResponse", "request_id": "99999", "status_code": 200}',
    '{"type": "RESTResponse", "request_id": {}, "status_code": []}',
    '{"type": "RESTResponse", "request_id": "1", "status_code": 200}',
)
USELESS = ('{"type": "Nonsense"}', '{"type": ""}', '{"type": null}', "{}", '{"type": ["StasisStart"]}')
STAMPS: tuple[object, ...] = (
    "",
    "yesterday",
    "2026-11-02T10:00:00",
    "2026-11-02T23:59:60+00:00",
    "0000-01-01T00:00:00+00:00",
    "0001-01-01T00:00:00+14:00",
    "99999-01-01T00:00:00+00:00",
    "\ud800",
    5,
    None,
    {},
)
IDS: tuple[object, ...] = (
    "",
    ".",
    "..",
    "a b\r\nX: y",
    "\r\n",
    "é",
    "\ud800",
    "\x00",
    "x" * 10_000,
    5,
    None,
    {},
    ["1"],
    True,
)


def malformed() -> Iterator[dict[str, Any]]:
    """Yield events of known types with something wrong in them."""
    for kind in ("ChannelStateChange", "ChannelDestroyed", "ChannelHangupRequest", "ChannelCreated", "StasisStart"):
        yield {"type": kind}
        yield event(kind)
        yield event(kind, channel=None)
        yield event(kind, channel="x")
    yield event("Dial")
    for stamp in STAMPS:
        yield {**event("ChannelStateChange", channel=GOOD), "timestamp": stamp}
    for channel_id in IDS:
        yield event("ChannelStateChange", channel={**GOOD, "id": channel_id})
    for name in ("name", "state", "channelvars", "dialplan"):
        yield event("ChannelStateChange", channel={**GOOD, name: 5})
    yield event("ChannelDestroyed", channel=GOOD, cause="busy")
    for variables in ({"TOLLGATE_CALL": 5}, {"TOLLGATE_ANSWERED": "nan"}, {"TOLLGATE_ANSWERED": "1e300"}):
        yield event("ChannelStateChange", channel={**GOOD, "channelvars": variables})
    no_args: tuple[object, ...] = (None, 5, {}, "112", [5], [["112"]])
    for args in no_args:
        yield event("StasisStart", channel=GOOD, args=args)


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serving]:
    monkeypatch.setattr(client_module, "LARGEST_MESSAGE_BYTES", LIMIT)
    async with serving(tmp_path) as running:
        yield running


async def talk(served: Serving, between: Callable[[], Any]) -> None:
    """Have a call live through all its steps, with something said before and after each; it is charged as ever."""
    caller = Caller(served.asterisk)
    for told in (
        caller.enters,
        lambda: caller.is_("Ringing"),
        lambda: caller.is_("Up"),
        lambda: until(lambda: served.service.switchboard.calls[caller.call_id].session.talking_leg),
        caller.hangs_up,
    ):
        await between()
        await told()
    await between()
    cdr = await served.cdr()
    assert (cdr.call_id, cdr.disposition, cdr.end_source) == (caller.call_id, Disposition.ANSWERED, EndSource.EVENT)
    assert cdr.charged_micros == 10_000 * cdr.billable_s > 0
    await until(lambda: not served.service.switchboard.calls)


async def test_messages_that_make_no_sense_disturb_no_call(served: Serving) -> None:
    bad = list(malformed())

    async def between() -> None:
        frames: list[Any] = [*NOT_JSON, *NO_OBJECT, *UNCLAIMED, *USELESS, b"", b"\x00" * 1000, *bad]
        for frame in frames:
            await served.asterisk.say(frame)

    with capture_logs() as logs:
        await talk(served, between)
        await until(lambda: served.counted("malformed") >= 6 * len(bad))

    expected = {
        "not_json": len(NOT_JSON),
        "not_an_object": len(NO_OBJECT),
        "unclaimed": len(UNCLAIMED),
        "unknown": len(USELESS),
        "binary": 2,
        "malformed": len(bad),
    }
    assert {outcome: served.counted(outcome) for outcome in expected} == {
        outcome: 6 * count for outcome, count in expected.items()
    }
    assert served.counted("failed") == 0
    assert served.asterisk.connections == 1
    complaints = [line["event"] for line in logs if line["event"].startswith("ari_")]
    assert len(complaints) <= 2 * len(expected), complaints
    assert all(len(str(line)) < 2000 for line in logs)


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["1793610000.99-1"],
        ["1793610000.99-1", "x" * 100_000],
        ["1793610000.99-1", *["1"] * 10_000],
        ["1793610000.99-" + "9" * 5000, "112"],
        ["", ""],
        ["1793610000.7-1", "112"],
    ],
    ids=["none", "one", "long", "many", "no end", "empty", "of another"],
)
async def test_caller_whose_arguments_are_not_ours_is_refused(served: Serving, args: list[str]) -> None:
    fake = served.asterisk
    fake.channels["1793610000.99"] = GOOD
    await fake.say(event("StasisStart", channel=GOOD, args=args))
    await until(lambda: any(method == "DELETE" for method, _ in fake.requests))

    assert [uri for method, uri in fake.requests if method == "DELETE"] == ["channels/1793610000.99?reason_code=21"]
    assert served.counted("failed") == 0
    await talk(served, lambda: until(lambda: True))


@pytest.mark.parametrize(
    "dialled", ["00447797123456\r\nX: y", "44@evil", "sip:1@h", "\x00", "１１２", "${EXTEN}", "9" * 400]
)
async def test_dialled_text_that_is_no_number_is_refused_and_sent_nowhere(served: Serving, dialled: str) -> None:
    fake = served.asterisk
    fake.channels["1793610000.99"] = who = channel("1793610000.99", "PJSIP/101-00000009", "Ring")
    await fake.say(event("StasisStart", channel=who, args=["1793610000.99-1", dialled, "", "", ""]))
    cdr = await served.cdr()

    assert cdr.disposition is Disposition.REFUSED
    assert fake.variables == {}
    assert not any(dialled in "".join(action.values()) for action in fake.actions)
    fake.channels.clear()
    await fake.say(event("ChannelDestroyed", channel=who, cause=21))
    await until(lambda: not served.service.switchboard.calls)


@pytest.mark.parametrize("channel_id", ["a/b", "../x", "1%2F2", "1 2", "a?b=c", "a#b", "%0d%0aX", 'q"\\'])
async def test_id_of_any_form_is_one_segment_of_a_path(served: Serving, channel_id: str) -> None:
    fake = served.asterisk
    fake.channels[channel_id] = who = channel(channel_id, "PJSIP/101-00000009", "Ring")
    await fake.say(event("StasisStart", channel=who, args=[]))
    await until(lambda: any(method == "DELETE" for method, _ in fake.requests))

    [uri] = [uri.partition("?")[0] for method, uri in fake.requests if method == "DELETE"]
    assert uri.count("/") == 1
    assert set(uri.removeprefix("channels/")).isdisjoint('/ #"\\\r\n')


async def test_message_as_large_as_may_be_is_read(served: Serving) -> None:
    text = json.dumps(event("Nonsense"))
    await served.asterisk.say(text + " " * (LIMIT - len(text) - 10))

    await until(lambda: served.counted("unknown"))
    assert served.asterisk.connections == 1


def bomb() -> bytes:
    """Return a frame that says it is compressed, of a thousand times its size."""
    packed = zlib.compressobj(wbits=-15)
    payload = packed.compress(b" " * 100_000_000) + packed.flush(zlib.Z_SYNC_FLUSH)
    return struct.pack("!BBQ", 0xC1, 127, len(payload)) + payload


@pytest.mark.parametrize(
    ("raw", "outcome"),
    [
        (struct.pack("!BBQ", 0x81, 127, LIMIT + 1), "too_large"),
        (struct.pack("!BBQ", 0x81, 127, 1 << 62), "too_large"),
        (struct.pack("!BBQ", 0x81, 127, (1 << 63) + 5), "too_large"),
        (struct.pack("!BB", 0x01, 126) + struct.pack("!H", 60_000) + b" " * 60_000, None),
        (b"\x81\x02\xff\xfe", "broken"),
        (b"\x83\x00", "broken"),
        (b"\x80\x00", "broken"),
        (b"\x09\x00", "broken"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "broken"),
        (bomb(), "broken"),
    ],
    ids=["over", "huge", "negative", "parts", "not utf-8", "opcode", "orphan", "half ping", "http", "bomb"],
)
async def test_frame_against_the_protocol_ends_the_line_and_not_the_call(
    served: Serving, raw: bytes, outcome: str | None
) -> None:
    fake = served.asterisk
    caller = Caller(fake)
    await caller.enters()
    await caller.is_("Up")
    await until(lambda: served.service.switchboard.calls[caller.call_id].session.talking_leg)
    if outcome is None:  # its parts never end
        for _ in range(8):
            await fake.write(raw)
            raw = b"\x00" + raw[1:]
        outcome = "too_large"
    else:
        await fake.write(raw)
    await until(lambda: fake.connections == 2 and served.service.ready.is_set())
    assert served.counted(outcome) == 1
    await caller.hangs_up()

    cdr = await served.cdr()
    assert (cdr.disposition, cdr.end_source) == (Disposition.ANSWERED, EndSource.EVENT)


async def test_flood_of_pings_and_nonsense_keeps_no_call_waiting(served: Serving) -> None:
    async def between() -> None:
        await served.asterisk.write(b"\x89\x05hello" * 5_000)
        for _ in range(500):
            await served.asterisk.say('{"type": "Nonsense"}')

    await talk(served, between)

    assert served.counted("unknown") == 3000
    assert served.asterisk.connections == 1
