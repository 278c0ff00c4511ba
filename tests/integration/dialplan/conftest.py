"""The office's PBX with the rendered dialplan, in a real Asterisk, started once for a file."""

from collections.abc import Iterator

import pytest

from dialplan.render import DialplanOptions, render_dialplan
from dialplan.trunks import DialFormat, Trunk
from rating.emergency import emergency_numbers
from tests.integration.dialplan.probes import probe_contexts
from tollgate.office.asterisk import prepare_asterisk
from tollgate.office.instance import AsteriskInstance
from tollgate.office.pbx import PbxSettings, SipAddress, pbx_files
from tollgate.office.ports import OfficePorts, reserved_ports

TRUNKS = (
    Trunk(endpoint="carrier1", dial_format=DialFormat.NATIONAL),
    Trunk(endpoint="carrier2", dial_format=DialFormat.ZEROS),
)

OPTIONS = DialplanOptions(
    home_region="FR",
    trunks=TRUNKS,
    emergency_numbers=emergency_numbers("FR"),
    outside_line="0",
    ring_limit_s=2,
    away_patterns=("0[13]XXXXXXXX", "09XXXXXXXX", "0044[12]XXXXXXXXX"),
    away_excluded=("0976XXXXXX",),
)


@pytest.fixture(scope="module")
def pbx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AsteriskInstance]:
    """A PBX whose phones dial 0 for an outside line; both carriers are silent ports."""
    folder = tmp_path_factory.mktemp("pbx")
    with (
        reserved_ports() as ports,
        AsteriskInstance(prepare_asterisk(), folder, _files(ports), name="PBX") as instance,
    ):
        yield instance


def _files(ports: OfficePorts) -> dict[str, str]:
    settings = PbxSettings(
        sip_port=ports.sip,
        http_port=ports.http,
        ami_port=ports.ami,
        rtp_start=ports.rtp_start,
        rtp_end=ports.rtp_end,
        ari_password="pw",
        ami_secret="pw",
        phones={"101": "pw"},
        trunks={trunk.endpoint: SipAddress("127.0.0.1", ports.simnet_trunk) for trunk in TRUNKS},
        dialplan=render_dialplan(OPTIONS),
    )
    files = pbx_files(settings)
    files["extensions.conf"] += probe_contexts(OPTIONS)
    return files
