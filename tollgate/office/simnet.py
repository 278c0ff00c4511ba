"""The simulated public network: a second Asterisk that plays the carrier and the phones of the office.

It takes calls from the office's PBX alone, on loopback alone, and decides by the number what becomes of them
(`NUMBERS`). Its phones are the other direction: `originate` places a call into the PBX as one of the office's
extensions, with that extension's password, so that a demonstration needs no softphone.

The phones call from a port of their own: the PBX knows the trunk by address and port, and a phone must not
pass for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tollgate.office.errors import OfficeError
from tollgate.office.instance import AsteriskInstance
from tollgate.office.ports import LOOPBACK, OfficePorts

SHORTEST_SCRIPTED_DIGITS = 8
"""Shorter numbers always answer: 17, 18 and 119 are emergency numbers, not a busy line."""

_DIALLED = re.compile(r"[0-9+*#]{1,32}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_LONGEST_CALL_S = 4 * 3600
_NEVER_S = 3600


@dataclass(frozen=True, slots=True)
class NumberBehaviour:
    """What the simulated network does with a number, by its last two digits."""

    last_digits: str
    """Two digits, or "" for every other number."""
    happens: str
    """One line for people."""
    steps: tuple[str, ...]
    """Dialplan applications, in order."""


NUMBERS = (
    NumberBehaviour("17", "is busy (486)", ("Hangup(17)",)),
    NumberBehaviour("18", "stays silent: neither rings nor answers", (f"Wait({_NEVER_S})", "Hangup()")),
    NumberBehaviour("19", "rings for ever", ("Ringing()", f"Wait({_NEVER_S})", "Hangup()")),
    NumberBehaviour("34", "fails: the network is congested (503)", ("Hangup(34)",)),
    NumberBehaviour("04", "does not exist (404)", ("Hangup(1)",)),
    NumberBehaviour(
        "",
        "rings for a second, answers and echoes what you say",
        ("Ringing()", "Wait(1)", "Answer()", "Echo()"),
    ),
)
"""The whole numbering plan; numbers shorter than `SHORTEST_SCRIPTED_DIGITS` behave like the last row."""


@dataclass(frozen=True, slots=True)
class SimnetSettings:
    """What the simulated network has to know about the office."""

    ports: OfficePorts
    token: str
    """A random word in the global variable SIMNET_TOKEN: reading it back proves the simulated network."""
    phones: Mapping[str, str]
    """SIP passwords of the office's extensions, by extension."""


def simnet_files(settings: SimnetSettings) -> dict[str, str]:
    """Return the network's configuration, by file name.

    Raises:
        ValueError: an extension, a password or the token holds a character that its file cannot carry.
    """
    ports = settings.ports
    _check_plain(settings.token)
    return {
        "pjsip.conf": _pjsip_conf(settings),
        "extensions.conf": _extensions_conf(settings.token),
        "rtp.conf": _RTP.format(start=ports.simnet_rtp_start, end=ports.simnet_rtp_end),
        "http.conf": "[general]\nenabled = no\n",
        "ari.conf": "[general]\nenabled = no\n",
        "manager.conf": "[general]\nenabled = no\n",
        "cdr.conf": "[general]\nenable = no\n",
    }


def originate(simnet: AsteriskInstance, extension: str, number: str, talk_s: int) -> None:
    """Call a number as one of the office's extensions; returns at once.

    The call rings for at most 30 s and talks for `talk_s` at most, sending a tone, so that media flows both
    ways.

    Args:
        simnet: the running simulated network.
        extension: one of `SimnetSettings.phones`.
        number: what the phone dials, as it dials it.
        talk_s: whole seconds after which the phone hangs up.

    Raises:
        OfficeError: the network does not run, or has no phone for the extension.
        ValueError: the number, the extension or the seconds are not of their kind.
    """
    if _DIALLED.fullmatch(number) is None or _NAME.fullmatch(extension) is None or talk_s <= 0:
        raise ValueError(f"cannot call {number!r} from {extension!r} for {talk_s} s")
    endpoint = phone_endpoint(extension)
    if "Unable to find object" in simnet.cli(f"pjsip show endpoint {endpoint}"):
        raise OfficeError(f"the simulated network has no phone for extension {extension}")
    answer = simnet.cli(f"channel originate PJSIP/{number}@{endpoint} extension {talk_s}@phone")
    if answer.strip():
        raise OfficeError(f"the simulated network did not place the call: {answer.strip()}")


def read_token(simnet: AsteriskInstance) -> str | None:
    """Return the token that a running simulated network carries, or None where it is something else."""
    found = re.search(r"^\s*SIMNET_TOKEN=(\S+)", simnet.cli("dialplan show globals"), re.MULTILINE)
    return found[1] if found else None


def phone_endpoint(extension: str) -> str:
    """Name the network's endpoint that calls as an extension of the office."""
    return f"as-{extension}"


def _pjsip_conf(settings: SimnetSettings) -> str:
    ports = settings.ports
    trunk = _TRUNK.format(address=LOOPBACK, port=ports.simnet_trunk, phones=ports.simnet_phones, pbx=ports.sip)
    parts = [trunk]
    for extension, password in settings.phones.items():
        if _NAME.fullmatch(extension) is None:
            raise ValueError(f"not an extension: {extension!r}")
        _check_plain(password)
        parts.append(
            _PHONE.format(
                name=phone_endpoint(extension),
                extension=extension,
                password=password,
                address=LOOPBACK,
                pbx=ports.sip,
            )
        )
    return "\n".join(parts)


_RTP = """\
[general]
rtpstart = {start}
rtpend = {end}
icesupport = no
"""

_TRUNK = """\
[global]
type = global
user_agent = Tollgate simulated network
endpoint_identifier_order = ip

[trunk-side]
type = transport
protocol = udp
bind = {address}:{port}

[phone-side]
type = transport
protocol = udp
bind = {address}:{phones}

[office]
type = endpoint
; an endpoint without a password must not be had by naming it in From
identify_by = ip
transport = trunk-side
context = simnet
disallow = all
allow = alaw,ulaw
direct_media = no
media_address = {address}
rtp_symmetric = yes

[office]
type = identify
endpoint = office
match = {address}:{pbx}
"""

_PHONE = """\
[{name}]
type = endpoint
; it calls and is never called
identify_by = ip
transport = phone-side
context = phone
disallow = all
allow = alaw,ulaw
direct_media = no
media_address = {address}
outbound_auth = {name}
aors = {name}
from_user = {extension}
from_domain = {address}

[{name}]
type = aor
contact = sip:{address}:{pbx}

[{name}]
type = auth
auth_type = userpass
username = {extension}
password = {password}
"""


def _extensions_conf(token: str) -> str:
    lines = [
        "[globals]",
        f"SIMNET_TOKEN = {token}",
        "",
        "[simnet]",
        f"exten => _[+0-9]!,1,Set(TIMEOUT(absolute)={_LONGEST_CALL_S})",
        f" same => n,Set(TAIL=${{IF($[${{LEN(${{EXTEN}})}} >= {SHORTEST_SCRIPTED_DIGITS}]?${{EXTEN:-2}})}})",
        " same => n,GotoIf(${DIALPLAN_EXISTS(simnet-numbers,n${TAIL},1)}?simnet-numbers,n${TAIL},1)",
        " same => n,Goto(simnet-numbers,n,1)",
        "",
        "[simnet-numbers]",
    ]
    for behaviour in NUMBERS:
        first, *others = behaviour.steps
        lines += [f"exten => n{behaviour.last_digits},1,{first}", *(f" same => n,{step}" for step in others)]
    lines += [
        "",
        "; a phone of the office: the extension is how many seconds it talks",
        "[phone]",
        "exten => _X!,1,Set(TIMEOUT(absolute)=${EXTEN})",
        " same => n,Milliwatt()",
        "",
    ]
    return "\n".join(lines)


def _check_plain(word: str) -> None:
    """Refuse what would end a value or an expression; the words are ours, letters and digits are enough."""
    if _NAME.fullmatch(word) is None:
        raise ValueError("a password or token of the office is 1 to 32 letters, digits, - and _")
