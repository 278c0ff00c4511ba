"""The numbers that govern metering, all of them settings."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property

RING_GRACE = timedelta(seconds=5)
"""The dialplan's own ring limit comes first; ours is for the case that it did not."""

LEAST_LEAD = timedelta(milliseconds=500)
"""A renewal is asked for at least this long before the cut."""


NODE_LOST_S = 60
"""For how long another node is silent before its calls are judged lost (:mod:`charging.lost`), as a rule."""


@dataclass(frozen=True, kw_only=True)  # without slots: what is asked for with every event is worked out once
class MeteringPolicy:
    """How far ahead calls are paid, when they are renewed, and how early a call is cut.

    A first hold covers at least ``first_slice_s``; a renewal asks for as much as makes ``slice_s`` paid ahead of the
    moment it is asked at, so that no call holds money for longer than that, and gets less where money is scarce, but
    not below ``least_slice_s``. It is asked for ``renew_lead_s`` before the slice's end, or half-way through it where
    it is shorter than twice that, but always some time before the cut.

    While the store is away nothing can be held. With ``store_away_s`` every call is paid ahead by so many seconds more,
    so that one that talks when the store goes away talks on for at least as long; what it does not need comes back at
    its end.
    """

    slice_s: int = 60
    first_slice_s: int = 10
    least_slice_s: int = 2
    renew_lead_s: int = 15
    store_away_s: int = 0
    """How long a talking call may go on, at least, while the store is away: seconds that are held in advance for it."""
    retry_ms: int = 1000
    """Pause before a refused renewal or a failed command is tried again."""
    cutoff_margin_ms: int = 300
    """A leg is gone this long before its paid end: carriers bill the minute that has begun."""
    check_deadline_ms: int = 500
    """How long after the answer Asterisk's own deadline is read back."""
    ring_limit_s: int = 120
    """After this a call that nobody answered is over and its hold is released."""
    free_without_store: bool = True
    """Whether included and internal calls ring while the store is away. Emergency calls always do."""
    gate_limit_ms: int = 3000
    """The dialplan's guard: a caller waits no longer than this for a verdict."""

    @cached_property
    def margin(self) -> timedelta:
        """The cut-off margin as a time span."""
        return timedelta(milliseconds=self.cutoff_margin_ms)

    @cached_property
    def gate_limit(self) -> timedelta:
        """The guard's limit as a time span."""
        return timedelta(milliseconds=self.gate_limit_ms)

    @cached_property
    def retry(self) -> timedelta:
        """The retry pause as a time span."""
        return timedelta(milliseconds=self.retry_ms)

    @property
    def first_hold_s(self) -> int:
        """How many seconds the first hold pays for, at least."""
        return self.first_slice_s + self.store_away_s

    def ring_limit(self, trunks: int) -> timedelta:
        """Return how long a call may ring that tries so many trunks one after the other."""
        return _ring_limit(self.ring_limit_s, trunks)

    def further_s(self, slice_s: int) -> int:
        """Return how many seconds to ask for after a slice of ``slice_s`` seconds, of which its lead is left then."""
        lead_s = -(-self.renew_lead(slice_s) // timedelta(seconds=1))
        return max(self.slice_s + self.store_away_s - lead_s, self.least_slice_s)

    def renew_lead(self, slice_s: int) -> timedelta:
        """Return how long before the end of a slice of ``slice_s`` seconds the next one is asked for."""
        lead = timedelta(seconds=min(self.renew_lead_s, slice_s / 2))
        return max(lead, self.margin + LEAST_LEAD) + timedelta(seconds=self.store_away_s)


@cache
def _ring_limit(each_s: int, trunks: int) -> timedelta:
    return timedelta(seconds=each_s) * trunks + RING_GRACE
