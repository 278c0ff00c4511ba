"""A real Asterisk with Tollgate's dialplan, its phones and trunks, and ways around the gate."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rating.plan import Plan
from tests.e2e.line import CARRIERS, Line
from tests.e2e.office import EXTENSIONS
from tollgate.dialplan_text import dialplan_text
from tollgate.office.asterisk import find_asterisk
from tollgate.office.binary import AsteriskBinary
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import PbxSettings, pbx_files
from tollgate.settings import load_settings

NODE = "e2e"

MARGIN = "cutoff_margin_ms = 700"
"""A leg is cut so long before its paid end that a machine which stands still for a while does not carry it past."""
SHORT_SLICES = f"first_slice_s = 4\nslice_s = 6\nleast_slice_s = 1\nrenew_lead_s = 3\n{MARGIN}"
"""Metering by which a call of some seconds is renewed several times, in time also where a process stands still."""

SETTINGS = """\
database_url = "{url}"
node = "{node}"
health_listen = "{health}"
{more}

[asterisk]
ari_url = "http://127.0.0.1:{http}"
ari_password = "ari-secret"
ami_port = {ami}
ami_secret = "ami-secret"
internal_context = "phones-internal"

[agi]
listen = "127.0.0.1:{agi}"

[portal]
listen = "{portal}"

[[trunks]]
endpoint = "carrier1"

[[trunks]]
endpoint = "carrier2"

[metering]
{metering}
"""


def settings_text(
    line: Line, url: str, metering: str = "", *, node: str = NODE, more: str = "", health: str = "", portal: str = ""
) -> str:
    """Return a settings file for the PBX on this line; ``more`` are settings of no section."""
    ports = line.ports
    return SETTINGS.format(
        url=url,
        node=node,
        http=ports.http,
        ami=ports.ami,
        agi=ports.agi,
        metering=metering,
        more=more,
        health=health,
        portal=portal,
    )


@contextmanager
def running_pbx(
    line: Line, plan: Plan, folder: Path, node: str = NODE, binary: AsteriskBinary | None = None
) -> Iterator[AsteriskInstance]:
    """Run a PBX on a line of its own; ``binary`` is for an Asterisk that is run otherwise than usual."""
    binary = binary or find_asterisk()
    if binary is None:
        pytest.fail("no suitable Asterisk: `make asterisk` prepares one; end-to-end tests never run without it")
    settings_file = folder / "tollgate.toml"
    settings_file.write_text(settings_text(line, f"sqlite:///{folder / 'unused.db'}", node=node), encoding="utf-8")
    files = pbx_files(
        PbxSettings(
            sip_port=line.ports.sip,
            http_port=line.ports.http,
            ami_port=line.ports.ami,
            rtp_start=line.ports.rtp_start,
            rtp_end=line.ports.simnet_rtp_end,
            ari_password="ari-secret",
            ami_secret="ami-secret",
            phones={},
            trunks={name: line.carrier(name) for name in CARRIERS},
            dialplan=dialplan_text(load_settings(settings_file), plan) + EXTRA_DIALPLAN,
            fixed_phones={extension: line.phone(extension) for extension in EXTENSIONS},
        )
    )
    with AsteriskInstance(binary, folder / "asterisk", files, name="pbx") as instance:
        assert instance.log_errors() == []
        yield instance


EXTRA_DIALPLAN = """
; Where a test sends a transferred party: a context of the PBX that has nothing to do with Tollgate.
[phones-internal]
exten => 199,1,Answer()
 same => n,Wait(60)
 same => n,Hangup()
exten => 198,1,Set(DB(tests/internal)=as FreePBX does)
 same => n,Hangup(${IF($[${LEN(${DB(tests/internal)})} > 0]?17:34)})

; A broken gate: what the dialplan does with a slice that is missing, zero or text.
[phones]
exten => *70,1,Goto(broken,s,1)
exten => *71,1,Set(TG_SLICE=0)
 same => n,Goto(broken,s,1)
exten => *72,1,Set(TG_SLICE=soon)
 same => n,Goto(broken,s,1)
exten => *73,1,Set(TG_SLICE=-5)
 same => n,Goto(broken,s,1)
; A dialplan that dials another number than the one that was rated.
exten => *74,1,Set(TG_CALL=${UNIQUEID}-1)
 same => n,Set(RATED=+299321212@carrier1)
 same => n,Dial(PJSIP/+53521234567@carrier1,20,b(tg-leg^s^1(${TG_CALL}))U(tg-answer^9.7^${TG_CALL}^${RATED}))

; Ways around the gate: straight to the trunk, through a Local channel, the digits as they are, under another call's id.
exten => _*90X.,1,Dial(PJSIP/+${EXTEN:3}@carrier1,20)
 same => n,Hangup()
exten => _*91X.,1,Dial(Local/${EXTEN:3}@around-the-gate/n,20)
 same => n,Hangup()
exten => _*92X.,1,Dial(PJSIP/${EXTEN:3}@carrier1,20)
 same => n,Hangup()
exten => _*93X.,1,Dial(PJSIP/+${EXTEN:3}@carrier1,20,b(tg-leg^s^1(e2e/1.1-1)))
 same => n,Hangup()
exten => _*94X.,1,Dial(PJSIP/+${EXTEN:3}@carrier1,20,b(tg-leg^s^1(other-pbx/1.1-1)))
 same => n,Hangup()

[around-the-gate]
exten => _X.,1,Dial(PJSIP/+${EXTEN}@carrier1,20)

[broken]
exten => s,1,Set(TG_CALL=${UNIQUEID}-1)
 same => n,Set(TG_NUMBER_1=+299321212)
 same => n,Goto(tg-metered,1,1)
"""
