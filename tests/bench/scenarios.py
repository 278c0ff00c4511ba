"""What SIPp plays in the benchmark: office phones that call, and a carrier that answers at once.

Times are read from SIPp's short-message trace, which carries microseconds: its response-time statistics count in
steps of the kernel's coarse clock, 4 ms on most machines, which is as much as what is to be measured.
"""

from collections.abc import Iterable, Sequence

_SDP = """\
v=0
o=sipp 1 1 IN IP4 {address}
s=-
c=IN IP4 {address}
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000"""

_CARRIER = """\
<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="carrier">
<recv request="INVITE" rrs="true"/>
<send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]Carrier[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]Carrier[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

{sdp}

]]></send>
<recv request="ACK"/>
<recv request="BYE"/>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""

_PHONES = """\
<?xml version="1.0" encoding="ISO-8859-1"?>
<scenario name="phones">
<send retrans="500"><![CDATA[
INVITE sip:[field1]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [field0]:[local_port];branch=[branch]
From: <sip:phone@[field0]>;tag=[pid]Phone[call_number]
To: <sip:[field1]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:phone@[field0]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

{sdp}

]]></send>
<recv response="100" optional="true"/>
<recv response="180" optional="true"/>
<recv response="183" optional="true"/>
<recv response="200" rrs="true"/>
<send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [field0]:[local_port];branch=[branch]
From: <sip:phone@[field0]>;tag=[pid]Phone[call_number]
To: <sip:[field1]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
<pause milliseconds="{talk_ms}"/>
<send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [field0]:[local_port];branch=[branch]
From: <sip:phone@[field0]>;tag=[pid]Phone[call_number]
To: <sip:[field1]@[remote_ip]:[remote_port]>[peer_tag_param]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
<recv response="200"/>
</scenario>
"""


def carrier() -> str:
    """A carrier that says 180 and 200 in one breath, and waits for the BYE."""
    return _CARRIER.format(sdp=_SDP.format(address="[local_ip]"))


def phones(talk_ms: int) -> str:
    """Phones that call, talk for ``talk_ms`` milliseconds and hang up; who calls whom comes from :func:`callers`."""
    return _PHONES.format(sdp=_SDP.format(address="[field0]"), talk_ms=talk_ms)


def callers(addresses: Sequence[str], numbers: Iterable[str]) -> str:
    """Return SIPp's injection file: phone and number of each call in turn, the phones taking turns."""
    lines = [f"{addresses[index % len(addresses)]};{number};" for index, number in enumerate(numbers)]
    return "\n".join(("SEQUENTIAL", *lines, ""))
