"""The ledger's rules in plain Python, as DESIGN.md, docs/accounts.md and docs/nodes.md tell them: no SQL, no keys.

Where the ledger may choose its moment the model has the earliest one: a lot's unspent rest is gone the moment it comes
(but for what calls hold), while the store may take it out with the next thing that it does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rating.calendar import day_at, period_at
from rating.caps import NO_CAPS, Caps, CapScope, CapSpan, CapUse
from store.answers import Held
from store.caps import SpendDay

SECOND_MICROS = 10_000
"""The price of a second: 0.60 a minute, by the second."""
POOL_S = 60
"""What an account's shared allowance has in each of its months."""
RING_S = 120

Days = dict[str, int]


def moment(at_ms: int) -> datetime:
    """Answer an instant of the ledger as a time."""
    return datetime.fromtimestamp(at_ms / 1000, UTC)


@dataclass
class ModelLot:
    """A purchase of funds; ``expires_at_ms`` None is never."""

    amount_micros: int
    expires_at_ms: int | None
    remaining_micros: int
    expired_micros: int = 0

    def is_due(self, at_ms: int) -> bool:
        """Tell whether its moment has come."""
        return self.expires_at_ms is not None and self.expires_at_ms <= at_ms


@dataclass
class ModelCall:
    """A call that is open: what it holds, or held when it was charged provisionally."""

    account: "ModelAccount"
    extension: str
    opened_ms: int
    first: tuple[int, int]
    """The seconds of money and of the allowance that it was opened with."""
    first_answer: Held
    held_micros: int
    paid_s: int
    allowance_s: int
    pool_s: dict[str, int]
    by_day: Days
    """The days on which the hold counts: of a call that rings, all of it on each of them."""
    answered_ms: int | None = None
    n: int = 1
    last_want: tuple[int, str, int] | None = None
    """What its last slice was asked for with: seconds, the month, and the seconds asked of its allowance."""
    charge: list[tuple[ModelLot, int]] | None = None
    """The lots that its provisional charge was taken from; None where it has none."""
    lost_leg: int = 0

    @property
    def is_lost(self) -> bool:
        """Whether it is charged provisionally."""
        return self.charge is not None

    @property
    def money_s(self) -> int:
        """The seconds that money pays for."""
        return self.paid_s - self.allowance_s

    def counts(self, days: set[str]) -> int:
        """Answer what of its hold may count on any of ``days``."""
        if self.is_lost or not self.held_micros:
            return 0
        if self.answered_ms is None:
            return self.held_micros if days & self.by_day.keys() else 0
        return sum(micros for day, micros in self.by_day.items() if day in days)


@dataclass
class ModelAccount:
    """An account's money, limits and calls."""

    id: int
    timezone: str
    extensions: tuple[str, ...]
    lots: list[ModelLot] = field(default_factory=list)
    calls: dict[str, ModelCall] = field(default_factory=dict)
    spent: dict[tuple[str, str], int] = field(default_factory=dict)
    pool_used_s: dict[str, int] = field(default_factory=dict)
    references: dict[str, tuple[str, int]] = field(default_factory=dict)
    caps: Caps = NO_CAPS
    extension_caps: dict[str, Caps] = field(default_factory=dict)
    max_calls: dict[str, int | None] = field(default_factory=dict)

    @property
    def reserved_micros(self) -> int:
        """What its calls hold."""
        return sum(call.held_micros for call in self.calls.values() if not call.is_lost)

    @property
    def available_micros(self) -> int:
        """What lots have and no call holds."""
        return sum(lot.remaining_micros for lot in self.lots) - self.reserved_micros

    def buy(self, amount_micros: int, expires_at_ms: int | None) -> None:
        """Add a lot."""
        self.lots.append(ModelLot(amount_micros, expires_at_ms, amount_micros))

    def take(self, amount_micros: int) -> list[tuple[ModelLot, int]]:
        """Take from the lot that expires first, those that never do last; answer from which."""
        taken = []
        for lot in sorted(self.lots, key=lambda lot: float("inf") if lot.expires_at_ms is None else lot.expires_at_ms):
            part_micros = min(amount_micros, lot.remaining_micros)
            if part_micros:
                lot.remaining_micros -= part_micros
                amount_micros -= part_micros
                taken.append((lot, part_micros))
        assert amount_micros == 0, "the rules never take more than there is"
        return taken

    def expire(self, at_ms: int) -> None:
        """Expire what is due but for as much as calls hold."""
        due_micros = sum(lot.remaining_micros for lot in self.lots if lot.is_due(at_ms))
        for lot, part_micros in self.take(max(0, due_micros - self.reserved_micros)):
            assert lot.is_due(at_ms)
            lot.expired_micros += part_micros

    def month(self, at_ms: int) -> str:
        """Answer the account's month, by its first day."""
        return period_at(moment(at_ms), ZoneInfo(self.timezone)).first_day.isoformat()

    def pool_left_s(self, month: str) -> int:
        """Answer what the allowance has left, used and held taken off."""
        held_s = sum(call.pool_s.get(month, 0) for call in self.calls.values())
        return POOL_S - self.pool_used_s.get(month, 0) - held_s

    def days(self, from_ms: int, until_ms: int) -> tuple[SpendDay, ...]:
        """Answer the local days from one moment to another, both included."""
        zone = ZoneInfo(self.timezone)
        found = []
        at = moment(from_ms)
        while at <= moment(until_ms):
            day, month = day_at(at, zone), period_at(at, zone)
            month_to = month.ends_at.astimezone(zone).date()
            found.append(SpendDay(day.first_day.isoformat(), month.first_day.isoformat(), month_to.isoformat()))
            at = day.ends_at
        return tuple(found)

    def split(self, from_ms: int, seconds: int) -> Days:
        """Answer what so many seconds cost on each local day; each counts on the one in which it starts."""
        by_day: Days = {}
        for second in range(seconds):
            day = day_at(moment(from_ms + second * 1000), ZoneInfo(self.timezone)).first_day.isoformat()
            by_day[day] = by_day.get(day, 0) + SECOND_MICROS
        return by_day

    def count(self, extension: str, by_day: Days, sign: int = 1) -> None:
        """Count as spent for the extension and the account, or take it off again."""
        for owner in ("", extension):
            for day, micros in by_day.items():
                self.spent[owner, day] = self.spent.get((owner, day), 0) + sign * micros

    def used_micros(self, owner: str, days: set[str]) -> int:
        """Answer what is spent and held on ``days``, of an extension, or of all for an empty ``owner``."""
        spent = sum(micros for (whose, day), micros in self.spent.items() if whose == owner and day in days)
        return spent + sum(call.counts(days) for call in self.calls.values() if owner in ("", call.extension))

    def cap_uses(self, extension: str, days: tuple[SpendDay, ...]) -> Iterator[CapUse]:
        """Yield every cap that applies on these days, with what is used of it."""
        for scope, owner, caps in (
            (CapScope.EXTENSION, extension, self.extension_caps.get(extension, NO_CAPS)),
            (CapScope.ACCOUNT, "", self.caps),
        ):
            for day in days:
                if caps.daily_micros is not None:
                    yield CapUse(scope, CapSpan.DAILY, caps.daily_micros, self.used_micros(owner, {day.day}))
                if caps.monthly_micros is not None:
                    used = self.used_micros(owner, self._dates(day))
                    yield CapUse(scope, CapSpan.MONTHLY, caps.monthly_micros, used)

    def room_micros(self, extension: str, days: tuple[SpendDay, ...]) -> int | None:
        """Answer what all caps together leave; None where there are none."""
        return min((use.left_micros for use in self.cap_uses(extension, days)), default=None)

    def is_full(self, extension: str) -> bool:
        """Tell whether as many calls of the extension hold money as may."""
        most = self.max_calls.get(extension)
        paying = [
            call
            for call in self.calls.values()
            if call.extension == extension and call.held_micros and not call.is_lost
        ]
        return most is not None and len(paying) >= most

    def lose(self, call: ModelCall, answered_ms: int) -> None:
        """Charge a call all that it holds, while its end is unknown."""
        call.charge = self.take(call.held_micros)
        call.by_day = self.split(answered_ms + call.allowance_s * 1000, call.money_s) if call.held_micros else {}
        self.count(call.extension, call.by_day)

    def take_back(self, call: ModelCall) -> None:
        """Refund a provisional charge to its lots and days, and hold it again at once."""
        if call.charge is None:
            return
        for lot, part_micros in call.charge:
            lot.remaining_micros += part_micros
        self.count(call.extension, call.by_day, -1)
        if call.answered_ms is None:  # it may have been answered on any of these days
            call.by_day = dict.fromkeys(call.by_day, call.held_micros)
        call.charge = None

    def use_allowance(self, call: ModelCall, used_s: int) -> None:
        """Count seconds of the pool as used, the first ones first, and give back the others that the call holds."""
        for month, held_s in call.pool_s.items():
            part_s = min(used_s, held_s)
            used_s -= part_s
            self.pool_used_s[month] = self.pool_used_s.get(month, 0) + part_s
        call.pool_s = {}

    def settle(self, call: ModelCall, charged_micros: int, used_s: int, answered_ms: int) -> None:
        """Charge a leg: money to its lots and days, seconds to their pools."""
        self.take(charged_micros)
        self.count(call.extension, self.split(answered_ms + used_s * 1000, charged_micros // SECOND_MICROS))
        self.use_allowance(call, used_s)
        call.held_micros -= charged_micros

    def _dates(self, day: SpendDay) -> set[str]:
        first, end = datetime.fromisoformat(day.month_from), datetime.fromisoformat(day.month_to)
        return {(first + timedelta(days=n)).date().isoformat() for n in range((end - first).days)}
