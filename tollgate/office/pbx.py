"""The office's PBX: phones, one trunk, ARI, AMI, and Tollgate's dialplan. Also an example for a PBX of one's own."""

from collections.abc import Mapping
from dataclasses import dataclass

from dialplan.contract import ANSWERED_VARIABLE, LEG_VARIABLE, TRUNK_VARIABLE
from tollgate.office.ports import LOOPBACK

TRUNK = "simnet"
PHONES_CONTEXT = "phones"
ARI_USER = "tollgate"
AMI_USER = "tollgate"


@dataclass(frozen=True, slots=True)
class SipAddress:
    """An IPv4 address, and a port where it matters."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        """Return ``host`` or ``host:port``."""
        return self.host if self.port is None else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxSettings:
    """What the PBX is made of."""

    sip_port: int
    http_port: int
    ami_port: int
    rtp_start: int
    rtp_end: int
    ari_password: str
    ami_secret: str
    phones: Mapping[str, str]
    """SIP passwords by extension."""
    trunks: Mapping[str, SipAddress]
    """Where each trunk's carrier is, by endpoint name."""
    dialplan: str
    """What ``render_dialplan`` wrote."""
    fixed_phones: Mapping[str, SipAddress] | None = None
    """Phones that do not register and are known by their address: for test equipment on loopback."""


def pbx_files(settings: PbxSettings) -> dict[str, str]:
    """Return the PBX's configuration, by file name."""
    return {
        "pjsip.conf": _pjsip_conf(settings),
        "extensions.conf": _EXTENSIONS,
        "tollgate.conf": settings.dialplan,
        "rtp.conf": _RTP.format(start=settings.rtp_start, end=settings.rtp_end),
        "http.conf": _HTTP.format(address=LOOPBACK, port=settings.http_port),
        "ari.conf": ari_conf(settings.ari_password),
        "manager.conf": manager_conf(settings.ami_secret, settings.ami_port),
    }


def ari_conf(password: str) -> str:
    """Return ari.conf for Tollgate's user: the two variables that every event must carry of a leg."""
    return _ARI.format(variables=f"{LEG_VARIABLE},{ANSWERED_VARIABLE}", user=ARI_USER, password=password)


def manager_conf(secret: str, port: int) -> str:
    """Return manager.conf for Tollgate's user, with the classes it needs and no others."""
    return _MANAGER.format(address=LOOPBACK, port=port, user=AMI_USER, secret=secret)


def _pjsip_conf(settings: PbxSettings) -> str:
    parts = [_PJSIP.format(address=LOOPBACK, port=settings.sip_port)]
    for extension, password in settings.phones.items():
        parts.append(
            _PHONE.format(name=extension, password=password, context=PHONES_CONTEXT, address=LOOPBACK, media=_MEDIA)
        )
    for extension, phone in (settings.fixed_phones or {}).items():
        parts.append(
            _PEER.format(
                name=extension,
                context=PHONES_CONTEXT,
                address=LOOPBACK,
                contact=phone,
                match=phone,
                transfer="yes",
                own=f"callerid = {extension} <{extension}>\n",
                media=_MEDIA,
            )
        )
    for trunk, carrier in settings.trunks.items():
        parts.append(
            _PEER.format(
                name=trunk,
                context="from-trunk",
                address=LOOPBACK,
                contact=carrier,
                match=carrier,
                transfer="no",  # a carrier never moves the office's calls about
                own=f"set_var = {TRUNK_VARIABLE}\n",  # a leg that passes the gate by leaves word of its end
                media=_MEDIA,
            )
        )
    return "\n".join(parts)


_MEDIA = """\
disallow = all
allow = alaw,ulaw
direct_media = no
rtp_symmetric = yes
force_rport = yes
rewrite_contact = yes
rtp_timeout = 60
rtp_timeout_hold = 3600
timers = yes
timers_sess_expires = 600"""
"""A call that is dead but not hung up ends by its missing media or an unanswered session refresh.

So does an emergency call: phones have to send something while nobody speaks (docs/operations.md).
"""

_PJSIP = """\
[global]
type = global
user_agent = Tollgate office
endpoint_identifier_order = ip,username,anonymous

[udp]
type = transport
protocol = udp
bind = {address}:{port}

[tcp]
type = transport
protocol = tcp
bind = {address}:{port}
"""

_PHONE = """\
[{name}]
type = endpoint
context = {context}
aors = {name}
auth = {name}
callerid = {name} <{name}>
media_address = {address}
{media}

[{name}]
type = auth
auth_type = userpass
username = {name}
password = {password}

[{name}]
type = aor
max_contacts = 3
remove_existing = yes
"""

_PEER = """\
[{name}]
type = endpoint
transport = udp
context = {context}
aors = {name}
{own}identify_by = ip
allow_transfer = {transfer}
media_address = {address}
{media}

[{name}]
type = aor
contact = sip:{contact}

[{name}]
type = identify
endpoint = {name}
match = {match}
"""

_EXTENSIONS = """\
; The dialplan of the office: internal calls, and everything else through Tollgate.
#include "tollgate.conf"

; Emergency numbers come first: a pattern such as _1XX would take 112 for an extension.
[phones]
include => tollgate-emergency
include => phones-internal
include => tollgate

[phones-internal]
exten => _10X,1,Dial(PJSIP/${EXTEN},60)
 same => n,Hangup(${HANGUPCAUSE})

[from-trunk]
exten => _[0-9+]!,1,Dial(PJSIP/101&PJSIP/102&PJSIP/103,60)
 same => n,Hangup(${HANGUPCAUSE})
"""

_RTP = """\
[general]
rtpstart = {start}
rtpend = {end}
icesupport = no
"""

_HTTP = """\
[general]
enabled = yes
bindaddr = {address}
bindport = {port}
"""

_ARI = """\
[general]
enabled = yes
allowed_origins =
channelvars = {variables}
websocket_write_timeout = 1000

[{user}]
type = user
read_only = no
password = {password}
password_format = plain
"""

_MANAGER = """\
[general]
enabled = yes
bindaddr = {address}
port = {port}

[{user}]
secret = {secret}
deny = 0.0.0.0/0.0.0.0
permit = 127.0.0.1/255.255.255.255
; call: Setvar and Getvar. system: AstDB. command: what "tollgate doctor" looks at.
read =
write = call,system,command
"""
