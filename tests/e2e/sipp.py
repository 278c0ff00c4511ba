"""SIPp as office phones and as carriers: scenarios, processes, and what they saw on the wire, with times."""

import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from tollgate.office.ports import is_free

_SDP = """\
v=0
o=sipp 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000"""

_ECHOED = """\
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>"""

_ECHOED_IN_DIALOG = """\
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]"""


def _scenario(*parts: str) -> str:
    body = "\n".join(parts)
    return f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<scenario name="tollgate">\n{body}\n</scenario>\n'


def _send(first_line: str, headers: str, sdp: bool = False, retrans: bool = False) -> str:
    content = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{_SDP}" if sdp else "Content-Length: 0"
    attribute = ' retrans="500"' if retrans else ""
    return f"<send{attribute}><![CDATA[\n{first_line}\n{headers}\n{content}\n\n]]></send>"


def _pause(ms: int) -> str:
    return f'<pause milliseconds="{ms}"/>'


# --- the carrier's side --------------------------------------------------------------------------------------

_INVITED = """<recv request="INVITE" crlf="true">
<action><ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="invite_cseq"/></action></recv>"""
_BYE_OK = _send("SIP/2.0 200 OK", _ECHOED_IN_DIALOG)
_CANCELLED = f"""<recv request="CANCEL"/>
{_send("SIP/2.0 200 OK", _ECHOED)}
{
    _send(
        "SIP/2.0 487 Request Terminated",
        _ECHOED.replace("[last_CSeq:]", "CSeq: [$invite_cseq] INVITE"),
        retrans=True,
    )
}
<recv request="ACK"/>"""


def answers(ring_ms: int = 200, hangs_up_after_ms: int | None = None, caller: str = "") -> str:
    """A carrier that rings, answers, and waits for the BYE or says it first.

    It fails where the INVITE's From does not match ``caller``, an expression.
    """
    if hangs_up_after_ms is None:
        end = '<recv request="BYE"/>' + _BYE_OK
    else:
        bye = _send(
            "BYE [next_url] SIP/2.0",
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n"
            "[last_To:]\n[last_From:]\n[last_Call-ID:]\nCSeq: 1 BYE\nMax-Forwards: 70",
            retrans=True,
        )
        bye = bye.replace("[last_To:]", "From: [$from_us]").replace("[last_From:]", "To: [$to_them]")
        end = _pause(hangs_up_after_ms) + bye + '<recv response="200"/>'
    invited = f"""<recv request="INVITE" rrs="true"><action>
<ereg regexp="{caller or ".*"}" search_in="hdr" header="From:" check_it="true" assign_to="caller"/>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="to_them"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to_us"/>
<assignstr assign_to="from_us" value="[$to_us];tag=[pid]SIPpTag[call_number]"/>
</action></recv>"""
    return _scenario(
        invited,
        _send("SIP/2.0 180 Ringing", _ECHOED),
        _pause(ring_ms),
        _send("SIP/2.0 200 OK", _ECHOED, sdp=True, retrans=True),
        '<recv request="ACK" rrs="true"/>',
        end,
        '<Reference variables="caller,to_them,from_us"/>',
    )


def rejects(status: str) -> str:
    """A carrier that turns every call away, such as with ``486 Busy Here``."""
    return _scenario(
        '<recv request="INVITE"/>', _send(f"SIP/2.0 {status}", _ECHOED, retrans=True), '<recv request="ACK"/>'
    )


def rings_for_ever() -> str:
    """A carrier that rings until the call is cancelled."""
    return _scenario(_INVITED, _send("SIP/2.0 180 Ringing", _ECHOED), _CANCELLED)


def stays_silent() -> str:
    """A carrier that says nothing but 100 until the call is cancelled."""
    return _scenario(_INVITED, _send("SIP/2.0 100 Trying", _ECHOED_IN_DIALOG), _CANCELLED)


# --- the phone's side ----------------------------------------------------------------------------------------

_FROM = "From: <sip:[service]@[local_ip]>;tag=[pid]Phone[call_number]"
_VIA = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]"


def _invite(number: str) -> str:
    headers = f"""{_VIA}
{_FROM}
To: <sip:{number}@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:phone@[local_ip]:[local_port]>
Max-Forwards: 70"""
    return _send(f"INVITE sip:{number}@[remote_ip]:[remote_port] SIP/2.0", headers, sdp=True, retrans=True)


def _in_dialog(method: str, number: str, cseq: int, more: str = "") -> str:
    return f"""{_VIA}
{_FROM}
To: <sip:{number}@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: {cseq} {method}
Contact: <sip:phone@[local_ip]:[local_port]>
Max-Forwards: 70{more}"""


_PROGRESS = "".join(f'<recv response="{status}" optional="true"/>' for status in (100, 180, 181, 183))
_ANSWERED = '<recv response="200" rrs="true"/>'


def _ack(number: str) -> str:
    return _send("ACK [next_url] SIP/2.0", _in_dialog("ACK", number, 1))


def _bye(number: str, cseq: int = 2) -> str:
    return _send("BYE [next_url] SIP/2.0", _in_dialog("BYE", number, cseq), retrans=True) + '<recv response="200"/>'


def calls(number: str, talk_ms: int) -> str:
    """A phone that calls, talks for a while and hangs up."""
    return _scenario(_invite(number), _PROGRESS, _ANSWERED, _ack(number), _pause(talk_ms), _bye(number))


def calls_until_cut(number: str) -> str:
    """A phone that calls and talks until the PBX ends the call."""
    return _scenario(_invite(number), _PROGRESS, _ANSWERED, _ack(number), '<recv request="BYE"/>', _BYE_OK)


def calls_and_is_refused(number: str, status: int) -> str:
    """A phone whose call is turned away with this status."""
    return _scenario(
        _invite(number),
        _PROGRESS,
        f'<recv response="{status}"/>',
        _send(
            f"ACK sip:{number}@[remote_ip]:[remote_port] SIP/2.0",
            _in_dialog("ACK", number, 1).replace(_VIA, "[last_Via:]"),
        ),
    )


def calls_or_is_refused(number: str, talk_ms: int, status: int = 403) -> str:
    """A phone that talks for a while if it is let through, and takes a refusal with this status for an answer."""
    refused = f'<recv response="{status}" optional="true" next="refused"/>'
    return _scenario(
        _invite(number),
        '<recv response="100" optional="true"/><recv response="180" optional="true"/>',
        refused,
        _ANSWERED,
        _ack(number),
        _pause(talk_ms),
        _bye(number),
        '<nop next="end"/><label id="refused"/>',
        _send(
            f"ACK sip:{number}@[remote_ip]:[remote_port] SIP/2.0",
            _in_dialog("ACK", number, 1).replace(_VIA, "[last_Via:]"),
        ),
        '<label id="end"/>',
    )


def calls_and_cancels(number: str, after_ms: int, progress: int = 180) -> str:
    """A phone that gives up some time after the other side rings (180), or after the PBX took the call (100)."""
    trying = "" if progress == 100 else '<recv response="100" optional="true"/>'
    via = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch-{back}]"
    cancel_at = 3 if progress == 100 else 4  # how many steps after the INVITE, whose branch it repeats
    cancel = f"""{via.format(back=cancel_at)}
{_FROM}
To: <sip:{number}@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 CANCEL
Max-Forwards: 70"""
    uri = f"sip:{number}@[remote_ip]:[remote_port] SIP/2.0"
    ack = _in_dialog("ACK", number, 1).replace(_VIA, via.format(back=cancel_at + 3))
    return _scenario(
        _invite(number),
        trying,
        f'<recv response="{progress}"/>',
        _pause(after_ms),
        _send(f"CANCEL {uri}", cancel, retrans=True),
        '<recv response="200"/>',
        '<recv response="487"/>',
        _send(f"ACK {uri}", ack),
    )


def calls_and_transfers(number: str, to: str, after_ms: int) -> str:
    """A phone that calls, and transfers the far end blindly to another number."""
    refer = _in_dialog("REFER", number, 2, f"\nRefer-To: <sip:{to}@[remote_ip]:[remote_port]>")
    return _scenario(
        _invite(number),
        _PROGRESS,
        _ANSWERED,
        _ack(number),
        _pause(after_ms),
        _send("REFER [next_url] SIP/2.0", refer, retrans=True),
        '<recv response="202"/>',
        _pause(500),  # the progress notices are answered by SIPp itself (-aa)
        _bye(number, 3),
    )


def forwards(to: str) -> str:
    """A phone that forwards its calls to another number (302)."""
    moved = _ECHOED.replace("<sip:[local_ip]:[local_port]>", f"<sip:{to}@[local_ip]:[local_port]>")
    return _scenario(
        '<recv request="INVITE"/>',
        _send("SIP/2.0 302 Moved Temporarily", moved, retrans=True),
        '<recv request="ACK"/>',
    )


def answers_and_transfers(to: str, after_ms: int) -> str:
    """A phone that answers, and transfers its caller blindly to another number."""
    invited = """<recv request="INVITE" rrs="true"><action>
<ereg regexp=".*" search_in="hdr" header="From:" assign_to="to_them"/>
<ereg regexp=".*" search_in="hdr" header="To:" assign_to="to_us"/>
<assignstr assign_to="from_us" value="[$to_us];tag=[pid]SIPpTag[call_number]"/>
</action></recv>"""

    def request(method: str, cseq: int, more: str = "") -> str:
        headers = f"{_VIA}\nFrom: [$from_us]\nTo: [$to_them]\n[last_Call-ID:]\nCSeq: {cseq} {method}\nMax-Forwards: 70"
        contact = "\nContact: <sip:phone@[local_ip]:[local_port]>"
        return _send(f"{method} [next_url] SIP/2.0", headers + contact + more, retrans=True)

    return _scenario(
        invited,
        _send("SIP/2.0 180 Ringing", _ECHOED),
        _send("SIP/2.0 200 OK", _ECHOED, sdp=True, retrans=True),
        '<recv request="ACK" rrs="true"/>',
        _pause(after_ms),
        request("REFER", 1, f"\nRefer-To: <sip:{to}@127.0.0.1>"),
        '<recv response="202"/>',
        _pause(500),
        request("BYE", 2),
        '<recv response="200"/>',
        '<Reference variables="to_them,from_us"/>',
    )


# --- processes -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """A message on the wire."""

    at: datetime
    sent: bool
    call_id: str
    first_line: str


@dataclass
class Sipp:
    """A running SIPp."""

    process: subprocess.Popen[bytes]
    messages_file: Path
    errors_file: Path
    arguments: tuple[str, ...] = field(repr=False)

    @classmethod
    def start(
        cls,
        folder: Path,
        name: str,
        scenario: str,
        *,
        local: tuple[str, int],
        remote: tuple[str, int] | None = None,
        calls: int = 1,
        rate: int = 50,
        at_once: int | None = None,
        limit_s: int = 180,
        media_port: int = 40000,
    ) -> Self:
        """Start a scenario; without ``remote`` it waits for calls. ``at_once`` limits how many there are at a time."""
        program = shutil.which("sipp")
        if program is None:
            raise RuntimeError("SIPp is missing: apt-get install sip-tester")
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{name}.xml"
        file.write_text(scenario, encoding="ascii")
        messages, errors = folder / f"{name}.messages", folder / f"{name}.errors"
        for old in (messages, errors):
            old.unlink(missing_ok=True)
        arguments = (
            program,
            *(() if remote is None else (f"{remote[0]}:{remote[1]}",)),
            *("-sf", str(file), "-i", local[0], "-p", str(local[1]), "-mi", local[0], "-mp", str(media_port)),
            *("-trace_shortmsg", "-shortmessage_file", str(messages), "-trace_err", "-error_file", str(errors)),
            *(
                "-aa",
                "-nostdin",
                "-timeout",
                f"{limit_s}s",
                "-r",
                str(rate),
                "-m",
                str(calls),
                "-l",
                str(at_once or max(calls, 1)),
            ),
            *("-recv_timeout", str(limit_s * 1000), "-s", "phone", "-timer_resol", "5", "-max_retrans", "7"),
        )
        assert is_free(local[1], socket.SOCK_DGRAM, local[0]), f"{local[0]}:{local[1]} is taken by another SIPp"
        process = subprocess.Popen(
            arguments, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        sipp = cls(process, messages, errors, arguments)
        if remote is None:
            sipp._wait_listening(local)
        return sipp

    def _wait_listening(self, local: tuple[str, int]) -> None:
        deadline = time.monotonic() + 60
        while is_free(local[1], socket.SOCK_DGRAM, local[0]):
            assert self.process.poll() is None, f"SIPp ended at once: {self.errors()}"
            assert time.monotonic() < deadline, "SIPp does not listen"
            time.sleep(0.02)

    def wait(self, limit_s: float = 180) -> None:
        """Wait until every call ended as the scenario says; anything else fails the test with what SIPp said."""
        status = self.process.wait(limit_s)
        assert status == 0, f"SIPp ended with {status}: {self.errors()}\n{self.transcript()}"

    def stop(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()  # on SIGTERM it would wait for its calls
            self.process.wait(5)

    def seen(self, beginning: str, *, sent: bool | None = None) -> list[Seen]:
        """Return the messages whose first line begins so."""
        return [
            message
            for message in self._messages()
            if message.first_line.startswith(beginning) and sent in {None, message.sent}
        ]

    def wait_seen(self, beginning: str, count: int = 1, limit_s: float = 60) -> list[Seen]:
        """Wait until that many such messages have come or gone."""
        deadline = time.monotonic() + limit_s
        while len(found := self.seen(beginning)) < count:
            assert time.monotonic() < deadline, f"no {beginning!r} within {limit_s} s: {self.transcript()}"
            time.sleep(0.02)
        return found

    def errors(self) -> str:
        """Return what SIPp complained about."""
        return self.errors_file.read_text(errors="replace") if self.errors_file.exists() else ""

    def transcript(self) -> str:
        """Return the messages, a line each."""
        return "\n".join(
            f"{message.at:%H:%M:%S.%f} {'->' if message.sent else '<-'} {message.first_line}"
            for message in self._messages()
        )

    def _messages(self) -> list[Seen]:
        if not self.messages_file.exists():
            return []
        found = []
        for line in self.messages_file.read_text(errors="replace").splitlines():
            parts = line.split("\t")
            if len(parts) >= 7:
                at = datetime.fromtimestamp(float(parts[2]), UTC)
                found.append(Seen(at, parts[3] == "S", parts[4], parts[6]))
        # A PBX repeats what nobody answered, also to the next one at an address: count only calls that began here.
        begun = {message.call_id for message in found if message.first_line.startswith("INVITE")}
        return [message for message in found if message.call_id in begun]
