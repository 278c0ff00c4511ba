"""A real office: a small PBX of the tests' own and the simulated public network, started once for a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.office.small_pbx import PASSWORD, Office, small_pbx_files
from tollgate.office.asterisk import find_asterisk
from tollgate.office.binary import AsteriskBinary
from tollgate.office.instance import AsteriskInstance
from tollgate.office.ports import OfficePorts, reserved_ports
from tollgate.office.simnet import SimnetSettings, simnet_files


@pytest.fixture(scope="session")
def binary() -> AsteriskBinary:
    found = find_asterisk()
    if found is None:
        pytest.fail("no suitable Asterisk on this machine: run `make check`, which prepares a private one")
    return found


@pytest.fixture(scope="module")
def office(binary: AsteriskBinary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("an office")
    with reserved_ports() as ports:
        yield from _office(binary, folder, ports)


def _office(binary: AsteriskBinary, folder: Path, ports: OfficePorts) -> Iterator[Office]:
    network = simnet_files(SimnetSettings(ports, "t0ken", {"101": PASSWORD, "102": "wrong"}))
    pbx = AsteriskInstance(binary, folder / "pbx", small_pbx_files(ports), name="PBX")
    simnet = AsteriskInstance(binary, folder / "simnet", network, name="simulated network")
    with pbx, simnet:
        yield Office(pbx, simnet, ports)


@pytest.fixture
def instance(binary: AsteriskBinary, tmp_path: Path) -> Iterator[AsteriskInstance]:
    """An Asterisk that listens nowhere, not started yet."""
    made = AsteriskInstance(binary, tmp_path / "alone", QUIET_FILES)
    yield made
    made.kill()


QUIET_FILES = {
    "pjsip.conf": "; no transports\n",
    "extensions.conf": "[nowhere]\n",
    "rtp.conf": "[general]\nicesupport = no\n",
    "http.conf": "[general]\nenabled = no\n",
    "ari.conf": "[general]\nenabled = no\n",
    "manager.conf": "[general]\nenabled = no\n",
}
