"""What is read from the store, as values. Money in micro-units, instants in UTC milliseconds since 1970."""

from collections.abc import Mapping
from dataclasses import dataclass

from rating.caps import Caps


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who pays."""

    id: int
    name: str
    currency: str
    timezone: str
    month_day: int
    """The day on which its months begin."""
    plan: str | None
    available_micros: int
    reserved_micros: int
    created_at_ms: int
    daily_cap_micros: int | None = None
    """The most that all its calls may spend in a local day; None is no cap."""
    monthly_cap_micros: int | None = None
    timezone_since_ms: int | None = None
    """When its time zone was changed last; None where it never was."""

    @property
    def total_micros(self) -> int:
        """What is available and what running calls hold."""
        return self.available_micros + self.reserved_micros

    @property
    def caps(self) -> Caps:
        """What all its calls together may spend."""
        return Caps(self.daily_cap_micros, self.monthly_cap_micros)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """Who pays attention. ``plan`` None means the account's default plan; a limit of None is none."""

    id: int
    account_id: int
    number: str
    endpoint: str
    plan: str | None
    prepaid: bool
    language: str
    display_name: str | None
    created_at_ms: int
    daily_cap_micros: int | None = None
    monthly_cap_micros: int | None = None
    max_calls: int | None = None
    """Paid calls at a time."""
    max_rate_micros: int | None = None
    """The highest price per minute."""
    longest_call_s: int | None = None
    allow_list: str | None = None
    """Regions and destination classes, with commas between them; None is all."""
    deny_list: str | None = None
    hours: str | None = None
    """When paid calls may be made, as :func:`rating.hours.parse_hours` reads it."""

    @property
    def caps(self) -> Caps:
        """What its own calls may spend."""
        return Caps(self.daily_cap_micros, self.monthly_cap_micros)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """A purchase of funds; ``expires_at_ms`` None is never."""

    id: int
    account_id: int
    reference: str
    amount_micros: int
    remaining_micros: int
    purchased_at_ms: int
    expires_at_ms: int | None
    expired_micros: int
    """What of it was never spent and is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """An account and its lots with money left, at one instant, first to expire first."""

    account: Account
    lots: tuple[Lot, ...]
    expired_micros: int
    """What has expired of all its lots, ever."""

    def usable_micros(self, at_ms: int) -> int:
        """Return what of the available funds new calls may use at a moment: what is due expires but for the holds."""
        due_micros = sum(
            lot.remaining_micros for lot in self.lots if lot.expires_at_ms is not None and lot.expires_at_ms <= at_ms
        )
        return self.account.available_micros - max(0, due_micros - self.account.reserved_micros)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiringLot:
    """A lot with money in it that expires, or whose moment has come; with what its account says of it."""

    id: int
    account_id: int
    timezone: str
    reserved_micros: int
    """What the account's calls hold."""
    reference: str
    remaining_micros: int
    purchased_at_ms: int
    expires_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What an account's administrators are to be told; :mod:`store.notices` says what ``detail`` holds."""

    id: int
    account_id: int
    key: str
    kind: str
    detail: Mapping[str, int | str]
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One balanced transfer: ``amount_micros`` from ``debit_bucket`` to ``credit_bucket``."""

    id: int
    key: str
    account_id: int
    kind: str
    debit_bucket: str
    credit_bucket: str
    amount_micros: int
    call_id: str | None
    lot_id: int | None
    reference: str | None
    reason: str | None
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeckInfo:
    """A deck without its rates; each import that goes live has a new ``generation``, 0 is none yet."""

    id: int
    name: str
    currency: str
    generation: int
    updated_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A call that holds money or talks, or a lost one; ``state`` is the charging session's JSON."""

    call_id: str
    node: str
    account_id: int
    extension: str
    per_minute_micros: int
    held_micros: int
    paid_s: int
    allowance_s: int
    paid_until_ms: int | None
    slice_n: int
    state: str
    opened_at_ms: int
    updated_at_ms: int
    provisional_micros: int = 0
    """What it was charged when it was lost, and nothing is held since."""
    is_lost: bool = False
    """Whether it was charged provisionally, also where that was nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceUse:
    """What is gone of an allowance's pool in one month: used by calls that ended, held by those that run."""

    plan: str
    allowance: str
    extension: str
    """Whose pool it is; empty where it is shared."""
    month: str
    """The local date on which the account's month begins, as ISO text."""
    used_s: int
    held_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionTotals:
    """What an extension's records sum up to. A call of several legs counts once."""

    extension: str
    calls: int
    answered_calls: int
    billable_s: int
    charged_micros: int
    unfunded_micros: int
