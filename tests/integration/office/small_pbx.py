"""A PBX with one phone and one trunk that logs how each call ended, and waits for such a line."""

import re
import time
from dataclasses import dataclass

from tollgate.office.instance import AsteriskInstance
from tollgate.office.ports import OfficePorts

PASSWORD = "s3cret"
RING_LIMIT_S = 4


@dataclass(frozen=True)
class Office:
    """Two running instances that know each other."""

    pbx: AsteriskInstance
    simnet: AsteriskInstance
    ports: OfficePorts


@dataclass(frozen=True)
class Ending:
    """How the PBX saw a call end."""

    dial_status: str
    hangup_cause: str


def wait_for_ending(office: Office, number: str, *, timeout_s: float = 30.0) -> Ending:
    """Wait until the PBX has logged the end of the call to a number."""
    line = re.compile(rf"ENDED {re.escape(number)} (\w*) (\d*)")
    log = office.pbx.log_dir / "messages.log"
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = line.search(log.read_text(encoding="utf-8"))
        if found is not None:
            return Ending(found[1], found[2])
        time.sleep(0.05)
    raise AssertionError(f"the call to {number} did not end within {timeout_s} s:\n{office.pbx.log_tail()}")


def small_pbx_files(ports: OfficePorts) -> dict[str, str]:
    """Return its configuration."""
    return {
        "pjsip.conf": _PJSIP.format(ports=ports, password=PASSWORD),
        "extensions.conf": _EXTENSIONS,
        "rtp.conf": f"[general]\nrtpstart = {ports.rtp_start}\nrtpend = {ports.rtp_end}\nicesupport = no\n",
        "http.conf": f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nbindport = {ports.http}\n",
        "ari.conf": "[general]\nenabled = yes\n",
        "manager.conf": f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {ports.ami}\n",
    }


_PJSIP = """\
[udp]
type = transport
protocol = udp
bind = 127.0.0.1:{ports.sip}

[101]
type = endpoint
context = phones
disallow = all
allow = alaw
auth = 101
aors = 101
direct_media = no
media_address = 127.0.0.1

[101]
type = auth
username = 101
password = {password}

[101]
type = aor
max_contacts = 1

[trunk]
type = endpoint
context = nowhere
disallow = all
allow = alaw
aors = trunk
direct_media = no
media_address = 127.0.0.1

[trunk]
type = aor
contact = sip:127.0.0.1:{ports.simnet_trunk}

[trunk]
type = identify
endpoint = trunk
match = 127.0.0.1:{ports.simnet_trunk}
"""

_EXTENSIONS = f"""\
[phones]
exten => _[+0-9]!,1,Set(NUMBER=${{EXTEN}})
 same => n,Dial(PJSIP/${{EXTEN}}@trunk,{RING_LIMIT_S})
 same => n,Hangup()
exten => h,1,Log(NOTICE,ENDED ${{NUMBER}} ${{DIALSTATUS}} ${{HANGUPCAUSE}})
"""
