"""The gate: who pays, what is dialled, and whether the call may be made.

The payer is an authenticated extension. After a transfer or a forward it is the extension that transferred or
forwarded: Asterisk leaves that channel's name in BLINDTRANSFER, ATTENDEDTRANSFER and FORWARDERNAME, and outsiders
cannot set those. The first one that is set decides; where it is no extension of ours, the call is refused rather
than charged to somebody else. Never the caller ID: outsiders set it.
"""

from dataclasses import dataclass
from datetime import datetime

from ari_app.clock import epoch_ms
from ari_app.decode import CallerEntered
from charging.call import AllowanceShare, Call
from dialplan.contract import LegMark, MarkKind, caller_channel_of, endpoint_of, entry_of
from rating.decision import RING_LIMIT_MS, Decision, DenyReason
from rating.destination import DestinationClass
from store.payers import Catalog, Payer, decide_for

MOST_ENTRIES = 50
"""A channel that enters more often than any transferred party would is caught in a loop of the dialplan."""
MOST_ARGUMENTS = 20
"""The dialplan gives five; a later one of ours may give more."""
LONGEST_ARGUMENT = 500
"""Asterisk's own names and extensions end far below."""


@dataclass(frozen=True, slots=True)
class Admissible:
    """The call may be made, if the account can pay for it."""

    call: Call
    decision: Decision


@dataclass(frozen=True, slots=True)
class Refused:
    """The call may not be made."""

    call: Call
    reason: DenyReason
    rule: str


Verdict = Admissible | Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What the gate needs to know of the installation."""

    node: str
    trunk_endpoints: tuple[str, ...]
    """PJSIP endpoint names, in the order in which the dialplan tries them."""
    ring_limit_ms: int = RING_LIMIT_MS
    """How long a call may ring, on all trunks together."""


class MalformedEntryError(Exception):
    """The dialplan entered the application with arguments that are not ours."""


def judge(entered: CallerEntered, catalog: Catalog, settings: GateSettings) -> Verdict:
    """Decide on a caller who entered the application, but for the funds.

    Raises:
        MalformedEntryError: the arguments are not those of our dialplan.
    """
    if not 2 <= len(entered.args) <= MOST_ARGUMENTS:
        raise MalformedEntryError(f"Stasis() came with {len(entered.args)} arguments: write the dialplan again")
    if max(map(len, entered.args)) > LONGEST_ARGUMENT:
        raise MalformedEntryError(f"Stasis() came with more than {LONGEST_ARGUMENT} characters in an argument")
    call_id, dialled, *names = entered.args
    if caller_channel_of(call_id) != entered.channel.channel_id or not entry_of(call_id):
        raise MalformedEntryError(f"channel {entered.channel.name} came with the call id of another channel")
    if entry_of(call_id) > MOST_ENTRIES:
        raise MalformedEntryError(f"channel {entered.channel.name} goes round in circles: look at its contexts")
    deciding_name = next((name for name in names if name), entered.channel.name)
    endpoint = endpoint_of(deciding_name)
    payer = catalog.payer_at(endpoint)
    decision = decide_for(payer, dialled, catalog, epoch_ms(entered.at), settings.ring_limit_ms)
    call = call_of(
        decision,
        payer,
        settings,
        call_id=call_id,
        endpoint=endpoint,
        caller_channel=entered.channel.channel_id,
        started_at=entered.at,
    )
    if decision.destination_class is DestinationClass.EMERGENCY:
        return Admissible(call, decision)
    if payer is None:
        return Refused(call, DenyReason.UNKNOWN_EXTENSION, _unknown(deciding_name, endpoint))
    if decision.deny_reason is not None:
        return Refused(call, decision.deny_reason, decision.deny_rule or "")
    return Admissible(call, decision)


def observed_call(mark: LegMark, at: datetime, catalog: Catalog, settings: GateSettings) -> Call:
    """Return the call of a leg that the dialplan let through by itself: an emergency, or we were away.

    An included one has the longest call that the gate would have given it.
    """
    endpoint = endpoint_of(mark.caller_name)
    payer = catalog.payer_at(endpoint)
    emergency = mark.kind is MarkKind.EMERGENCY
    return Call(
        call_id=mark.call_id,
        node=settings.node,
        account_id=None if payer is None else payer.account.id,
        extension="" if payer is None else payer.extension,
        endpoint=endpoint,
        caller_channel=caller_channel_of(mark.call_id),
        dialled=mark.dialled,
        number=mark.dialled,
        e164=None,
        destination_class=DestinationClass.EMERGENCY if emergency else DestinationClass.INCLUDED,
        deck=None,
        rate=None,
        funded_by=() if emergency else ("plan",),
        started_at=at,
        longest_call_s=None if emergency else catalog.longest_call_s_of(payer),
        trunks=len(settings.trunk_endpoints),
        observed=True,
    )


def call_of(
    decision: Decision,
    payer: Payer | None,
    settings: GateSettings,
    *,
    call_id: str,
    endpoint: str,
    caller_channel: str,
    started_at: datetime,
) -> Call:
    """Return the call that was decided on, at the prices that were found for it."""
    paid = "account" in decision.funded_by
    return Call(
        call_id=call_id,
        node=settings.node,
        account_id=None if payer is None else payer.account.id,
        extension="" if payer is None else payer.extension,
        endpoint=endpoint,
        caller_channel=caller_channel,
        dialled=decision.dialled,
        number=decision.number or "",
        e164=decision.e164,
        destination_class=decision.destination_class,
        deck=None if decision.rate is None or payer is None or payer.deck is None else payer.deck.name,
        rate=decision.rate if paid else None,
        later_rates=decision.later_rates if paid else (),
        allowance=None if payer is None else _share(payer, decision),
        after_allowance=decision.after_allowance,
        unfunded_rate=decision.unfunded_rate,
        funded_by=decision.funded_by,
        started_at=started_at,
        timezone="UTC" if payer is None else payer.account.timezone,
        month_day=1 if payer is None else payer.account.month_day,
        longest_call_s=decision.longest_call_s,
        withhold_caller_id=decision.withhold_caller_id,
        trunks=max(1, len(settings.trunk_endpoints)),
    )


def _share(payer: Payer, decision: Decision) -> AllowanceShare | None:
    """Return the pool that pays first."""
    allowance = decision.allowance
    if allowance is None or payer.plan is None:
        return None
    return AllowanceShare(
        plan=payer.plan.name,
        name=allowance.name,
        extension=allowance.owner(payer.extension),
        limit_s=allowance.limit_s(payer.seats),
    )


def _unknown(name: str, endpoint: str) -> str:
    if not endpoint:
        return f"channel {name} belongs to no endpoint, so nobody can be charged"
    return f"endpoint {endpoint} belongs to no extension: tollgate extension add NUMBER --endpoint {endpoint}"
