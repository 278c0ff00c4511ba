"""What becomes of a leg that never passed the gate: pure, from what is known of it and the setting.

Whatever the setting says, an emergency call goes on, and so does a leg of which the number cannot be told, because it
may be one: only legs that were originated from outside of the dialplan while the service was away are such.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ari_app.clock import epoch_ms
from ari_app.gate import GateSettings, call_of
from charging.call import Call
from dialplan.contract import endpoint_of, ungated_call_id
from dialplan.trunks import Trunk, dialled_number, may_be_emergency, rated_number
from rating.decision import Decision, Denial, DenyReason
from rating.destination import DestinationClass
from store.payers import Catalog, Payer, decide_for


class UngatedAction(StrEnum):
    """The setting ``ungated_legs``."""

    HANG_UP = "hang_up"
    METER = "meter"
    """Paid by the extension behind the leg, as if it had passed the gate; hung up where that cannot be."""
    ALERT = "alert"
    """Told and written down, and nothing else."""


class Fate(StrEnum):
    """What is done with a leg."""

    HUNG_UP = "hung_up"
    METERED = "metered"
    FOLLOWED = "followed"
    """It goes on; it is written down if it is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLeg:
    """What is known of a leg."""

    channel_id: str
    trunk: str
    seen_at: datetime
    target: str
    """Its dial string; '' where that is not known."""
    is_queue_member: bool
    """A queue's members are settings: their number may be unknown, and is no emergency."""
    rings_emergency: bool
    """A transfer has made it the caller of an emergency call."""
    caller_channel: str
    """The channel behind it, '' where none is."""
    deciding_name: str
    """The name of the channel whose extension pays, '' where there is none."""


@dataclass(frozen=True, slots=True)
class UngatedVerdict:
    """What becomes of a leg; ``denial`` says why it is hung up."""

    fate: Fate
    call: Call
    why: str
    denial: Denial | None = None


def judge_leg(
    leg: KnownLeg, setting: UngatedAction, catalog: Catalog, gate: GateSettings, trunk: Trunk
) -> UngatedVerdict:
    """Decide on a leg that never passed the gate, but for the funds."""
    rules = catalog.rules
    digits = dialled_number(leg.target, leg.trunk)
    payer = catalog.payer_at(endpoint_of(leg.deciding_name))
    decision = _decide(digits or "", trunk, payer, catalog, gate, leg.seen_at)
    call = _call(leg, digits or leg.target, decision, payer, gate)
    if digits and may_be_emergency(digits, rules.emergencies, rules.home_region, rules.outside_line):
        emergency = replace(call, destination_class=DestinationClass.EMERGENCY, rate=None, unfunded_rate=None)
        return UngatedVerdict(Fate.FOLLOWED, emergency, "an emergency call always goes through")
    if leg.rings_emergency:
        return UngatedVerdict(Fate.FOLLOWED, call, "it is the caller of an emergency call")
    if not digits and not leg.is_queue_member:
        return UngatedVerdict(Fate.FOLLOWED, call, "its number is not known: it may be an emergency call")
    match setting:
        case UngatedAction.ALERT:
            return UngatedVerdict(Fate.FOLLOWED, call, "ungated_legs is alert")
        case UngatedAction.HANG_UP:
            return barred(call, Denial(DenyReason.BARRED, "the leg never passed the gate, ungated_legs is hang_up"))
        case UngatedAction.METER:
            return _metered(call, payer, decision, leg)


def barred(call: Call, denial: Denial) -> UngatedVerdict:
    """Return the verdict on a leg that is hung up."""
    return UngatedVerdict(Fate.HUNG_UP, call, denial.rule, denial)


def masked(digits: str) -> str:
    """Return digits as logs and alerts have them: the record has the whole number."""
    return f"{digits[:6]}…" if len(digits) > 6 else digits


def _metered(call: Call, payer: Payer | None, decision: Decision, leg: KnownLeg) -> UngatedVerdict:
    if payer is None:
        behind = f"channel {leg.deciding_name}" if leg.deciding_name else "nobody"
        rule = f"{behind} is behind a leg that never passed the gate, which is no extension, so nobody can be charged"
        return barred(call, Denial(DenyReason.UNKNOWN_EXTENSION, rule))
    if decision.deny_reason is not None:
        return barred(call, Denial(decision.deny_reason, decision.deny_rule or decision.deny_reason))
    if call.metered:
        return UngatedVerdict(Fate.METERED, call, "ungated_legs is meter")
    if decision.destination_class is DestinationClass.INCLUDED:
        return UngatedVerdict(Fate.FOLLOWED, call, f"the plan of extension {payer.extension} includes it")
    rule = f"{decision.destination_class} numbers are not dialled on a trunk"
    return barred(call, Denial(DenyReason.INVALID_NUMBER, rule))


def _decide(
    digits: str, trunk: Trunk, payer: Payer | None, catalog: Catalog, gate: GateSettings, at: datetime
) -> Decision:
    rules = catalog.rules
    number = rated_number(digits, trunk.dial_format, rules.home_region)
    # What begins with a plus needs no outside line; to a trunk nobody dials one.
    dialled = number if number.startswith("+") else rules.outside_line + number
    return decide_for(payer, dialled, catalog, epoch_ms(at), gate.ring_limit_ms)


def _call(leg: KnownLeg, dialled: str, decision: Decision, payer: Payer | None, gate: GateSettings) -> Call:
    call = call_of(
        decision,
        payer,
        gate,
        call_id=ungated_call_id(gate.node, leg.channel_id),
        endpoint=endpoint_of(leg.deciding_name),
        caller_channel=leg.caller_channel,
        started_at=leg.seen_at,
    )
    priced = call.unfunded_rate or decision.rate
    return replace(call, dialled=dialled, unfunded_rate=priced, withhold_caller_id=None, trunks=1, ungated=True)
