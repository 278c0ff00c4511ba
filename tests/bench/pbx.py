"""The PBX under test: with a plain ``Dial()`` for every call, or with Tollgate's dialplan. Nothing else differs."""

from enum import StrEnum
from pathlib import Path

from dialplan.render import DialplanOptions, render_dialplan
from dialplan.trunks import Trunk
from rating.emergency import emergency_numbers
from tests.bench.traffic import CARRIER, CARRIER_PORT, PHONES
from tollgate.office.asterisk import prepare_asterisk
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import PHONES_CONTEXT, PbxSettings, SipAddress, pbx_files
from tollgate.office.ports import OfficePorts
from tollgate.office.progress import Progress

TRUNK = "carrier"
HOME_REGION = "FR"
EXTENSIONS = {str(101 + index): address for index, address in enumerate(PHONES)}
"""Address of each phone by its extension."""
ARI_PASSWORD = "bench-ari"
AMI_SECRET = "bench-ami"
RING_LIMIT_S = 120
_RTP = (28200, 32199)
"""Media ports for a thousand calls of two legs, clear of an office's own."""

_BARE = f"""\
[{PHONES_CONTEXT}]
exten => _[0-9+]!,1,Dial(PJSIP/${{EXTEN}}@{TRUNK},{RING_LIMIT_S})
 same => n,Hangup(${{HANGUPCAUSE}})
"""


class Variant(StrEnum):
    """What is measured."""

    BARE = "bare"
    """Asterisk alone, a plain ``Dial()``."""
    PAID = "paid"
    """Tollgate; every call is paid for."""
    INCLUDED = "included"
    """Tollgate; every call is inside the plan."""

    @property
    def through_tollgate(self) -> bool:
        """Whether the service runs."""
        return self is not Variant.BARE


def make_pbx(folder: Path, ports: OfficePorts, variant: Variant, progress: Progress) -> AsteriskInstance:
    """Return the PBX of a variant; nothing is started yet.

    Raises:
        OfficeError: no suitable Asterisk can be had.
    """
    files = pbx_files(
        PbxSettings(
            sip_port=ports.sip,
            http_port=ports.http,
            ami_port=ports.ami,
            rtp_start=_RTP[0],
            rtp_end=_RTP[1],
            ari_password=ARI_PASSWORD,
            ami_secret=AMI_SECRET,
            phones={},
            fixed_phones={extension: SipAddress(address) for extension, address in EXTENSIONS.items()},
            trunks={TRUNK: SipAddress(CARRIER, CARRIER_PORT)},
            dialplan=_tollgate_dialplan(),
        )
    )
    if variant is Variant.BARE:
        files["extensions.conf"] = _BARE
    return AsteriskInstance(prepare_asterisk(progress), folder, files, name=f"the PBX ({variant})")


def _tollgate_dialplan() -> str:
    return render_dialplan(
        DialplanOptions(
            home_region=HOME_REGION,
            trunks=(Trunk(endpoint=TRUNK),),
            emergency_numbers=emergency_numbers(HOME_REGION),
            ring_limit_s=RING_LIMIT_S,
            internal_context=PHONES_CONTEXT,
        )
    )
