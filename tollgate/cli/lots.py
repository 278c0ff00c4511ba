"""Lots, as commands show them."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from ari_app.clock import epoch_ms
from rating.money import format_money
from store.records import Account, Lot
from tollgate.cli.output import Document, print_table
from tollgate.cli.times import iso_ms, iso_ms_or_none, local_day, zone


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
