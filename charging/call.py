"""The facts of a call that do not change while it lasts, and the trunk legs that come and go."""

from dataclasses import dataclass
from datetime import datetime

from charging.policy import MeteringPolicy
from rating.deck import Rate
from rating.destination import DestinationClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who calls whom at what price, as decided at the gate."""

    call_id: str
    node: str
    account_id: int | None
    extension: str
    endpoint: str
    caller_channel: str
    dialled: str
    number: str
    """Exactly what is dialled, exactly what was rated."""
    e164: str | None
    destination_class: DestinationClass | None
    deck: str | None
    rate: Rate | None
    """None where the call costs nothing; a call with a rate is metered."""
    funded_by: tuple[str, ...]
    started_at: datetime
    longest_call_s: int | None = None
    """The plan's limit on any one call."""
    trunks: int = 1
    """How many trunks the dialplan may try, one after the other."""

    def rings_without_store(self, policy: MeteringPolicy) -> bool:
        """Whether the call goes through while the store is away: an emergency always, paid calls never."""
        if self.destination_class is DestinationClass.EMERGENCY:
            return True
        return self.rate is None and policy.free_without_store


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """A trunk leg that lives. ``number`` counts answers from 1 and is 0 until then."""

    channel_id: str
    trunk: str
    answered_at: datetime | None = None
    number: int = 0
    surplus: bool = False
    """It answered while another leg of the call was talking: nothing is held for it, it is hung up."""
    exempt: bool = False
    """It became the caller of an emergency call: it is not cut, and no more is held for it."""
    far_end_hung_up: bool = False
    armed_cut_at: datetime | None = None
    """The cut-off that Asterisk is known to hold, read back."""
    checking_since: datetime | None = None
    """When the deadline was first looked at."""
    arming: bool = False
    """The deadline is being checked or armed; the outcome is awaited until ``arm_retry_at``."""
    arm_retry_at: datetime | None = None
    """Earliest moment to check or arm the deadline."""
    hang_up_retry_at: datetime | None = None
    """Earliest moment to hang it up again."""
