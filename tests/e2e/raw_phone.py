"""A phone that says what it likes: bytes of any kind where a number, a name or an address is due."""

import random
import re
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote

from tollgate.office.pbx import SipAddress

_AT_ONCE = 8
_TAG = re.compile(rb"^To:[^\r]*;tag=([^;>\s\r]+)", re.MULTILINE)
_CONTACT = re.compile(rb"^Contact:\s*<([^>]+)>", re.MULTILINE)
_CALL_ID = re.compile(rb"^Call-ID:\s*([^\r]+)", re.MULTILINE | re.IGNORECASE)


@dataclass
class RawCall:
    """One INVITE, and the status that came of it; 0 where nothing did."""

    user: bytes
    name: bytes
    call_id: bytes
    status: int = 0


class RawPhone:
    """Dials and hangs up at once."""

    def __init__(self, local: SipAddress, pbx: SipAddress) -> None:
        """Bind the phone's port."""
        self._host, self._port = local.host, local.port or 5060
        self._pbx = (pbx.host, pbx.port or 5060)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self._host, self._port))
        self._socket.settimeout(0.05)
        self._open: dict[bytes, RawCall] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def dial(self, dialled: Sequence[bytes], name: bytes = b"phone", limit_s: float = 60.0) -> list[RawCall]:
        """Dial each of these, escaped as a URI has it, and return what came of them."""
        calls = [
            RawCall(quote(each, safe="").encode(), name, f"{random.getrandbits(48):x}".encode()) for each in dialled
        ]
        waiting, until = list(reversed(calls)), time.monotonic() + limit_s
        while (waiting or self._open) and time.monotonic() < until:
            while waiting and len(self._open) < _AT_ONCE:
                call = waiting.pop()
                self._open[call.call_id] = call
                self._request(call, b"INVITE", 1, self._sdp())
            self._listen()
        return calls

    def _listen(self) -> None:
        try:
            data = self._socket.recv(65535)
        except TimeoutError:
            return
        found = _CALL_ID.search(data)
        call = self._open.get(found[1].strip()) if found else None
        if call is None or not data.startswith(b"SIP/2.0 ") or b" INVITE" not in data:
            return
        status = int(data[8:11])
        if status < 200:
            return
        self._open.pop(call.call_id)
        call.status = status
        tag, contact = _TAG.search(data), _CONTACT.search(data)
        to_tag = b";tag=" + tag[1] if tag else b""
        self._request(call, b"ACK", 1, b"", to_tag, contact[1] if contact else None)
        if status < 300:
            self._request(call, b"BYE", 2, b"", to_tag, contact[1] if contact else None)

    def _request(
        self, call: RawCall, method: bytes, number: int, body: bytes, to_tag: bytes = b"", uri: bytes | None = None
    ) -> None:
        host, pbx = self._host.encode(), f"{self._pbx[0]}:{self._pbx[1]}".encode()
        target = b"sip:" + call.user + b"@" + pbx
        branch = call.call_id if method != b"BYE" else call.call_id + b"b"
        lines = [
            method + b" " + (uri or target) + b" SIP/2.0",
            b"Via: SIP/2.0/UDP %s:%d;branch=z9hG4bK%s" % (host, self._port, branch),
            b"Max-Forwards: 70",
            b'From: "' + call.name + b'" <sip:phone@' + host + b">;tag=" + call.call_id,
            b"To: <" + target + b">" + to_tag,
            b"Call-ID: " + call.call_id,
            b"CSeq: %d " % number + method,
            b"Contact: <sip:phone@%s:%d>" % (host, self._port),
            *([b"Content-Type: application/sdp"] if body else []),
            b"Content-Length: %d" % len(body),
            b"",
            body,
        ]
        self._socket.sendto(b"\r\n".join(lines), self._pbx)

    def _sdp(self) -> bytes:
        return (
            f"v=0\r\no=phone 1 1 IN IP4 {self._host}\r\ns=-\r\nc=IN IP4 {self._host}\r\nt=0 0\r\n"
            "m=audio 40100 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        ).encode()
