"""The balance by phone: a short extension says what the account has, a tone or a refusal that it does not."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from charging.cdr import Disposition, EndSource
from tests.e2e import sipp
from tests.e2e.desk import Desk, wait_until
from tests.e2e.office import SECOND_PRICED
from tests.hostile_agi import IDLE, hostile_clients

BALANCE = "*62"
MEDIA_PORT = 45_000
"""Clear of those that SIPp and Asterisk take."""
SILENCE = frozenset({0x55, 0xD5})
"""The two zeros of A-law."""
PACKETS_A_SECOND = 50
SOON = timedelta(seconds=1.5)


class Ear:
    """Hears what Asterisk sends to a phone: RTP of G.711 A-law, 20 ms a packet."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener

    def heard_s(self) -> float:
        """Return for how many seconds there was a sound since it was asked last."""
        sounds = 0
        while True:
            try:
                payload = self._listener.recv(2048)[12:]
            except BlockingIOError:
                return sounds / PACKETS_A_SECOND
            sounds += len(set(payload) - SILENCE) > 8


@contextmanager
def ear_of(host: str) -> Iterator[Ear]:
    """Listen in the place of a phone."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((host, MEDIA_PORT))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_000_000)
        listener.setblocking(False)
        yield Ear(listener)


def heard_at(scenario: str) -> str:
    """Return a scenario whose media go to an ear."""
    return scenario.replace("[media_port]", str(MEDIA_PORT))


def variables(desk: Desk) -> str:
    """Return the variables of the only channel that lives, as Asterisk prints them."""
    [channel] = [line.partition("!")[0] for line in desk.channels()] or [""]
    return desk.pbx.cli(f"core show channel {channel}") if channel else ""


def test_phone_hears_its_accounts_balance_and_pays_nothing(desk: Desk) -> None:
    errors = len(desk.pbx.log_errors())  # of tests before this one
    with ear_of(desk.line.phone("101").host) as ear:
        phone = desk.phone(heard_at(sipp.calls_until_cut(BALANCE)))
        shown = wait_until(lambda: text if "TG_BALANCE_STATUS=OK" in (text := variables(desk)) else "", "it is told")
        assert {"TG_BALANCE=10.00", "TG_BALANCE_MICROS=10000000", "TG_CURRENCY=EUR"} <= set(shown.split())
        phone.wait()
        assert ear.heard_s() > 2, "ten, dot, zero, zero, E, U, R"
    assert desk.account().available_micros == 10_000_000
    assert desk.cdrs() == []
    assert [line for line in desk.pbx.log_errors()[errors:] if "res_agi" in line or "pbx" in line] == []


def test_phone_of_no_extension_is_refused_as_at_the_gate(desk: Desk) -> None:
    known = desk.log().count('"catalog_loaded"')
    moved = desk.tollgate("extension", "set", "104", "--endpoint", "PJSIP/moved")
    assert moved.returncode == 0, moved.stderr
    wait_until(lambda: desk.log().count('"catalog_loaded"') > known, "the service knows")
    desk.phone(sipp.calls_and_is_refused(BALANCE, 403), extension="104").wait()


def test_outsider_who_is_transferred_to_the_balance_hears_nothing_of_it(desk: Desk) -> None:
    with ear_of(desk.line.carrier("carrier2").host) as ear:
        phone = desk.answering_phone(sipp.answers_and_transfers(BALANCE, 500))
        outsider = desk.outsider(heard_at(sipp.calls_until_cut("0145678901")), name="carrier2")
        outsider.wait()
        phone.wait()
        assert ear.heard_s() == 0
    wait_until(lambda: '"ended": "unknown_extension"' in desk.log(), "it was asked for")


def test_service_away_plays_a_tone_and_mute_ends_the_call_in_three_seconds(desk: Desk) -> None:
    desk.freeze_service()
    try:
        phone = desk.phone(sipp.calls_and_is_refused(BALANCE, 503))
        phone.wait()
        [asked], [refused] = phone.seen("INVITE"), phone.seen("SIP/2.0 503")
        assert timedelta(seconds=2.5) < refused.at - asked.at < timedelta(seconds=3) + SOON
        wait_until(lambda: not desk.channels(), "nobody waits for the service")
    finally:
        desk.thaw_service()
    desk.stop_service()
    with ear_of(desk.line.phone("101").host) as ear:
        phone = desk.phone(heard_at(sipp.calls_and_is_refused(BALANCE, 503)))
        phone.wait()
        assert ear.heard_s() > 1
    assert phone.seen("SIP/2.0 200") == []
    desk.start_service()
    desk.phone(sipp.calls_until_cut(BALANCE)).wait()


@pytest.mark.parametrize("number", ["112", "*31#112"])
def test_emergency_beside_the_balance_rings(desk: Desk, number: str) -> None:
    carrier = desk.carrier(sipp.answers())
    desk.phone(sipp.calls(number, 300)).wait()
    assert carrier.seen("INVITE")[0].first_line.startswith("INVITE sip:112@")


def test_call_beside_hundreds_of_hostile_clients_rings_at_once_and_is_charged(desk: Desk) -> None:
    carrier = desk.carrier(sipp.answers(ring_ms=50))
    with hostile_clients(("127.0.0.1", desk.line.ports.agi)) as made:
        wait_until(lambda: made[0] > IDLE, "they are all there")
        phone = desk.phone(sipp.calls(SECOND_PRICED, 3_000))
        [rings] = carrier.wait_seen("INVITE")
        [dialled] = phone.seen("INVITE")
        assert rings.at - dialled.at < SOON
        phone.wait()
        [cdr] = desk.wait_cdrs(1)
    assert (cdr.disposition, cdr.end_source) == (Disposition.ANSWERED, EndSource.EVENT)
    assert cdr.charged_micros == 10_000 * cdr.billable_s > 0
    complaints = [entry for entry in desk.log_entries() if entry["event"].startswith("agi_")]
    assert "agi_connection_refused" in {entry["event"] for entry in complaints}
    assert "failed" not in {entry.get("ended") for entry in complaints}
    assert len(complaints) < 100, "no flood of the log"
    desk.phone(sipp.calls_until_cut(BALANCE)).wait()
