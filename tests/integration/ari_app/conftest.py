"""The office's PBX in a real Asterisk, with a few extensions to make channels with, started once for a file."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from ari_app.access import AmiAccess, AriAccess
from ari_app.complaints import Complaints
from ari_app.metrics import Metrics
from dialplan.contract import APPLICATION
from dialplan.render import DialplanOptions, render_dialplan
from dialplan.trunks import Trunk
from tollgate.office.asterisk import prepare_asterisk
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import AMI_USER, ARI_USER, PbxSettings, SipAddress, pbx_files
from tollgate.office.ports import OfficePorts, reserved_ports

PASSWORD = "s3cret"

_EXTENSIONS = f"""
[tests]
exten => talk,1,Answer()
 same => n,Wait(30)
exten => enter,1,Answer()
 same => n,Stasis({APPLICATION},call-1,112,,,)
 same => n,Wait(30)
"""


@dataclass(frozen=True)
class Pbx:
    """A running PBX and how to reach it."""

    asterisk: AsteriskInstance
    ari: AriAccess
    ami: AmiAccess

    def originate(self, extension: str) -> None:
        """Make a channel in the context of the tests (and its other half, which waits)."""
        self.asterisk.cli(f"channel originate Local/{extension}@tests/n application Wait 30")

    def hang_up_all(self) -> None:
        """End every channel."""
        self.asterisk.cli("channel request hangup all")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pbx]:
    folder = tmp_path_factory.mktemp("pbx")
    with (
        reserved_ports() as ports,
        AsteriskInstance(prepare_asterisk(), folder, _files(ports), name="PBX") as asterisk,
    ):
        yield Pbx(
            asterisk,
            AriAccess(
                url=f"http://127.0.0.1:{ports.http}", username=ARI_USER, password=PASSWORD, application=APPLICATION
            ),
            AmiAccess(host="127.0.0.1", port=ports.ami, username=AMI_USER, secret=PASSWORD),
        )


def _files(ports: OfficePorts) -> dict[str, str]:
    dialplan = render_dialplan(
        DialplanOptions(
            home_region="FR", trunks=(Trunk(endpoint="carrier1"),), emergency_numbers=frozenset({"112"}), ring_limit_s=2
        )
    )
    settings = PbxSettings(
        sip_port=ports.sip,
        http_port=ports.http,
        ami_port=ports.ami,
        rtp_start=ports.rtp_start,
        rtp_end=ports.rtp_end,
        ari_password=PASSWORD,
        ami_secret=PASSWORD,
        phones={"101": PASSWORD},
        trunks={"carrier1": SipAddress("127.0.0.1", ports.simnet_trunk)},
        dialplan=dialplan,
    )
    files = pbx_files(settings)
    files["extensions.conf"] += _EXTENSIONS
    return files


@pytest.fixture
def pbx(running: Pbx) -> Iterator[Pbx]:
    """The PBX without a channel; none is left behind."""
    yield running
    running.hang_up_all()


def complaints() -> Complaints:
    """Return what takes complaints of a connection that a test makes."""
    return Complaints(Metrics().ari_messages)
