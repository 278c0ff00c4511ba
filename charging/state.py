"""The charging session as a value: everything that is known of one call while it lasts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from charging.call import Call, Leg
from charging.cdr import Cdr
from charging.values import replace
from rating.decision import Denial

ENDED_LEGS_REMEMBERED = 16


class Phase(StrEnum):
    """Where a call is in its life; see the table in :mod:`charging.session`."""

    OPENING = "opening"
    ADMITTING = "admitting"
    DIALLING = "dialling"
    TALKING = "talking"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What two clocks showed at once: the call's own time of day, and one that nobody sets."""

    at: datetime
    steady_s: float
    boot: str
    """Which start of the machine the steady clock counts from."""


@dataclass(frozen=True, kw_only=True)  # without slots: charging.values
class Session:
    """The charging session of one call. Money in micro-units, ``paid_s`` seconds from the answer."""

    call: Call
    phase: Phase
    held_micros: int = 0
    paid_s: int = 0
    """Seconds that may be talked, from the answer on."""
    allowance_s: int = 0
    """The first of them, which an allowance pays for; the hold is for the rest."""
    slice_no: int = 1
    slice_s: int = 0
    """Seconds of the newest slice."""
    legs: tuple[Leg, ...] = ()
    """The trunk legs that live."""
    ended_legs: tuple[str, ...] = ()
    """Channels of legs that ended, newest last: what is still said of them is late or said twice."""
    answered_legs: int = 0
    """How many legs have been answered so far."""
    dialling_since: datetime | None = None
    caller_gone_at: datetime | None = None
    caller_hung_up: bool = False
    last_leg_ended_at: datetime | None = None
    last_cause: int | None = None
    last_trunk: str | None = None
    end_of_dial_at: datetime | None = None
    """No further leg is expected; the call closes then unless one shows up."""
    denied: Denial | None = None
    """Why the newest slice was not renewed."""
    barred: Denial | None = None
    """Why the call may not go on at all, as is found of one that never passed the gate: its legs are hung up."""
    retry_at: datetime | None = None
    """Earliest moment to ask for the next slice again, after a refusal or while no answer has come."""
    closing_leg: int = 0
    """Number of the leg whose record closes the call."""
    unsettled: tuple[Cdr, ...] = ()
    """Records that are on their way to the store."""
    saved_by: ClockReading | None = None
    """By which time of day its moments are, as it was saved; the machine's clock may be set before a successor goes on.
    """

    @property
    def caller_gone(self) -> bool:
        """Whether the caller's channel is gone: hung up, or its far end transferred away."""
        return self.caller_gone_at is not None

    @property
    def talking_leg(self) -> Leg | None:
        """The answered leg whose seconds the holds pay for."""
        for leg in self.legs:  # asked for so often that a generator is felt
            if leg.number and not leg.surplus:
                return leg
        return None

    @property
    def limited_legs(self) -> list[Leg]:
        """The answered legs with a deadline in Asterisk: the one that pays, or all of a call that costs nothing."""
        return [leg for leg in self.legs if leg.number and not leg.surplus]

    @property
    def closing_record(self) -> Cdr | None:
        """The record on its way to the store that closes the call."""
        if self.phase is not Phase.CLOSING:
            return None
        return next((cdr for cdr in self.unsettled if cdr.leg == self.closing_leg), None)

    def leg(self, channel_id: str) -> Leg | None:
        """Return the live leg on this channel."""
        for leg in self.legs:
            if leg.channel_id == channel_id:
                return leg
        return None

    def with_leg(self, leg: Leg) -> "Session":
        """Return the session with a live leg as it is now."""
        return replace(self, legs=tuple(leg if other.channel_id == leg.channel_id else other for other in self.legs))

    def without_leg(self, channel_id: str) -> "Session":
        """Return the session after a leg's end."""
        return replace(
            self,
            legs=tuple(leg for leg in self.legs if leg.channel_id != channel_id),
            ended_legs=(*self.ended_legs, channel_id)[-ENDED_LEGS_REMEMBERED:],
        )

    def without_record(self, number: int) -> "Session":
        """Return the session once the store has the record of leg ``number``."""
        if not self.unsettled:
            return self
        return replace(self, unsettled=tuple(cdr for cdr in self.unsettled if cdr.leg != number))


def paid_end_at(session: Session) -> datetime | None:
    """Return the moment up to which the talking leg is paid; None where nothing is metered."""
    leg = session.talking_leg
    if leg is None or leg.answered_at is None or not session.call.metered:
        return None
    return leg.answered_at + timedelta(seconds=session.paid_s)
