"""What the ledger's operations answer: values, never exceptions, for everything that is not an error."""

from dataclasses import dataclass, field

from rating.caps import SpendLimit


@dataclass(frozen=True, slots=True)
class Denied:
    """Not enough funds, or a limit on spending; nothing was written.

    ``available_micros`` may be more than zero: too little for one increment or, on a renewal, needed by calls
    whose paid time ends sooner. Funds may come back until the paid time ends, so asking again makes sense.
    ``limit`` is set where the funds would have sufficed.
    """

    available_micros: int
    limit: SpendLimit | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """The first slice of a call is held: ``paid_s`` seconds, ``allowance_s`` of them free, the others charged."""

    held_micros: int
    paid_s: int
    allowance_s: int = 0


@dataclass(frozen=True, slots=True)
class Granted:
    """The call's totals after its slice ``n``: seconds paid from the answer on, and what is held for them.

    ``allowance_s`` of the seconds, the first ones, are an allowance's and cost nothing.
    """

    n: int
    paid_s: int
    held_micros: int
    allowance_s: int = 0


@dataclass(frozen=True, slots=True)
class Settled:
    """What a settlement did: charged and released by it, and what the call holds and may still talk after it.

    A repeated settlement answers the recorded charge, and what the repetition itself released (nothing, as a
    rule).
    """

    charged_micros: int
    released_micros: int
    held_micros: int
    paid_s: int


@dataclass(frozen=True, slots=True)
class Funded:
    """The lot that a purchase of funds made (or had made before, under the same reference)."""

    lot_id: int
    amount_micros: int
    purchased_at_ms: int
    expires_at_ms: int | None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """An adjustment in the journal: ``amount_micros`` is signed, ``at_ms`` is when it was first made.

    ``already_there`` says that it was made before, under the same reference; it is the same adjustment then.
    """

    amount_micros: int
    at_ms: int
    already_there: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Expired:
    """What an account's lots lost because their moment had come."""

    expired_micros: int
    overdue_micros: int = 0
    """What is still to expire of further lots: an operation takes some at a time."""

    @property
    def more(self) -> bool:
        """Whether further lots wait for it."""
        return self.overdue_micros > 0
