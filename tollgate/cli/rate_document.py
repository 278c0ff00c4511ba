"""A rate, as every command shows it."""

from zoneinfo import ZoneInfo

from rating.deck import Rate
from rating.hours import format_hours
from rating.money import format_money
from rating.written_time import iso_ms
from tollgate.cli.output import Document

_UTC = ZoneInfo("UTC")


def rate_document(rate: Rate, zone: ZoneInfo = _UTC) -> Document:
    """Return a rate for JSON, with times in ``zone``; validity and periods are there where it has any."""
    document: Document = {
        "prefix": rate.prefix,
        "destination": rate.destination,
        "per_minute": format_money(rate.per_minute_micros),
        "connect_fee": format_money(rate.connect_fee_micros),
        "initial_increment_s": rate.initial_increment_s,
        "increment_s": rate.increment_s,
        "minimum_charge": format_money(rate.minimum_charge_micros),
        "barred": rate.barred,
    }
    if rate.effective_from_ms is not None:
        document["effective_from"] = iso_ms(rate.effective_from_ms, zone)
    if rate.effective_until_ms is not None:
        document["effective_until"] = iso_ms(rate.effective_until_ms, zone)
    if rate.periods:
        document["periods"] = [
            {
                "name": period.name,
                "hours": format_hours(period.hours),
                "per_minute": format_money(period.per_minute_micros),
            }
            for period in rate.periods
        ]
    return document
