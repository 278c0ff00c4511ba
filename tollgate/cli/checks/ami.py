"""Checks over AMI: what our user may do there, and what only Asterisk's own command line tells."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ari_app.ami import AmiAdapter
from ari_app.errors import AmiRefusedError
from dialplan.contract import APPLICATION, LEG_RECORDS_FAMILY, TRUNK_VARIABLE
from tollgate.cli.checks.check import Check, fail, ok, warn
from tollgate.cli.counted import counted

_NOT_THERE = "tollgate-doctor-looks-for-what-is-not-there"
_TIMEOUTS = ("rtp_timeout", "rtp_timeout_hold")
_TIMERS = "timers"
_NO_ENDPOINT = "Unable to find object"
_ENDS_DEAD_CALLS = (
    "rtp_timeout = 60, rtp_timeout_hold = 3600 and timers = yes in pjsip.conf; that ends emergency calls of silent "
    "phones too, unless they send comfort noise or RTCP, or suppress no silence (docs/operations.md)"
)
_MOST_NAMED = 5
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
    """A PJSIP endpoint's parameters, as Asterisk has them; none where what it says of them cannot be read."""

    name: str
    parameters: Mapping[str, str]
    is_there: bool = True
    """Whether Asterisk has such an endpoint."""


async def read_endpoint(ami: AmiAdapter, name: str) -> Endpoint:
    """Read an endpoint.

    Raises:
        AmiUnavailableError: AMI does not answer.
    """
    try:
        shown = await ami.command(f"pjsip show endpoint {name}")
    except AmiRefusedError:
        return Endpoint(name, {})
    return Endpoint(name, dict(_PARAMETER.findall(shown)), is_there=_NO_ENDPOINT not in shown)


def check_dead_calls(endpoint: Endpoint) -> Check:
    """Check that a call on the trunk ends when its far side is gone without a word."""
    name = f"dead calls {endpoint.name}"
    if _unread(endpoint):
        return _warn_unread(name, endpoint)
    lacking = _lacking(endpoint)
    if lacking:
        detail = f"without {' and '.join(lacking)} a call whose far end is gone lasts as long as its funds"
        return warn(name, detail, _ENDS_DEAD_CALLS)
    shown = ", ".join(f"{word} {endpoint.parameters[word]}" for word in (*_TIMEOUTS, _TIMERS))
    return ok(name, shown)


async def check_unseen_legs(ami: AmiAdapter, trunk: str) -> Check:
    """Check that a leg which goes by the gate while no service is there leaves word of itself.

    Raises:
        AmiUnavailableError: AMI does not answer.
    """
    name = f"unseen legs {trunk}"
    try:
        variables = await ami.endpoint_variables(trunk)
    except AmiRefusedError as error:
        return warn(name, f"the endpoint cannot be looked at: {error}", "correct [[trunks]] or manager.conf")
    if TRUNK_VARIABLE in variables:
        return ok(name, "one around the gate leaves word of its end")
    detail = "one that begins and ends around the gate while the service is away has no record"
    return warn(name, detail, f"set_var = {TRUNK_VARIABLE} in pjsip.conf, and tollgate.conf as it is written now")


def check_dead_phones(endpoints: Sequence[Endpoint]) -> Check | None:
    """Check that a call ends when its phone is gone without a word; None where Asterisk tells of no phone.

    The trunk does not notice: its own far end still sends.
    """
    known = [endpoint for endpoint in endpoints if endpoint.is_there]
    if not known:
        return None
    if unread := [endpoint for endpoint in known if _unread(endpoint)]:
        return _warn_unread("dead phones", unread[0])
    lacking = [endpoint.name for endpoint in known if _lacking(endpoint)]
    if not lacking:
        return ok("dead phones", f"{counted(len(known), 'phone')} with rtp_timeout, rtp_timeout_hold and timers")
    shown = ", ".join(lacking[:_MOST_NAMED]) + (
        f" and {len(lacking) - _MOST_NAMED} more" if len(lacking) > _MOST_NAMED else ""
    )
    return warn(
        "dead phones",
        f"a call of {shown} may last as long as its funds when the phone is gone without a word",
        _ENDS_DEAD_CALLS,
    )


def _lacking(endpoint: Endpoint) -> list[str]:
    """Return which of the parameters are off that end a dead call."""
    off = [word for word in _TIMEOUTS if endpoint.parameters[word] == "0"]
    return [*off, _TIMERS] if endpoint.parameters[_TIMERS] == "no" else off


def _unread(endpoint: Endpoint) -> list[str]:
    """Return which of them are not in what Asterisk says of the endpoint."""
    return [word for word in (*_TIMEOUTS, _TIMERS) if word not in endpoint.parameters]


def _warn_unread(name: str, endpoint: Endpoint) -> Check:
    detail = f"{', '.join(_unread(endpoint))} of {endpoint.name} could not be read, so a dead call may not end"
    command = f'asterisk -rx "pjsip show endpoint {endpoint.name}"'
    return warn(name, detail, f"{command} shows them: {_ENDS_DEAD_CALLS}")
