"""Price changes of an import as text, for tables and for a file that lists them all."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path

from rating.deck import Rate
from rating.deck_import import Change, PriceChange, PriceChanges
from rating.money import format_money
from rating.periods import highest_per_minute_micros
from rating.written_time import iso_ms
from tollgate.cli.errors import BadInputError
from tollgate.cli.output import Document

SHOWN_ORDER = (
    Change.NEW,
    Change.RAISED,
    Change.LOWERED,
    Change.REMOVED,
    Change.BARRED,
    Change.UNCHANGED,
    Change.EXPIRED,
)
_HEADER = ("prefix", "destination", "change", "at", "from", "to")


def counts_sentence(changes: PriceChanges) -> str:
    """Say how many prefixes change, and how."""
    return ", ".join(f"{changes.counts[change]} {change.value}" for change in SHOWN_ORDER)


def price_words(rate: Rate | None) -> str:
    """Write a price shortly: per minute, increments, and whatever else is due."""
    if rate is None:
        return "none"
    if rate.barred:
        return "barred"
    words = [format_money(rate.per_minute_micros), f"{rate.initial_increment_s}/{rate.increment_s}"]
    words += [f"{period.name} {format_money(period.per_minute_micros)}" for period in rate.periods]
    if rate.connect_fee_micros:
        words.append(f"fee {format_money(rate.connect_fee_micros)}")
    if rate.minimum_charge_micros:
        words.append(f"least {format_money(rate.minimum_charge_micros)}")
    return ", ".join(words)


def change_cells(found: PriceChange, zone: tzinfo) -> tuple[str, ...]:
    """Return a change as a row: prefix, destination, what changes, when, from what, to what."""
    known = found.after or found.before
    destination = "" if known is None else known.destination
    at = iso_ms(found.at_ms, zone)
    return found.prefix, destination, found.change.value, at, price_words(found.before), price_words(found.after)


def raise_document(found: PriceChange, zone: tzinfo) -> Document:
    """Return a raise for JSON."""
    assert found.before is not None
    assert found.after is not None
    return {
        "prefix": found.prefix,
        "destination": found.after.destination,
        "from_per_minute": format_money(highest_per_minute_micros(found.before)),
        "to_per_minute": format_money(highest_per_minute_micros(found.after)),
        "from": price_words(found.before),
        "to": price_words(found.after),
        "at": iso_ms(found.at_ms, zone),
    }


@contextmanager
def changes_file(path: Path | None, zone: tzinfo) -> Iterator[Callable[[PriceChange], None] | None]:
    """Yield what writes changes as lines of CSV; None where no file is wanted.

    Raises:
        BadInputError: the file cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        file = path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise BadInputError(f"{path} cannot be written: {error.strerror}", "name another file") from error
    with file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        yield lambda found: writer.writerow(change_cells(found, zone))
