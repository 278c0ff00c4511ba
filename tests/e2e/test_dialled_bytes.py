"""What a phone may write into an INVITE, bytes of any kind: refused, or dialled as rated; no other call suffers."""

import json
import random
import re
import secrets
import threading

from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.office import INCLUDED, SECOND_PRICED
from tests.e2e.raw_phone import RawPhone
from tollgate.office.pbx import SipAddress

STRINGS = 150
SEEDS = (SECOND_PRICED, INCLUDED, "+299321212", "112", "*31#112", "*31#" + INCLUDED, "1023", "0", "9")
TRICKS = (
    b"",
    b",1",
    b",done",
    b"@carrier2",
    b"&PJSIP/102",
    b"&Local/102@phones",
    b"${CHANNEL}",
    b"${SHELL(id)}",
    b"$[1+1]",
    b")",
    b"}",
    b'"',
    b"\\",
    b"'",
    b"|",
    b"^",
    b";x=y",
    b"/sip:1@127.0.0.1",
    b"\r\nX: y",
    b"\x00",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    "１１２".encode(),
    b" ",
    b"%",
    b"?a=b",
    b"A",
    b"#",
    b"*",
    b"9" * 100,
)
NO_TEXT = b"\xff\xfe\xed\xa0\x80 \xc3"
"""What is no UTF-8, and so no JSON: Asterisk must not fail to tell of a channel because of it."""
DIALLED = re.compile(r"INVITE sip:(?:\+?[0-9]+)@")


def strings(seed: int) -> list[bytes]:
    """Return what is dialled: numbers with something in them that does not belong there."""
    draw = random.Random(seed)
    made = []
    for _ in range(STRINGS):
        number, trick = draw.choice(SEEDS).encode(), draw.choice(TRICKS)
        place = draw.randrange(1, len(number) + 1)
        made.append(number[:place] + trick + number[place:] + draw.choice((b"", b"", draw.choice(TRICKS))))
    return [each for each in made if len(each) < 200]


def _faults(desk: Desk) -> list[object]:
    faults = {"event_not_handled", "command_failed", "not_reconciled", "caller_not_understood"}
    return [entry for entry in desk.log_entries() if entry["event"] in faults or entry["level"] == "critical"]


def test_whatever_is_dialled_only_rated_digits_reach_a_trunk(desk: Desk) -> None:
    seed = secrets.randbelow(10**6)
    carriers = [desk.carrier(sipp.answers(ring_ms=0), name=name) for name in ("carrier1", "carrier2")]
    with RawPhone(desk.line.phone("101"), SipAddress("127.0.0.1", desk.line.ports.sip)) as phone:
        dialled = strings(seed)
        calls = phone.dial(dialled[::2]) + phone.dial(dialled[1::2], name=NO_TEXT)
    print("seed", seed, sorted({call.status for call in calls}))

    assert all(call.status for call in calls), [call for call in calls if not call.status]
    for carrier in carriers:
        assert not [text for text in carrier.seen("INVITE") if not DIALLED.match(text.first_line)]
    wait_until(lambda: not desk.sessions(), "every call is settled")
    assert _faults(desk) == []
    assert desk.differences() == []


def test_caller_whose_name_is_no_text_hides_no_channel(desk: Desk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=15_000))
    with RawPhone(desk.line.phone("101"), SipAddress("127.0.0.1", desk.line.ports.sip)) as phone:
        calling = threading.Thread(target=phone.dial, args=([SECOND_PRICED.encode()],), kwargs={"name": NO_TEXT})
        calling.start()
        carrier.wait_seen("INVITE")
        shown = desk.tollgate("calls", "--json")
        calling.join()

    assert shown.stderr == "", "Asterisk lists its channels"
    [call] = json.loads(shown.stdout)["calls"]
    assert call["extension"] == "101"
    [cdr] = desk.wait_cdrs(1)
    assert cdr.answered_at is not None
