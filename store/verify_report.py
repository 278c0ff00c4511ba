"""What ``verify`` answers: which account, lot, call or entry differs, what it should be and what it is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

Progress = Callable[[int, int], None]
"""Told the rows that were read and those that there are; the second grows where a difference has to be found."""

MOST_NAMED = 1_000
"""Of flawed entries, flawed records and flawed slices, so many are named each; a :data:`Check.MORE` counts the rest."""


class Check(StrEnum):
    """What was recomputed. The subject of a difference is an account's id where nothing else is said."""

    AVAILABLE = "available"
    RESERVED = "reserved"
    LOTS = "lots"
    """The lots' rests together, as against available and reserved."""
    SESSIONS = "sessions"
    """The holds of the open sessions together, as against reserved."""
    SPENT = "spent"
    """What the account's records charge."""
    SPEND_ACCOUNT = "spend_account"
    """The days' spend of the account, as against its journal."""
    SPEND_EXTENSION = "spend_extension"
    """The days' spend of an extension (the subject), as against its records."""
    SPEND_DAY = "spend_day"
    """A day's spend of the account, as against its extensions'; the subject is the day."""
    SPEND = "spend"
    """A day's spend of an extension, as against its records; the subject names both."""
    LOT = "lot"
    """A lot's rest; the subject is its reference."""
    LOT_AMOUNT = "lot_amount"
    """A lot's amount, as against the purchase or adjustment that made it; the subject is its reference."""
    LOT_USE = "lot_use"
    """What a journal entry took from lots or gave back to them; the subject is its key."""
    ENTRY = "entry"
    """A journal entry that is no legal transfer; the subject is its key."""
    KEY = "key"
    """A journal entry whose key is not the one of what it records; the subject is the key."""
    GAP = "gap"
    """A journal entry whose key follows on another that is not there (expected); the subject is its key."""
    CALL_HOLD = "call_hold"
    """What a call's session holds; the subject of this one and those below is the call."""
    CALL_CHARGE = "call_charge"
    """What a call's records charge."""
    CALL_PROVISIONAL = "call_provisional"
    """What a call's session says to be charged provisionally, as against its provisional records."""
    HELD_BY_DAY = "held_by_day"
    """The days of what a call's session holds, or is charged provisionally."""
    PAID_TIME = "paid_time"
    """The seconds that a call's session says to be paid: more than its hold pays for, or paid until another moment."""
    CDR = "cdr"
    """A leg with several records (how many), or a record with an amount below zero."""
    NO_RECORD = "no_record"
    """A call that is over, since the rest of its hold was released, and has no record."""
    PRICE = "price"
    """What a record charges and could not charge, as against the price of its seconds by its own rate."""
    PROVISIONAL = "provisional"
    """A provisional record of a call that is not lost."""
    CALL_ALLOWANCE = "call_allowance"
    CALL_ALLOWANCE_HOLD = "call_allowance_hold"
    ALLOWANCE_SLICE = "allowance_slice"
    """A call's slice of a pool that is not there, or is another account's."""
    ALLOWANCE_USED = "allowance_used"
    """The seconds that are used of a pool; the subject is the pool's id, as in the next."""
    ALLOWANCE_HELD = "allowance_held"
    CELL = "cell"
    """Cells that hold what their column (the subject) is not for, and how many there are."""
    MORE = "more"
    """At least so many more differences of the subject were found and are not named."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two accounts of the same thing disagree.

    ``expected`` is what the journal or an allowance's slices say (or what a rule demands), ``found`` is what is
    stored, in micro-units of the account's currency, seconds or words.
    """

    check: Check
    subject: str
    expected: int | str | None
    found: int | str | None
    account_id: int | None = None
    """Whose; None where no account can be told."""


def differing(
    check: Check, subject: object, expected: int, found: int, account_id: int | None = None
) -> list[Difference]:
    """Answer the difference of two amounts, none where they are the same."""
    return [] if expected == found else [Difference(check, str(subject), expected, found, account_id)]
