"""Lots, as commands show them."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from ari_app.clock import epoch_ms
from rating.money import format_money
from rating.written_time import iso_ms, iso_ms_or_none, local_day
from store.journal import Bucket
from store.records import Account, JournalEntry, Lot
from tollgate.cli.output import Document, print_table
from tollgate.cli.times import zone


class LotState(StrEnum):
    """What became of a lot."""

    OPEN = "open"
    """New calls may use what remains."""
    SPENT = "spent"
    EXPIRED = "expired"
    """Its moment has come; what may remain is held by calls that still run."""


def state_of(lot: Lot, at: datetime) -> LotState:
    """Return what has become of a lot; one that was spent before its moment stays spent."""
    if lot.expired_micros:
        return LotState.EXPIRED
    if not lot.remaining_micros:
        return LotState.SPENT
    has_come = lot.expires_at_ms is not None and lot.expires_at_ms <= epoch_ms(at)
    return LotState.EXPIRED if has_come else LotState.OPEN


def lot_document(lot: Lot, payer: Account) -> Document:
    """Return a lot for JSON."""
    account_zone = zone(payer.timezone)
    return {
        "reference": lot.reference,
        "purchased_at": iso_ms(lot.purchased_at_ms, account_zone),
        "expires_at": iso_ms_or_none(lot.expires_at_ms, account_zone),
        "amount": format_money(lot.amount_micros),
        "remaining": format_money(lot.remaining_micros),
    }


def listed_lot_document(lot: Lot, payer: Account, at: datetime) -> Document:
    """Return a lot for JSON, with what became of it."""
    return {
        **lot_document(lot, payer),
        "expired": format_money(lot.expired_micros),
        "state": state_of(lot, at).value,
    }


def signed_micros(entry: JournalEntry) -> int:
    """Return an adjustment's amount, negative where it took money."""
    return -entry.amount_micros if entry.debit_bucket == Bucket.AVAILABLE else entry.amount_micros


def adjustment_document(entry: JournalEntry, payer: Account) -> Document:
    """Return an adjustment for JSON."""
    return {
        "reference": entry.reference,
        "at": iso_ms(entry.at_ms, zone(payer.timezone)),
        "amount": format_money(signed_micros(entry)),
        "reason": entry.reason,
    }


def print_adjustments(entries: Sequence[JournalEntry], payer: Account) -> None:
    """Write adjustments as a table."""
    account_zone = zone(payer.timezone)
    columns = ("adjustment", "of", f">amount {payer.currency}", "reason")
    rows = [
        (entry.reference, local_day(entry.at_ms, account_zone), format_money(signed_micros(entry)), entry.reason)
        for entry in entries
    ]
    print_table(columns, rows)


def print_lots(lots: Sequence[Lot], payer: Account, at: datetime) -> None:
    """Write lots as a table."""
    account_zone = zone(payer.timezone)
    columns = ("reference", "purchased", "expires", f">amount {payer.currency}", ">remaining", ">expired", "state")
    rows = [
        (
            lot.reference,
            local_day(lot.purchased_at_ms, account_zone),
            local_day(lot.expires_at_ms, account_zone),
            format_money(lot.amount_micros),
            format_money(lot.remaining_micros),
            format_money(lot.expired_micros),
            state_of(lot, at).value,
        )
        for lot in lots
    ]
    print_table(columns, rows)
