"""A channel's variables in the simulated Asterisk, as Dial, the dialplan and who set them leave them."""

from dialplan.contract import ANSWERED_VARIABLE, LEG_VARIABLE
from tollgate.simulator.beside import InboundCall, UngatedCall
from tollgate.simulator.channels import Channel

DNID = "33140506070"
"""What a call that comes in has dialled."""


def write_variable(channel: Channel, name: str, value: str) -> None:
    """Do what Setvar does, but for the deadline."""
    match name:
        case _ if name == LEG_VARIABLE:
            channel.leg_variable = value
        case _ if name == ANSWERED_VARIABLE:
            channel.answered_variable = value
        case "CHANNEL(hangup_handler_push)":
            channel.has_handler = True
        case _:
            channel.variables[name] = value


def read_variable(channel: Channel, name: str, now_s: float) -> str:
    """Return a variable, "" where it is not set; ``now_s`` is the loop's time."""
    match name:
        case "TIMEOUT(absolute)":
            return f"{0.0 if channel.deadline_s is None else max(0.0, channel.deadline_s - now_s):.3f}"
        case "CALLERID(dnid)":
            return DNID if isinstance(channel.call, InboundCall) else ""
        case "DIALEDPEERNUMBER":
            return _dialled(channel)
        case "CHANNEL(linkedid)":
            caller = None if channel.call is None or isinstance(channel.call, InboundCall) else channel.call.caller
            return (caller or channel).channel_id
        case _:
            return channel.leg_variable if name == LEG_VARIABLE else channel.variables.get(name, "")


def _dialled(channel: Channel) -> str:
    call = channel.call
    if channel.application != "AppDial" or call is None or isinstance(call, InboundCall):
        return ""
    return call.target if isinstance(call, UngatedCall) else f"{call.script.dialled}@{channel.trunk}"
