"""The simulated public network with a real PBX in front of it: each number does what the table says."""

import socket
import time

import pytest

from tests.integration.office.small_pbx import RING_LIMIT_S, Office, wait_for_ending
from tollgate.office.errors import OfficeError
from tollgate.office.simnet import originate, read_token


def wait_for_state(office: Office, number: str, state: str, *, timeout_s: float = 30.0) -> None:
    """Wait until the network's leg of a call is in a state, by the PBX's own list of channels."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        rows = [row.split("!") for row in office.pbx.cli("core show channels concise").splitlines()]
        if any(row[0].startswith("PJSIP/trunk") and number in row and row[4] == state for row in rows):
            return
        time.sleep(0.05)
    raise AssertionError(f"no leg to {number} in state {state}:\n{office.pbx.cli('core show channels')}")


def test_both_start_without_a_logged_error(office: Office) -> None:
    assert office.pbx.log_errors() == []
    assert office.simnet.log_errors() == []


@pytest.mark.parametrize(
    ("number", "dial_status", "hangup_cause"),
    [
        ("+33123456717", "BUSY", "17"),
        ("0123456734", "CONGESTION", "34"),
        ("0123456704", "CHANUNAVAIL", "1"),
    ],
)
def test_call_to_a_failing_number_ends_with_its_cause(
    office: Office, number: str, dial_status: str, hangup_cause: str
) -> None:
    originate(office.simnet, "101", number, 5)

    ending = wait_for_ending(office, number)
    assert (ending.dial_status, ending.hangup_cause) == (dial_status, hangup_cause)


@pytest.mark.parametrize(("number", "state"), [("0123456719", "Ringing"), ("0123456718", "Down")])
def test_call_to_a_ringing_or_silent_number_is_never_answered(office: Office, number: str, state: str) -> None:
    originate(office.simnet, "101", number, 5)

    wait_for_state(office, number, state)
    ending = wait_for_ending(office, number, timeout_s=RING_LIMIT_S + 30)
    assert ending.dial_status == "NOANSWER"


def test_call_to_any_other_number_is_answered_until_the_phone_hangs_up(office: Office) -> None:
    began = time.monotonic()
    numbers = ("0123456789", "+18765550100", "112", "17", "3919", "118218")
    for number in numbers:
        originate(office.simnet, "101", number, 1)

    assert {number: wait_for_ending(office, number).dial_status for number in numbers} == dict.fromkeys(
        numbers, "ANSWER"
    )
    assert time.monotonic() - began > 1.9, "it rings for a second and talks for another"


def test_call_echoes_the_media_of_the_phone(office: Office) -> None:
    originate(office.simnet, "101", "0123456700", 60)
    deadline = time.monotonic() + 30
    while min(_packets_of_the_trunk(office)) <= 20:
        assert time.monotonic() < deadline, "received or sent too few"
        time.sleep(0.2)
    office.pbx.cli("channel request hangup all")
    wait_for_ending(office, "0123456700")


def _packets_of_the_trunk(office: Office) -> tuple[int, int]:
    """Return how many packets of media the trunk's leg has received and sent."""
    for line in office.pbx.cli("pjsip show channelstats").splitlines():
        if " trunk-" in line:
            columns = line.split()
            return int(columns[4]), int(columns[8])
    return 0, 0


def test_call_with_a_wrong_password_does_not_enter_the_pbx(office: Office) -> None:
    originate(office.simnet, "102", "0199999999", 1)
    time.sleep(1)

    assert "0199999999" not in office.pbx.cli("core show channels")
    assert "ENDED 0199999999" not in (office.pbx.log_dir / "messages.log").read_text(encoding="utf-8")


def test_call_from_an_extension_without_a_phone_is_an_error(office: Office) -> None:
    with pytest.raises(OfficeError, match="has no phone for extension 199"):
        originate(office.simnet, "199", "112", 1)


def test_invite_from_another_port_is_not_taken_for_the_office(office: Office) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.settimeout(5)
        stranger.sendto(invite(stranger.getsockname()[1]), ("127.0.0.1", office.ports.simnet_trunk))
        status = stranger.recv(4096).split(b"\r\n")[0]

    assert status == b"SIP/2.0 401 Unauthorized"


def invite(port: int) -> bytes:
    lines = (
        "INVITE sip:0123456789@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK-stranger",
        "From: <sip:office@127.0.0.1>;tag=1",
        "To: <sip:0123456789@127.0.0.1>",
        "Call-ID: stranger",
        "CSeq: 1 INVITE",
        f"Contact: <sip:office@127.0.0.1:{port}>",
        "Max-Forwards: 70",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


def test_token_is_read_back_from_the_network_and_from_nothing_else(office: Office) -> None:
    assert read_token(office.simnet) == "t0ken"
    assert read_token(office.pbx) is None


def test_network_opens_no_port_but_its_own(office: Office) -> None:
    assert "HTTP Server Status" not in office.simnet.cli("manager show settings")
    assert "Server Disabled" in office.simnet.cli("http show status")
    assert "No" in next(line for line in office.simnet.cli("manager show settings").splitlines() if "(AMI)" in line)
