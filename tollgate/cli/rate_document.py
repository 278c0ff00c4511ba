"""A rate, as every command shows it."""

from rating.deck import Rate
from rating.money import format_money
from tollgate.cli.output import Document


def rate_document(rate: Rate) -> Document:
    """Return a rate for JSON; money in the deck's currency."""
    return {
        "prefix": rate.prefix,
        "destination": rate.destination,
        "per_minute": format_money(rate.per_minute_micros),
        "connect_fee": format_money(rate.connect_fee_micros),
        "initial_increment_s": rate.initial_increment_s,
        "increment_s": rate.increment_s,
        "minimum_charge": format_money(rate.minimum_charge_micros),
        "barred": rate.barred,
    }
