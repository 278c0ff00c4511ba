"""Checks over AMI: what our user may do there, and what only Asterisk's own command line tells."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ari_app.ami import AmiAdapter
from ari_app.errors import AmiRefusedError
from dialplan.contract import APPLICATION, LEG_RECORDS_FAMILY
from tollgate.cli.checks.check import Check, fail, ok, warn

_NOT_THERE = "tollgate-doctor-looks-for-what-is-not-there"
_PARAMETER = re.compile(r"(?m)^ (\w+) +: (.*?)\s*$")


async def check_setvar(ami: AmiAdapter) -> Check:
    """Check that our user may set the deadline of a leg, on a channel that is not there.

    Raises:
        AmiUnavailableError: AMI does not answer.
    """
    try:
        await ami.set_deadline(_NOT_THERE, 1.0)
        await ami.read_deadline(_NOT_THERE)
    except AmiRefusedError as error:
        if "no such channel" not in str(error).lower():
            return fail("AMI call", f"{error}: no paid call can go on", "write = call,system in manager.conf")
    return ok("AMI call", "deadlines may be set")


async def check_database(ami: AmiAdapter) -> Check:
    """Check that our user may read and remove what hang-up handlers left in AstDB, on a key that is not there.

    Raises:
        AmiUnavailableError: AMI does not answer.
    """
    try:
        await ami.delete_tree(LEG_RECORDS_FAMILY, _NOT_THERE)
    except AmiRefusedError as error:
        detail = f"{error}: calls that end while the service is away lose their true end"
        return fail("AMI system", detail, "write = call,system in manager.conf")
    return ok("AMI system", "hang-up records may be read")


async def check_listening(ami: AmiAdapter) -> Check | None:
    """Check that a client listens to the application now; None where this Asterisk does not tell.

    An application stays registered for a while after its client has gone.

    Raises:
        AmiUnavailableError: AMI does not answer.
    """
    try:
        sessions = await ami.command("ari show websocket sessions")
    except AmiRefusedError:
        return None
    listening = any(APPLICATION in line.split()[-1].split(",") for line in sessions.splitlines() if line.split())
    if listening:
        return ok("service connection", "it listens")
    return fail("service connection", "nobody listens to the application", "tollgate serve")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A PJSIP endpoint's parameters, as Asterisk has them; none where there is no such endpoint."""

    name: str
    parameters: Mapping[str, str]


async def read_endpoint(ami: AmiAdapter, name: str) -> Endpoint:
    """Read an endpoint.

    Raises:
        AmiUnavailableError: AMI does not answer.
    """
    try:
        return Endpoint(name, dict(_PARAMETER.findall(await ami.command(f"pjsip show endpoint {name}"))))
    except AmiRefusedError:
        return Endpoint(name, {})


def check_dead_calls(endpoint: Endpoint) -> Check:
    """Check that a call on the trunk ends when its far side is gone without a word."""
    name = f"dead calls {endpoint.name}"
    rtp_timeout, timers = endpoint.parameters.get("rtp_timeout", "0"), endpoint.parameters.get("timers", "no")
    lacking = [word for word, is_off in (("rtp_timeout", rtp_timeout == "0"), ("timers", timers == "no")) if is_off]
    if lacking:
        detail = f"without {' and '.join(lacking)} a call whose far end is gone lasts as long as its funds"
        return warn(name, detail, "rtp_timeout = 60 and timers = yes in pjsip.conf")
    return ok(name, f"rtp_timeout {rtp_timeout} s, timers {timers}")
