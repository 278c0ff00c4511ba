"""The facts of a call that do not change while it lasts, and the trunk legs that come and go."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from charging.policy import MeteringPolicy
from rating.calendar import Period, day_at, period_at
from rating.decision import Denial
from rating.deck import Rate
from rating.destination import DestinationClass

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceShare:
    """The monthly pool of seconds that a call may use before money."""

    plan: str
    name: str
    extension: str
    """Whose pool it is; empty where the account's extensions under the plan share one."""
    limit_s: int
    """Seconds of one month, as when the call began."""


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
    """None where no money may pay for it. Until the answer, the price in force when the call was let through."""
    later_rates: tuple[tuple[int, Rate], ...] = ()
    """Prices that follow while it may ring, each with its beginning (UTC ms); empty from the answer on."""
    allowance: AllowanceShare | None = None
    after_allowance: Denial | None = None
    """Why no money follows the allowance."""
    unfunded_rate: Rate | None = None
    """What money would have paid had it been allowed to: the price of what is talked beyond the allowance."""
    funded_by: tuple[str, ...]
    started_at: datetime
    timezone: str = "UTC"
    """The account's: its months and its peak hours."""
    month_day: int = 1
    """The day on which the account's months begin."""
    longest_call_s: int | None = None
    """The plan's limit on any one call."""
    withhold_caller_id: bool | None = None
    """Whether the caller's number is withheld or shown, as the code says that was dialled first; None without."""
    trunks: int = 1
    """How many trunks the dialplan may try, one after the other."""
    ungated: bool = False
    """Its leg was found on a trunk: it never passed the gate (:mod:`charging.ungated`)."""
    observed: bool = False
    """The dialplan let it through by itself: ``started_at`` is when it was first seen."""

    @property
    def entered_at(self) -> datetime | None:
        """When its caller came to the gate; None where nobody knows when it began."""
        return None if self.observed or self.ungated else self.started_at

    @property
    def metered(self) -> bool:
        """Whether the call's seconds are counted and held in advance: by money, by an allowance, or both."""
        return self.rate is not None or self.allowance is not None

    @property
    def rates(self) -> tuple[Rate, ...]:
        """The prices one of which will be in force at the answer."""
        return () if self.rate is None else (self.rate, *(rate for _, rate in self.later_rates))

    def rings_without_store(self, policy: MeteringPolicy) -> bool:
        """Whether the call goes through while the store is away: an emergency always, metered calls never."""
        if self.destination_class is DestinationClass.EMERGENCY:
            return True
        return not self.metered and policy.free_without_store

    def answered(self, at: datetime) -> "Call":
        """Return the call with the price in force at its answer, which it keeps."""
        at_ms = (at - _EPOCH) // _MS
        begun = [rate for from_ms, rate in self.later_rates if from_ms <= at_ms]
        return replace(self, rate=begun[-1] if begun else self.rate, later_rates=())

    def local(self, at: datetime) -> datetime:
        """Return an instant in the account's time zone."""
        return at.astimezone(ZoneInfo(self.timezone))

    def day(self, at: datetime) -> Period:
        """Return the account's day that an instant lies in."""
        return day_at(at, ZoneInfo(self.timezone))

    def period(self, at: datetime) -> Period:
        """Return the account's month that an instant lies in."""
        return period_at(at, ZoneInfo(self.timezone), self.month_day)


@dataclass(frozen=True, kw_only=True)  # without slots: charging.values
class Leg:
    """A trunk leg that lives. ``number`` counts answers from 1 and is 0 until then."""

    channel_id: str
    trunk: str
    answered_at: datetime | None = None
    number: int = 0
    surplus: bool = False
    """It answered while another leg of a paid call was talking: nothing is held for it, it is hung up."""
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
