"""Makes sure that a PBX's trunk is the simulated network, before anything dials by itself.

A demonstration calls an emergency number and a premium one. So everything must agree: the settings, the PBX's own
configuration as it is loaded now, its dialplan, and a token that only the simulated network carries.
"""

import re
from pathlib import Path

from ari_app.ami import AmiAdapter
from ari_app.complaints import Complaints
from ari_app.errors import AsteriskError as LineError
from ari_app.metrics import Metrics
from dialplan.trunks import Trunk
from store.location import SqliteLocation, locate
from tollgate.office.asterisk import find_asterisk
from tollgate.office.errors import OfficeError
from tollgate.office.instance import AsteriskError, AsteriskInstance
from tollgate.office.pbx import TRUNK
from tollgate.office.ports import LOOPBACK
from tollgate.office.simnet import read_token
from tollgate.office.state import OfficeState
from tollgate.settings import Settings

_DIALS = re.compile(r"Dial\(([^)]*)")
_CONTEXTS = ("tg-metered", "tg-free", "tg-emergency", "tg-away-dial")


class NotSimulatedError(OfficeError):
    """The trunk is, or may be, a real one."""


async def simulated_network(settings: Settings) -> AsteriskInstance:
    """Return the simulated network that these settings' PBX, and it alone, dials into.

    Raises:
        NotSimulatedError: anything does not agree; the message says what.
    """
    location = locate(settings.database_url)
    state = OfficeState.read(location.path.parent) if isinstance(location, SqliteLocation) else None
    if not isinstance(location, SqliteLocation) or state is None:
        raise NotSimulatedError("these settings are not the demonstration office's: start it with `make run`")
    folder = location.path.parent
    _check_settings(settings, state)
    simnet = _find_simnet(folder)
    try:
        token = read_token(simnet)
    except AsteriskError as error:
        raise NotSimulatedError("the simulated network does not run: start it with `make run`") from error
    if token != state.token:
        raise NotSimulatedError("what runs in the place of the simulated network is something else")
    await _check_pbx(settings, f"sip:{LOOPBACK}:{state.ports.simnet_trunk}")
    return simnet


def _find_simnet(folder: Path) -> AsteriskInstance:
    binary = find_asterisk()
    if binary is None:
        raise NotSimulatedError("no suitable Asterisk is installed: start the office with `make run`")
    return AsteriskInstance(binary, folder / "simnet", {}, name="simnet")


def _check_settings(settings: Settings, state: OfficeState) -> None:
    asterisk = settings.asterisk
    expected = (f"http://{LOOPBACK}:{state.ports.http}", LOOPBACK, state.ports.ami)
    if settings.trunk_list() != (Trunk(endpoint=TRUNK),):
        raise NotSimulatedError(f"the settings name other trunks than {TRUNK}: a real one is never dialled by itself")
    if (asterisk.ari_url, asterisk.ami_host, asterisk.ami_port) != expected:
        raise NotSimulatedError("the settings name another Asterisk than the demonstration office's")


async def _check_pbx(settings: Settings, contact: str) -> None:
    """Ask the running PBX where its trunk leads and what its dialplan dials."""
    ami = AmiAdapter(settings.ami_access(), Complaints(Metrics().ami_messages))
    try:
        await ami.connect()
        aor = await ami.command(f"pjsip show aor {TRUNK}")
        dialplan = [await ami.command(f"dialplan show {context}") for context in _CONTEXTS]
    except LineError as error:
        raise NotSimulatedError(f"the PBX cannot be asked where its trunk leads: {error}") from error
    finally:
        ami.close()
    contacts = re.findall(r"^\s*contact\s*:\s*(\S+)", aor, re.MULTILINE)
    if contacts != [contact]:
        raise NotSimulatedError(
            f"the PBX's trunk {TRUNK} leads to {', '.join(contacts) or 'nowhere'}, not to {contact}"
        )
    dials = [target for text in dialplan for target in _DIALS.findall(text)]
    if not dials or any(not _only_to_trunk(target) for target in dials):
        raise NotSimulatedError(f"the PBX's dialplan dials more than the trunk {TRUNK}")


def _only_to_trunk(arguments: str) -> bool:
    target = arguments.partition(",")[0]
    return "&" not in target and target.startswith("PJSIP/") and target.endswith(f"@{TRUNK}")
