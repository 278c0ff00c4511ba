"""A plain model of the money, kept from every committed change, and what must hold after each commit.

The books do not ask the store anything: triggers hand them each changed row of a committed operation. So they know what
the tables say, row by row, and hold it against sums of their own:

=================================  ===================================================================================
invariant                          after each commit, for every account and call that it touched
=================================  ===================================================================================
available not negative             and reserved neither
journal sums to the balance        available and reserved are the sums of the journal's transfers
sessions sum to reserved           what calls hold is what the account has reserved
lots sum to the balance            available + reserved is what is left in the lots
key used once                      no journal key twice
a call's hold is what it took      held = holds - charges - releases, never below 0: settled is at most held
records sum to the charges         a call's records say what the journal charged it, refunds taken off
nothing but its end after the end  a call without session gets no hold any more
cap not passed                     no day's spend above the highest cap there was
emergency free of charge           no record of an emergency call has a charge
=================================  ===================================================================================
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rating.destination import DestinationClass
from store.journal import Bucket, EntryKind
from tollgate.simulator.world import World

_JOURNAL_ROW = "NEW.key, NEW.account_id, NEW.kind, NEW.debit_bucket, NEW.credit_bucket, NEW.amount_micros, NEW.call_id"
_SESSION_ROW = "NEW.call_id, NEW.account_id, NEW.held_micros, NEW.paid_s, NEW.allowance_s, NEW.node"
_CDR_ROW = "NEW.call_id, NEW.leg, NEW.charged_micros, NEW.provisional, NEW.destination_class"

WATCHED: Mapping[str, tuple[str, str, str]] = {
    "account_made": ("INSERT", "account", "NEW.id, NEW.available_micros, NEW.reserved_micros"),
    "balance": (
        "UPDATE OF available_micros, reserved_micros",
        "account",
        "NEW.id, NEW.available_micros, NEW.reserved_micros",
    ),
    "lot_made": ("INSERT", "lot", "NEW.account_id, NEW.remaining_micros"),
    "lot_changed": ("UPDATE OF remaining_micros", "lot", "NEW.account_id, NEW.remaining_micros - OLD.remaining_micros"),
    "entry": ("INSERT", "journal", _JOURNAL_ROW),
    "session_opened": ("INSERT", "session", _SESSION_ROW),
    "session_changed": ("UPDATE OF held_micros, paid_s, allowance_s", "session", _SESSION_ROW),
    "session_closed": ("DELETE", "session", "OLD.call_id"),
    "record": ("INSERT", "cdr", _CDR_ROW),
    "record_changed": ("UPDATE", "cdr", _CDR_ROW),
    "record_gone": ("DELETE", "cdr", "OLD.call_id, OLD.leg"),
    "spend_made": ("INSERT", "spend", "NEW.account_id, NEW.extension, NEW.day, NEW.spent_micros"),
    "spend_changed": (
        "UPDATE OF spent_micros",
        "spend",
        "NEW.account_id, NEW.extension, NEW.day, NEW.spent_micros",
    ),
}
"""Name of the change → what is watched, on which table, and what is told of it."""

INVARIANTS = (
    "available not negative",
    "reserved not negative",
    "journal sums to the balance",
    "sessions sum to reserved",
    "lots sum to the balance",
    "key used once",
    "a call's hold is what it took",
    "records sum to the charges",
    "nothing held after the end",
    "cap not passed",
    "emergency free of charge",
)
"""What is checked after each commit."""


@dataclass(slots=True)
class AccountBook:
    """What is known of an account: its columns, and sums of our own."""

    available_micros: int = 0
    reserved_micros: int = 0
    lots_micros: int = 0
    held_micros: int = 0
    entered: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """By bucket: credits less debits in the journal."""


@dataclass(slots=True)
class CallBook:
    """What is known of a call: its session's columns, its records, and sums of its journal's rows."""

    account_id: int = 0
    node: str = ""
    was_opened: bool = False
    is_open: bool = False
    held_micros: int = 0
    paid_s: int = 0
    """The most that were ever paid."""
    allowance_s: int = 0
    """The most that it ever had."""
    taken_micros: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """By kind of journal entry."""
    charged_micros: dict[int, int] = field(default_factory=dict)
    """Of each record, by leg."""
    recorded_at: datetime | None = None
    """When the newest of them was written, in true time."""


class Books:
    """The model; ``highest_cap`` says what an extension ("" for the account) may have spent in a day at most."""

    def __init__(self, world: World, highest_cap: Mapping[tuple[int, str], int]) -> None:
        self._world = world
        self._highest_cap = highest_cap
        self._accounts: defaultdict[int, AccountBook] = defaultdict(AccountBook)
        self.calls: defaultdict[str, CallBook] = defaultdict(CallBook)
        self._keys: set[str] = set()
        self._touched: dict[int, None] = {}
        self._touched_calls: dict[str, None] = {}
        self.checks = 0
        self._book: dict[str, Callable[..., None]] = {
            "account_made": self._balance,
            "balance": self._balance,
            "lot_made": self._lot,
            "lot_changed": self._lot,
            "entry": self._entry,
            "session_opened": self._session_opened,
            "session_changed": self._session,
            "session_closed": self._session_closed,
            "record": self._record,
            "record_changed": self._record,
            "record_gone": self._record_gone,
            "spend_made": self._spend,
            "spend_changed": self._spend,
        }

    @property
    def open_calls(self) -> list[str]:
        """The calls that have a session."""
        return [call_id for call_id, book in self.calls.items() if book.is_open]

    @property
    def reserved_micros(self) -> int:
        """What all accounts have reserved."""
        return sum(account.reserved_micros for account in self._accounts.values())

    def committed(self, changes: Iterable[tuple[Any, ...]]) -> None:
        """Book the changes of one operation and check what it touched."""
        self._touched.clear()
        self._touched_calls.clear()
        for name, *values in changes:
            self._book[name](*values)
        for account_id in self._touched:
            self._check_account(account_id, self._accounts[account_id])
        for call_id in self._touched_calls:
            self._check_call(call_id, self.calls[call_id])

    # --- booking ------------------------------------------------------------------------------------------

    def _balance(self, account_id: int, available_micros: int, reserved_micros: int) -> None:
        account = self._accounts[account_id]
        account.available_micros, account.reserved_micros = available_micros, reserved_micros
        self._touched[account_id] = None

    def _lot(self, account_id: int, more_micros: int) -> None:
        self._accounts[account_id].lots_micros += more_micros
        self._touched[account_id] = None

    def _entry(
        self, key: str, account_id: int, kind: str, debit: str, credit: str, amount_micros: int, call_id: str | None
    ) -> None:
        if key in self._keys:
            self._world.violated("key used once", call_id or "", key)
        self._keys.add(key)
        self._world.trace.note("journal", call_id or "", f"{kind} {amount_micros} {key}")
        account = self._accounts[account_id]
        account.entered[debit] -= amount_micros
        account.entered[credit] += amount_micros
        self._touched[account_id] = None
        if call_id is not None:
            call = self.calls[call_id]
            call.taken_micros[kind] += amount_micros
            self._touched_calls[call_id] = None
            if kind == EntryKind.HOLD and call.was_opened and not call.is_open:
                self._world.violated("nothing held after the end", call_id, key)

    def _session_opened(
        self, call_id: str, account_id: int, held_micros: int, paid_s: int, allowance_s: int, node: str
    ) -> None:
        call = self.calls[call_id]
        if call.was_opened:
            self._world.violated("nothing held after the end", call_id, "a second session")
        call.was_opened = call.is_open = True
        self._session(call_id, account_id, held_micros, paid_s, allowance_s, node)

    def _session(
        self, call_id: str, account_id: int, held_micros: int, paid_s: int, allowance_s: int, node: str
    ) -> None:
        call = self.calls[call_id]
        self._accounts[account_id].held_micros += held_micros - call.held_micros
        call.account_id, call.node, call.held_micros = account_id, node, held_micros
        call.paid_s, call.allowance_s = max(call.paid_s, paid_s), max(call.allowance_s, allowance_s)
        self._world.trace.note("session", call_id, f"held {held_micros} paid {paid_s} s, {allowance_s} s of it free")
        self._touched[account_id] = None
        self._touched_calls[call_id] = None

    def _session_closed(self, call_id: str) -> None:
        call = self.calls[call_id]
        self._accounts[call.account_id].held_micros -= call.held_micros
        call.held_micros, call.is_open = 0, False
        self._world.trace.note("session closed", call_id)
        self._touched[call.account_id] = None
        self._touched_calls[call_id] = None

    def _record(self, call_id: str, leg: int, charged_micros: int, provisional: int, kind: str | None) -> None:
        call = self.calls[call_id]
        call.charged_micros[leg] = charged_micros
        call.recorded_at = self._world.loop.now()
        self._touched_calls[call_id] = None
        name = "charged provisionally" if provisional else "record"
        self._world.trace.note(name, call_id, f"leg {leg} charged {charged_micros}")
        if charged_micros and kind == DestinationClass.EMERGENCY:
            self._world.violated("emergency free of charge", call_id, f"charged {charged_micros}")

    def _record_gone(self, call_id: str, leg: int) -> None:
        del self.calls[call_id].charged_micros[leg]
        self._touched_calls[call_id] = None

    def _spend(self, account_id: int, extension: str, day: str, spent_micros: int) -> None:
        cap_micros = self._highest_cap.get((account_id, extension))
        if cap_micros is not None and spent_micros > cap_micros:
            self._world.violated("cap not passed", "", f"{extension} spent {spent_micros} of {cap_micros} on {day}")

    # --- checking -----------------------------------------------------------------------------------------

    def _check_account(self, account_id: int, account: AccountBook) -> None:
        self.checks += 5
        available_micros, reserved_micros = account.available_micros, account.reserved_micros
        entered = account.entered
        if available_micros < 0:
            self._account_violated("available not negative", account_id, available_micros, 0)
        if reserved_micros < 0:
            self._account_violated("reserved not negative", account_id, reserved_micros, 0)
        if (entered[Bucket.AVAILABLE], entered[Bucket.RESERVED]) != (available_micros, reserved_micros):
            sums = entered[Bucket.AVAILABLE] + entered[Bucket.RESERVED]
            self._account_violated("journal sums to the balance", account_id, available_micros + reserved_micros, sums)
        if account.held_micros != reserved_micros:
            self._account_violated("sessions sum to reserved", account_id, reserved_micros, account.held_micros)
        if account.lots_micros != available_micros + reserved_micros:
            total_micros = available_micros + reserved_micros
            self._account_violated("lots sum to the balance", account_id, total_micros, account.lots_micros)

    def _account_violated(self, invariant: str, account_id: int, found: int, expected: int) -> None:
        self._world.violated(invariant, "", f"account {account_id}: {found}, expected {expected}")

    def _check_call(self, call_id: str, call: CallBook) -> None:
        self.checks += 2
        taken = call.taken_micros
        held = taken[EntryKind.HOLD] - taken[EntryKind.CHARGE] - taken[EntryKind.RELEASE]
        if held != call.held_micros or held < 0:
            self._world.violated("a call's hold is what it took", call_id, f"{call.held_micros}, expected {held}")
        charged, recorded = taken[EntryKind.CHARGE] - taken[EntryKind.REFUND], sum(call.charged_micros.values())
        if charged != recorded:
            self._world.violated("records sum to the charges", call_id, f"records {recorded}, journal {charged}")
