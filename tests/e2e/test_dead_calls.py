"""Calls that nobody hangs up: Asterisk ends them by their missing media, and Tollgate at their longest time."""

import json
import re
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from charging.cdr import Cdr, Disposition, EndSource, HangupSide
from rating.destination import DestinationClass
from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.office import INCLUDED, PLAN_FILE, SECOND_PRICED
from tests.e2e.two_line_phone import Line as PhoneLine
from tests.e2e.two_line_phone import TwoLinePhone
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import SipAddress

MakeDesk = Callable[..., Desk]
FUNDS = 10_000_000
SILENT_S = 3
"""The shipped time-out is a minute: no test waits for that."""
LONGEST_S = 5
COMFORT_NOISE = struct.pack("!BBHII", 0x80, 13, 1, 160, 77) + b"\x40"
"""RFC 3389, section 4: payload type 13, one octet of level."""
RECEIVER_REPORT = struct.pack("!BBHI", 0x80, 201, 1, 77)
"""RFC 3550, section 6.4.2: without report blocks."""


@contextmanager
def rtp_timeout(pbx: AsteriskInstance, endpoint: str, seconds: int) -> Iterator[None]:
    """Have an endpoint of the shipped PBX configuration end its calls after another time without media."""
    before = (pbx.etc_dir / "pjsip.conf").read_text(encoding="utf-8")
    shipped = re.compile(rf"(\[{endpoint}\]\ntype = endpoint\n[^\[]*\nrtp_timeout = )60\n")
    changed, count = shipped.subn(rf"\g<1>{seconds}\n", before)
    assert count == 1, "the shipped configuration has no rtp_timeout"
    try:
        load_pjsip(pbx, changed, endpoint, seconds)
        yield
    finally:
        load_pjsip(pbx, before, endpoint, 60)


def load_pjsip(pbx: AsteriskInstance, text: str, endpoint: str, seconds: int) -> None:
    pbx.write_files({"pjsip.conf": text})
    pbx.cli("module reload res_pjsip.so")
    loaded = re.compile(rf"(?m)^ rtp_timeout +: {seconds}$")
    wait_until(lambda: loaded.search(pbx.cli(f"pjsip show endpoint {endpoint}")), "the endpoint is loaded anew")


@contextmanager
def longest_call_of_the_dialplan(pbx: AsteriskInstance, seconds: int) -> Iterator[None]:
    """Have the dialplan be one of other settings: the PBX is that of all tests."""
    before = (pbx.etc_dir / "tollgate.conf").read_text(encoding="utf-8")
    assert "U(tg-answer-free^14400^" in before, "the dialplan has no longest call"
    try:
        load_dialplan(pbx, before.replace("U(tg-answer-free^14400^", f"U(tg-answer-free^{seconds}^"))
        yield
    finally:
        load_dialplan(pbx, before)


def load_dialplan(pbx: AsteriskInstance, text: str) -> None:
    pbx.write_files({"tollgate.conf": text})
    pbx.cli("dialplan reload")


def talked(cdr: Cdr) -> timedelta:
    assert cdr.answered_at is not None
    return cdr.ended_at - cdr.answered_at


def assert_cut_at_the_longest_call(cdr: Cdr) -> None:
    """Assert that it was cut then, and says why: by Asterisk's own times."""
    assert timedelta(seconds=LONGEST_S - 1) < talked(cdr) < timedelta(seconds=LONGEST_S + 1), talked(cdr)
    assert (cdr.hangup_side, cdr.deny_rule) == (HangupSide.TOLLGATE, f"a call may last {LONGEST_S} s")
    assert (cdr.disposition, cdr.deny_reason) == (Disposition.ANSWERED, None)


# --- no media --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("silent", "side"), [("carrier1", HangupSide.CALLEE), ("101", HangupSide.CALLER)], ids=["far end", "phone"]
)
def test_paid_call_without_media_is_ended_by_asterisk_and_charged_for_exactly_what_it_talked(
    desk: Desk, pbx: AsteriskInstance, silent: str, side: HangupSide
) -> None:
    with rtp_timeout(pbx, silent, SILENT_S):
        carrier = desk.carrier(sipp.answers(ring_ms=50))
        desk.phone(sipp.calls_until_cut(SECOND_PRICED)).wait()
        [bye] = carrier.wait_seen("BYE")[:1]

        [cdr] = desk.wait_cdrs(1)
    [answer] = carrier.seen("SIP/2.0 200", sent=True)[:1]
    assert cdr.answered_at is not None
    assert abs(cdr.answered_at - answer.at) < timedelta(seconds=0.5)
    assert abs(cdr.ended_at - bye.at) < timedelta(seconds=0.5), "its true end"
    assert timedelta(seconds=SILENT_S - 1) < talked(cdr) < timedelta(seconds=SILENT_S + 3)
    assert (cdr.disposition, cdr.end_source, cdr.hangup_side) == (Disposition.ANSWERED, EndSource.EVENT, side)
    assert (cdr.deny_reason, cdr.deny_rule) == (None, None), "nothing of ours ended it"
    assert cdr.charged_micros == -(-talked(cdr) // timedelta(seconds=1)) * 10_000
    account = desk.account()
    assert (account.available_micros, account.reserved_micros) == (FUNDS - cdr.charged_micros, 0)


@pytest.mark.parametrize(
    ("send", "packet"),
    [(TwoLinePhone.send_rtp, COMFORT_NOISE), (TwoLinePhone.send_rtcp, RECEIVER_REPORT)],
    ids=["comfort noise", "RTCP"],
)
def test_emergency_call_of_a_silent_phone_goes_on_for_as_long_as_that_sends_anything(
    desk: Desk, pbx: AsteriskInstance, send: Callable[[TwoLinePhone, PhoneLine, bytes], None], packet: bytes
) -> None:
    desk.carrier(sipp.answers(ring_ms=50))
    address = SipAddress("127.0.0.1", desk.line.ports.sip)
    with rtp_timeout(pbx, "101", SILENT_S), TwoLinePhone(desk.line.phone("101"), address) as phone:
        line = phone.call("112")
        until = time.monotonic() + 2.5 * SILENT_S
        while time.monotonic() < until:
            send(phone, line, packet)
            phone.listen(0.5)
        assert not is_over(phone, line)
        wait_until(lambda: is_over(phone, line), "Asterisk ends it, from which no dialplan can keep it")

    [cdr] = desk.wait_cdrs(1)
    assert (cdr.destination_class, cdr.hangup_side) == (DestinationClass.EMERGENCY, HangupSide.CALLER)


def is_over(phone: TwoLinePhone, line: PhoneLine) -> bool:
    phone.listen(0.05)
    return line.ended


def test_doctor_warns_of_dead_calls_once_an_endpoint_of_the_office_has_no_rtp_timeout(
    desk: Desk, pbx: AsteriskInstance
) -> None:
    assert dead_calls(desk) == {"dead calls carrier1": "OK", "dead calls carrier2": "OK", "dead phones": "OK"}
    with rtp_timeout(pbx, "carrier2", 0), rtp_timeout(pbx, "103", 0):
        assert dead_calls(desk) == {"dead calls carrier1": "OK", "dead calls carrier2": "WARN", "dead phones": "WARN"}
    assert dead_calls(desk) == {"dead calls carrier1": "OK", "dead calls carrier2": "OK", "dead phones": "OK"}


def dead_calls(desk: Desk) -> dict[str, str]:
    """Return what ``tollgate doctor`` says of the endpoints that end dead calls."""
    checks = json.loads(desk.tollgate("doctor", "--json").stdout)["checks"]
    return {check["name"]: check["status"] for check in checks if check["name"].startswith("dead ")}


# --- the longest call ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [SECOND_PRICED, INCLUDED], ids=["paid", "included"])
@pytest.mark.parametrize("has_plan_limit", [False, True], ids=["of the settings", "of the plan"])
def test_call_is_cut_at_its_longest_time_and_its_record_says_so(
    make_desk: MakeDesk, number: str, *, has_plan_limit: bool
) -> None:
    desk = make_desk(settings="" if has_plan_limit else f"longest_call_s = {LONGEST_S}")
    if has_plan_limit:
        limit_plan(desk)
    desk.carrier(sipp.answers(ring_ms=50))
    desk.phone(sipp.calls_until_cut(number)).wait()

    [cdr] = desk.wait_cdrs(1)
    assert_cut_at_the_longest_call(cdr)
    seconds = -(-talked(cdr) // timedelta(seconds=1))
    assert cdr.charged_micros == (seconds * 10_000 if number == SECOND_PRICED else 0)
    assert desk.account().available_micros == FUNDS - cdr.charged_micros


def limit_plan(desk: Desk) -> None:
    """Give the plan a longest call of its own, shorter than that of the settings."""
    file = desk.folder / "plan.toml"
    file.write_text(f"longest_call_s = {LONGEST_S}\n{PLAN_FILE.read_text(encoding='utf-8')}", encoding="utf-8")
    desk.stop_service()
    assert desk.tollgate("plan", "import", str(file)).returncode == 0
    desk.start_service()


def test_included_call_that_rang_while_the_service_was_away_is_cut_at_its_longest_time_by_the_next_one(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk(settings=f"longest_call_s = {LONGEST_S}")
    desk.stop_service()
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    phone = desk.phone(sipp.calls_until_cut(INCLUDED))
    carrier.wait_seen("SIP/2.0 200")
    desk.start_service()
    phone.wait()

    [cdr] = desk.wait_cdrs(1)
    assert_cut_at_the_longest_call(cdr)


def test_included_call_is_cut_at_its_longest_time_though_no_service_is_there(
    make_desk: MakeDesk, pbx: AsteriskInstance
) -> None:
    desk = make_desk(settings=f"longest_call_s = {LONGEST_S}")
    desk.stop_service()
    with longest_call_of_the_dialplan(pbx, LONGEST_S):
        desk.carrier(sipp.answers(ring_ms=50))
        desk.phone(sipp.calls_until_cut(INCLUDED)).wait()
    desk.start_service()

    [cdr] = desk.wait_cdrs(1)
    assert_cut_at_the_longest_call(cdr)
    assert cdr.end_source is EndSource.HANDLER
