"""A desk phone with two lines, for attended transfers: SIPp keeps one dialog a scenario, this takes two in a REFER."""

import random
import re
import socket
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tollgate.office.pbx import SipAddress

_ANSWER_LIMIT_S = 10.0
_MEDIA_PORT = 40100


@dataclass
class Line:
    """One dialog of the phone."""

    number: str
    call_id: str
    tag: str
    sequence: int = 0
    target: str = ""
    far_tag: str = ""
    status: int = 0
    media_port: int = 0
    """Where the far end takes media."""
    ended: bool = field(default=False)


class TwoLinePhone:
    """Calls, waits for the answer, joins its two calls."""

    def __init__(self, local: SipAddress, pbx: SipAddress) -> None:
        """Bind the phone's port."""
        self._host, self._port = local.host, local.port or 5060
        self._pbx = (pbx.host, pbx.port or 5060)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self._host, self._port))
        self._socket.settimeout(0.05)
        self._lines: dict[str, Line] = {}
        self._media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._media.bind((self._host, _MEDIA_PORT))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._media.close()

    def call(self, number: str) -> Line:
        """Call a number and wait until it answers."""
        line = Line(number, f"{random.getrandbits(48):x}@{self._host}", f"{random.getrandbits(32):x}")
        self._lines[line.call_id] = line
        self._request(line, "INVITE", body=self._sdp())
        deadline = time.monotonic() + _ANSWER_LIMIT_S
        while line.status < 200:
            assert time.monotonic() < deadline, f"{number} does not answer"
            self.listen(0.05)
        assert line.status == 200, f"{number}: {line.status}"
        return line

    def join(self, first: Line, second: Line) -> None:
        """Join the far ends of two calls (RFC 5589, attended transfer)."""
        replaces = quote(f"{second.call_id};to-tag={second.far_tag};from-tag={second.tag}")
        target = f"<sip:{second.number}@{self._pbx[0]}?Replaces={replaces}>"
        self._request(first, "REFER", headers=f"Refer-To: {target}\r\n")
        deadline = time.monotonic() + _ANSWER_LIMIT_S
        while not second.ended:
            assert time.monotonic() < deadline, "the transfer does not come about"
            self.listen(0.05)
        self._request(first, "BYE")

    def send_rtp(self, line: Line, packet: bytes) -> None:
        """Send a packet of media."""
        self._media.sendto(packet, (self._pbx[0], line.media_port))

    def send_rtcp(self, line: Line, packet: bytes) -> None:
        """Send a report on the media."""
        self._media.sendto(packet, (self._pbx[0], line.media_port + 1))

    def listen(self, seconds: float) -> None:
        """Answer what comes in for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                data = self._socket.recv(65535)
            except TimeoutError:
                continue
            self._take(data.decode(errors="replace"))

    def _take(self, message: str) -> None:
        line = self._lines.get(_header(message, "Call-ID"))
        first_line = message.partition("\r\n")[0]
        if line is None:
            return
        if first_line.startswith("SIP/2.0"):
            if _header(message, "CSeq").endswith("INVITE"):
                self._take_answer(line, message, int(first_line.split()[1]))
            return
        method = first_line.split()[0]
        if method == "ACK":
            return
        line.ended = line.ended or method == "BYE"
        echoed = "".join(
            f"{found}\r\n" for found in re.findall(r"^(?:Via|From|To|Call-ID|CSeq):[^\r]*", message, re.MULTILINE)
        )
        self._send(f"SIP/2.0 200 OK\r\n{echoed}Contact: {self._contact}\r\n{_body(self._sdp(method))}")

    def _take_answer(self, line: Line, message: str, status: int) -> None:
        line.status = status
        if status < 200:
            return
        tag = re.search(r"tag=([^;>\s]+)", _header(message, "To"))
        contact = re.search(r"<([^>]+)>", _header(message, "Contact"))
        media = re.search(r"^m=audio ([0-9]+)", message, re.MULTILINE)
        line.media_port = int(media[1]) if media else 0
        line.far_tag = tag[1] if tag else ""
        line.target = contact[1] if contact else ""
        self._request(line, "ACK")

    def _request(self, line: Line, method: str, headers: str = "", body: str = "") -> None:
        line.sequence += method != "ACK"
        uri = line.target or f"sip:{line.number}@{self._pbx[0]}:{self._pbx[1]}"
        far_tag = f";tag={line.far_tag}" if line.far_tag else ""
        self._send(
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self._host}:{self._port};branch=z9hG4bK{random.getrandbits(48):x}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:phone@{self._host}>;tag={line.tag}\r\n"
            f"To: <sip:{line.number}@{self._pbx[0]}>{far_tag}\r\nCall-ID: {line.call_id}\r\n"
            f"CSeq: {line.sequence} {method}\r\nContact: {self._contact}\r\n{headers}{_body(body)}"
        )

    @property
    def _contact(self) -> str:
        return f"<sip:phone@{self._host}:{self._port}>"

    def _sdp(self, method: str = "INVITE") -> str:
        if method not in {"INVITE", "UPDATE"}:
            return ""
        return (
            f"v=0\r\no=phone 1 1 IN IP4 {self._host}\r\ns=-\r\nc=IN IP4 {self._host}\r\nt=0 0\r\n"
            f"m=audio {_MEDIA_PORT} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        )

    def _send(self, message: str) -> None:
        self._socket.sendto(message.encode(), self._pbx)


def _header(message: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*([^\r]*)", message, re.MULTILINE | re.IGNORECASE)
    return found[1].strip() if found else ""


def _body(text: str) -> str:
    kind = "Content-Type: application/sdp\r\n" if text else ""
    return f"{kind}Content-Length: {len(text)}\r\n\r\n{text}"
