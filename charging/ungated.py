"""Calls that never passed the gate: how the session of one begins that was found on a trunk, by its leg alone.

Nothing was held before it rang. From where it is found it is one of three:

========= ==================================================== ==============================================
what      its session                                          its record
========= ==================================================== ==============================================
followed  an ordinary one of a call that costs nothing         charged nothing; its price is ``unfunded``
barred    its leg is hung up until it is gone                  charged nothing; its price is ``unfunded``
metered   an ordinary paid one, held from the answer on, what  charged as any other; what was talked beyond
          it has talked already among it                       the holds is ``unfunded``
========= ==================================================== ==============================================

Its caller's channel is none of ours to watch: the session takes it for gone, so that the leg's end is the call's.
"""

from dataclasses import replace
from datetime import datetime

from charging.call import Call, Leg
from charging.commands import OpenSession
from charging.policy import MeteringPolicy
from charging.session import begin, observe
from charging.state import Phase, Session
from rating.decision import Denial


def unpaid(call: Call) -> Call:
    """Return the call as one that costs nothing, which keeps its price for what goes unfunded."""
    price = call.rate or call.unfunded_rate
    return replace(call, rate=None, later_rates=(), allowance=None, unfunded_rate=price)


def follow(call: Call, leg: Leg, at: datetime) -> Session:
    """Return the session of a call that is only written down; money may pay for none of it."""
    return _with_leg(observe(unpaid(call), at), leg, at)


def bar(call: Call, leg: Leg, at: datetime, denial: Denial) -> Session:
    """Return the session of a call whose leg is to be hung up, and why."""
    return replace(follow(call, leg, at), barred=denial)


def recall(call: Call, at: datetime, denial: Denial | None) -> Session:
    """Return the session of a call that nobody followed to its end: its leg is to be told of yet.

    Args:
        denial: Why its leg was hung up, None where it was not.
    """
    return replace(observe(unpaid(call), at), caller_gone_at=at, barred=denial)


def meter(call: Call, leg: Leg, at: datetime, policy: MeteringPolicy, *, talked_s: int) -> tuple[Session, OpenSession]:
    """Return the session of a call that money or an allowance pays for, and the hold that it needs to go on.

    Args:
        talked_s: Whole seconds that it has talked before it was found, to be held with the first slice.
    """
    session, (command,) = begin(call, replace(policy, first_slice_s=policy.first_slice_s + talked_s))
    assert isinstance(command, OpenSession)
    return _with_leg(replace(session, phase=Phase.DIALLING, dialling_since=at), leg, at), command


def held(session: Session, *, held_micros: int, paid_s: int, allowance_s: int) -> Session:
    """Return the session once the store has granted its first slice."""
    return replace(session, held_micros=held_micros, paid_s=paid_s, allowance_s=allowance_s, slice_s=paid_s)


def _with_leg(session: Session, leg: Leg, at: datetime) -> Session:
    return replace(session, legs=(leg,), last_trunk=leg.trunk, caller_gone_at=at)
