"""Finished records: what is written down when a call is refused, ends unanswered, or ends after talking."""

from datetime import datetime, timedelta
from typing import NamedTuple

from charging import events as ev
from charging.call import Call, Leg
from charging.cdr import Cdr, Disposition, EndSource, HangupSide
from rating.decision import FUNDED_BY_ACCOUNT, FUNDED_BY_ALLOWANCE, Denial, DenyReason
from rating.price import billable_s, charge_micros

CUT_TOLERANCE = timedelta(milliseconds=100)
"""Asterisk's deadline fires a few milliseconds around the moment it was set for."""

SAME_END = timedelta(seconds=1)
"""Channels that are hung up together are gone within this time of each other."""

CALL_REJECTED = 21
_REFUSAL_CAUSES = {
    DenyReason.INVALID_NUMBER: 1,
    DenyReason.STORE_DOWN: 34,
    DenyReason.OVERLOAD: 34,
    DenyReason.GATE_LATE: 34,
    DenyReason.GATE_HUNG: 34,
}

SILENT = 44
"""Cause of an answered leg whose media Asterisk missed for too long (``rtp_timeout`` of its endpoint)."""

_BUSY = frozenset({17})
_CONGESTION = frozenset({34, 38, 41, 42, 44, 47})
_NO_ANSWER = frozenset({0, 16, 18, 19, 127})
"""ITU-T Q.850 causes; 0 and 127 are what Asterisk reports for an attempt that its own side gave up."""


def disposition_of(cause: int | None, *, caller_gone: bool) -> Disposition:
    """Return how an unanswered call ended, from the last leg's Q.850 cause."""
    if cause in _BUSY:
        return Disposition.BUSY
    if cause in _CONGESTION:
        return Disposition.CONGESTION
    if cause in _NO_ANSWER or (cause is None and caller_gone):
        return Disposition.NO_ANSWER
    return Disposition.FAILED


def refusal_cause(reason: DenyReason) -> int:
    """Return the Q.850 cause a refused caller gets: 1 becomes SIP 404, 34 becomes 503, 21 becomes 403."""
    return _REFUSAL_CAUSES.get(reason, CALL_REJECTED)


def refused_record(call: Call, at: datetime, reason: DenyReason, rule: str) -> Cdr:
    """Return the record of a call that was not let through."""
    return _record(
        call,
        ended_at=at,
        disposition=Disposition.REFUSED,
        hangup_side=HangupSide.TOLLGATE,
        hangup_cause=refusal_cause(reason),
        deny_reason=reason,
        deny_rule=rule,
        funded_by=(),
    )


def unanswered_record(
    call: Call,
    at: datetime,
    *,
    cause: int | None,
    trunk: str | None,
    caller_gone: bool,
    barred: Denial | None = None,
) -> Cdr:
    """Return the record of a call that rang, or tried to, and was never answered; ``barred``: why we ended it."""
    side = HangupSide.CALLER if caller_gone and cause in {None, *_NO_ANSWER} else HangupSide.CALLEE
    return _record(
        call,
        ended_at=at,
        disposition=disposition_of(cause, caller_gone=caller_gone),
        deny_rule=None if barred is None else barred.rule,
        hangup_cause=cause,
        hangup_side=side if barred is None else HangupSide.TOLLGATE,
        trunk=trunk,
    )


def answered_record(
    call: Call,
    leg: Leg,
    end: ev.LegEnded,
    *,
    held_micros: int,
    paid_s: int,
    allowance_s: int,
    caller_hung_up: bool,
    caller_gone_at: datetime | None,
    cut: datetime | None,
    cut_rule: str | None = None,
) -> Cdr:
    """Return the record of an answered leg: its seconds priced, never above what was held for them.

    Where it ended at ``cut``, when we end it, ``cut_rule`` says why and goes into the record. A reason is what refused
    calls have, and this one was made.
    """
    assert leg.answered_at is not None
    side = _side(leg, end, caller_hung_up=caller_hung_up, caller_gone_at=caller_gone_at, cut=cut)
    was_cut = side is HangupSide.TOLLGATE and cut is not None and end.at >= cut - CUT_TOLERANCE
    used = usage(call, leg.answered_at, end.at, allowance_s)
    charged_micros = min(used.price_micros, held_micros)
    return _answered(
        call,
        leg,
        end,
        billable_s=min(used.allowance_s + used.charged_s, paid_s) if call.metered else used.talked_s,
        allowance_s=used.allowance_s,
        funded_by=used.funded_by(paid_s - allowance_s) if call.metered else call.funded_by,
        charged_micros=charged_micros,
        unfunded_micros=used.price_micros - charged_micros,
        hangup_side=side,
        deny_rule=cut_rule if was_cut else None,
    )


def surplus_record(call: Call, leg: Leg, end: ev.LegEnded) -> Cdr:
    """Return the record of a second answered leg: nothing was held for it, so nothing is charged."""
    assert leg.answered_at is not None
    used = usage(call, leg.answered_at, end.at, allowance_s=0)
    return _answered(
        call,
        leg,
        end,
        billable_s=0 if call.metered else used.talked_s,
        charged_micros=0,
        unfunded_micros=used.price_micros,
        hangup_side=HangupSide.TOLLGATE,
    )


class Usage(NamedTuple):
    """What an answered leg used: ``allowance_s`` first, then ``charged_s`` billable seconds for their price."""

    talked_s: int
    allowance_s: int
    charged_s: int
    price_micros: int

    def funded_by(self, held_s: int) -> tuple[str, ...]:
        """Return who paid, in the order used; the account where ``held_s`` seconds of money were held."""
        allowance = (FUNDED_BY_ALLOWANCE,) if self.allowance_s else ()
        account = (FUNDED_BY_ACCOUNT,) if self.charged_s and held_s > 0 else ()
        return allowance + account


def usage(call: Call, answered_at: datetime, until: datetime, allowance_s: int) -> Usage:
    """Return what a leg has used until a moment: the allowance's seconds first, the rest at the call's price.

    A begun second counts whole, by the milliseconds that a record keeps: what is charged is what can be read there.
    An answered leg of a metered call uses one second at least.

    Args:
        allowance_s: how many seconds of the allowance the leg has, all of them before any money.
    """
    duration_ms = max(0, (_in_whole_ms(until) - _in_whole_ms(answered_at)) // timedelta(milliseconds=1))
    talked_s = -(-duration_ms // 1000)
    used_s = min(max(1, talked_s), allowance_s)
    beyond_ms = duration_ms - allowance_s * 1000
    rate = call.rate or call.unfunded_rate
    if rate is None or (allowance_s and beyond_ms <= 0):
        return Usage(talked_s, used_s, 0, 0)
    charged_s = billable_s(rate, beyond_ms)
    starts_at = call.local(answered_at + timedelta(seconds=allowance_s)) if rate.periods else None
    return Usage(talked_s, used_s, charged_s, charge_micros(rate, charged_s, starts_at))


def _in_whole_ms(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _side(
    leg: Leg, end: ev.LegEnded, *, caller_hung_up: bool, caller_gone_at: datetime | None, cut: datetime | None
) -> HangupSide | None:
    """Return who ended an answered leg; None where its end went by unseen and nothing tells."""
    if leg.far_end_hung_up or end.cause == SILENT:
        return HangupSide.CALLEE
    if caller_hung_up:
        return HangupSide.CALLER
    if cut is not None and end.at >= cut - CUT_TOLERANCE:
        return HangupSide.TOLLGATE
    if end.source is not EndSource.EVENT:
        return None
    if caller_gone_at is not None and end.at - caller_gone_at > SAME_END:
        return HangupSide.CALLER  # whom the caller had transferred the leg to
    return HangupSide.TOLLGATE  # from inside the PBX: an administrator's hang-up


def _answered(
    call: Call,
    leg: Leg,
    end: ev.LegEnded,
    *,
    billable_s: int,
    charged_micros: int,
    unfunded_micros: int,
    hangup_side: HangupSide | None,
    allowance_s: int = 0,
    funded_by: tuple[str, ...] | None = None,
    deny_rule: str | None = None,
) -> Cdr:
    return _record(
        call,
        leg=leg.number,
        answered_at=leg.answered_at,
        ended_at=end.at,
        billable_s=billable_s,
        allowance_s=allowance_s,
        funded_by=funded_by,
        charged_micros=charged_micros,
        unfunded_micros=unfunded_micros,
        disposition=Disposition.ANSWERED,
        deny_rule=deny_rule,
        hangup_side=hangup_side,
        hangup_cause=end.cause,
        trunk=leg.trunk or None,
        end_source=end.source,
    )


def _record(
    call: Call,
    *,
    ended_at: datetime,
    disposition: Disposition,
    leg: int = 0,
    answered_at: datetime | None = None,
    billable_s: int = 0,
    allowance_s: int = 0,
    charged_micros: int = 0,
    unfunded_micros: int = 0,
    funded_by: tuple[str, ...] | None = None,
    deny_reason: DenyReason | None = None,
    deny_rule: str | None = None,
    hangup_side: HangupSide | None = None,
    hangup_cause: int | None = None,
    trunk: str | None = None,
    end_source: EndSource = EndSource.EVENT,
) -> Cdr:
    return Cdr(
        call_id=call.call_id,
        leg=leg,
        node=call.node,
        account_id=call.account_id,
        extension=call.extension,
        endpoint=call.endpoint,
        dialled=call.dialled,
        e164=call.e164,
        destination_class=call.destination_class,
        deck=call.deck,
        rate=call.rate,
        started_at=call.started_at,
        answered_at=answered_at,
        ended_at=max(ended_at, answered_at or ended_at),
        billable_s=billable_s,
        allowance_s=allowance_s,
        charged_micros=charged_micros,
        unfunded_micros=unfunded_micros,
        funded_by=call.funded_by if funded_by is None else funded_by,
        disposition=disposition,
        deny_reason=deny_reason,
        deny_rule=deny_rule,
        hangup_side=hangup_side,
        hangup_cause=hangup_cause,
        trunk=trunk,
        end_source=end_source,
        ungated=call.ungated,
    )
